//! Public keys: the repository's own, and those of vendors.

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::pages::{KeysPage, Nav, PublishedKey, fingerprint};
use crate::routes::pages::Page;
use crate::routes::promotions::actor;
use crate::routes::repo_files::vendor_by_name;
use crate::vendor_keys;
use crate::views::{moment, rfc3339, shell, unix};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use keyring::Certificate;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::vendors::VendorKey;

/// `GET /keys`
pub async fn page(State(app): State<Arc<App>>, caller: Caller) -> Result<Page<KeysPage>> {
    let mut conn = app.pool.acquire().await?;
    let mut vendors = Vec::new();
    for vendor in store::vendors::list(&mut conn).await? {
        for key in store::vendors::list_keys(&mut conn, Some(vendor.id)).await? {
            let href = format!("/keys/vendors/{}.asc", vendor.name);
            let found = Certificate::parse_all(key.armored.as_bytes()).unwrap_or_default();
            vendors.extend(found.iter().map(|c| {
                let shown = published(&app, &vendor.display_name, c, &href);
                PublishedKey {
                    retired: retired(&key),
                    is_retired: shown.is_retired || key.retired_at.is_some(),
                    ..shown
                }
            }));
        }
    }
    let own = app.repository_key.certificate();
    Ok(Page(KeysPage {
        shell: shell(&app, &caller, Nav::Keys),
        signing: vec![published(
            &app,
            "Repositories of this portal",
            &own,
            "/keys/repository.asc",
        )],
        vendors,
        check_lines: vec![
            format!("curl -fsO {}", app.url("/keys/repository.asc")),
            "gpg --show-keys --with-fingerprint repository.asc".to_owned(),
        ],
    }))
}

/// That a key lets nothing in any more, and why.
fn retired(key: &VendorKey) -> Option<String> {
    let at = moment(key.retired_at?).human;
    let why = key.retired_reason.as_deref().unwrap_or_default();
    Some(format!("Retired {at}: {why}"))
}

/// Why a key is retired.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retirement {
    reason: String,
}

/// `DELETE /api/v1/vendors/{name}/keys/{fingerprint}`: retires it; the key itself stays.
pub async fn retire(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((name, fingerprint)): Segments<(String, String)>,
    body: Result<Json<Retirement>, JsonRejection>,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let Json(Retirement { reason }) = body.map_err(|e| {
        Error::bad_request(format!("Send `{{\"reason\": \"…\"}}`. {}", e.body_text()))
    })?;
    let mut tx = app.pool.begin().await?;
    let vendor = vendor_by_name(&mut tx, &name).await?;
    let (by, now) = (actor(&caller), app.now());
    let key = vendor_keys::retire(&mut tx, &vendor, &fingerprint, &reason, by, now).await?;
    tx.commit().await?;
    Ok(Json(json!({
        "vendor": vendor.name,
        "fingerprint": key.fingerprint,
        "user_id": key.user_id,
        "retired_at": key.retired_at.map(rfc3339),
        "retired_reason": key.retired_reason,
    })))
}

fn published(app: &App, owner: &str, certificate: &Certificate, href: &str) -> PublishedKey {
    let now = app.now().unix_timestamp().cast_unsigned();
    let expires = certificate.expires();
    PublishedKey {
        owner: owner.to_owned(),
        user_id: certificate.user_id(),
        fingerprint: fingerprint(&certificate.fingerprint()),
        algorithm: certificate.algorithm(),
        created: unix(certificate.created()),
        expires: expires.map(unix),
        is_retired: expires.is_some_and(|at| at <= now),
        retired: None,
        href: Some(href.to_owned()),
    }
}

/// `GET /keys/repository.asc`
pub async fn repository_key(
    State(app): State<Arc<App>>,
    Segments(file): Segments<String>,
) -> Result<Response> {
    if file != "repository.asc" {
        return Err(Error::not_found(
            "Keys are /keys/repository.asc and /keys/vendors/VENDOR.asc; /keys lists them.",
        ));
    }
    Ok(armored(app.repository_key.certificate().to_armored()))
}

/// `GET /keys/vendors/{vendor}.asc`: all keys of a vendor in one file.
pub async fn vendor_key(
    State(app): State<Arc<App>>,
    Segments(file): Segments<String>,
) -> Result<Response> {
    let name = file.strip_suffix(".asc").unwrap_or(&file);
    let mut conn = app.pool.acquire().await?;
    let vendor = store::vendors::by_name(&mut conn, name)
        .await?
        .ok_or_else(|| Error::not_found(format!("There is no vendor `{name}`.")))?;
    let keys = store::vendors::list_keys(&mut conn, Some(vendor.id)).await?;
    Ok(armored(keys.iter().map(|k| k.armored.as_str()).collect()))
}

/// `GET /keys/sources/{id}.asc`: the key of a source that is offered.
pub async fn source_key(
    State(app): State<Arc<App>>,
    Segments(file): Segments<String>,
) -> Result<Response> {
    let missing = || Error::not_found(format!("No source has the key `{file}`."));
    let id = file.strip_suffix(".asc").unwrap_or(&file);
    let id = id.parse().map_err(|_| missing())?;
    let mut conn = app.pool.acquire().await?;
    let source = store::sources::by_id(&mut conn, id).await?;
    let source = source.filter(|source| source.approved_at.is_some());
    Ok(armored(source.ok_or_else(missing)?.key))
}

fn armored(text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/pgp-keys"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}
