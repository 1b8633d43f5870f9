//! The page of one package, accepted and rejected.

use super::*;

fn history() -> Vec<StateChange> {
    let step = |state, second: u8, reason: &str| StateChange {
        state,
        at: moment(
            &format!("2026-11-23T19:52:{second:02}Z"),
            &format!("23 Nov 2026, 19:52:{second:02} UTC"),
        ),
        reason: reason.into(),
    };
    vec![
        step(PackageState::Received, 31, "Uploaded by Acme Networks"),
        step(PackageState::Inspecting, 32, "Picked up by the worker"),
        step(PackageState::Accepted, 34, "No finding rejects it"),
        step(
            PackageState::Published,
            39,
            "Visible in sle15-sp6 / stable, generation 412",
        ),
    ]
}

fn findings() -> Vec<FindingGroup> {
    group_findings([
        (
            Severity::Warning,
            FindingRow {
                check: "module-signature".into(),
                title: "A module is not signed".into(),
                detail: "`acme_nic.ko` carries no signature; kernels under Secure Boot refuse it."
                    .into(),
                place: Some("/lib/modules/6.4.0-150600.21-default/updates/acme/acme_nic.ko".into()),
                mend: "Sign the modules in the build, or enrol your key with the users.".into(),
                waived: Some("until 31 Dec 2026 by dora: agreed with support".into()),
                waive: None,
            },
        ),
        (
            Severity::Note,
            FindingRow {
                check: "alias-breadth".into(),
                title: "An alias matches very much hardware".into(),
                detail:
                    "`pci:v00008086d*sv*sd*bc02sc00i*` matches every Ethernet card of the vendor."
                        .into(),
                place: Some("acme_nic.ko, modinfo alias 14".into()),
                mend: "Name the devices you support.".into(),
                waived: None,
                waive: None,
            },
        ),
    ])
}

fn symbol(name: &str, crc: &str) -> SymbolRow {
    SymbolRow {
        name: name.into(),
        crc: crc.into(),
    }
}

fn modules() -> Vec<ModuleView> {
    let imports = [
        "_dev_err",
        "dma_alloc_attrs",
        "eth_type_trans",
        "kfree",
        "module_layout",
    ];
    vec![
        ModuleView {
            name: "acme_nic".into(),
            path: "/lib/modules/6.4.0-150600.21-default/updates/acme/acme_nic.ko".into(),
            description: Some("Acme 25/100 Gigabit Ethernet".into()),
            version: Some("2.14".into()),
            license: "GPL".into(),
            vermagic: "6.4.0-150600.21-default SMP preempt mod_unload modversions ".into(),
            depends: vec!["acme_core".into()],
            signature: "not signed".into(),
            aliases: Listing::capped(
                (0..260).map(|it| format!("pci:v00001DEAd0000{it:04X}sv*sd*bc02sc00i*")),
                40,
            ),
            imports: Listing::capped(
                imports
                    .iter()
                    .cycle()
                    .take(65)
                    .map(|it| symbol(it, "0x92997ed8")),
                200,
            ),
            exports: Listing::default(),
        },
        ModuleView {
            name: "acme_core".into(),
            path: "/lib/modules/6.4.0-150600.21-default/updates/acme/acme_core.ko".into(),
            license: "GPL".into(),
            vermagic: "6.4.0-150600.21-default SMP preempt mod_unload modversions ".into(),
            signature: "not signed".into(),
            imports: Listing::capped(imports.iter().map(|it| symbol(it, "0x92997ed8")), 200),
            exports: Listing::capped([symbol("acme_core_register", "0x0c2b6d1f")], 200),
            ..ModuleView::default()
        },
    ]
}

fn verdicts() -> Vec<VerdictRow> {
    let row = |release: &str, status, verdict, first: Vec<Reason>, all: Vec<Reason>| VerdictRow {
        kernel_href: "/kernels/6".into(),
        kernel_id: release.to_owned(),
        release: release.into(),
        product: "sle15-sp6".into(),
        flavor: "default".into(),
        arch: "x86_64".into(),
        status,
        verdict,
        first,
        modules: match all.is_empty() {
            true => Vec::new(),
            false => vec![ModuleReasons {
                module: "acme_nic".into(),
                verdict,
                needed: "61 of 65 symbols fit".into(),
                reasons: Listing::capped(all, 100),
            }],
        },
        unlisted: 0,
        all_href: "/api/v1/packages/1/verdicts/6".into(),
    };
    vec![
        row(
            "6.4.0-150600.23.30-default",
            KernelStatus::Preview,
            Verdict::Incompatible,
            broken_symbols()[..2].to_vec(),
            broken_symbols(),
        ),
        row(
            "6.4.0-150600.23.25-default",
            KernelStatus::Released,
            Verdict::CompatibleWithWarnings,
            vec![unsigned()],
            vec![unsigned()],
        ),
        row(
            "6.4.0-150600.21-default",
            KernelStatus::Retired,
            Verdict::Compatible,
            Vec::new(),
            Vec::new(),
        ),
        row(
            "6.4.0-150600.23.33-default",
            KernelStatus::Preview,
            Verdict::Pending,
            Vec::new(),
            Vec::new(),
        ),
    ]
}

