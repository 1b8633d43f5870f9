//! How packages come into the channels of a product: `/api/v1/products/{name}/promotion`.

use super::promotions::actor;
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::placing::{self, Entry};
use crate::uploads::product_by_name;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use std::sync::Arc;

/// `GET /api/v1/products/{name}/promotion`
pub async fn show(
    State(app): State<Arc<App>>,
    Segments(name): Segments<String>,
) -> Result<Json<Entry>> {
    let mut conn = app.pool.acquire().await?;
    let product = product_by_name(&mut conn, &name).await?;
    Ok(Json(Entry::of(&product)))
}

/// `PUT /api/v1/products/{name}/promotion`
pub async fn set(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
    body: Result<Json<Entry>, JsonRejection>,
) -> Result<Json<Entry>> {
    caller.require_distributor()?;
    let Json(entry) = body.map_err(|e| {
        Error::bad_request(format!(
            "Send `{{\"entry_channel\": \"testing\", \"two_person\": true}}`. {}",
            e.body_text()
        ))
    })?;
    let mut tx = app.pool.begin().await?;
    let product = product_by_name(&mut tx, &name).await?;
    placing::set_entry(&mut tx, &product, &entry, actor(&caller), app.now()).await?;
    tx.commit().await?;
    Ok(Json(entry))
}
