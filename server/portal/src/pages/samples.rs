//! Pages with realistic values, for tests.

mod decisions;
mod diff;
mod gate;
mod hardware;
mod matrix;
mod package;
mod repositories;
mod sources;
mod status;
mod symbol;
mod what_if;

pub use package::{package, rejected_package};

use super::*;
use crate::registration::{self, Family, Offer};

fn moment(iso: &str, human: &str) -> Moment {
    Moment {
        iso: iso.into(),
        human: human.into(),
    }
}

pub fn shell(nav: Nav) -> Shell {
    Shell {
        site_name: "Driver Portal".into(),
        css_href: "/static/portal.css".into(),
        user: Some(SignedIn {
            name: "kim".into(),
            role: "Acme Networks".into(),
            may_upload: true,
            is_distributor: true,
        }),
        nav,
        csrf: "c5rf-t0ken".into(),
        flash: None,
        version: "0.1.0".into(),
    }
}

pub fn changed(symbol: &str, old: u32, new: u32) -> Reason {
    Reason::new(
        "crc-mismatch",
        Weight::Fatal,
        Some(symbol),
        Some(old),
        Some(new),
        Some("vmlinux"),
        None,
    )
}

fn missing(symbol: &str, old: u32) -> Reason {
    Reason::new(
        "symbol-missing",
        Weight::Fatal,
        Some(symbol),
        Some(old),
        None,
        None,
        None,
    )
}

fn unsigned() -> Reason {
    Reason::new(
        "signature-missing",
        Weight::Warn,
        None,
        None,
        None,
        None,
        None,
    )
}

fn broken_symbols() -> Vec<Reason> {
    vec![
        changed("_dev_err", 0x9299_7ed8, 0x1f0c_2b6d),
        changed("dma_alloc_attrs", 0x4b6d_94a1, 0x7f02_188f),
        changed("pci_enable_device", 0xa3c0_0c06, 0x0d4b_e3c1),
        missing("pci_alloc_irq_vectors_affinity", 0xe515_007f),
    ]
}

pub fn repository() -> RepositoryBox {
    let offer = Offer {
        family: Family::Suse,
        repositories: vec![registration::Repository {
            alias: "sle15-sp6-stable".into(),
            name: "Drivers".into(),
            url: "https://drivers.example.com/repos/sle15-sp6/stable/$basearch/".into(),
            repo_file: "https://drivers.example.com/repos/sle15-sp6/stable.repo".into(),
            keys: Vec::new(),
            is_enabled: true,
            priority: None,
        }],
        packages: vec!["acme-nic-kmp-default".into()],
    };
    RepositoryBox {
        product: "SUSE Linux Enterprise Server 15 SP6".into(),
        channel: "stable".into(),
        arches: "x86_64, aarch64".into(),
        packages: "128 packages".into(),
        updated: Some(moment("2026-11-23T19:52:39Z", "23 Nov 2026, 19:52 UTC")),
        commands: ClientCommands::both(&offer),
        repo_href: "/repos/sle15-sp6/stable.repo".into(),
        key_href: "/keys/repository.asc".into(),
        fingerprint: fingerprint("d4e1a8b00c5573f2e9916ab04f6ab27c91d25a33"),
    }
}

fn row(name: &str, version: &str, vendor: &str, state: PackageState) -> PackageRow {
    PackageRow {
        href: "/packages/0193".into(),
        name: name.into(),
        version: version.into(),
        vendor: vendor.into(),
        products: "sle15-sp6 / stable".into(),
        state,
        changed: moment("2026-11-23T19:52:39Z", "23 Nov 2026, 19:52 UTC"),
        tally: None,
    }
}

