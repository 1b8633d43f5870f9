//! Repositories of others over the API and as pages.

use crate::app::App;
use crate::auth::{Caller, Role, missing_token};
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::offers;
use crate::pages::{
    Choice, Fact, Link, Nav, RegisterSource, SourceKernel, SourcePackage, SourcePage, SourceRow,
    SourceState, SourcesPage, VerdictTally, counted, fingerprint,
};
use crate::registration::{Format, Offer};
use crate::routes::pages::Page;
use crate::sources::{self, Standing, Wish, is_offered};
use crate::uploads;
use crate::views::{moment, rfc3339, shell};
use axum::extract::State;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::PgConnection;
use store::audit::NewEvent;
use store::sources::{Shown, Source, Stored};
use uuid::Uuid;

/// What is asked for by `POST /api/v1/sources`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    url: String,
    product: String,
    /// Armored key.
    key: String,
    /// Left out by vendors, who register their own.
    #[serde(default)]
    vendor: String,
}

/// `POST /api/v1/sources`
pub async fn register(
    State(app): State<Arc<App>>,
    caller: Caller,
    body: Result<Json<Asked>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>)> {
    may_register(&caller)?;
    let Json(asked) = body.map_err(|e| {
        Error::bad_request(format!(
            "Send `url`, `product` and `key`, and as a distributor `vendor`, in JSON. {}",
            e.body_text()
        ))
    })?;
    let source = registered(&app, &caller, &asked).await?;
    Ok((StatusCode::CREATED, Json(source_json(&source, &app))))
}

fn may_register(caller: &Caller) -> Result<()> {
    match caller.role {
        Role::Anonymous => Err(missing_token()),
        Role::Vendor { .. } | Role::Distributor => Ok(()),
    }
}

async fn registered(app: &App, caller: &Caller, asked: &Asked) -> Result<Source> {
    let now = app.now();
    let mut tx = app.pool.begin().await?;
    let product = uploads::product_by_name(&mut tx, &asked.product).await?;
    let wish = Wish {
        vendor_id: vendor_id(&mut tx, caller, &asked.vendor).await?,
        product_id: product.id,
        url: &asked.url,
        key: &asked.key,
        approved_by: (caller.role == Role::Distributor).then_some(caller.name.as_str()),
    };
    let id = sources::register(&mut tx, wish, now).await?;
    let source = by_id(&mut tx, id).await?;
    record(&mut tx, &source, "source.registered", caller, now).await?;
    tx.commit().await?;
    Ok(source)
}

async fn vendor_id(conn: &mut PgConnection, caller: &Caller, name: &str) -> Result<i64> {
    match &caller.role {
        Role::Vendor { name: own, .. } if !name.is_empty() && name != own => Err(Error::forbidden(
            format!("This token is of the vendor `{own}`, who registers its own sources only."),
        )),
        Role::Vendor { id, .. } => Ok(*id),
        Role::Distributor if name.is_empty() => Err(Error::unprocessable(
            "Name the `vendor` that answers for the repository.",
        )),
        Role::Distributor => {
            let vendor = store::vendors::by_name(conn, name).await?;
            let missing = || Error::not_found(format!("There is no vendor `{name}`."));
            Ok(vendor.ok_or_else(missing)?.id)
        }
        Role::Anonymous => Err(missing_token()),
    }
}

async fn by_id(conn: &mut PgConnection, id: Uuid) -> Result<Source> {
    store::sources::by_id(conn, id)
        .await?
        .ok_or_else(|| no_source(id))
}

fn no_source(id: Uuid) -> Error {
    Error::not_found(format!("There is no source {id}."))
}

async fn record(
    conn: &mut PgConnection,
    source: &Source,
    action: &str,
    caller: &Caller,
    now: store::Time,
) -> sqlx::Result<()> {
    let role = match caller.role {
        Role::Distributor => "distributor",
        Role::Vendor { .. } | Role::Anonymous => "vendor",
    };
    let event = NewEvent {
        actor: &caller.name,
        role,
        action,
        subject: &format!("source {}", source.id),
        vendor_id: Some(source.vendor_id),
        detail: &format!(
            "{} for {}, key {}",
            source.url,
            source.product,
            source.fingerprints.join(", ")
        ),
    };
    store::audit::record(conn, &event, now).await
}

