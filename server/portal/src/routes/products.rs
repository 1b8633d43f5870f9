//! `GET /api/v1/products`.

use crate::app::App;
use crate::error::Result;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use std::sync::Arc;
use store::products::Product;

pub async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>> {
    let mut conn = app.pool.acquire().await?;
    let products = store::products::list(&mut conn).await?;
    Ok(Json(
        json!({ "products": products.iter().map(|p| json(&app, p)).collect::<Vec<_>>() }),
    ))
}

/// A product as the API and `kmp-portal admin --json` show it.
fn json(app: &App, product: &Product) -> Value {
    let channels: Vec<Value> = product
        .channels
        .iter()
        .map(|channel| {
            json!({
                "name": channel,
                "repo_file": app.url(&format!("/repos/{}/{channel}.repo", product.name)),
            })
        })
        .collect();
    json!({
        "name": product.name,
        "display_name": product.display_name,
        "family": product.family,
        "arches": product.arches,
        "flavors": product.flavors,
        "channels": channels,
        "default_channel": product.default_channel,
    })
}
