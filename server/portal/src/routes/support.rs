//! What a product says of support for packages: `/api/v1/products/{name}/support`, and the form on the
//! product's page.

use super::promotions::actor;
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::supporting;
use crate::uploads::product_by_name;
use axum::extract::State;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::response::Redirect;
use axum::{Form, Json};
use serde::Deserialize;
use std::sync::Arc;
use store::support::{Level, Support};

/// `GET /api/v1/products/{name}/support`: `null` where the product wants no susedata.
pub async fn show(
    State(app): State<Arc<App>>,
    Segments(name): Segments<String>,
) -> Result<Json<Option<Support>>> {
    let mut conn = app.pool.acquire().await?;
    let product = product_by_name(&mut conn, &name).await?;
    Ok(Json(
        store::support::of_product(&mut conn, product.id).await?,
    ))
}

/// `PUT /api/v1/products/{name}/support`
pub async fn set(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
    body: Result<Json<Option<Support>>, JsonRejection>,
) -> Result<Json<Option<Support>>> {
    caller.require_distributor()?;
    let Json(said) = body.map_err(|e| {
        Error::bad_request(format!(
            "Send `null`, or `{{\"level\": \"unsupported\", \"vendors\": {{\"NAME\": {{\"level\": \
             \"l3\", \"eula\": \"…\"}}}}}}`. {}",
            e.body_text()
        ))
    })?;
    let mut tx = app.pool.begin().await?;
    let product = product_by_name(&mut tx, &name).await?;
    supporting::set(&mut tx, &product, said.as_ref(), actor(&caller), app.now()).await?;
    tx.commit().await?;
    Ok(Json(said))
}

/// The form on a product's page.
#[derive(Deserialize)]
pub struct Sent {
    csrf: String,
    /// Empty: for all vendors that are not named.
    #[serde(default)]
    vendor: String,
    /// A level, or empty to say nothing any more.
    level: String,
    #[serde(default)]
    eula: String,
}

/// `POST /repos/{product}/support`
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
    form: Result<Form<Sent>, FormRejection>,
) -> Result<Redirect> {
    let Form(sent) = form.map_err(|e| Error::bad_request(e.body_text()))?;
    caller.require_distributor()?;
    caller.check_csrf(&sent.csrf)?;
    let level = match sent.level.as_str() {
        "" => None,
        word => Some(
            Level::of(word)
                .ok_or_else(|| Error::bad_request(format!("`{word}` is no level of support.")))?,
        ),
    };
    let mut tx = app.pool.begin().await?;
    let product = product_by_name(&mut tx, &name).await?;
    let before = store::support::of_product(&mut tx, product.id).await?;
    let vendor = Some(sent.vendor.trim()).filter(|vendor| !vendor.is_empty());
    let eula = Some(sent.eula.replace("\r\n", "\n").trim().to_owned());
    let said = supporting::changed(before, vendor, level, eula)?;
    supporting::set(&mut tx, &product, said.as_ref(), actor(&caller), app.now()).await?;
    tx.commit().await?;
    Ok(Redirect::to(&format!("/repos/{}#support", product.name)))
}
