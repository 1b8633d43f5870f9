//! Policies of products and vendors over the API. What `GET` gives of a product is a file for
//! `kmp-portal inspect --policy`.

use crate::app::App;
use crate::auth::{Caller, Role, missing_token};
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::policies::{self, Subject};
use crate::uploads::product_by_name;
use crate::waivers::Actor;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use inspect::Demands;
use std::sync::Arc;
use store::PgConnection;
use store::vendors::Vendor;

/// `GET /api/v1/products/{name}/policy`: all that is demanded of the caller's packages, or of
/// anybody's.
pub async fn of_product(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
) -> Result<Json<Demands>> {
    let mut conn = app.pool.acquire().await?;
    let product = product_by_name(&mut conn, &name).await?;
    let vendor = match caller.role {
        Role::Vendor { id, .. } => store::vendors::by_id(&mut conn, id).await?,
        _ => None,
    };
    let policy = policies::effective(&mut conn, &product, vendor.as_ref()).await?;
    Ok(Json(policy.demands()))
}

/// `PUT /api/v1/products/{name}/policy`: replaces what the product itself demands.
pub async fn set_product(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
    body: Result<Json<Demands>, JsonRejection>,
) -> Result<Json<Demands>> {
    caller.require_distributor()?;
    let demands = sent(body)?;
    let mut tx = app.pool.begin().await?;
    let product = product_by_name(&mut tx, &name).await?;
    set(&mut tx, Subject::Product(&product), &demands, &caller, &app).await?;
    tx.commit().await?;
    Ok(Json(demands))
}

/// `GET /api/v1/vendors/{name}/policy`: for the vendor and distributors.
pub async fn of_vendor(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
) -> Result<Json<Demands>> {
    match &caller.role {
        Role::Anonymous => return Err(missing_token()),
        Role::Vendor { name: own, .. } if *own != name => {
            return Err(Error::forbidden(format!(
                "This token is of the vendor `{own}`, who sees its own policy only."
            )));
        }
        _ => {}
    }
    let mut conn = app.pool.acquire().await?;
    let vendor = vendor_by_name(&mut conn, &name).await?;
    Ok(Json(
        store::policies::of_vendor(&mut conn, vendor.id).await?,
    ))
}

/// `PUT /api/v1/vendors/{name}/policy`: replaces what is demanded of the vendor.
pub async fn set_vendor(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
    body: Result<Json<Demands>, JsonRejection>,
) -> Result<Json<Demands>> {
    caller.require_distributor()?;
    let demands = sent(body)?;
    let mut tx = app.pool.begin().await?;
    let vendor = vendor_by_name(&mut tx, &name).await?;
    set(&mut tx, Subject::Vendor(&vendor), &demands, &caller, &app).await?;
    tx.commit().await?;
    Ok(Json(demands))
}

async fn set(
    conn: &mut PgConnection,
    subject: Subject<'_>,
    demands: &Demands,
    caller: &Caller,
    app: &App,
) -> Result<()> {
    subject
        .check(demands)
        .map_err(|error| Error::unprocessable(format!("{error:#}")))?;
    let by = Actor {
        name: &caller.name,
        role: "distributor",
    };
    Ok(policies::set(conn, subject, demands, by, app.now()).await?)
}

fn sent(body: Result<Json<Demands>, JsonRejection>) -> Result<Demands> {
    match body {
        Ok(Json(demands)) => Ok(demands),
        Err(error) => Err(Error::bad_request(format!(
            "Send a policy in JSON. {}",
            error.body_text()
        ))),
    }
}

async fn vendor_by_name(conn: &mut PgConnection, name: &str) -> Result<Vendor> {
    store::vendors::by_name(conn, name)
        .await?
        .ok_or_else(|| Error::not_found(format!("There is no vendor `{name}`.")))
}
