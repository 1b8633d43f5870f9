//! Waivers over the API and as pages.

use crate::app::App;
use crate::auth::{Caller, Role, missing_token};
use crate::error::{Error, Result};
use crate::extract::{Params, Segments};
use crate::pages::{Nav, RevokeForm, WaiverRow, WaiverState, WaiversPage};
use crate::routes::pages::Page;
use crate::views::{moment, rfc3339, shell};
use crate::waivers::{self, Actor, Refused, Wish};
use axum::extract::State;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::PgConnection;
use store::waivers::{Filter, Standing, Use, Waiver};
use uuid::Uuid;

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(text) => Self::unprocessable(text),
            Refused::NotFound(text) => Self::not_found(text),
            Refused::Ended(text) => Self::conflict_problem(text).into(),
            Refused::Database(error) => error.into(),
        }
    }
}

/// What is asked for by `POST /api/v1/waivers`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    check: String,
    vendor: String,
    package: Option<String>,
    build: Option<String>,
    product: Option<String>,
    reason: String,
    expires: Option<String>,
}

/// `POST /api/v1/waivers`
pub async fn grant(
    State(app): State<Arc<App>>,
    caller: Caller,
    body: Result<Json<Asked>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>)> {
    caller.require_distributor()?;
    let Json(asked) = body.map_err(|e| {
        Error::bad_request(format!(
            "Send `check`, `vendor`, `reason` and `expires`, and perhaps `package`, `build` and \
             `product`, in JSON. {}",
            e.body_text()
        ))
    })?;
    let waiver = granted(&app, &caller, asked).await?;
    let answer = waiver_json(&waiver, &[], app.now());
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn granted(app: &App, caller: &Caller, asked: Asked) -> Result<Waiver> {
    let expires = asked.expires.filter(|it| !it.trim().is_empty()).ok_or_else(|| {
        Error::unprocessable(
            "Say when the waiver ends: `expires`, a day such as 2027-01-31, within a year. None \
             holds for ever.",
        )
    })?;
    let wish = Wish {
        check: asked.check,
        vendor: asked.vendor,
        package: asked.package,
        build: asked.build,
        product: asked.product,
        reason: asked.reason,
        expires_at: waivers::parse_end(&expires)?,
    };
    let mut tx = app.pool.begin().await?;
    let waiver = waivers::grant(&mut tx, &wish, actor(caller), app.now()).await?;
    tx.commit().await?;
    Ok(waiver)
}

fn actor(caller: &Caller) -> Actor<'_> {
    Actor {
        name: &caller.name,
        role: "distributor",
    }
}

/// Query of the list.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct ListParams {
    vendor: String,
    check: String,
    state: String,
}

impl ListParams {
    /// The waivers asked for that the caller may see: vendors those that concern them.
    async fn find(&self, app: &App, caller: &Caller) -> Result<(Vec<Waiver>, Vec<Use>)> {
        let mut conn = app.pool.acquire().await?;
        let standing = match self.state.as_str() {
            "" => None,
            word => Some(Standing::parse(word).ok_or_else(|| {
                Error::bad_request(format!(
                    "`{word}` is no state. There are active, expired, revoked."
                ))
            })?),
        };
        let filter = Filter {
            vendor_id: self.vendor_id(&mut conn, caller).await?,
            check_id: (!self.check.is_empty()).then(|| self.check.clone()),
        };
        let mut found = store::waivers::list(&mut conn, &filter).await?;
        let now = app.now();
        found.retain(|it| standing.is_none_or(|standing| it.standing(now) == standing));
        let ids: Vec<i64> = found.iter().map(|it| it.id).collect();
        let uses = store::waivers::uses(&mut conn, &ids).await?;
        Ok((found, uses))
    }

    async fn vendor_id(&self, conn: &mut PgConnection, caller: &Caller) -> Result<Option<i64>> {
        match &caller.role {
            Role::Anonymous => Err(missing_token()),
            Role::Vendor { name, .. } if !self.vendor.is_empty() && self.vendor != *name => {
                Err(Error::forbidden(format!(
                    "This token is of the vendor `{name}`, who sees its own waivers only."
                )))
            }
            Role::Vendor { id, .. } => Ok(Some(*id)),
            Role::Distributor if self.vendor.is_empty() => Ok(None),
            Role::Distributor => {
                let vendor = store::vendors::by_name(conn, &self.vendor).await?;
                let missing = || Error::not_found(format!("There is no vendor `{}`.", self.vendor));
                Ok(Some(vendor.ok_or_else(missing)?.id))
            }
        }
    }
}

/// `GET /api/v1/waivers`
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Json<Value>> {
    let (found, uses) = params.find(&app, &caller).await?;
    let now = app.now();
    let waivers: Vec<Value> = found.iter().map(|it| waiver_json(it, &uses, now)).collect();
    Ok(Json(json!({ "total": waivers.len(), "waivers": waivers })))
}

fn waiver_json(waiver: &Waiver, uses: &[Use], now: store::Time) -> Value {
    let revoked = waiver.revoked_at.map(
        |at| json!({ "by": waiver.revoked_by, "at": rfc3339(at), "reason": waiver.revoke_reason }),
    );
    let packages: Vec<Value> = uses
        .iter()
        .filter(|it| it.waiver_id == waiver.id)
        .map(|it| json!({ "id": it.package_id, "location": it.location, "state": it.state }))
        .collect();
    json!({
        "id": waiver.id,
        "check": waiver.check_id,
        "vendor": waiver.vendor,
        "package": waiver.package,
        "build": waiver.build,
        "product": waiver.product,
        "reason": waiver.reason,
        "granted_by": waiver.granted_by,
        "granted_at": rfc3339(waiver.granted_at),
        "expires_at": rfc3339(waiver.expires_at),
        "state": waiver.standing(now).as_str(),
        "revoked": revoked,
        "packages": packages,
    })
}