/// The source, if the caller may see it: everybody those that are let in, vendors their own, too.
async fn visible(conn: &mut PgConnection, caller: &Caller, id: Uuid) -> Result<Source> {
    let source = by_id(conn, id).await?;
    match may_see(caller, &source) {
        true => Ok(source),
        false => Err(no_source(id)),
    }
}

fn may_see(caller: &Caller, source: &Source) -> bool {
    source.approved_at.is_some() || is_responsible(caller, source)
}

/// Its vendor, or a distributor.
fn is_responsible(caller: &Caller, source: &Source) -> bool {
    match &caller.role {
        Role::Anonymous => false,
        Role::Vendor { id, .. } => *id == source.vendor_id,
        Role::Distributor => true,
    }
}

/// `GET /api/v1/sources`
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>> {
    let mut conn = app.pool.acquire().await?;
    let mut found = store::sources::list(&mut conn, None, None).await?;
    found.retain(|source| may_see(&caller, source));
    let sources: Vec<Value> = found.iter().map(|it| source_json(it, &app)).collect();
    Ok(Json(json!({ "total": sources.len(), "sources": sources })))
}

fn source_json(source: &Source, app: &App) -> Value {
    let now = app.now();
    json!({
        "id": source.id,
        "url": source.url,
        "product": source.product,
        "vendor": source.vendor,
        "key": app.url(&format!("/keys/sources/{}.asc", source.id)),
        "key_fingerprints": source.fingerprints,
        "state": Standing::of(source, now).as_str(),
        "offered": is_offered(source, now),
        "approved_by": source.approved_by,
        "approved_at": source.approved_at.map(rfc3339),
        "good_at": source.good_at.map(rfc3339),
        "next_read_at": rfc3339(source.read_at),
        "failures": source.failures,
        "fault": source.fault,
        "packages": source.packages,
    })
}

/// `GET /api/v1/sources/{id}`: with its packages and their verdicts.
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<Json<Value>> {
    let mut conn = app.pool.acquire().await?;
    let source = visible(&mut conn, &caller, id).await?;
    let packages = store::sources::packages(&mut conn, id).await?;
    let verdicts = store::sources::verdicts(&mut conn, id).await?;
    let packages = packages.iter().map(|it| package_json(it, &verdicts));
    let mut shown = source_json(&source, &app);
    shown["listed"] = packages.collect();
    Ok(Json(shown))
}

fn package_json(stored: &Stored, verdicts: &[Shown]) -> Value {
    let package = &stored.package;
    let verdicts = verdicts.iter().filter(|v| v.package_id == stored.id);
    let verdicts: Vec<Value> = verdicts
        .map(|v| {
            json!({
                "kernel": v.kernel_id, "release": v.release, "arch": v.arch, "flavor": v.flavor,
                "verdict": v.verdict, "missing": v.missing, "examples": v.examples,
            })
        })
        .collect();
    json!({
        "nevra": nevra(stored),
        "summary": package.summary,
        "license": package.license,
        "location": package.location,
        "checksum": package.pkgid,
        "size": package.size,
        "aliases": package.aliases.len(),
        "symbols": package.needs.len(),
        "verdicts": verdicts,
    })
}

fn nevra(stored: &Stored) -> String {
    let package = &stored.package;
    let evr = crate::views::metadata_evr(package.epoch, &package.version, &package.release);
    format!("{}-{evr}.{}", package.name, package.arch)
}

/// `GET /sources/{id}/external.repo`: what systems are set up with, while it is offered.
pub async fn repo_file(
    State(app): State<Arc<App>>,
    Segments(id): Segments<Uuid>,
) -> Result<Response> {
    let missing = || Error::not_found(format!("No source {id} is offered at the moment."));
    let catalogue = app.hardware.current().await;
    let catalogue = catalogue.ok_or_else(missing)?;
    let source = catalogue.sources.get(&id).ok_or_else(missing)?;
    let mut lines = catalogue.lines.iter();
    let line = lines.find(|line| line.product.id == source.product_id);
    let product = &line.ok_or_else(missing)?.product;
    let offer = Offer {
        repositories: vec![offers::external(source, product, &app.config.base_url)],
        ..Offer::default()
    };
    let format = Format::RepoFile;
    let text = format.render(&offer).map_err(anyhow::Error::from)?;
    let headers = [
        (header::CONTENT_TYPE, format.content_type()),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, text).into_response())
}

