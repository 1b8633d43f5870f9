//! Mirrors: the lists that clients ask for, and their registration over the API.

use super::promotions::actor;
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::mirroring;
use crate::registration::{KnownRepomd, metalink, mirrorlist};
use crate::served::{ServedRepository, Small};
use crate::views::rfc3339;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use store::PgConnection;
use store::mirrors::{Mirror, Seen};

/// Preference of a mirror when none is named.
const USUAL_PREFERENCE: i32 = 50;

/// `…/mirrorlist` in a repository's folder.
pub async fn plain_list(app: &App, repository: &ServedRepository) -> Result<Response> {
    let text = mirrorlist(&mirroring::sources(app, repository).await?);
    Ok(listed("text/plain; charset=utf-8", text))
}

/// `…/metalink` in a repository's folder.
pub async fn metalink_list(app: &App, repository: &ServedRepository) -> Result<Response> {
    let kept: Vec<KnownRepomd> = repository.kept().iter().map(known).collect();
    let (current, earlier) = kept
        .split_first()
        .ok_or_else(|| Error::not_found("This repository has no generation yet."))?;
    let sources = mirroring::sources(app, repository).await?;
    let text = metalink(current, earlier, &sources).map_err(anyhow::Error::from)?;
    Ok(listed("application/metalink+xml", text))
}

fn listed(content_type: &'static str, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

fn known(small: &Small) -> KnownRepomd {
    KnownRepomd {
        timestamp: revision(&small.repomd),
        size: small.repomd.len(),
        sha256: hex::encode(Sha256::digest(&small.repomd)),
    }
}

/// The revision of our `repomd.xml` is the time it was made at.
fn revision(repomd: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(repomd);
    let number = text
        .split_once("<revision>")
        .and_then(|(_, rest)| rest.split_once('<'));
    number
        .and_then(|(number, _)| number.trim().parse().ok())
        .unwrap_or(0)
}

/// `GET /api/v1/mirrors`
pub async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>> {
    let mut conn = app.pool.acquire().await?;
    let mirrors = store::mirrors::list(&mut conn).await?;
    let seen = store::mirrors::seen(&mut conn).await?;
    let names = names(&mut conn).await?;
    let mirrors: Vec<Value> = mirrors.iter().map(|it| json(it, &seen, &names)).collect();
    Ok(Json(json!({ "mirrors": mirrors })))
}

/// Repositories by number, with their names.
async fn names(conn: &mut PgConnection) -> sqlx::Result<Vec<(i64, String)>> {
    let repositories = store::repositories::list(conn).await?;
    let named = repositories.into_iter().map(|it| {
        let name = format!("{}/{}/{}", it.product, it.view(), it.arch);
        (it.id, name)
    });
    Ok(named.collect())
}

fn json(mirror: &Mirror, seen: &[Seen], names: &[(i64, String)]) -> Value {
    let repositories: Vec<Value> = seen
        .iter()
        .filter(|it| it.mirror_id == mirror.id)
        .map(|it| {
            let name = names.iter().find(|(id, _)| *id == it.repository_id);
            json!({
                "repository": name.map(|(_, name)| name),
                "is_fresh": it.is_fresh,
                "trouble": it.trouble,
                "seen_at": rfc3339(it.seen_at),
            })
        })
        .collect();
    json!({
        "id": mirror.id,
        "url": mirror.url,
        "country": mirror.country,
        "preference": mirror.preference,
        "probed_at": mirror.probed_at.map(rfc3339),
        "repositories": repositories,
    })
}

/// A server that has a copy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    url: String,
    country: Option<String>,
    preference: Option<i32>,
}

/// `POST /api/v1/mirrors`
pub async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    body: Result<Json<Wish>, JsonRejection>,
) -> Result<Response> {
    caller.require_distributor()?;
    let Json(wish) = body.map_err(|e| {
        Error::bad_request(format!(
            "Send `{{\"url\": \"https://…\"}}`, and `country`, `preference` if you like. {}",
            e.body_text()
        ))
    })?;
    let preference = wish.preference.unwrap_or(USUAL_PREFERENCE);
    let (by, now) = (actor(&caller), app.now());
    let mut tx = app.pool.begin().await?;
    let country = wish.country.as_deref();
    let mirror = mirroring::add(&mut tx, &wish.url, country, preference, by, now).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(json(&mirror, &[], &[]))).into_response())
}

/// `DELETE /api/v1/mirrors/{id}`
pub async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<i64>,
) -> Result<StatusCode> {
    caller.require_distributor()?;
    let mut tx = app.pool.begin().await?;
    mirroring::remove(&mut tx, id, actor(&caller), app.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_is_the_time() {
        assert_eq!(
            revision(b"<repomd><revision>1795550000</revision>"),
            1_795_550_000
        );
        assert_eq!(revision(b"<repomd/>"), 0);
    }
}
