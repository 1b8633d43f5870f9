//! Public keys: the repository's own, and those of vendors.

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::pages::{KeysPage, Nav, PublishedKey, fingerprint};
use crate::routes::pages::Page;
use crate::views::{shell, unix};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use keyring::Certificate;
use std::sync::Arc;

/// `GET /keys`
pub async fn page(State(app): State<Arc<App>>, caller: Caller) -> Result<Page<KeysPage>> {
    let mut conn = app.pool.acquire().await?;
    let mut vendors = Vec::new();
    for vendor in store::vendors::list(&mut conn).await? {
        for key in store::vendors::list_keys(&mut conn, Some(vendor.id)).await? {
            let href = format!("/keys/vendors/{}.asc", vendor.name);
            let found = Certificate::parse_all(key.armored.as_bytes()).unwrap_or_default();
            vendors.extend(
                found
                    .iter()
                    .map(|c| published(&app, &vendor.display_name, c, &href)),
            );
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

fn armored(text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/pgp-keys"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}
