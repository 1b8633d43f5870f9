//! Published repositories over the API, for distributors: how they are, going back, packing.

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::repositories;
use crate::waivers::Actor;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::PgConnection;

type Name = Segments<(String, String, String)>;

/// `GET /api/v1/status`: all repositories, and the jobs that were given up.
pub async fn status(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let mut conn = app.pool.acquire().await?;
    let mut described = Vec::new();
    for repository in store::repositories::list(&mut conn).await? {
        described.push(repositories::describe(&mut conn, &repository).await?);
    }
    let counts = store::jobs::counts(&mut conn).await?;
    let given_up = store::jobs::given_up(&mut conn, repositories::GIVEN_UP).await?;
    let given_up: Vec<Value> = given_up.iter().map(repositories::job_json).collect();
    Ok(Json(json!({
        "repositories": described,
        "jobs": { "open": counts.open, "failed": counts.failed, "given_up": given_up },
    })))
}

/// `GET /api/v1/repositories/{product}/{channel}/{arch}`
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((product, channel, arch)): Name,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let mut conn = app.pool.acquire().await?;
    answer(&mut conn, &format!("{product}/{channel}/{arch}")).await
}

async fn answer(conn: &mut PgConnection, name: &str) -> Result<Json<Value>> {
    let repository = repositories::by_name(conn, name).await?;
    let mut described = repositories::describe(conn, &repository).await?;
    described["generations"] = repositories::history(conn, &repository).await?;
    Ok(Json(described))
}

/// Body of `PATCH`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    compression: String,
}

/// `PATCH /api/v1/repositories/{product}/{channel}/{arch}`
pub async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((product, channel, arch)): Name,
    body: Result<Json<Change>, JsonRejection>,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let Json(change) = body.map_err(|e| Error::bad_request(e.body_text()))?;
    let name = format!("{product}/{channel}/{arch}");
    let mut tx = app.pool.begin().await?;
    let found = repositories::by_name(&mut tx, &name).await?;
    let by = distributor(&caller);
    repositories::set_compression(&mut tx, &found, &change.compression, by, app.now()).await?;
    let answer = answer(&mut tx, &name).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Body of `roll-back`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    generation: i64,
    reason: String,
}

/// `POST /api/v1/repositories/{product}/{channel}/{arch}/roll-back`
pub async fn roll_back(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((product, channel, arch)): Name,
    body: Result<Json<RollBack>, JsonRejection>,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let Json(wish) = body.map_err(|e| Error::bad_request(e.body_text()))?;
    let name = format!("{product}/{channel}/{arch}");
    let mut tx = app.pool.begin().await?;
    let found = repositories::by_name(&mut tx, &name).await?;
    let by = distributor(&caller);
    let (number, now) = (wish.generation, app.now());
    repositories::roll_back(&mut tx, &found, number, &wish.reason, by, now).await?;
    let answer = answer(&mut tx, &name).await?;
    tx.commit().await?;
    Ok(answer)
}

/// `POST /api/v1/repositories/{product}/{channel}/{arch}/resume`
pub async fn resume(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((product, channel, arch)): Name,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let name = format!("{product}/{channel}/{arch}");
    let mut tx = app.pool.begin().await?;
    let found = repositories::by_name(&mut tx, &name).await?;
    repositories::resume(&mut tx, &found, distributor(&caller), app.now()).await?;
    let answer = answer(&mut tx, &name).await?;
    tx.commit().await?;
    Ok(answer)
}

/// `POST /api/v1/jobs/{id}/retry`
pub async fn retry_job(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<i64>,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let mut tx = app.pool.begin().await?;
    repositories::revive_job(&mut tx, id, distributor(&caller), app.now()).await?;
    tx.commit().await?;
    Ok(Json(json!({ "id": id, "state": "queued" })))
}

/// The caller as the audit trail names him.
pub fn distributor(caller: &Caller) -> Actor<'_> {
    Actor {
        name: &caller.name,
        role: "distributor",
    }
}