fn rows() -> Vec<PackageRow> {
    let tally = |loads, breaks| {
        Some(VerdictTally {
            loads,
            breaks,
            kernels: loads + breaks,
        })
    };
    vec![
        PackageRow {
            tally: tally(2, 1),
            ..row(
                "acme-nic-kmp-default",
                "2.14_k6.4.0_150600.21-1.x86_64",
                "Acme Networks",
                PackageState::Published,
            )
        },
        PackageRow {
            tally: tally(3, 0),
            ..row(
                "northwind-raid-kmp-default",
                "7.3.1_k6.4.0_150600.21-4.2.x86_64",
                "Northwind Storage",
                PackageState::Published,
            )
        },
        row(
            "tampered-1.0-1.x86_64.rpm",
            "",
            "Acme Networks",
            PackageState::Rejected,
        ),
        row(
            "halcyon-gpu-kmp-default",
            "550.90.07_k6.4.0_150600.21-1.x86_64",
            "Halcyon Graphics",
            PackageState::Inspecting,
        ),
        row(
            "northwind-hba-kmp-64kb",
            "1.9_k6.4.0_150600.21-2.aarch64",
            "Northwind Storage",
            PackageState::Withdrawn,
        ),
    ]
}

pub fn front() -> FrontPage {
    let figure = |value: &str, label: &str, href: Option<&str>| Figure {
        value: value.into(),
        label: label.into(),
        href: href.map(Into::into),
    };
    let kernel = |release: &str, breaking, impact: &str, vendors: &str| UpcomingKernel {
        href: "/kernels/6".into(),
        release: release.into(),
        product: "SUSE Linux Enterprise Server 15 SP6".into(),
        flavor_arch: "default · x86_64".into(),
        status: KernelStatus::Preview,
        release_date: Some(moment("2026-12-08", "8 Dec 2026")),
        impact: impact.into(),
        breaking,
        vendors: vendors.into(),
    };
    FrontPage {
        shell: Shell {
            user: None,
            ..shell(Nav::None)
        },
        figures: vec![
            figure("1,204", "packages", Some("/packages")),
            figure("38", "kernels", Some("/kernels")),
            figure("17", "vendors", None),
            figure("4", "products", None),
        ],
        recent: rows(),
        upcoming: vec![
            kernel(
                "6.4.0-150600.23.30-default",
                12,
                "12 of 214 packages break",
                "3 vendors",
            ),
            kernel("6.4.0-150600.23.33-default", 0, "all 214 packages load", ""),
        ],
        repositories: vec![
            repository(),
            RepositoryBox {
                product: "AlmaLinux 9".into(),
                updated: None,
                packages: "0 packages".into(),
                commands: repository().commands.into_iter().rev().collect(),
                ..repository()
            },
        ],
    }
}

