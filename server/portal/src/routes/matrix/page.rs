//! The matrix as a page.

use super::{Matrix, MatrixParams, part};
use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;
use crate::extract::Params;
use crate::pages::{
    Choice, ImpactBar, KernelStatus, MatrixCell, MatrixColumn, MatrixFilters, MatrixPage,
    MatrixRow, Nav, Paging, Verdict, query_string,
};
use crate::routes::packages::{product_choices, vendor_choices};
use crate::routes::pages::Page;
use crate::views::{evr, shell, verdict};
use axum::extract::State;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::matrix::{Column, KernelTally, Row};
use store::products::Product;

const ROWS: i64 = 50;
const COLUMNS: i64 = 12;
/// What the form offers.
const COLUMN_CHOICES: [i64; 4] = [6, COLUMNS, 24, 48];

/// `GET /matrix`
pub async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<MatrixParams>,
) -> Result<Page<MatrixPage>> {
    let rows_part = part(params.page, params.per_page, ROWS, super::MOST_ROWS);
    let columns_part = part(
        params.kernels_page,
        params.kernels_per_page,
        COLUMNS,
        COLUMN_CHOICES[3],
    );
    let mut conn = app.pool.acquire().await?;
    let matrix = Matrix::find(&app, &mut conn, &caller, &params, rows_part, columns_part).await?;
    let products = store::products::list(&mut conn).await?;
    let filters = filters(&params, &products, columns_part.limit);
    let filters = MatrixFilters {
        products: product_choices(&mut conn, &params.product).await?,
        vendors: vendor_choices(&mut conn, &params.vendor).await?,
        ..filters
    };
    let pairs = pairs(&params);
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    let place = |part: store::Page| number(part.offset / part.limit + 1);
    let kernels_page = place(columns_part).to_string();
    let mut for_rows = pairs.clone();
    for_rows.push((
        "kernels_page",
        if kernels_page == "1" {
            ""
        } else {
            &kernels_page
        },
    ));
    let paging = Paging::new(
        "/matrix",
        &for_rows,
        place(rows_part),
        number(rows_part.limit),
        number(matrix.rows_total),
    );
    // Another set of kernels begins with the first packages: the filter by verdict may give others.
    let kernels_paging = Paging::by(
        "kernels_page",
        "/matrix",
        &pairs,
        place(columns_part),
        number(columns_part.limit),
        number(matrix.columns_total),
    );
    Ok(Page(MatrixPage {
        shell: shell(&app, &caller, Nav::Matrix),
        filters,
        csv_href: format!("/api/v1/matrix?{}", query_string(&csv_pairs(&pairs))),
        columns: matrix
            .columns
            .iter()
            .map(|c| column(c, &matrix.tallies))
            .collect(),
        rows: matrix.rows.iter().map(|r| row(r, &matrix)).collect(),
        legend: Verdict::shown().collect(),
        paging,
        kernels_paging,
    }))
}

/// The filters as pairs of the query.
fn pairs(params: &MatrixParams) -> Vec<(&'static str, &str)> {
    let columns = match params.kernels_per_page {
        Some(6) => "6",
        Some(24) => "24",
        Some(48) => "48",
        _ => "",
    };
    vec![
        ("product", &params.product),
        ("arch", &params.arch),
        ("flavor", &params.flavor),
        ("vendor", &params.vendor),
        ("q", &params.q),
        ("kernel", &params.kernel),
        ("status", &params.status),
        ("verdict", &params.verdict),
        ("newest", if params.newest { "true" } else { "" }),
        ("kernels_per_page", columns),
    ]
}

fn csv_pairs<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let filters = pairs
        .iter()
        .copied()
        .filter(|(name, _)| *name != "kernels_per_page");
    filters.chain([("format", "csv")]).collect()
}

fn filters(params: &MatrixParams, products: &[Product], columns: i64) -> MatrixFilters {
    let all_of = |list: fn(&Product) -> &Vec<String>| -> BTreeSet<String> {
        products.iter().flat_map(list).cloned().collect()
    };
    let choices = |words: BTreeSet<String>, selected: &str| {
        let any = [(String::new(), "Any".to_owned())];
        Choice::list(
            any.into_iter()
                .chain(words.into_iter().map(|w| (w.clone(), w))),
            selected,
        )
    };
    let statuses = KernelStatus::ALL.iter().map(|s| (s.code(), s.label()));
    let verdicts = Verdict::shown().map(|v| (v.code(), v.label()));
    let numbers = COLUMN_CHOICES.map(|n| (n.to_string(), format!("{n} newest")));
    MatrixFilters {
        query: params.q.clone(),
        kernel: params.kernel.clone(),
        newest: params.newest,
        arches: choices(all_of(|p| &p.arches), &params.arch),
        flavors: choices(all_of(|p| &p.flavors), &params.flavor),
        statuses: Choice::list([("", "All")].into_iter().chain(statuses), &params.status),
        verdicts: Choice::list([("", "Any")].into_iter().chain(verdicts), &params.verdict),
        columns: Choice::list(numbers, &columns.to_string()),
        is_set: pairs(params).iter().any(|(_, value)| !value.is_empty()),
        ..MatrixFilters::default()
    }
}

fn column(column: &Column, tallies: &[KernelTally]) -> MatrixColumn {
    let counts: Vec<_> = tallies
        .iter()
        .filter(|t| t.kernel_id == column.id)
        .map(|t| (verdict(t.verdict), t.packages.unsigned_abs()))
        .collect();
    MatrixColumn {
        href: format!("/kernels/{}", column.id),
        release: column.release.clone(),
        place: format!("{} · {} · {}", column.product, column.flavor, column.arch),
        status: KernelStatus::from_code(&column.status).unwrap_or(KernelStatus::Released),
        bar: ImpactBar::new(&counts, ("package", "packages")),
    }
}

fn row(row: &Row, matrix: &Matrix) -> MatrixRow {
    let cells = matrix.columns.iter().map(|column| {
        let found = matrix.cells.get(&(row.id, column.id))?;
        Some(MatrixCell {
            verdict: verdict(*found),
            href: format!("/packages/{}#on-{}", row.id, column.id),
        })
    });
    MatrixRow {
        href: format!("/packages/{}", row.id),
        name: row.name.clone(),
        version: format!(
            "{}.{}",
            evr(row.epoch, &row.version, &row.release),
            row.arch
        ),
        vendor: row.vendor_display_name.clone(),
        cells: cells.collect(),
    }
}
