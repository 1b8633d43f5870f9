//! Promotions over the API and by the forms of a package's page.

use super::packages::visible;
use crate::app::App;
use crate::auth::{Caller, Role, missing_token};
use crate::error::{Error, Result};
use crate::extract::{Params, Segments};
use crate::promoting::{self, Outcome, Wish};
use crate::uploads::product_by_name;
use crate::views::rfc3339;
use crate::waivers::Actor;
use axum::extract::State;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::channels::{Promotion, PromotionFilter};
use store::packages::Package;
use uuid::Uuid;

/// Who decides, as the trail names him.
pub(super) fn actor(caller: &Caller) -> Actor<'_> {
    Actor {
        name: &caller.name,
        role: match caller.role {
            Role::Distributor => "distributor",
            _ => "vendor",
        },
    }
}

/// The package, for its vendor and for distributors.
///
/// # Errors
/// 401 without a token, 403 for others, 404 where nothing is to be seen.
pub(super) async fn own(app: &App, caller: &Caller, id: Uuid) -> Result<Package> {
    if caller.role == Role::Anonymous {
        return Err(missing_token());
    }
    let package = visible(app, caller, id).await?;
    match caller.role {
        Role::Distributor => Ok(package),
        Role::Vendor { id, .. } if id == package.vendor_id => Ok(package),
        _ => Err(Error::forbidden(
            "Only its vendor and distributors decide where a package goes.",
        )),
    }
}

/// What is asked for.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// May be left out when the package is in one product only.
    #[serde(default)]
    product: Option<String>,
    channel: String,
    /// A day or a moment from which on clients are to see it.
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    note: String,
}

/// `POST /api/v1/packages/{id}/promote`
pub async fn promote(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    body: Result<Json<Asked>, JsonRejection>,
) -> Result<Response> {
    let Json(asked) = body.map_err(|e| {
        Error::bad_request(format!(
            "Send `{{\"channel\": \"…\"}}`, and `product`, `since`, `note` if you like. {}",
            e.body_text()
        ))
    })?;
    let outcome = promoted(&app, &caller, id, &asked).await?;
    let package = visible(&app, &caller, id).await?;
    let mut answer = super::packages::full(&app, &package, &caller).await?;
    Ok(match outcome {
        Outcome::Placed => (StatusCode::OK, Json(answer)).into_response(),
        Outcome::Asked(number) => {
            answer["promotion"] = json!(number);
            (StatusCode::ACCEPTED, Json(answer)).into_response()
        }
    })
}

async fn promoted(app: &App, caller: &Caller, id: Uuid, asked: &Asked) -> Result<Outcome> {
    let package = own(app, caller, id).await?;
    let since = promoting::since(&app.config.timezone, asked.since.as_deref())?;
    let mut tx = app.pool.begin().await?;
    let name = match &asked.product {
        Some(name) => name.clone(),
        None => only_product(&store::packages::placements(&mut tx, id).await?)?,
    };
    let product = product_by_name(&mut tx, &name).await?;
    let wish = Wish {
        product: &product,
        channel: &asked.channel,
        since,
        note: &asked.note,
    };
    let outcome = promoting::promote(&mut tx, &package, wish, actor(caller), app.now()).await?;
    tx.commit().await?;
    Ok(outcome)
}

fn only_product(placements: &[store::packages::Placement]) -> Result<String> {
    let mut names: Vec<&str> = placements.iter().map(|it| it.product.as_str()).collect();
    names.dedup();
    match names[..] {
        [one] => Ok(one.to_owned()),
        _ => Err(Error::bad_request(format!(
            "Name the `product`; the package is in {}.",
            match names.is_empty() {
                true => "none yet".to_owned(),
                false => names.join(", "),
            }
        ))),
    }
}

/// Query of the list.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct ListParams {
    /// `open`: those that nobody decided yet.
    state: String,
}

