//! Kernels over the API and as pages.

mod related;
mod views;

pub use related::{compare, previous};
pub use views::{list_page, page};

use crate::app::App;
use crate::audience::{self, Named};
use crate::auth::{Caller, Role};
use crate::embargo::{self, Change};
use crate::error::{Error, Result};
use crate::extract::{Params, Segments};
use crate::impact;
use crate::jobs::Job;
use crate::routes::acknowledge;
use crate::shown;
use crate::uploads;
use crate::views::rfc3339;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kabi::symvers::Symvers;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use store::kernels::{Filter, Kernel, NewKernel};
use tokio::time::Instant;
use uuid::Uuid;

const DEFAULT_WAIT: u64 = 30;
const LONGEST_WAIT: u64 = 600;
const LONGEST_RELEASE: usize = 64;
/// Most lines told of who looked at a kernel.
const LISTED_ACCESSES: i64 = 10_000;
const PACKED_LEVEL: i32 = 9;

/// Query of a registration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterParams {
    product: String,
    flavor: String,
    arch: String,
    /// `uname -r`.
    release: String,
    status: String,
    /// `YYYY-MM-DD` in the portal's time zone, or RFC 3339: then a preview is released by itself.
    release_date: Option<String>,
    /// Vendors that may know of it before it is released, separated by commas, or `all`. Left out,
    /// nobody new: a kernel registered for the first time is then for the distributor alone.
    vendors: Option<String>,
    /// Whole vermagic of a module of this kernel, or what follows its first word.
    vermagic: Option<String>,
    /// `sizeof(struct module)`, bytes.
    this_module_size: Option<i64>,
    /// Hold the answer so many seconds for the verdicts.
    wait: Option<u64>,
}

/// `POST /api/v1/kernels`
pub async fn register(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<RegisterParams>,
    body: Body,
) -> Result<Response> {
    caller.require_distributor()?;
    let (product, audience) = {
        let mut conn = app.pool.acquire().await?;
        let audience = match &params.vendors {
            Some(names) => Some(Named::parse(&mut conn, names).await?),
            None => None,
        };
        (
            uploads::product_by_name(&mut conn, &params.product).await?,
            audience,
        )
    };
    check(&params, &product)?;
    let date = params.release_date.as_deref();
    let planned = date
        .map(|text| embargo::release_date(text, &app.config.timezone))
        .transpose()?;
    let (release_date, release_at) = planned.unzip();
    let body = read_body(body, app.config.max_symvers_bytes).await?;
    let (symvers, packed) = tokio::task::spawn_blocking(move || read_symvers(&body))
        .await
        .map_err(anyhow::Error::from)??;
    let modversions = symvers.rows.iter().any(|row| row.crc.is_versioned());
    let tail = params.vermagic.as_deref().map(vermagic_tail);
    let new = NewKernel {
        product_id: product.id,
        arch: &params.arch,
        flavor: &params.flavor,
        release: &params.release,
        status: &params.status,
        release_date,
        release_at,
        content_hash: &symvers.content_hash(),
        modversions,
        vermagic_tail: tail.as_deref(),
        this_module_size: params.this_module_size,
        symbol_count: i32::try_from(symvers.rows.len()).unwrap_or(i32::MAX),
        symvers: &packed,
    };
    let (id, is_new) = store_kernel(&app, &new, audience.as_ref()).await?;
    let wait = params.wait.unwrap_or(DEFAULT_WAIT).min(LONGEST_WAIT);
    let kernel = judged(&app, id, Instant::now() + Duration::from_secs(wait)).await?;
    let status = match (kernel.judged_at.is_some(), is_new) {
        (false, _) => StatusCode::ACCEPTED,
        (true, true) => StatusCode::CREATED,
        (true, false) => StatusCode::OK,
    };
    let location = format!("/api/v1/kernels/{id}");
    Ok((
        status,
        [(header::LOCATION, location)],
        Json(shown_to(&app, &caller, &kernel).await?),
    )
        .into_response())
}

async fn store_kernel(
    app: &App,
    new: &NewKernel<'_>,
    audience: Option<&Named>,
) -> Result<(Uuid, bool)> {
    let now = app.now();
    let mut tx = app.pool.begin().await?;
    let (id, is_new) = store::kernels::upsert(&mut tx, new, now).await?;
    if let Some(audience) = audience {
        audience.save(&mut tx, id, now).await?;
    }
    store::kernels::set_unjudged(&mut tx, id).await?;
    if new.status == "released" {
        // It may have been a preview until now.
        embargo::follow_release(&mut tx, id, now).await?;
    }
    embargo::release_due(&mut tx, now).await?;
    Job::JudgeKernel { kernel_id: id }
        .enqueue(&mut tx, now)
        .await?;
    tx.commit().await?;
    app.kernels.forget(id);
    tracing::info!(
        kernel.id = %id,
        kernel.release = new.release,
        kernel.status = new.status,
        is_new,
        "kernel registered"
    );
    Ok((id, is_new))
}

