//! The matrix package × kernel, over the API: a page of it as JSON, or the whole selection as CSV.

mod csv;
mod page;

pub use page::page;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::{Params, given};
use crate::shown;
use crate::uploads;
use crate::views::evr;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use kabi::Verdict;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use store::PgConnection;
use store::matrix::{Cell, Column, Columns, KernelTally, Row, Rows};
use uuid::Uuid;

const ROWS: i64 = 100;
const MOST_ROWS: i64 = 500;
const COLUMNS: i64 = 50;
const MOST_COLUMNS: i64 = 200;
/// A page beyond it would overflow nothing, and names nothing.
const LAST_PAGE: i64 = 1_000_000;

/// Query of the matrix. Forms send empty words for what was not chosen.
#[derive(Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct MatrixParams {
    /// Restricts packages and kernels.
    product: String,
    /// Restricts packages and kernels.
    arch: String,
    /// Restricts packages and kernels.
    flavor: String,
    vendor: String,
    /// Part of the package name.
    q: String,
    /// Part of the kernel release.
    kernel: String,
    /// Of the kernels.
    status: String,
    /// Packages with at least one such verdict on the selected kernels.
    verdict: String,
    /// Only the newest build of each KMP.
    newest: bool,
    page: Option<i64>,
    per_page: Option<i64>,
    kernels_page: Option<i64>,
    kernels_per_page: Option<i64>,
    /// `json` or `csv`.
    format: String,
}

/// The part of a list that one of the numbered pages shows, each from 1.
fn part(page: Option<i64>, per_page: Option<i64>, default: i64, most: i64) -> store::Page {
    let limit = per_page.unwrap_or(default).clamp(1, most);
    store::Page {
        limit,
        offset: (page.unwrap_or(1).clamp(1, LAST_PAGE) - 1) * limit,
    }
}

impl MatrixParams {
    async fn filters(&self, conn: &mut PgConnection) -> Result<(Rows, Columns)> {
        let product_id = match given(&self.product) {
            Some(name) => Some(uploads::product_by_name(conn, &name).await?.id),
            None => None,
        };
        let vendor_id = match given(&self.vendor) {
            Some(name) => Some(
                store::vendors::by_name(conn, &name)
                    .await?
                    .ok_or_else(|| Error::not_found(format!("There is no vendor `{name}`.")))?
                    .id,
            ),
            None => None,
        };
        let rows = Rows {
            product_id,
            arch: given(&self.arch),
            flavor: given(&self.flavor),
            vendor_id,
            name_contains: given(&self.q),
            verdict: self.verdict()?,
            only_newest: self.newest,
        };
        let columns = Columns {
            product_id,
            arch: given(&self.arch),
            flavor: given(&self.flavor),
            release_contains: given(&self.kernel),
            status: given(&self.status),
        };
        Ok((rows, columns))
    }

    fn verdict(&self) -> Result<Option<Verdict>> {
        let Some(word) = given(&self.verdict) else {
            return Ok(None);
        };
        let named = Verdict::ALL.into_iter().find(|v| v.as_str() == word);
        named.map(Some).ok_or_else(|| {
            let known: Vec<_> = Verdict::ALL.iter().map(|v| v.as_str()).collect();
            Error::bad_request(format!(
                "`{word}` is no verdict. There are {}.",
                known.join(", ")
            ))
        })
    }

    fn wants_csv(&self, headers: &HeaderMap) -> Result<bool> {
        let accepts = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
        match self.format.as_str() {
            "csv" => Ok(true),
            "json" => Ok(false),
            "" => Ok(accepts.is_some_and(|types| types.contains("text/csv"))),
            other => Err(Error::bad_request(format!(
                "`{other}` is no format. There are json and csv."
            ))),
        }
    }
}

/// A part of the matrix, as one query after the other found it.
struct Matrix {
    columns: Vec<Column>,
    columns_total: i64,
    rows: Vec<Row>,
    rows_total: i64,
    /// By package and kernel; a pair that was not judged has none.
    cells: HashMap<(Uuid, Uuid), Verdict>,
    /// Of all packages there are on the kernels of this part.
    tallies: Vec<KernelTally>,
}

