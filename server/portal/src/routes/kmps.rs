//! The history of one KMP: all its builds, over the API and as a page.

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::{Params, Segments};
use crate::pages::{
    KernelStatus, KmpBuild, KmpPage, MatrixCell, MatrixColumn, Nav, PackageState, Paging, Verdict,
    encode,
};
use crate::routes::pages::Page;
use crate::shown;
use crate::views::{evr, moment, rfc3339, shell, verdict};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use store::kmps::Build;
use store::matrix::{Column, Columns};
use uuid::Uuid;

const BUILDS: i64 = 50;
const MOST_BUILDS: i64 = 500;
/// Kernels beside each other; older ones are in the matrix.
const KERNELS: i64 = 12;
const MOST_KERNELS: i64 = 200;

/// Query of a history.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct KmpParams {
    page: Option<i64>,
    per_page: Option<i64>,
    /// How many of the newest kernels on which some build was judged.
    kernels: Option<i64>,
}

/// Builds and the kernels they were judged on.
struct Kmp {
    builds: Vec<Build>,
    total: i64,
    part: store::Page,
    columns: Vec<Column>,
    cells: HashMap<(Uuid, Uuid), kabi::Verdict>,
}

impl Kmp {
    async fn find(
        app: &App,
        caller: &Caller,
        name: &str,
        params: &KmpParams,
        kernels: i64,
    ) -> Result<Self> {
        let limit = params.per_page.unwrap_or(BUILDS).clamp(1, MOST_BUILDS);
        let part = store::Page {
            limit,
            offset: (params.page.unwrap_or(1).clamp(1, 1_000_000) - 1) * limit,
        };
        let mut conn = app.pool.acquire().await?;
        let viewer = caller.viewer();
        let (builds, total) = store::kmps::builds(&mut conn, viewer, name, part).await?;
        if builds.is_empty() && part.offset == 0 {
            return Err(Error::not_found(format!(
                "There is no KMP `{name}`. `/packages?q=…` finds packages by a part of their name."
            )));
        }
        let all = store::Page {
            limit: i64::MAX,
            offset: 0,
        };
        let (columns, _) = shown::columns(app, &mut conn, caller, &Columns::default(), all).await?;
        let kernel_ids: Vec<Uuid> = columns.iter().map(|c| c.id).collect();
        let package_ids: Vec<Uuid> = builds.iter().map(|b| b.id).collect();
        let cells = store::matrix::cells(&mut conn, viewer, &package_ids, &kernel_ids).await?;
        let most = usize::try_from(params.kernels.unwrap_or(kernels).clamp(1, MOST_KERNELS));
        let is_judged = |c: &Column| cells.iter().any(|cell| cell.kernel_id == c.id);
        let columns = columns.into_iter().filter(is_judged);
        Ok(Self {
            columns: columns.take(most.unwrap_or(1)).collect(),
            builds,
            total,
            part,
            cells: cells
                .iter()
                .map(|c| ((c.package_id, c.kernel_id), c.verdict))
                .collect(),
        })
    }
}

/// `GET /api/v1/kmps/{name}`
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
    Params(params): Params<KmpParams>,
) -> Result<Json<Value>> {
    let kmp = Kmp::find(&app, &caller, &name, &params, MOST_KERNELS).await?;
    let kernels = kmp.columns.iter().map(|c| {
        json!({
            "id": c.id,
            "product": c.product,
            "arch": c.arch,
            "flavor": c.flavor,
            "release": c.release,
            "status": c.status,
        })
    });
    Ok(Json(json!({
        "name": name,
        "total": kmp.total,
        "page": kmp.part.offset / kmp.part.limit + 1,
        "kernels": kernels.collect::<Vec<_>>(),
        "builds": kmp.builds.iter().map(|b| build_json(b, &kmp)).collect::<Vec<_>>(),
    })))
}

fn build_json(build: &Build, kmp: &Kmp) -> Value {
    let verdicts = kmp.columns.iter().filter_map(|c| {
        let verdict = kmp.cells.get(&(build.id, c.id))?;
        Some((c.id.to_string(), json!(verdict)))
    });
    json!({
        "id": build.id,
        "vendor": build.vendor,
        "version": evr(build.epoch, &build.version, &build.release),
        "arch": build.arch,
        "flavor": build.flavor,
        "kernel_release": build.kernel_release,
        "state": build.state,
        "uploaded_at": rfc3339(build.created_at),
        "published_at": build.published_at.map(rfc3339),
        "withdrawn_at": build.withdrawn_at.map(rfc3339),
        // By the id of the kernel.
        "verdicts": verdicts.collect::<Map<_, _>>(),
    })
}

/// `GET /kmps/{name}`
pub async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
    Params(params): Params<KmpParams>,
) -> Result<Page<KmpPage>> {
    let kmp = Kmp::find(&app, &caller, &name, &params, KERNELS).await?;
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    let paging = Paging::new(
        &format!("/kmps/{}", encode(&name)),
        &[],
        number(kmp.part.offset / kmp.part.limit + 1),
        number(kmp.part.limit),
        number(kmp.total),
    );
    let newest = kmp.builds.first();
    Ok(Page(KmpPage {
        shell: shell(&app, &caller, Nav::Packages),
        matrix_href: format!("/matrix?q={}", encode(&name)),
        summary: newest.and_then(|b| b.summary.clone()),
        vendor: newest.map_or_else(String::new, |b| b.vendor_display_name.clone()),
        columns: kmp.columns.iter().map(column).collect(),
        builds: kmp.builds.iter().map(|b| build_view(b, &kmp)).collect(),
        legend: Verdict::shown().collect(),
        name,
        paging,
    }))
}

fn column(column: &Column) -> MatrixColumn {
    MatrixColumn {
        href: format!("/kernels/{}", column.id),
        release: column.release.clone(),
        place: format!("{} · {} · {}", column.product, column.flavor, column.arch),
        status: KernelStatus::from_code(&column.status).unwrap_or(KernelStatus::Released),
        bar: Default::default(),
    }
}

fn build_view(build: &Build, kmp: &Kmp) -> KmpBuild {
    let cells = kmp.columns.iter().map(|column| {
        let found = kmp.cells.get(&(build.id, column.id))?;
        Some(MatrixCell {
            verdict: verdict(*found),
            href: format!("/packages/{}#on-{}", build.id, column.id),
        })
    });
    KmpBuild {
        href: format!("/packages/{}", build.id),
        version: format!(
            "{}.{}",
            evr(build.epoch, &build.version, &build.release),
            build.arch
        ),
        built_for: build.kernel_release.clone(),
        state: PackageState::from_code(build.state.as_str()).unwrap_or(PackageState::Accepted),
        uploaded: moment(build.created_at),
        published: build.published_at.map(moment),
        withdrawn: build.withdrawn_at.map(moment),
        cells: cells.collect(),
    }
}
