//! Pages of repositories of others.

use super::*;

fn row(state: SourceState) -> SourceRow {
    SourceRow {
        id: "0193a1b2-77aa-7c01-9f5e-2b1f4e9c0d33".into(),
        url: "https://drivers.acme.example/sle15/".into(),
        product: "sle15-sp6".into(),
        vendor: "Acme Networks".into(),
        state,
        is_approved: state == SourceState::Good,
        packages: "12".into(),
        good: (state != SourceState::New)
            .then(|| moment("2026-11-23T19:52:31Z", "23 Nov 2026, 19:52 UTC")),
    }
}

pub fn sources() -> SourcesPage {
    SourcesPage {
        shell: shell(Nav::Sources),
        rows: SourceState::ALL.iter().copied().map(row).collect(),
        register: Some(RegisterSource {
            products: Choice::list([("sle15-sp6", "sle15-sp6")], ""),
            vendors: Choice::list([("acme", "Acme Networks")], ""),
        }),
    }
}

pub fn source() -> SourcePage {
    SourcePage {
        shell: shell(Nav::Sources),
        source: row(SourceState::Distrusted),
        facts: vec![Fact {
            name: "Key".into(),
            value: "0123 4567".into(),
        }],
        fault: Some("`repomd.xml`: signed by another key.".into()),
        packages: vec![SourcePackage {
            nevra: "acme-nic-kmp-default-2.14_k6.4.0_150600.21-1.x86_64".into(),
            summary: "Driver of Acme network cards".into(),
            told: "12 hardware patterns, 208 symbols".into(),
            tally: VerdictTally {
                loads: 3,
                breaks: 1,
                kernels: 4,
            },
            breaks: vec![SourceKernel {
                kernel: Link {
                    href: "/kernels/0193a1b2-77aa-7c01-9f5e-2b1f4e9c0d44".into(),
                    label: "6.4.0-150600.23.30-default".into(),
                },
                why: "1 symbol: _dev_err".into(),
            }],
        }],
        actions: Choice::list([("read", "Read now"), ("approve", "Let it in")], ""),
    }
}
