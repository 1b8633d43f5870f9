//! A vendor says that it knows what a kernel breaks, over the API or by the form on the kernel's
//! page.

use crate::app::App;
use crate::auth::{Caller, Role, missing_token};
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::shown;
use crate::views::rfc3339;
use axum::extract::State;
use axum::response::Redirect;
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::acknowledgements::{Acknowledgement, NewAcknowledgement};
use time::Date;
use time::macros::format_description;
use uuid::Uuid;

/// Characters of a note; longer plans belong into a mail.
const LONGEST_NOTE: usize = 2_000;

/// What a vendor may add. Forms send empty words.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Word {
    note: String,
    /// `YYYY-MM-DD`: when a build that loads is planned.
    planned_date: Option<String>,
    /// Of the form only.
    csrf: String,
}

/// `POST /api/v1/kernels/{id}/acknowledge`
pub async fn acknowledge(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    body: axum::body::Bytes,
) -> Result<Json<Value>> {
    let word = match body.is_empty() {
        true => Word::default(),
        false => serde_json::from_slice(&body).map_err(|error| {
            Error::bad_request(format!(
                "Send nothing, or `{{\"note\": \"…\", \"planned_date\": \"2026-12-01\"}}`: {error}."
            ))
        })?,
    };
    let said = save(&app, &caller, id, &word).await?;
    Ok(Json(json(&said)))
}

/// `POST /kernels/{id}/acknowledge`
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    form: Result<Form<Word>, axum::extract::rejection::FormRejection>,
) -> Result<Redirect> {
    let Form(word) = form.map_err(|e| Error::bad_request(e.body_text()))?;
    caller.check_csrf(&word.csrf)?;
    save(&app, &caller, id, &word).await?;
    Ok(Redirect::to(&format!("/kernels/{id}#acknowledge")))
}

async fn save(app: &App, caller: &Caller, id: Uuid, word: &Word) -> Result<Acknowledgement> {
    let vendor_id = match &caller.role {
        Role::Vendor { id, .. } => *id,
        Role::Distributor => {
            return Err(Error::forbidden(
                "Only a vendor can say that it knows; this is a distributor's token.",
            ));
        }
        Role::Anonymous => return Err(missing_token()),
    };
    let note = word.note.trim().replace('\0', "\u{fffd}");
    if note.chars().count() > LONGEST_NOTE {
        return Err(Error::bad_request(format!(
            "The note may have at most {LONGEST_NOTE} characters."
        )));
    }
    let planned_date = planned(word.planned_date.as_deref().unwrap_or(""))?;
    let mut conn = app.pool.acquire().await?;
    shown::kernel(app, &mut conn, caller, id).await?;
    let new = NewAcknowledgement {
        kernel_id: id,
        vendor_id,
        account: &caller.name,
        note: &note,
        planned_date,
    };
    store::acknowledgements::save(&mut conn, &new, app.now()).await?;
    tracing::info!(kernel.id = %id, vendor.id = vendor_id, "a vendor acknowledged a kernel");
    let said = store::acknowledgements::of_kernel(&mut conn, caller.viewer(), id).await?;
    let own = said.into_iter().next();
    own.ok_or_else(|| Error::Internal(anyhow::anyhow!("the acknowledgement is gone")))
}

fn planned(text: &str) -> Result<Option<Date>> {
    if text.is_empty() {
        return Ok(None);
    }
    Date::parse(text, format_description!("[year]-[month]-[day]"))
        .map(Some)
        .map_err(|_| {
            Error::bad_request(format!(
                "`planned_date` must look like 2026-11-23; it is `{text}`."
            ))
        })
}

/// As the API shows it.
pub fn json(said: &Acknowledgement) -> Value {
    json!({
        "vendor": said.vendor,
        "account": said.account,
        "note": said.note,
        "planned_date": said.planned_date.map(|d| d.to_string()),
        "acknowledged_at": rfc3339(said.at),
    })
}