/// Why a waiver is taken back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    reason: String,
}

/// `DELETE /api/v1/waivers/{id}`: revokes it; the row stays.
pub async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<i64>,
    body: Result<Json<Revocation>, JsonRejection>,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let Json(Revocation { reason }) = body.map_err(|e| {
        Error::bad_request(format!("Send `{{\"reason\": \"…\"}}`. {}", e.body_text()))
    })?;
    let waiver = revoked(&app, &caller, id, &reason).await?;
    Ok(Json(waiver_json(&waiver, &[], app.now())))
}

async fn revoked(app: &App, caller: &Caller, id: i64, reason: &str) -> Result<Waiver> {
    let mut tx = app.pool.begin().await?;
    let waiver = waivers::revoke(&mut tx, id, reason, actor(caller), app.now()).await?;
    tx.commit().await?;
    Ok(waiver)
}

/// `GET /waivers`
pub async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Page<WaiversPage>> {
    let (found, uses) = params.find(&app, &caller).await?;
    let now = app.now();
    let may_revoke = caller.role == Role::Distributor;
    let rows: Vec<WaiverRow> = found
        .iter()
        .map(|it| row(it, &uses, now, may_revoke))
        .collect();
    let published = |use_: &&Use| use_.state == "published";
    let ended = |id: i64| {
        let waiver = found.iter().find(|it| it.id == id);
        waiver.filter(|it| it.standing(now) != Standing::Active)
    };
    let overdue = uses
        .iter()
        .filter(published)
        .filter_map(|it| Some((it, ended(it.waiver_id)?)))
        .map(|(it, waiver)| (package_link(it), format!("waiver {}", waiver.id)))
        .collect();
    Ok(Page(WaiversPage {
        shell: shell(&app, &caller, Nav::Waivers),
        rows,
        overdue,
    }))
}

fn package_link(use_: &Use) -> crate::pages::Link {
    crate::pages::Link {
        href: format!("/packages/{}", use_.package_id),
        label: use_.location.clone().unwrap_or_default(),
    }
}

fn row(waiver: &Waiver, uses: &[Use], now: store::Time, may_revoke: bool) -> WaiverRow {
    let standing = waiver.standing(now);
    let revoked = waiver.revoked_at.map(|at| {
        format!(
            "Revoked {} by {}: {}",
            moment(at).human,
            waiver.revoked_by.as_deref().unwrap_or_default(),
            waiver.revoke_reason.as_deref().unwrap_or_default()
        )
    });
    let used = uses.iter().filter(|it| it.waiver_id == waiver.id);
    WaiverRow {
        id: waiver.id,
        check: waiver.check_id.clone(),
        scope: waivers::scope_in_words(waiver),
        reason: waiver.reason.clone(),
        granted_by: waiver.granted_by.clone(),
        granted: moment(waiver.granted_at),
        until: waivers::until(waiver.expires_at),
        state: WaiverState::from_code(standing.as_str()).unwrap_or(WaiverState::Revoked),
        revoked,
        packages: used.map(package_link).collect(),
        revoke: (may_revoke && standing == Standing::Active).then(|| RevokeForm {
            action: format!("/waivers/{}/revoke", waiver.id),
        }),
    }
}

/// The form below a finding.
#[derive(Deserialize)]
pub struct GrantForm {
    csrf: String,
    check: String,
    vendor: String,
    package: String,
    build: String,
    /// `build`, `package` or `vendor`.
    scope: String,
    reason: String,
    expires: String,
    /// The package on whose page the form is.
    page: Uuid,
}

/// `POST /waivers`
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    form: Result<Form<GrantForm>, FormRejection>,
) -> Result<Redirect> {
    let Form(sent) = form.map_err(|e| Error::bad_request(e.body_text()))?;
    caller.require_distributor()?;
    caller.check_csrf(&sent.csrf)?;
    let (package, build) = match sent.scope.as_str() {
        "build" => (Some(sent.package), Some(sent.build)),
        "package" => (Some(sent.package), None),
        "vendor" => (None, None),
        other => return Err(Error::bad_request(format!("`{other}` is no scope."))),
    };
    let asked = Asked {
        check: sent.check,
        vendor: sent.vendor,
        package,
        build,
        product: None,
        reason: sent.reason,
        expires: Some(sent.expires),
    };
    granted(&app, &caller, asked).await?;
    Ok(Redirect::to(&format!("/packages/{}", sent.page)))
}

/// The form below a waiver.
#[derive(Deserialize)]
pub struct RevokeSent {
    csrf: String,
    reason: String,
}

/// `POST /waivers/{id}/revoke`
pub async fn submit_revocation(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<i64>,
    form: Result<Form<RevokeSent>, FormRejection>,
) -> Result<Redirect> {
    let Form(sent) = form.map_err(|e| Error::bad_request(e.body_text()))?;
    caller.require_distributor()?;
    caller.check_csrf(&sent.csrf)?;
    revoked(&app, &caller, id, &sent.reason).await?;
    Ok(Redirect::to("/waivers"))
}