pub fn package() -> PackagePage {
    let fact = |name: &str, value: &str| Fact {
        name: name.into(),
        value: value.into(),
    };
    PackagePage {
        shell: shell(Nav::Packages),
        id: "0193a1b2-77aa-7c01-9f5e-2b1f4e9c0d11".into(),
        name: "acme-nic-kmp-default".into(),
        version: "2.14_k6.4.0_150600.21-1".into(),
        arch: "x86_64".into(),
        summary: Some("Driver for Acme 25/100 Gigabit Ethernet cards".into()),
        state: PackageState::Published,
        state_reason: "Visible in sle15-sp6 / stable since generation 412.".into(),
        vendor: "Acme Networks".into(),
        placements: vec!["sle15-sp6 / stable".into()],
        file_name: "acme-nic-kmp-default-2.14_k6.4.0_150600.21-1.x86_64.rpm".into(),
        sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        size: "91.1 KiB (93,248 bytes)".into(),
        facts: vec![
            fact("Built for", "6.4.0-150600.21-default"),
            fact("Flavor", "default"),
            fact("License", "GPL-2.0-only"),
        ],
        uploaded: moment("2026-11-23T19:52:31Z", "23 Nov 2026, 19:52 UTC"),
        history: history(),
        signature: Some(SignatureView {
            is_good: true,
            headline: "Signed by a key registered for Acme Networks".into(),
            signer: Some("Acme Networks Driver Signing <drivers@acme.example>".into()),
            fingerprint: Some(fingerprint("70f2e9916ab04f6ab27c91d25a33d4e1a8b00c55")),
            algorithm: Some("RSA 4096, SHA-256".into()),
            made: Some(moment("2026-11-20T08:12:00Z", "20 Nov 2026, 08:12 UTC")),
            mend: None,
        }),
        findings: findings(),
        passed: vec![
            "digest-mismatch".into(),
            "package-name".into(),
            "missing-ksym-requires".into(),
        ],
        modules: modules(),
        verdicts: verdicts(),
        risks: vec![RiskView {
            line: "sle15-sp6 · default · x86_64".into(),
            score: "25 %".into(),
            text: "1 of 4 steps from one kernel to the next changed a symbol it needs.".into(),
            avoid: Listing::capped(
                [RestlessSymbol {
                    href: "/symbols/_dev_err".into(),
                    symbol: "_dev_err".into(),
                    times: "3 changes".into(),
                }],
                10,
            ),
        }],
        history_href: Some("/kmps/acme-nic-kmp-default".into()),
        channels: repositories::channels(),
        publication: Some(Publication {
            download_href: "/repos/sle15-sp6/stable/x86_64/acme.rpm".into(),
            generation: 412,
            repositories: vec![repository()],
        }),
    }
}

pub fn rejected_package() -> PackagePage {
    PackagePage {
        name: "tampered-1.0-1.x86_64.rpm".into(),
        version: String::new(),
        arch: String::new(),
        summary: None,
        state: PackageState::Rejected,
        state_reason: "The payload does not have the digest that the header names.".into(),
        history: vec![
            history()[0].clone(),
            StateChange {
                state: PackageState::Rejected,
                reason: "1 finding rejects it: payload-digest".into(),
                ..history()[1].clone()
            },
        ],
        signature: Some(SignatureView {
            is_good: false,
            headline: "Signed by a key that is not registered".into(),
            signer: None,
            fingerprint: Some("91D2 5A33 D4E1 A8B0".into()),
            algorithm: Some("Ed25519, SHA-512".into()),
            made: None,
            mend: Some("Ask the operator to register your key, or sign with one that is.".into()),
        }),
        findings: group_findings([(
            Severity::Reject,
            FindingRow {
                check: "payload-digest".into(),
                title: "The payload was changed after the package was built".into(),
                detail: "SHA-256 is 9f86d081…, the header names 70f2e991….".into(),
                place: Some("tag 5092, PAYLOADDIGEST".into()),
                mend: "Upload the file as rpmbuild wrote it.".into(),
                waived: None,
                waive: Some(WaiveForm {
                    check: "payload-digest".into(),
                    vendor: "acme".into(),
                    package: "acme-nic-kmp-default".into(),
                    build: "2.14_k6.4.0_150600.21-1.x86_64".into(),
                    latest: "2027-11-22".into(),
                    page: "0193a1b2-77aa-7c01-9f5e-2b1f4e9c0d11".into(),
                }),
            },
        )]),
        facts: Vec::new(),
        passed: Vec::new(),
        modules: Vec::new(),
        verdicts: Vec::new(),
        channels: ChannelsView::default(),
        publication: None,
        ..package()
    }
}