fn check(params: &RegisterParams, product: &store::products::Product) -> Result<()> {
    let known = |what: &str, value: &str, list: &[String]| {
        if list.iter().any(|known| known == value) {
            return Ok(());
        }
        Err(Error::not_found(format!(
            "{} has no {what} `{value}`; it has {}. The operator adds one with `kmp-portal admin \
             product add`.",
            product.name,
            list.join(", ")
        )))
    };
    known("arch", &params.arch, &product.arches)?;
    if !product.flavors.is_empty() {
        known("flavor", &params.flavor, &product.flavors)?;
    }
    embargo::check_status(&params.status)?;
    let release = &params.release;
    let is_word = release.chars().all(|c| c.is_ascii_graphic() && c != '/');
    if release.is_empty() || release.len() > LONGEST_RELEASE || !is_word {
        return Err(Error::bad_request(format!(
            "`release` is what `uname -r` prints on this kernel: 1 to {LONGEST_RELEASE} printable \
             characters without blanks and slashes."
        )));
    }
    Ok(())
}

/// What follows the first word, verbatim: a blank at its end counts.
fn vermagic_tail(vermagic: &str) -> String {
    match vermagic.split_once(' ') {
        Some((first, tail)) if first.contains('.') => tail.to_owned(),
        _ => vermagic.to_owned(),
    }
}

async fn read_body(body: Body, limit: usize) -> Result<bytes::Bytes> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        use std::error::Error as _;
        let text = error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string);
        if text.contains("length limit") {
            return Error::too_large(format!(
                "A symvers file may have at most {limit} bytes. Send it compressed (gz, xz, zst)."
            ));
        }
        Error::bad_request(format!("The upload broke off: {text}. Send it again."))
    })
}

fn read_symvers(body: &[u8]) -> Result<(Symvers, Vec<u8>)> {
    let symvers = kabi::symvers::parse(body).map_err(|error| {
        Error::unprocessable(format!(
            "The body is not a Module.symvers file: {error}. Send the kernel's Module.symvers or \
             symvers, plain or packed with gz, xz or zst."
        ))
    })?;
    let packed = zstd::bulk::compress(symvers.to_canonical_text().as_bytes(), PACKED_LEVEL)
        .map_err(anyhow::Error::from)?;
    Ok((symvers, packed))
}

/// Waits until the kernel is judged, but not beyond the deadline.
async fn judged(app: &App, id: Uuid, deadline: Instant) -> Result<Kernel> {
    let mut news = app.hub.subscribe();
    loop {
        let kernel = find(app, id).await?;
        if kernel.judged_at.is_some() || Instant::now() >= deadline {
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
    if caller.role == Role::Distributor {
        let mut conn = app.pool.acquire().await?;
        let audience = store::audience::of_kernel(&mut conn, kernel.id).await?;
        value["vendors"] = json!(audience::words(&audience));
    }
    Ok(value)
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
    find(&app, id).await?;
    let mut tx = app.pool.begin().await?;
    embargo::change(&mut tx, id, &change, &app.config.timezone, app.now()).await?;
    tx.commit().await?;
    let kernel = find(&app, id).await?;
    tracing::info!(
        kernel.id = %id,
        kernel.release = kernel.release,
        kernel.status = kernel.status,
        by = caller.name,
        "kernel changed"
    );
    Ok(Json(shown_to(&app, &caller, &kernel).await?))
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
    page: Option<usize>,
    per_page: Option<usize>,
}

const BROKEN: usize = 500;
const MOST_BROKEN: usize = 5_000;
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
    let verdicts = shown::verdicts_on(&mut conn, &caller, &kernel).await?;
    let told = store::mails::told(&mut conn, id).await?;
    let impact = impact::of_kernel(verdicts);
    let said = store::acknowledgements::of_kernel(&mut conn, caller.viewer(), id).await?;
    let packages: Vec<Value> = impact
        .broken
        .iter()
        .skip((page - 1).saturating_mul(per_page))
        .take(per_page)
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
                "modules": p.modules,
            })
        })
        .collect();
    let symbols: Vec<Value> = impact
        .symbols
        .iter()
        .take(BREAKING_SYMBOLS)
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
        "packages_total": impact.loads + impact.broken.len(),
        "packages_load": impact.loads,
        "packages_break": impact.broken.len(),
        "page": page,
        "per_page": per_page,
        "packages": packages,
        "symbols_total": impact.symbols.len(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vermagic_may_come_whole_or_as_its_tail() {
        for (given, tail) in [
            (
                "6.1.0-56-amd64 SMP preempt mod_unload modversions ",
                "SMP preempt mod_unload modversions ",
            ),
            (
                "SMP preempt mod_unload modversions ",
                "SMP preempt mod_unload modversions ",
            ),
        ] {
            assert_eq!(vermagic_tail(given), tail);
        }
    }
}
