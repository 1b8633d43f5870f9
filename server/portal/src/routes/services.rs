//! zypp services: `zypper addservice /services/PRODUCT` follows all channels of a product,
//! `/services/PRODUCT/VENDOR` those of one vendor. The default channel is switched on.

use super::repo_files::vendor_by_name;
use crate::app::App;
use crate::error::Result;
use crate::extract::Segments;
use crate::offers::Place;
use crate::registration::{BASEARCH, Repository, service};
use crate::uploads::product_by_name;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use store::products::Product;
use store::vendors::Vendor;

/// `GET /services/{product}/repo/repoindex.xml`
pub async fn of_product(
    State(app): State<Arc<App>>,
    Segments(product): Segments<String>,
) -> Result<Response> {
    let mut conn = app.pool.acquire().await?;
    let product = product_by_name(&mut conn, &product).await?;
    index(&app, &product, None)
}

/// `GET /services/{product}/{vendor}/repo/repoindex.xml`
pub async fn of_vendor(
    State(app): State<Arc<App>>,
    Segments((product, vendor)): Segments<(String, String)>,
) -> Result<Response> {
    let mut conn = app.pool.acquire().await?;
    let product = product_by_name(&mut conn, &product).await?;
    let vendor = vendor_by_name(&mut conn, &vendor).await?;
    index(&app, &product, Some(&vendor))
}

fn index(app: &App, product: &Product, vendor: Option<&Vendor>) -> Result<Response> {
    let repositories: Vec<Repository> = product
        .channels
        .iter()
        .map(|channel| {
            let place = Place {
                product,
                vendor,
                channel,
            };
            Repository {
                // zypper puts the service's name before it.
                alias: channel.clone(),
                is_enabled: *channel == product.default_channel,
                ..place.repository(app, BASEARCH, Vec::new())
            }
        })
        .collect();
    let text = service(&repositories).map_err(anyhow::Error::from)?;
    let headers = [
        (header::CONTENT_TYPE, "application/xml"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, text).into_response())
}
