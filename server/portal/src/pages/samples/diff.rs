//! Two kernels with one change.

use super::*;

pub fn diff() -> DiffPage {
    let link = |release: &str| Link {
        href: "/kernels/6".into(),
        label: release.into(),
    };
    DiffPage {
        shell: shell(Nav::Kernels),
        old: link("6.4.0-150600.21-default"),
        new: link("6.4.0-150600.23.7-default"),
        line: "sle15-sp6 · default · x86_64".into(),
        counts: vec![
            DiffCount {
                label: "Version changed".into(),
                count: "1".into(),
                href: Some("/kernels/6/diff/7?kind=crc-changed".into()),
            },
            DiffCount {
                label: "Added".into(),
                count: "0".into(),
                href: None,
            },
        ],
        verdicts: vec![DiffRuling {
            tone: Tone::Bad,
            text: "Severities: FAIL, 1 change".into(),
        }],
        path: "/kernels/6/diff/7".into(),
        query: "dev".into(),
        kinds: Choice::list([("", "All kinds"), ("added", "Added")], ""),
        is_set: true,
        rows: vec![DiffRow {
            href: "/symbols/_dev_err".into(),
            symbol: "_dev_err".into(),
            kind: "Version changed".into(),
            old: "0x92997ed8".into(),
            new: "0x1f0c2b6d".into(),
            rulings: vec![DiffRuling {
                tone: Tone::Good,
                text: "severities: tolerated".into(),
            }],
            packages: "214".into(),
            modules: "1,509".into(),
            is_used: true,
        }],
        paging: Paging::new("/kernels/6/diff/7", &[("q", "dev")], 1, 100, 1),
        csv_href: "/api/v1/kernels/6/diff/7?format=csv".into(),
        swap_href: "/kernels/7/diff/6".into(),
    }
}
