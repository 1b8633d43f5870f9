//! Kernels over the API and as pages.

mod change;
mod form;
mod parts;
mod register;
mod related;
mod views;

pub use change::submit_change;
pub use form::{form, submit};
pub use parts::{add_parts, put_severities, put_stablelist};
pub use register::register;
pub use related::{compare, previous};
pub use views::{list_page, page};

use crate::app::App;
use crate::audience;
use crate::auth::{Caller, Role};
use crate::embargo::{self, Change};
use crate::error::{Error, Result};
use crate::extract::{Params, Segments};
use crate::impact;
use crate::routes::acknowledge;
use crate::shown;
use crate::uploads;
use crate::views::rfc3339;
use crate::waivers::Actor;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use store::kernels::{Filter, Kernel};
use tokio::time::Instant;
use uuid::Uuid;

/// Most lines told of who looked at a kernel.
const LISTED_ACCESSES: i64 = 10_000;

/// Waits until the kernel is judged, but not beyond the deadline.
async fn judged(app: &App, id: Uuid, deadline: Instant) -> Result<Kernel> {
    let mut news = app.hub.subscribe();
    loop {
        let kernel = find(app, id).await?;
        if kernel.judged_at.is_some() || Instant::now() >= deadline {
            if kernel.judged_at.is_some() {
                app.hardware.refresh().await;
            }
            return Ok(kernel);
        }
        let look = deadline.min(Instant::now() + Duration::from_millis(500));
        // News of this kernel, the deadline, or another look.
        let _ = tokio::time::timeout_at(look, async {
            while let Ok(n) = news.recv().await {
                if n.channel == store::channel::KERNELS {
                    return;
                }
            }
        })
        .await;
    }
}

/// The kernel, for a distributor.
async fn find(app: &App, id: Uuid) -> Result<Kernel> {
    let mut conn = app.pool.acquire().await?;
    store::kernels::for_judging(&mut conn, id)
        .await?
        .ok_or_else(|| Error::not_found(format!("There is no kernel {id}.")))
}

/// A kernel as the API shows it to this caller; distributors see for whom it is.
async fn shown_to(app: &App, caller: &Caller, kernel: &Kernel) -> Result<Value> {
    let mut value = json(caller, kernel);
    if shown::wholly(caller, kernel) {
        let mut conn = app.pool.acquire().await?;
        let parts = store::kernel_parts::of_kernel(&mut conn, kernel.id).await?;
        let lists = store::kernel_parts::lists_for_judging(&mut conn, kernel.id).await?;
        value["parts"] = parts.iter().map(part_json).collect();
        value["has_severities"] = lists.severities.is_some().into();
        value["has_stablelist"] = lists.stablelist.is_some().into();
    }
    if caller.role == Role::Distributor {
        let mut conn = app.pool.acquire().await?;
        let audience = store::audience::of_kernel(&mut conn, kernel.id).await?;
        value["vendors"] = json!(audience::words(&audience));
    }
    Ok(value)
}

fn part_json(part: &store::kernel_parts::Part) -> Value {
    json!({
        "kind": part.kind,
        "name": part.label,
        "sha256": part.sha256.as_ref().map(hex::encode),
        "symbols": part.symbols,
        "modules": part.modules,
        "added_at": rfc3339(part.added_at),
    })
}

/// A kernel in a list.
fn json(caller: &Caller, kernel: &Kernel) -> Value {
    let wholly = shown::wholly(caller, kernel);
    json!({
        "id": kernel.id,
        "product": kernel.product,
        "arch": kernel.arch,
        "flavor": kernel.flavor,
        "release": kernel.release,
        "status": kernel.status,
        "release_date": kernel.release_date.map(|d| d.to_string()),
        "release_at": kernel.release_at.map(rfc3339),
        "released_at": kernel.released_at.map(rfc3339),
        "content_hash": wholly.then(|| hex::encode(&kernel.content_hash)),
        "modversions": kernel.modversions,
        "vermagic_tail": kernel.vermagic_tail,
        "this_module_size": kernel.this_module_size,
        "symbols": wholly.then_some(kernel.symbol_count),
        "revision": kernel.revision,
        "superseded": kernel.superseded,
        "unknown": kernel.unknown,
        "created_at": rfc3339(kernel.created_at),
        "judged_at": kernel.judged_at.map(rfc3339),
    })
}

/// Query of a list.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct ListParams {
    /// Part of the release (pages only).
    q: String,
    product: String,
    arch: Option<String>,
    flavor: Option<String>,
    release: Option<String>,
    status: String,
    page: Option<u64>,
}

impl ListParams {
    async fn kernels(&self, app: &App, caller: &Caller) -> Result<Vec<Kernel>> {
        let mut conn = app.pool.acquire().await?;
        let product_id = match self.product.as_str() {
            "" => None,
            name => Some(uploads::product_by_name(&mut conn, name).await?.id),
        };
        let filter = Filter {
            product_id,
            arch: self.arch.clone(),
            flavor: self.flavor.clone(),
            release: self.release.clone(),
            release_contains: (!self.q.is_empty()).then(|| self.q.clone()),
            status: (!self.status.is_empty()).then(|| self.status.clone()),
        };
        shown::kernels(app, &mut conn, caller, &filter).await
    }
}