/// `GET /api/v1/promotions`
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Json<Value>> {
    let vendor_id = match caller.role {
        Role::Anonymous => return Err(missing_token()),
        Role::Vendor { id, .. } => Some(id),
        Role::Distributor => None,
    };
    let only_open = match params.state.as_str() {
        "" => false,
        "open" => true,
        other => {
            return Err(Error::bad_request(format!(
                "`{other}` is no state of promotions that is listed by itself; `open` is."
            )));
        }
    };
    let filter = PromotionFilter {
        vendor_id,
        only_open,
        ..Default::default()
    };
    let mut conn = app.pool.acquire().await?;
    let found = store::channels::promotions(&mut conn, &filter).await?;
    let found: Vec<Value> = found.iter().map(promotion_json).collect();
    Ok(Json(json!({ "total": found.len(), "promotions": found })))
}

/// A promotion as the API and `kmp-portal admin` show it.
pub(crate) fn promotion_json(it: &Promotion) -> Value {
    json!({
        "id": it.id,
        "package": it.package_id,
        "location": it.location,
        "vendor": it.vendor,
        "product": it.product,
        "channel": it.channel,
        "since": it.since.map(rfc3339),
        "note": it.note,
        "asked_by": it.asked_by,
        "asked_at": rfc3339(it.asked_at),
        "decision": it.decision,
        "decided_by": it.decided_by,
        "decided_at": it.decided_at.map(rfc3339),
        "reason": it.reason,
    })
}

/// What is decided about a promotion, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// `confirm` or `refuse`.
    decision: String,
    #[serde(default)]
    reason: String,
}

/// `POST /api/v1/promotions/{id}`
pub async fn decide(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<i64>,
    body: Result<Json<Decision>, JsonRejection>,
) -> Result<Json<Value>> {
    let Json(sent) = body.map_err(|e| {
        Error::bad_request(format!(
            "Send `{{\"decision\": \"confirm\"}}`, or `refuse` with a `reason`. {}",
            e.body_text()
        ))
    })?;
    decided(&app, &caller, id, &sent).await?;
    let mut conn = app.pool.acquire().await?;
    Ok(Json(promotion_json(
        &promoting::by_id(&mut conn, id).await?,
    )))
}

/// Gives the package that it is about.
async fn decided(app: &App, caller: &Caller, id: i64, sent: &Decision) -> Result<Uuid> {
    let is_confirmed = match sent.decision.as_str() {
        "confirm" => true,
        "refuse" => false,
        other => {
            return Err(Error::bad_request(format!(
                "`{other}` is no decision; there are `confirm` and `refuse`."
            )));
        }
    };
    if caller.role == Role::Anonymous {
        return Err(missing_token());
    }
    let mut tx = app.pool.begin().await?;
    let promotion = promoting::by_id(&mut tx, id).await?;
    let missing = |_| Error::not_found(format!("There is no promotion {id}."));
    let package = own(app, caller, promotion.package_id).await;
    let package = match caller.role {
        Role::Distributor => package?,
        // Whether there is one of another vendor is nobody else's business.
        _ => package.map_err(missing)?,
    };
    let (by, now) = (actor(caller), app.now());
    promoting::decide(
        &mut tx,
        &promotion,
        &package,
        is_confirmed,
        &sent.reason,
        by,
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(promotion.package_id)
}

/// The form below a package's channels.
#[derive(Deserialize)]
pub struct PromoteForm {
    csrf: String,
    /// Product and channel with a slash between them.
    to: String,
    #[serde(default)]
    since: String,
    #[serde(default)]
    note: String,
}

/// `POST /packages/{id}/promote`
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    form: Result<Form<PromoteForm>, FormRejection>,
) -> Result<Redirect> {
    let Form(sent) = form.map_err(|e| Error::bad_request(e.body_text()))?;
    caller.check_csrf(&sent.csrf)?;
    let (product, channel) = sent
        .to
        .split_once('/')
        .ok_or_else(|| Error::bad_request("Choose a channel."))?;
    let asked = Asked {
        product: Some(product.to_owned()),
        channel: channel.to_owned(),
        since: Some(sent.since),
        note: sent.note,
    };
    promoted(&app, &caller, id, &asked).await?;
    Ok(Redirect::to(&format!("/packages/{id}#channels")))
}

