//! Kernels over the API and as pages.

mod views;

pub use views::{list_page, page};

use crate::app::App;
use crate::audience::Named;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::{Params, Segments};
use crate::impact;
use crate::jobs::Job;
use crate::uploads;
use crate::views::rfc3339;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kabi::symvers::Symvers;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use store::Viewer;
use store::kernels::{Filter, Kernel, NewKernel};
use time::Date;
use time::macros::format_description;
use tokio::time::Instant;
use uuid::Uuid;

const DEFAULT_WAIT: u64 = 30;
const LONGEST_WAIT: u64 = 600;
const LONGEST_RELEASE: usize = 64;
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
    /// `YYYY-MM-DD`.
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
    let release_date = check(&params, &product)?;
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
        release_at: release_date.map(|day| day.midnight().assume_utc()),
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
    Ok((status, [(header::LOCATION, location)], Json(json(&kernel))).into_response())
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

fn check(params: &RegisterParams, product: &store::products::Product) -> Result<Option<Date>> {
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
    if !["preview", "released", "retired"].contains(&params.status.as_str()) {
        return Err(Error::bad_request(format!(
            "`{}` is no status. There are preview, released, retired.",
            params.status
        )));
    }
    let release = &params.release;
    let is_word = release.chars().all(|c| c.is_ascii_graphic() && c != '/');
    if release.is_empty() || release.len() > LONGEST_RELEASE || !is_word {
        return Err(Error::bad_request(format!(
            "`release` is what `uname -r` prints on this kernel: 1 to {LONGEST_RELEASE} printable \
             characters without blanks and slashes."
        )));
    }
    let Some(text) = &params.release_date else {
        return Ok(None);
    };
    Date::parse(text, format_description!("[year]-[month]-[day]"))
        .map(Some)
        .map_err(|_| {
            Error::bad_request(format!(
                "`release_date` must look like 2026-11-23; it is `{text}`."
            ))
        })
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
        let kernel = find(app, Viewer::Distributor, id).await?;
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

/// The kernel, if the viewer may see it: one that is not for them does not exist.
async fn find(app: &App, viewer: Viewer, id: Uuid) -> Result<Kernel> {
    let mut conn = app.pool.acquire().await?;
    store::kernels::by_id(&mut conn, viewer, id)
        .await?
        .ok_or_else(|| Error::not_found(format!("There is no kernel {id}.")))
}

/// A kernel as the API shows it.
fn json(kernel: &Kernel) -> Value {
    json!({
        "id": kernel.id,
        "product": kernel.product,
        "arch": kernel.arch,
        "flavor": kernel.flavor,
        "release": kernel.release,
        "status": kernel.status,
        "release_date": kernel.release_date.map(|d| d.to_string()),
        "content_hash": hex::encode(&kernel.content_hash),
        "modversions": kernel.modversions,
        "vermagic_tail": kernel.vermagic_tail,
        "this_module_size": kernel.this_module_size,
        "symbols": kernel.symbol_count,
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
            status: (!self.status.is_empty()).then(|| self.status.clone()),
        };
        let mut kernels = store::kernels::list(&mut conn, caller.viewer(), &filter).await?;
        kernels.retain(|k| k.release.contains(&self.q));
        Ok(kernels)
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
        "kernels": kernels.iter().map(json).collect::<Vec<_>>(),
    })))
}

/// `GET /api/v1/kernels/{id}`
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<Json<Value>> {
    Ok(Json(json(&find(&app, caller.viewer(), id).await?)))
}

/// `GET /api/v1/kernels/{id}/impact`: which packages break, and which symbols break them.
pub async fn impact(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<Json<Value>> {
    let kernel = find(&app, caller.viewer(), id).await?;
    let mut conn = app.pool.acquire().await?;
    let verdicts = store::verdicts::on_kernel(&mut conn, caller.viewer(), id).await?;
    let told = store::mails::told(&mut conn, id).await?;
    let impact = impact::of_kernel(verdicts);
    let packages: Vec<Value> = impact
        .broken
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
                "modules": p.modules,
            })
        })
        .collect();
    let symbols: Vec<Value> = impact
        .symbols
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
        "kernel": json(&kernel),
        "packages_total": impact.loads + impact.broken.len(),
        "packages_load": impact.loads,
        "packages_break": impact.broken.len(),
        "packages": packages,
        "symbols": symbols,
        "notified": match caller.role {
            crate::auth::Role::Distributor => told
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