/// `POST /api/v1/sources/{id}/approve`: lets it be offered.
pub async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let source = change(&app, &caller, id, Change::Approve).await?;
    Ok(Json(source_json(
        &source.ok_or_else(|| no_source(id))?,
        &app,
    )))
}

/// `POST /api/v1/sources/{id}/read`: has it read now.
pub async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<(StatusCode, Json<Value>)> {
    let source = change(&app, &caller, id, Change::Read).await?;
    let source = source.ok_or_else(|| no_source(id))?;
    Ok((StatusCode::ACCEPTED, Json(source_json(&source, &app))))
}

/// `DELETE /api/v1/sources/{id}`
pub async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<StatusCode> {
    change(&app, &caller, id, Change::Remove).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What may be done to a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    Approve,
    Read,
    Remove,
}

/// Does it; gives the source as it is now.
async fn change(app: &App, caller: &Caller, id: Uuid, change: Change) -> Result<Option<Source>> {
    may_register(caller)?;
    let now = app.now();
    let mut tx = app.pool.begin().await?;
    let source = visible(&mut tx, caller, id).await?;
    if !is_responsible(caller, &source) {
        return Err(Error::forbidden(
            "Only the vendor that answers for the source and distributors may do this.",
        ));
    }
    let action = match change {
        Change::Approve => {
            caller.require_distributor()?;
            store::sources::approve(&mut tx, id, &caller.name, now).await?;
            "source.approved"
        }
        Change::Read => {
            store::sources::read_soon(&mut tx, id, now).await?;
            "source.asked"
        }
        Change::Remove => {
            store::sources::remove(&mut tx, id).await?;
            "source.removed"
        }
    };
    record(&mut tx, &source, action, caller, now).await?;
    store::notify(&mut tx, store::channel::SOURCES, &id.to_string()).await?;
    let source = store::sources::by_id(&mut tx, id).await?;
    tx.commit().await?;
    Ok(source)
}

/// `GET /sources`
pub async fn list_page(State(app): State<Arc<App>>, caller: Caller) -> Result<Page<SourcesPage>> {
    let mut conn = app.pool.acquire().await?;
    let mut found = store::sources::list(&mut conn, None, None).await?;
    found.retain(|source| may_see(&caller, source));
    let register = match caller.role {
        Role::Anonymous => None,
        Role::Vendor { .. } | Role::Distributor => Some(form(&mut conn, &caller).await?),
    };
    Ok(Page(SourcesPage {
        shell: shell(&app, &caller, Nav::Sources),
        rows: found.iter().map(|it| row(it, &app)).collect(),
        register,
    }))
}

async fn form(conn: &mut PgConnection, caller: &Caller) -> Result<RegisterSource> {
    let products = store::products::list(conn).await?;
    let vendors = match caller.role {
        Role::Distributor => store::vendors::list(conn).await?,
        Role::Vendor { .. } | Role::Anonymous => Vec::new(),
    };
    Ok(RegisterSource {
        products: Choice::list(products.into_iter().map(|p| (p.name, p.display_name)), ""),
        vendors: Choice::list(vendors.into_iter().map(|v| (v.name, v.display_name)), ""),
    })
}

fn row(source: &Source, app: &App) -> SourceRow {
    let standing = Standing::of(source, app.now());
    SourceRow {
        id: source.id.to_string(),
        url: source.url.clone(),
        product: source.product.clone(),
        vendor: source.vendor_display_name.clone(),
        state: SourceState::from_code(standing.as_str()).unwrap_or(SourceState::New),
        is_approved: source.approved_at.is_some(),
        packages: source.packages.to_string(),
        good: source.good_at.map(moment),
    }
}

/// `GET /sources/{id}`
pub async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<Page<SourcePage>> {
    let mut conn = app.pool.acquire().await?;
    let source = visible(&mut conn, &caller, id).await?;
    let packages = store::sources::packages(&mut conn, id).await?;
    let verdicts = store::sources::verdicts(&mut conn, id).await?;
    Ok(Page(SourcePage {
        shell: shell(&app, &caller, Nav::Sources),
        facts: facts(&source),
        fault: source.fault.clone(),
        packages: packages.iter().map(|it| shown(it, &verdicts)).collect(),
        actions: actions(&caller, &source),
        source: row(&source, &app),
    }))
}

