//! For machines that watch the portal.

use crate::app::App;
use crate::error::Result;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use std::sync::Arc;

/// 200 when the database answers.
pub async fn healthz(State(app): State<Arc<App>>) -> Result<Json<Value>> {
    let mut conn = app.pool.acquire().await?;
    let jobs = store::jobs::counts(&mut conn).await?;
    Ok(Json(json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "jobs": { "open": jobs.open, "failed": jobs.failed },
    })))
}

/// Prometheus text.
pub async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse> {
    let mut conn = app.pool.acquire().await?;
    let jobs = store::jobs::counts(&mut conn).await?;
    metrics::gauge!("kmp_portal_jobs", "state" => "open").set(count(jobs.open));
    metrics::gauge!("kmp_portal_jobs", "state" => "failed").set(count(jobs.failed));
    for repository in store::repositories::list(&mut conn).await? {
        metrics::gauge!("kmp_portal_repository_faulty", "repository" => repository.name())
            .set(f64::from(u8::from(repository.fault.is_some())));
    }
    Ok((
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        app.metrics.render(),
    ))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count of jobs is far below 2^52"
)]
fn count(n: i64) -> f64 {
    n as f64
}
