//! zypp services: `zypper addservice /services/PRODUCT` follows all channels of a product,
//! `/services/PRODUCT/VENDOR` those of one vendor. The default channel is switched on; the repositories
//! of others, whose packages nobody inspected here, are listed and switched off.

use super::repo_files::vendor_by_name;
use crate::app::App;
use crate::error::Result;
use crate::extract::Segments;
use crate::offers::{self, Place};
use crate::registration::{BASEARCH, Key, Repository, service};
use crate::uploads::product_by_name;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use store::PgConnection;
use store::products::Product;
use store::vendors::Vendor;

/// Channels, vendors and keys come and go.
const ASK_AGAIN: &str = "no-cache";

/// `GET /services/{product}/repo/repoindex.xml`
pub async fn of_product(
    State(app): State<Arc<App>>,
    Segments(product): Segments<String>,
) -> Result<Response> {
    let mut conn = app.pool.acquire().await?;
    let product = product_by_name(&mut conn, &product).await?;
    index(&app, &product, None).await
}

/// `GET /services/{product}/{vendor}/repo/repoindex.xml`
pub async fn of_vendor(
    State(app): State<Arc<App>>,
    Segments((product, vendor)): Segments<(String, String)>,
) -> Result<Response> {
    let mut conn = app.pool.acquire().await?;
    let product = product_by_name(&mut conn, &product).await?;
    let vendor = vendor_by_name(&mut conn, &vendor).await?;
    index(&app, &product, Some(&vendor)).await
}

/// `GET /services/{product}/keys.asc`: the keys of the repositories and of all packages in them, in one
/// file, as a service names them.
pub async fn keys_of_product(
    State(app): State<Arc<App>>,
    Segments(product): Segments<String>,
) -> Result<Response> {
    let mut conn = app.pool.acquire().await?;
    product_by_name(&mut conn, &product).await?;
    keys(&app, &mut conn, None).await
}

/// `GET /services/{product}/{vendor}/keys.asc`
pub async fn keys_of_vendor(
    State(app): State<Arc<App>>,
    Segments((product, vendor)): Segments<(String, String)>,
) -> Result<Response> {
    let mut conn = app.pool.acquire().await?;
    product_by_name(&mut conn, &product).await?;
    let vendor = vendor_by_name(&mut conn, &vendor).await?;
    keys(&app, &mut conn, Some(&vendor)).await
}

async fn keys(app: &App, conn: &mut PgConnection, vendor: Option<&Vendor>) -> Result<Response> {
    let mut text = app.repository_key.certificate().to_armored();
    text.push_str(&offers::vendor_keys(conn, vendor).await?);
    let headers = [
        (header::CONTENT_TYPE, "application/pgp-keys"),
        (header::CACHE_CONTROL, ASK_AGAIN),
    ];
    Ok((headers, text).into_response())
}

/// The file with all keys; a service names no fingerprints.
fn all_keys(app: &App, product: &Product, vendor: Option<&Vendor>) -> Key {
    let path = match vendor {
        Some(vendor) => format!("{}/{}", product.name, vendor.name),
        None => product.name.clone(),
    };
    Key {
        url: app.url(&format!("/services/{path}/keys.asc")),
        fingerprints: Vec::new(),
    }
}

async fn index(app: &App, product: &Product, vendor: Option<&Vendor>) -> Result<Response> {
    let mut repositories: Vec<Repository> = product
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
                ..place.repository(app, BASEARCH, vec![all_keys(app, product, vendor)])
            }
        })
        .collect();
    repositories.extend(external(app, product, vendor).await);
    let text = service(&repositories).map_err(anyhow::Error::from)?;
    let headers = [
        (header::CONTENT_TYPE, "application/xml"),
        (header::CACHE_CONTROL, ASK_AGAIN),
    ];
    Ok((headers, text).into_response())
}

/// Sources that are offered to this product, those of one vendor or all.
async fn external(app: &App, product: &Product, vendor: Option<&Vendor>) -> Vec<Repository> {
    let catalogue = app.hardware.current().await;
    let sources = catalogue.iter().flat_map(|it| it.sources.values());
    let wanted = sources.filter(|source| {
        let is_vendors = vendor.is_none_or(|vendor| vendor.name == source.vendor);
        source.product_id == product.id && is_vendors
    });
    let prefix = format!("{}-", product.name);
    let listed = wanted.map(|source| {
        let whole = offers::external(source, product, &app.config.base_url);
        let alias = whole.alias.strip_prefix(&prefix).unwrap_or(&whole.alias);
        Repository {
            alias: alias.to_owned(),
            is_enabled: false,
            ..whole
        }
    });
    listed.collect()
}
