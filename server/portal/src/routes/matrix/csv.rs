//! The whole selection as CSV (RFC 4180): a line for each verdict, written while it is read.

use super::{MatrixParams, by_pair};
use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;
use crate::routes::csv_file;
use crate::shown;
use crate::views::evr;
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::stream;
use std::sync::Arc;
use store::Viewer;
use store::matrix::{Column, Row};
use uuid::Uuid;

const HEADER: [&str; 13] = [
    "package_id",
    "vendor",
    "name",
    "version",
    "arch",
    "kernel_id",
    "product",
    "kernel_release",
    "kernel_flavor",
    "kernel_arch",
    "kernel_status",
    "verdict",
    "loads",
];
/// Packages whose verdicts are read at a time: with 1,000 kernels some 20 MB.
const AT_A_TIME: usize = 200;
const ALL: store::Page = store::Page {
    limit: i64::MAX,
    offset: 0,
};

/// What is left to write.
struct Rest {
    app: Arc<App>,
    viewer: Viewer,
    columns: Vec<Column>,
    rows: Vec<Row>,
    /// Rows written.
    done: usize,
}

/// Rows and columns are chosen now; verdicts are read in parts while the client takes them.
pub async fn whole(app: Arc<App>, caller: &Caller, params: &MatrixParams) -> Result<Response> {
    let viewer = caller.viewer();
    let mut conn = app.pool.acquire().await?;
    let (rows_filter, columns_filter) = params.filters(&mut conn).await?;
    let (columns, _) = shown::columns(&app, &mut conn, caller, &columns_filter, ALL).await?;
    let kernels: Vec<Uuid> = columns.iter().map(|c| c.id).collect();
    let (rows, _) = store::matrix::rows(&mut conn, viewer, &rows_filter, &kernels, ALL).await?;
    drop(conn);
    let rest = Rest {
        app,
        viewer,
        columns,
        rows,
        done: 0,
    };
    let head = stream::once(async { write(|csv| csv.write_record(HEADER)) });
    let lines = stream::try_unfold(rest, |mut rest| async move {
        match rest.next().await? {
            Some(bytes) => Ok(Some((bytes, rest))),
            None => Ok(None),
        }
    });
    let body = Body::from_stream(futures_util::StreamExt::chain(head, lines));
    Ok(csv_file("matrix.csv", body))
}

impl Rest {
    /// The lines of the next packages.
    async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        if self.done == self.rows.len() {
            return Ok(None);
        }
        let end = self.rows.len().min(self.done + AT_A_TIME);
        let rows = &self.rows[self.done..end];
        let packages: Vec<Uuid> = rows.iter().map(|r| r.id).collect();
        let kernels: Vec<Uuid> = self.columns.iter().map(|c| c.id).collect();
        let mut conn = self.app.pool.acquire().await?;
        let cells = store::matrix::cells(&mut conn, self.viewer, &packages, &kernels).await?;
        let cells = by_pair(cells);
        let bytes = write(|csv| {
            for row in rows {
                for column in &self.columns {
                    if let Some(verdict) = cells.get(&(row.id, column.id)) {
                        csv.write_record(line(row, column, *verdict))?;
                    }
                }
            }
            Ok(())
        })?;
        self.done = end;
        Ok(Some(bytes))
    }
}

fn write(fill: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>) -> anyhow::Result<Bytes> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    fill(&mut csv)?;
    Ok(csv.into_inner()?.into())
}

fn line(row: &Row, column: &Column, verdict: kabi::Verdict) -> [String; HEADER.len()] {
    [
        row.id.to_string(),
        row.vendor.clone(),
        row.name.clone(),
        evr(row.epoch, &row.version, &row.release),
        row.arch.clone(),
        column.id.to_string(),
        column.product.clone(),
        column.release.clone(),
        column.flavor.clone(),
        column.arch.clone(),
        column.status.clone(),
        verdict.as_str().to_owned(),
        verdict.loads().to_string(),
    ]
}
