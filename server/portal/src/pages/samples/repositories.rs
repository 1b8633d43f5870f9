//! Pages about repositories, and the part of a package's page about its channels.

use super::*;

pub fn channels() -> ChannelsView {
    ChannelsView {
        rows: vec![
            PlacementRow {
                place: "sle15-sp6 / stable".into(),
                state: "Shown from 9 Mar 2031 (Europe/Berlin) on. Promoted by kim.".into(),
            },
            PlacementRow {
                place: "sle15-sp6 / testing".into(),
                state: "Listed since generation 412.".into(),
            },
        ],
        asked: vec![AskedPromotion {
            what: "To sle15-sp6 / stable, asked for by alex on 2 Jan 2026, 10:00 UTC.".into(),
            note: "Ran for two weeks in the laboratory.".into(),
            action: Some("/promotions/7".into()),
            may_confirm: true,
        }],
        targets: Choice::list([("sle15-sp6/beta", "sle15-sp6 / beta")], ""),
        needs_another: true,
        zone: "Europe/Berlin".into(),
        may_withdraw: true,
        removable: Choice::list([("sle15-sp6/stable", "sle15-sp6 / stable only")], ""),
    }
}

pub fn repositories() -> RepositoriesPage {
    RepositoriesPage {
        shell: shell(Nav::Repositories),
        products: vec![ProductCard {
            href: "/repos/sle15-sp6".into(),
            name: "SUSE Linux Enterprise Server 15 SP6".into(),
            what: "zypper · x86_64, aarch64".into(),
            channels: vec![
                "128 packages in stable".into(),
                "140 packages in testing".into(),
            ],
        }],
    }
}

pub fn product() -> ProductPage {
    let channel = |name: &str, is_default| ChannelView {
        name: name.into(),
        is_default,
        what: "x86_64, aarch64 · 128 packages".into(),
        updated: repository().updated,
        commands: repository().commands,
        script: vec![
            "curl -fo sle15-sp6-stable.sh https://drivers.example.com/repos/sle15-sp6/stable.sh"
                .into(),
            "less sle15-sp6-stable.sh".into(),
            "sudo sh sle15-sp6-stable.sh".into(),
        ],
        unattended: vec!["sudo sh sle15-sp6-stable.sh --fingerprint D4E1A8B0".into()],
        files: vec![Link {
            href: "/repos/sle15-sp6/stable.autoyast.xml".into(),
            label: "AutoYaST profile".into(),
        }],
    };
    ProductPage {
        shell: shell(Nav::Repositories),
        product: "SUSE Linux Enterprise Server 15 SP6".into(),
        rules: "Packages enter testing, and come into the other channels by promotion.".into(),
        fingerprint: repository().fingerprint,
        key_href: "/keys/repository.asc".into(),
        channels: vec![channel("stable", true), channel("testing", false)],
        service: vec![
            "sudo zypper addservice https://drivers.example.com/services/sle15-sp6 sle15-sp6"
                .into(),
        ],
        vendors: vec![VendorView {
            name: "Acme Networks".into(),
            files: vec![Link {
                href: "/repos/sle15-sp6/vendors/acme/stable.repo".into(),
                label: "stable".into(),
            }],
            service: "https://drivers.example.com/services/sle15-sp6/acme".into(),
        }],
        mirrors: vec![
            MirrorRow {
                url: "https://mirror.example.org/drivers".into(),
                country: Some("DE".into()),
                is_fresh: true,
                state: "2 of 2 repositories current".into(),
            },
            MirrorRow {
                url: "https://mirror.example.net/drivers".into(),
                country: None,
                is_fresh: false,
                state: "not looked at yet".into(),
            },
        ],
        support: SupportView {
            rows: vec![
                SupportRow {
                    who: "All other vendors".into(),
                    level: "unsupported".into(),
                    eula: String::new(),
                },
                SupportRow {
                    who: "Acme Networks".into(),
                    level: "level 3: problem resolution".into(),
                    eula: "ACME NETWORKS DRIVER LICENCE\n\n1. You may use the driver.".into(),
                },
            ],
            action: Some("/repos/sle15-sp6/support".into()),
            levels: Choice::list([("unsupported", "unsupported"), ("l3", "level 3")], ""),
            vendors: Choice::list([("", "all other vendors"), ("acme", "Acme Networks")], ""),
        },
        withdrawn: vec![WithdrawnRow {
            href: "/packages/0193".into(),
            location: "acme-nic-kmp-default-2.13_k6.4.0_150600.21-1.x86_64.rpm".into(),
            channel: Some("stable".into()),
            reason: "Loses packets under load; 2.14 mends it.".into(),
            at: moment("2026-11-23T19:52:39Z", "23 Nov 2026, 19:52 UTC"),
        }],
    }
}
