//! The matrix with every verdict in it.

use super::*;

pub fn matrix() -> MatrixPage {
    let kernel = |release: &str, breaks| MatrixColumn {
        href: "/kernels/6".into(),
        release: release.into(),
        place: "sle15-sp6 · default · x86_64".into(),
        status: KernelStatus::Preview,
        bar: ImpactBar::new(
            &[(Verdict::Compatible, 214), (Verdict::Incompatible, breaks)],
            ("package", "packages"),
        ),
    };
    let cell = |verdict| {
        Some(MatrixCell {
            verdict,
            href: "/packages/0193#on-6".into(),
        })
    };
    let verdicts = Verdict::ALL.iter().map(|verdict| cell(*verdict));
    MatrixPage {
        shell: shell(Nav::Matrix),
        filters: MatrixFilters {
            products: Choice::list([("", "All products"), ("sle15-sp6", "SLE 15 SP6")], ""),
            is_set: true,
            newest: true,
            ..MatrixFilters::default()
        },
        columns: (0..=Verdict::ALL.len() as u64)
            .map(|n| kernel("6.4.0-150600.23.30-default", n))
            .collect(),
        rows: vec![MatrixRow {
            href: "/packages/0193".into(),
            name: "acme-nic-kmp-default".into(),
            version: "2.14_k6.4.0_150600.21-1.x86_64".into(),
            vendor: "Acme Networks".into(),
            cells: verdicts.chain([None]).collect(),
        }],
        legend: Verdict::ALL.to_vec(),
        paging: Paging::new("/matrix", &[], 2, 50, 120),
        kernels_paging: Paging::by("kernels_page", "/matrix", &[], 1, 12, 40),
        csv_href: "/api/v1/matrix?format=csv".into(),
    }
}

pub fn kmp() -> KmpPage {
    let matrix = matrix();
    let moment = moment("2026-11-23T19:52:39Z", "23 Nov 2026, 19:52 UTC");
    KmpPage {
        shell: shell(Nav::Packages),
        name: "acme-nic-kmp-default".into(),
        summary: Some("Acme 10G network driver".into()),
        vendor: "Acme Networks".into(),
        columns: matrix.columns,
        builds: vec![KmpBuild {
            href: "/packages/0193".into(),
            version: "2.14_k6.4.0_150600.21-1.x86_64".into(),
            built_for: Some("6.4.0-150600.21-default".into()),
            state: PackageState::Withdrawn,
            uploaded: moment.clone(),
            published: Some(moment.clone()),
            withdrawn: Some(moment),
            cells: matrix.rows[0].cells.clone(),
        }],
        legend: matrix.legend,
        paging: Paging::new("/kmps/acme-nic-kmp-default", &[], 1, 50, 1),
        matrix_href: "/matrix?q=acme-nic-kmp-default".into(),
    }
}