pub fn kernel() -> KernelPage {
    let broken = |name: &str, more| BrokenPackage {
        href: "/packages/0193".into(),
        name: name.into(),
        version: "2.14_k6.4.0_150600.21-1.x86_64".into(),
        modules: vec!["acme_nic".into(), "acme_core".into()],
        reasons: Listing {
            items: broken_symbols(),
            more,
        },
    };
    let vendor = |vendor: &str, packages| VendorBreaks {
        id: vendor.into(),
        vendor: vendor.into(),
        total: 1,
        mended: 1,
        packages,
        notified: Some("Mailed 23 Nov 2026, 19:54 UTC".into()),
    };
    let symbols = broken_symbols()
        .into_iter()
        .zip([(12, 9), (7, 7), (3, 2), (1, 1)]);
    KernelPage {
        shell: shell(Nav::Kernels),
        id: "0193a1b2-77aa-7c01-9f5e-2b1f4e9c0d11".into(),
        release: "6.4.0-150600.23.30-default".into(),
        product: "SUSE Linux Enterprise Server 15 SP6".into(),
        flavor: "default".into(),
        arch: "x86_64".into(),
        status: KernelStatus::Preview,
        release_date: Some(moment("2026-12-08", "8 Dec 2026")),
        registered: moment("2026-11-23T19:52:31Z", "23 Nov 2026, 19:52 UTC"),
        symbols: Some("25,312".into()),
        facts: vec![Fact {
            name: "Symbol versions".into(),
            value: "yes".into(),
        }],
        embargo: Some(EmbargoView {
            is_over: false,
            audience: Some("acme, northwind".into()),
            accesses: vec![AccessRow {
                vendor: "acme".into(),
                account: "ci".into(),
                route: "GET /api/v1/kernels/{id}".into(),
                times: "12".into(),
                last: moment("2026-11-23T20:11:07Z", "23 Nov 2026, 20:11 UTC"),
            }],
        }),
        related: gate::related(),
        revision: Some("Revision 2 of this release".into()),
        unknown: vec!["the size of struct module".into()],
        parts: vec![KernelPart {
            name: "kernel-default-6.4.0-150600.23.30.1.x86_64".into(),
            symbols: "24,190".into(),
            modules: "4,023".into(),
            added: moment("2026-11-23T19:52:31Z", "23 Nov 2026, 19:52 UTC"),
        }],
        impact: Impact {
            is_pending: false,
            bar: ImpactBar::new(
                &[
                    (Verdict::Compatible, 188),
                    (Verdict::CompatibleWithWarnings, 9),
                    (Verdict::Indeterminate, 2),
                    (Verdict::NeedsOtherPackage, 3),
                    (Verdict::Incompatible, 12),
                ],
                ("package", "packages"),
            ),
            broken: vec![
                vendor(
                    "Acme Networks",
                    vec![
                        broken("acme-nic-kmp-default", 12),
                        broken("acme-roce-kmp-default", 0),
                    ],
                ),
                vendor(
                    "Northwind Storage",
                    vec![broken("northwind-raid-kmp-default", 0)],
                ),
            ],
            paging: Paging::new("/kernels/6", &[], 1, 50, 120),
            top_symbols: symbols
                .map(|(reason, (modules, packages))| TopSymbol {
                    href: "/symbols/_dev_err".into(),
                    reason,
                    modules,
                    packages,
                })
                .collect(),
            loading: Listing::capped(
                (0..197).map(|it| PackageRef {
                    href: "/packages/0193".into(),
                    name: format!("northwind-hba{it}-kmp-default"),
                    version: "1.9_k6.4.0_150600.21-2.x86_64".into(),
                    vendor: "Northwind Storage".into(),
                }),
                20,
            ),
        },
    }
}

pub fn kernel_breaks_mail() -> KernelBreaksMail {
    KernelBreaksMail {
        site_name: "Driver Portal".into(),
        vendor: "Acme Networks".into(),
        release: "6.4.0-150600.23.30-default".into(),
        product: "SUSE Linux Enterprise Server 15 SP6".into(),
        flavor: "default".into(),
        arch: "x86_64".into(),
        status: KernelStatus::Preview,
        release_date: Some(moment("2026-12-08", "8 Dec 2026")),
        packages: Listing::capped(
            [
                BrokenPackageInMail {
                    name: "acme-nic-kmp-default".into(),
                    version: "2.14_k6.4.0_150600.21-1.x86_64".into(),
                    url: "https://drivers.example.com/packages/0193a1b2-77aa".into(),
                    modules: Listing::capped(
                        [BrokenModule {
                            name: "acme_nic".into(),
                            reasons: Listing {
                                items: broken_symbols(),
                                more: 12,
                            },
                        }],
                        1,
                    ),
                },
                BrokenPackageInMail {
                    name: "acme-roce-kmp-default".into(),
                    version: "1.1_k6.4.0_150600.21-1.x86_64".into(),
                    url: "https://drivers.example.com/packages/0193a1b2-88bb".into(),
                    modules: Listing::capped(
                        [BrokenModule {
                            name: "acme_roce".into(),
                            reasons: Listing {
                                items: broken_symbols()[..1].to_vec(),
                                more: 0,
                            },
                        }],
                        1,
                    ),
                },
            ],
            2,
        ),
        impact_url: "https://drivers.example.com/kernels/0193a1b2-99cc".into(),
        upload_url: "https://drivers.example.com/upload".into(),
        help_url: "https://drivers.example.com/help/checks".into(),
        contact: Some("drivers@example.com".into()),
    }
}