impl Matrix {
    async fn find(
        app: &App,
        conn: &mut PgConnection,
        caller: &Caller,
        params: &MatrixParams,
        rows_part: store::Page,
        columns_part: store::Page,
    ) -> Result<Self> {
        let viewer = caller.viewer();
        let (rows_filter, columns_filter) = params.filters(conn).await?;
        let (columns, columns_total) =
            shown::columns(app, conn, caller, &columns_filter, columns_part).await?;
        let kernels: Vec<Uuid> = columns.iter().map(|c| c.id).collect();
        let (rows, rows_total) =
            store::matrix::rows(conn, viewer, &rows_filter, &kernels, rows_part).await?;
        let packages: Vec<Uuid> = rows.iter().map(|r| r.id).collect();
        let cells = store::matrix::cells(conn, viewer, &packages, &kernels).await?;
        let tallies = store::matrix::tally_of_kernels(conn, viewer, &kernels).await?;
        Ok(Self {
            columns,
            columns_total,
            rows,
            rows_total,
            cells: by_pair(cells),
            tallies,
        })
    }
}

fn by_pair(cells: Vec<Cell>) -> HashMap<(Uuid, Uuid), Verdict> {
    let pairs = cells.into_iter();
    pairs
        .map(|c| ((c.package_id, c.kernel_id), c.verdict))
        .collect()
}

/// `GET /api/v1/matrix`
pub async fn matrix(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<MatrixParams>,
    headers: HeaderMap,
) -> Result<Response> {
    if params.wants_csv(&headers)? {
        return csv::whole(app, &caller, &params).await;
    }
    let rows_part = part(params.page, params.per_page, ROWS, MOST_ROWS);
    let columns_part = part(
        params.kernels_page,
        params.kernels_per_page,
        COLUMNS,
        MOST_COLUMNS,
    );
    let mut conn = app.pool.acquire().await?;
    let matrix = Matrix::find(&app, &mut conn, &caller, &params, rows_part, columns_part).await?;
    let answer = json!({
        "total": matrix.rows_total,
        "page": rows_part.offset / rows_part.limit + 1,
        "per_page": rows_part.limit,
        "kernels_total": matrix.columns_total,
        "kernels_page": columns_part.offset / columns_part.limit + 1,
        "kernels_per_page": columns_part.limit,
        "kernels": matrix.columns.iter().map(|c| column_json(c, &matrix.tallies)).collect::<Vec<_>>(),
        "packages": matrix.rows.iter().map(|r| row_json(r, &matrix)).collect::<Vec<_>>(),
    });
    Ok(Json(answer).into_response())
}

fn column_json(column: &Column, tallies: &[KernelTally]) -> Value {
    let own = tallies.iter().filter(|t| t.kernel_id == column.id);
    let counts: Map<String, Value> = own
        .map(|t| (t.verdict.as_str().to_owned(), json!(t.packages)))
        .collect();
    json!({
        "id": column.id,
        "product": column.product,
        "arch": column.arch,
        "flavor": column.flavor,
        "release": column.release,
        "status": column.status,
        "release_date": column.release_date.map(|d| d.to_string()),
        // Over all packages, not only those of this page.
        "verdicts": counts,
    })
}

fn row_json(row: &Row, matrix: &Matrix) -> Value {
    let verdicts: Map<String, Value> = matrix
        .columns
        .iter()
        .filter_map(|c| Some((c.id.to_string(), json!(matrix.cells.get(&(row.id, c.id))?))))
        .collect();
    json!({
        "id": row.id,
        "vendor": row.vendor,
        "name": row.name,
        "version": evr(row.epoch, &row.version, &row.release),
        "arch": row.arch,
        "flavor": row.flavor,
        // By the id of the kernel.
        "verdicts": verdicts,
    })
}
