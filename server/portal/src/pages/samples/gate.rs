//! What surrounds a kernel's release.

use super::*;

pub fn related() -> KernelRelated {
    let moment = moment("2026-11-23T19:52:39Z", "23 Nov 2026, 19:52 UTC");
    KernelRelated {
        matrix_href: "/matrix?kernel=6.4.0".into(),
        gate_href: Some("/kernels/6/gate".into()),
        compare_action: "/kernels/6/diff".into(),
        compare: Choice::list([("5", "6.4.0-150600.21-default")], "5"),
        change: Some(ChangeKernelForm {
            action: "/kernels/6/change".into(),
            statuses: Choice::list(
                [("preview", "Preview"), ("released", "Released")],
                "preview",
            ),
            release_date: "2026-12-08".into(),
            vendors: "acme, northwind".into(),
            is_embargoed: true,
        }),
        form: Some(AcknowledgeForm {
            action: "/kernels/6/acknowledge".into(),
            said: Some(moment.clone()),
            note: "We build on Monday.".into(),
            planned: "2026-12-01".into(),
        }),
        acknowledged: vec![AcknowledgedBy {
            vendor: "Acme Networks".into(),
            account: "kim".into(),
            at: moment,
            planned: None,
            note: "We build on Monday.".into(),
        }],
    }
}

pub fn gate() -> GatePage {
    let rule = |rule: &str, tone, label: &str, text: &str| GateRule {
        rule: rule.into(),
        tone,
        label: label.into(),
        text: text.into(),
        against: Listing::capped(vec!["acme-nic-kmp-default-2.14-1.x86_64".to_owned()], 20),
    };
    GatePage {
        shell: shell(Nav::Kernels),
        kernel_href: "/kernels/6".into(),
        release: "6.4.0-150600.23.30-default".into(),
        product: "sle15-sp6".into(),
        is_go: false,
        rules: vec![
            rule(
                "all-packages-judged",
                Tone::Good,
                "Passes",
                "Every package has its verdict.",
            ),
            rule(
                "packages-load",
                Tone::Bad,
                "Fails",
                "1 packages break; 0 allowed.",
            ),
        ],
        reports: vec![GateReport {
            number: "1".into(),
            is_go: true,
            issued_by: "ci".into(),
            issued: moment("2026-11-23T19:52:39Z", "23 Nov 2026, 19:52 UTC"),
            document_href: "/api/v1/kernels/6/gate/1.json".into(),
            signature_href: "/api/v1/kernels/6/gate/1.json.asc".into(),
        }],
        action: "/kernels/6/gate".into(),
    }
}
