//! A question and its answer.

use super::*;

pub fn what_if() -> WhatIfPage {
    let module = |verdict, reasons: &[Reason]| WhatIfModule {
        name: "acme_nic".into(),
        verdict,
        needed: "54 of 58 symbols".into(),
        reasons: Listing::capped(reasons.to_vec(), 20),
    };
    let row = |release: &str, status, verdict, reasons: &[Reason]| WhatIfRow {
        kernel_href: "/kernels/6".into(),
        release: release.into(),
        line: "sle15-sp6 · default · x86_64".into(),
        status,
        verdict,
        modules: Listing::capped([module(verdict, reasons)], 20),
    };
    WhatIfPage {
        shell: shell(Nav::Check),
        products: Choice::list([("", "All"), ("sle15-sp6", "SLES 15 SP6")], ""),
        kernel: String::new(),
        symbols: String::new(),
        limit: "64 MiB".into(),
        curl: vec![
            "curl --data-binary @PACKAGE.rpm https://drivers.example.com/api/v1/check".into(),
        ],
        error: Some("Line 3 is `what`.".into()),
        answer: Some(WhatIfAnswer {
            name: "acme-nic-kmp-default-2.14-1.x86_64.rpm".into(),
            summary: "Loads on 1 of 2 kernels".into(),
            rows: vec![
                row(
                    "6.4.0-150600.23.30-default",
                    KernelStatus::Preview,
                    Verdict::Incompatible,
                    &broken_symbols(),
                ),
                row(
                    "6.4.0-150600.21-default",
                    KernelStatus::Released,
                    Verdict::Compatible,
                    &[],
                ),
            ],
            left_out: Some("12 kernels".into()),
        }),
    }
}
