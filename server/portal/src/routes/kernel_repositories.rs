//! Distributions' repositories whose kernels are registered from their metadata.

use crate::app::App;
use crate::auth::Caller;
use crate::embargo::{check_status, release_date};
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::jobs::{Job, Wish, pinned_keys};
use crate::uploads;
use crate::views::rfc3339;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::kernel_repositories::KernelRepository;
use url::Url;
use uuid::Uuid;

/// Longest address.
const URL_BYTES: usize = 2_000;

/// Body of a registration.
#[derive(Deserialize)]
struct Wanted {
    url: String,
    product: String,
    #[serde(flatten)]
    wish: Wish,
}

/// `POST /api/v1/kernel-repositories`
pub async fn register(
    State(app): State<Arc<App>>,
    caller: Caller,
    body: Bytes,
) -> Result<Response> {
    caller.require_distributor()?;
    let wanted: Wanted = serde_json::from_slice(&body).map_err(|error| {
        Error::bad_request(format!(
            "The body must be JSON with `url`, `product` and `status`: {error}."
        ))
    })?;
    let url = Url::parse(&wanted.url).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && wanted.url.len() <= URL_BYTES
    });
    let url = url.ok_or_else(|| {
        Error::bad_request(format!(
            "`url` is the http or https address of a repository, the folder above `repodata`; it is \
             `{:.100}`.",
            wanted.url
        ))
    })?;
    check_status(&wanted.wish.status)?;
    if let Some(text) = &wanted.wish.release_date {
        release_date(text, &app.config.timezone)?;
    }
    wanted.wish.key.as_deref().map(pinned_keys).transpose()?;
    let now = app.now();
    let wish = serde_json::to_value(&wanted.wish).map_err(anyhow::Error::from)?;
    let mut tx = app.pool.begin().await?;
    let product = uploads::product_by_name(&mut tx, &wanted.product).await?;
    let id =
        store::kernel_repositories::insert(&mut tx, product.id, url.as_str(), &wish, now).await?;
    Job::ReadKernelRepository { repository_id: id }
        .enqueue(&mut tx, now)
        .await?;
    tx.commit().await?;
    let repository = find(&app, id).await?;
    let location = format!("/api/v1/kernel-repositories/{id}");
    let headers = [(header::LOCATION, location)];
    Ok((StatusCode::ACCEPTED, headers, Json(shown(&repository))).into_response())
}

/// `GET /api/v1/kernel-repositories/{id}`
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    Ok(Json(shown(&find(&app, id).await?)))
}

async fn find(app: &App, id: Uuid) -> Result<KernelRepository> {
    let mut conn = app.pool.acquire().await?;
    store::kernel_repositories::by_id(&mut conn, id)
        .await?
        .ok_or_else(|| Error::not_found(format!("There is no kernel repository {id}.")))
}

fn shown(repository: &KernelRepository) -> Value {
    let outcome = repository.outcome.as_ref();
    let state = match outcome {
        None => "waiting",
        Some(outcome) if outcome.get("error").is_some() => "failed",
        Some(_) => "done",
    };
    json!({
        "id": repository.id,
        "product": repository.product,
        "url": repository.url,
        "state": state,
        "created_at": rfc3339(repository.created_at),
        "finished_at": repository.finished_at.map(rfc3339),
        "outcome": outcome,
    })
}