fn packages() -> PackagesPage {
    PackagesPage {
        shell: shell(Nav::Packages),
        filters: PackageFilters {
            query: "acme".into(),
            vendors: Choice::list([("", "All vendors"), ("acme", "Acme Networks")], "acme"),
            products: Choice::list([("", "All products"), ("sle15-sp6", "SLES 15 SP6")], ""),
            states: Choice::list(
                [("", "Any state")]
                    .into_iter()
                    .chain(PackageState::ALL.iter().map(|it| (it.code(), it.label()))),
                "",
            ),
            is_set: true,
        },
        rows: rows().into_iter().cycle().take(20).collect(),
        paging: Paging::new("/packages", &[("q", "acme")], 2, 20, 1_204),
    }
}

fn no_packages() -> PackagesPage {
    PackagesPage {
        rows: Vec::new(),
        paging: Paging::new("/packages", &[], 1, 50, 0),
        ..packages()
    }
}

fn kernels() -> KernelsPage {
    let row = |release: &str, status, loads, breaks, is_pending| KernelRow {
        href: "/kernels/6".into(),
        release: release.into(),
        product: "SUSE Linux Enterprise Server 15 SP6".into(),
        flavor: "default".into(),
        arch: "x86_64".into(),
        status,
        release_date: Some(moment("2026-12-08", "8 Dec 2026")),
        symbols: Some("25,312".into()),
        loads,
        breaks,
        is_pending,
        revision: (status == KernelStatus::Retired).then(|| "superseded".into()),
    };
    KernelsPage {
        shell: shell(Nav::Kernels),
        filters: KernelFilters {
            products: Choice::list([("", "All products"), ("sle15-sp6", "SLES 15 SP6")], ""),
            statuses: Choice::list([("", "Any status"), ("preview", "Preview")], ""),
            ..KernelFilters::default()
        },
        may_register: true,
        rows: vec![
            row(
                "6.4.0-150600.23.33-default",
                KernelStatus::Preview,
                3,
                0,
                true,
            ),
            row(
                "6.4.0-150600.23.30-default",
                KernelStatus::Preview,
                202,
                12,
                false,
            ),
            row(
                "6.4.0-150600.23.25-default",
                KernelStatus::Released,
                214,
                0,
                false,
            ),
            row(
                "6.4.0-150600.21-default",
                KernelStatus::Retired,
                214,
                0,
                false,
            ),
        ],
        paging: Paging::new("/kernels", &[], 1, 50, 4),
    }
}

fn upload(error: bool) -> UploadPage {
    UploadPage {
        shell: shell(Nav::Upload),
        vendor: "Acme Networks".into(),
        products: Choice::list(
            [
                ("", "The one it was built for"),
                ("sle15-sp6", "SLES 15 SP6"),
            ],
            "",
        ),
        channels: Choice::list(
            [
                ("", "The product’s default"),
                ("stable", "stable"),
                ("beta", "beta"),
            ],
            "",
        ),
        limit: "512 MiB".into(),
        curl: vec![
            "curl -T acme-nic-kmp-default.rpm -H \"Authorization: Bearer $TOKEN\" \
             'https://drivers.example.com/api/v1/packages/?wait=60'"
                .into(),
        ],
        error: None,
        file_error: error.then(|| {
            "acme-nic.tar.gz is not an RPM: it begins with 1f 8b. Choose the .rpm file that \
             rpmbuild wrote."
                .into()
        }),
        product_error: None,
        channel_error: error.then(|| "This product has no channel “beta”.".into()),
    }
}

fn login() -> LoginPage {
    LoginPage {
        shell: Shell {
            user: None,
            ..shell(Nav::Login)
        },
        name: "kim".into(),
        next: "/upload".into(),
        error: Some("Name or password is wrong.".into()),
    }
}

fn keys() -> KeysPage {
    let key = |owner: &str, is_retired: bool| PublishedKey {
        owner: owner.into(),
        user_id: "Driver Portal Repository Signing <drivers@example.com>".into(),
        fingerprint: repository().fingerprint,
        algorithm: "RSA 4096".into(),
        created: moment("2026-01-02T00:00:00Z", "2 Jan 2026"),
        expires: is_retired.then(|| moment("2026-06-01T00:00:00Z", "1 Jun 2026")),
        is_retired,
        retired: is_retired.then(|| "Retired 1 Jun 2026: replaced.".into()),
        href: Some("/keys/repository.asc".into()),
    };
    KeysPage {
        shell: shell(Nav::Keys),
        signing: vec![key("Repositories", false), key("Repositories", true)],
        vendors: vec![key("Acme Networks", false), key("Northwind Storage", false)],
        check_lines: vec![
            "curl -fO https://drivers.example.com/keys/repository.asc".into(),
            "gpg --show-keys --with-fingerprint repository.asc".into(),
        ],
    }
}