/// `GET /api/v1/kernels`
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Json<Value>> {
    let kernels = params.kernels(&app, &caller).await?;
    Ok(Json(json!({
        "total": kernels.len(),
        "kernels": kernels.iter().map(|k| json(&caller, k)).collect::<Vec<_>>(),
    })))
}

/// `GET /api/v1/kernels/{id}`
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<Json<Value>> {
    let kernel = {
        let mut conn = app.pool.acquire().await?;
        shown::kernel(&app, &mut conn, &caller, id).await?
    };
    Ok(Json(shown_to(&app, &caller, &kernel).await?))
}

/// `PATCH /api/v1/kernels/{id}`: status, release date, and for whom it is until then.
pub async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    body: Result<Json<Change>, JsonRejection>,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let Json(change) = body.map_err(|e| {
        Error::bad_request(format!(
            "Send what is to change of `{{\"status\": …, \"release_date\": …, \"vendors\": […], \
             \"add_vendors\": […], \"remove_vendors\": […]}}` as application/json. {}",
            e.body_text()
        ))
    })?;
    let kernel = carry_out(&app, &caller, id, &change).await?;
    Ok(Json(shown_to(&app, &caller, &kernel).await?))
}

/// Changes a kernel on behalf of a distributor; gives it as it is afterwards.
async fn carry_out(app: &App, caller: &Caller, id: Uuid, change: &Change) -> Result<Kernel> {
    caller.require_distributor()?;
    find(app, id).await?;
    let by = Actor {
        name: &caller.name,
        role: "distributor",
    };
    let mut tx = app.pool.begin().await?;
    embargo::change(&mut tx, id, change, &app.config.timezone, by, app.now()).await?;
    tx.commit().await?;
    let kernel = find(app, id).await?;
    tracing::info!(
        kernel.id = %id,
        kernel.release = kernel.release,
        kernel.status = kernel.status,
        by = caller.name,
        "kernel changed"
    );
    Ok(kernel)
}

/// `GET /api/v1/kernels/{id}/accesses`: which vendors were shown it while it was under embargo.
pub async fn accesses(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    find(&app, id).await?;
    let mut conn = app.pool.acquire().await?;
    let accesses = store::accesses::of_kernel(&mut conn, id, LISTED_ACCESSES).await?;
    Ok(Json(json!({ "accesses": accesses })))
}

/// Query of an impact: which part of the packages that break.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct ImpactParams {
    page: Option<i64>,
    per_page: Option<i64>,
}

const BROKEN: i64 = 500;
const MOST_BROKEN: i64 = 5_000;
/// Symbols that an impact names; a comparison of the kernels has all.
const BREAKING_SYMBOLS: usize = 1_000;

/// `GET /api/v1/kernels/{id}/impact`: which packages break, and which symbols break them.
pub async fn impact(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    Params(params): Params<ImpactParams>,
) -> Result<Json<Value>> {
    let per_page = params.per_page.unwrap_or(BROKEN).clamp(1, MOST_BROKEN);
    let page = params.page.unwrap_or(1).max(1);
    let mut conn = app.pool.acquire().await?;
    let kernel = shown::kernel(&app, &mut conn, &caller, id).await?;
    let [total, loads, breaks] = shown::counts_on(&mut conn, &caller, &kernel).await?.sums();
    let told = store::mails::told(&mut conn, id).await?;
    let said = store::acknowledgements::of_kernel(&mut conn, caller.viewer(), id).await?;
    let symbols = impact::symbols(&app, &mut conn, &caller, &kernel, BREAKING_SYMBOLS).await?;
    let part = store::Page {
        limit: per_page,
        offset: (page - 1).saturating_mul(per_page),
    };
    let broken = shown::broken_on(&mut conn, &caller, &kernel, part).await?;
    let ids: Vec<Uuid> = broken.iter().map(|b| b.package.package_id).collect();
    let reasons = shown::reasons_on(&mut conn, &caller, &kernel, &ids).await?;
    let packages: Vec<Value> = broken
        .iter()
        .map(|b| {
            let p = &b.package;
            json!({
                "id": p.package_id,
                "vendor": p.vendor,
                "name": p.name,
                "version": crate::views::evr(p.epoch, &p.version, &p.release),
                "arch": p.arch,
                "verdict": p.verdict,
                "fixed_by": b.fixed_by,
                "needs_rebuild": b.needs_rebuild(),
                "modules": reasons.get(&p.package_id).map_or(&[][..], Vec::as_slice),
                "modules_total": p.totals.modules,
                "modules_load": p.totals.modules_load,
                "reasons_total": p.totals.reasons,
            })
        })
        .collect();
    let symbols_total = symbols.total;
    let symbols: Vec<Value> = symbols
        .first
        .iter()
        .map(|s| {
            json!({
                "symbol": s.symbol,
                "codes": s.codes,
                "packages": s.packages,
                "modules": s.modules,
            })
        })
        .collect();
    Ok(Json(json!({
        "kernel": json(&caller, &kernel),
        "packages_total": total,
        "packages_load": loads,
        "packages_break": breaks,
        "page": page,
        "per_page": per_page,
        "packages": packages,
        "symbols_total": symbols_total,
        "symbols": symbols,
        "acknowledged": said.iter().map(acknowledge::json).collect::<Vec<_>>(),
        "notified": match caller.role {
            Role::Distributor => told
                .iter()
                .map(|(vendor, sent)| json!({ "vendor": vendor, "sent_at": sent.map(rfc3339) }))
                .collect(),
            _ => Vec::new(),
        },
    })))
}