/// The form of a promotion that another asked for.
#[derive(Deserialize)]
pub struct DecideForm {
    csrf: String,
    decision: String,
    #[serde(default)]
    reason: String,
}

/// `POST /promotions/{id}`
pub async fn submit_decision(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<i64>,
    form: Result<Form<DecideForm>, FormRejection>,
) -> Result<Redirect> {
    let Form(sent) = form.map_err(|e| Error::bad_request(e.body_text()))?;
    caller.check_csrf(&sent.csrf)?;
    let decision = Decision {
        decision: sent.decision,
        reason: sent.reason,
    };
    let package = decided(&app, &caller, id, &decision).await?;
    Ok(Redirect::to(&format!("/packages/{package}#channels")))
}

/// The form that takes a package back.
#[derive(Deserialize)]
pub struct WithdrawForm {
    csrf: String,
    /// Product and channel with a slash between them; empty: all.
    #[serde(default)]
    from: String,
    reason: String,
}

/// `POST /packages/{id}/withdraw`
pub async fn submit_withdrawal(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    form: Result<Form<WithdrawForm>, FormRejection>,
) -> Result<Redirect> {
    let Form(sent) = form.map_err(|e| Error::bad_request(e.body_text()))?;
    caller.check_csrf(&sent.csrf)?;
    let place = sent.from.split_once('/');
    let withdrawal = Withdrawal {
        product: place.map(|(product, _)| product.to_owned()),
        channel: place.map(|(_, channel)| channel.to_owned()),
        reason: sent.reason,
    };
    withdrawn(&app, &caller, id, &withdrawal).await?;
    Ok(Redirect::to(&format!("/packages/{id}")))
}

/// Why a package is taken back, and from where.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// May be left out when the package is in one product only.
    #[serde(default)]
    product: Option<String>,
    /// Out of this channel only; without it, out of all of all products.
    #[serde(default)]
    channel: Option<String>,
    reason: String,
}

/// `POST /api/v1/packages/{id}/withdraw`: repositories list it no more, or those of one channel; its
/// file stays for those who name it.
pub async fn withdraw(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    body: Result<Json<Withdrawal>, JsonRejection>,
) -> Result<Json<Value>> {
    let Json(withdrawal) = body.map_err(|e| {
        Error::bad_request(format!(
            "Send `{{\"reason\": \"…\"}}`, and `channel` to take it out of one only. {}",
            e.body_text()
        ))
    })?;
    withdrawn(&app, &caller, id, &withdrawal).await?;
    let package = visible(&app, &caller, id).await?;
    Ok(Json(super::packages::full(&app, &package, &caller).await?))
}

async fn withdrawn(app: &App, caller: &Caller, id: Uuid, wish: &Withdrawal) -> Result<()> {
    let package = own(app, caller, id).await?;
    let (reason, by, now) = (wish.reason.as_str(), actor(caller), app.now());
    let mut tx = app.pool.begin().await?;
    match (&wish.channel, &wish.product) {
        (None, None) => promoting::withdraw(&mut tx, &package, reason, by, now).await?,
        (None, Some(_)) => {
            return Err(Error::bad_request(
                "Name the `channel`, too; without both, the package is withdrawn everywhere.",
            ));
        }
        (Some(channel), name) => {
            let name = match name {
                Some(name) => name.clone(),
                None => only_product(&store::packages::placements(&mut tx, id).await?)?,
            };
            let product = product_by_name(&mut tx, &name).await?;
            promoting::take_out(&mut tx, &package, &product, channel, reason, by, now).await?;
        }
    }
    Ok(tx.commit().await?)
}