fn error() -> ErrorPage {
    ErrorPage {
        shell: Shell {
            user: None,
            ..shell(Nav::None)
        },
        status: 404,
        title: "There is no such package".into(),
        detail: "No package has the id 0193a1b2-77aa. It may have been typed wrongly.".into(),
        next_step: "Look for it by name.".into(),
        links: vec![Link {
            href: "/packages".into(),
            label: "All packages".into(),
        }],
        request_id: Some("0193a1b2-77aa-7c01-9f5e-2b1f4e9c0d11".into()),
    }
}

fn checks() -> ChecksPage {
    let check = |id: &str, severity, title: &str, is_waivable| CheckRow {
        id: id.into(),
        severity: Some(severity),
        usual: (severity == Severity::Note).then_some(Severity::Warning),
        title: title.into(),
        help: "Rebuild with the kernel module scripts enabled, so that rpm generates the `ksym()` \
               requires."
            .into(),
        is_waivable,
    };
    ChecksPage {
        shell: shell(Nav::Checks),
        products: Choice::list([("", "general"), ("sle15-sp6", "SLE 15 SP6")], ""),
        checks: vec![
            check(
                "payload-digest",
                Severity::Reject,
                "The payload has the digest the header names.",
                false,
            ),
            check(
                "missing-ksym-requires",
                Severity::Reject,
                "Every symbol a module imports is required by the package.",
                true,
            ),
            check(
                "module-signature",
                Severity::Warning,
                "Modules are signed.",
                true,
            ),
            check(
                "alias-breadth",
                Severity::Note,
                "Aliases match the hardware that is supported.",
                false,
            ),
        ],
    }
}

pub fn problems() -> ProblemsPage {
    ProblemsPage {
        shell: shell(Nav::None),
        problems: vec![ProblemRow {
            id: "rejected".into(),
            status: 422,
            help: "`findings` says what is wrong, where, and how to mend it.".into(),
        }],
    }
}

/// Every page as HTML, with a name.
pub fn all_pages() -> Vec<(&'static str, String)> {
    use askama::Template as _;
    let flash = Flash {
        tone: Tone::Good,
        text: "Package received.".into(),
    };
    let mut flashed = package();
    flashed.shell.flash = Some(flash);
    let rendered = [
        ("front", front().render()),
        ("package", flashed.render()),
        ("package-rejected", rejected_package().render()),
        ("packages", packages().render()),
        ("packages-none", no_packages().render()),
        ("kernel", kernel().render()),
        ("kernels", kernels().render()),
        ("matrix", matrix::matrix().render()),
        ("diff", diff::diff().render()),
        ("gate", gate::gate().render()),
        ("kmp", matrix::kmp().render()),
        ("hardware", hardware::hardware().render()),
        ("device", hardware::device().render()),
        ("symbols", symbol::symbols().render()),
        ("symbol", symbol::symbol().render()),
        ("what-if", what_if::what_if().render()),
        ("upload", upload(false).render()),
        ("upload-errors", upload(true).render()),
        ("login", login().render()),
        ("keys", keys().render()),
        ("error", error().render()),
        ("checks", checks().render()),
        ("problems", problems().render()),
        ("waivers", decisions::waivers().render()),
        ("audit", decisions::audit().render()),
        ("status", status::status().render()),
        ("repositories", repositories::repositories().render()),
        ("product", repositories::product().render()),
        ("sources", sources::sources().render()),
        ("source", sources::source().render()),
    ];
    rendered
        .into_iter()
        .map(|(name, html)| (name, html.expect("it renders")))
        .collect()
}