fn facts(source: &Source) -> Vec<Fact> {
    let fact = |name: &str, value: String| Fact {
        name: name.to_owned(),
        value,
    };
    let time = |at: Option<store::Time>| at.map_or("never".to_owned(), |at| moment(at).human);
    let approved = match (&source.approved_by, source.approved_at) {
        (Some(by), Some(at)) => format!("{by}, {}", moment(at).human),
        _ => "nobody yet".to_owned(),
    };
    let keys: Vec<String> = source.fingerprints.iter().map(|f| fingerprint(f)).collect();
    vec![
        fact("Key", keys.join(", ")),
        fact("Last in order", time(source.good_at)),
        fact("Read again", time(Some(source.read_at))),
        fact("Let in by", approved),
    ]
}

fn shown(stored: &Stored, verdicts: &[Shown]) -> SourcePackage {
    let mine = verdicts.iter().filter(|v| v.package_id == stored.id);
    let (loads, others): (Vec<&Shown>, Vec<&Shown>) = mine.partition(|v| v.verdict.loads());
    let breaks = others.iter().map(|v| SourceKernel {
        kernel: Link {
            href: format!("/kernels/{}", v.kernel_id),
            label: v.release.clone(),
        },
        why: why(v),
    });
    let package = &stored.package;
    SourcePackage {
        nevra: nevra(stored),
        summary: package.summary.clone(),
        told: format!(
            "{}, {}",
            counted(
                package.aliases.len() as u64,
                "hardware pattern",
                "hardware patterns"
            ),
            counted(package.needs.len() as u64, "symbol", "symbols"),
        ),
        tally: VerdictTally {
            loads: loads.len(),
            breaks: others.len(),
            kernels: loads.len() + others.len(),
        },
        breaks: breaks.collect(),
    }
}

fn why(on: &Shown) -> String {
    let examples = on.examples.join(", ");
    match usize::try_from(on.missing).unwrap_or(0) {
        0 if examples.is_empty() => "cannot be told from its metadata".to_owned(),
        0 => examples,
        missing if missing > on.examples.len() => format!("{missing} symbols: {examples}, …"),
        missing => format!(
            "{}: {examples}",
            counted(missing as u64, "symbol", "symbols")
        ),
    }
}

fn actions(caller: &Caller, source: &Source) -> Vec<Choice> {
    if !is_responsible(caller, source) {
        return Vec::new();
    }
    let approve = caller.role == Role::Distributor && source.approved_at.is_none();
    let approve = approve.then_some(("approve", "Let it in"));
    let others = [("read", "Read now"), ("remove", "Remove")];
    Choice::list(approve.into_iter().chain(others), "")
}

/// The form that registers a source.
#[derive(Deserialize)]
pub struct RegisterForm {
    csrf: String,
    url: String,
    product: String,
    key: String,
    #[serde(default)]
    vendor: String,
}

/// `POST /sources`
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    form: Result<Form<RegisterForm>, FormRejection>,
) -> Result<Redirect> {
    let Form(sent) = form.map_err(|e| Error::bad_request(e.body_text()))?;
    may_register(&caller)?;
    caller.check_csrf(&sent.csrf)?;
    let asked = Asked {
        url: sent.url,
        product: sent.product,
        key: sent.key,
        vendor: sent.vendor,
    };
    let source = registered(&app, &caller, &asked).await?;
    Ok(Redirect::to(&format!("/sources/{}", source.id)))
}

/// A button on the page of a source.
#[derive(Deserialize)]
pub struct ChangeForm {
    csrf: String,
    action: Change,
}

/// `POST /sources/{id}`
pub async fn submit_change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    form: Result<Form<ChangeForm>, FormRejection>,
) -> Result<Redirect> {
    let Form(sent) = form.map_err(|e| Error::bad_request(e.body_text()))?;
    may_register(&caller)?;
    caller.check_csrf(&sent.csrf)?;
    let left = change(&app, &caller, id, sent.action).await?;
    Ok(match left {
        Some(_) => Redirect::to(&format!("/sources/{id}")),
        None => Redirect::to("/sources"),
    })
}
