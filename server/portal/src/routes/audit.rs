//! The audit trail over the API and as a page, for distributors.

use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;
use crate::extract::Params;
use crate::pages::{AuditPage, AuditRow, Choice, Nav, Paging};
use crate::routes::pages::Page;
use crate::views::{moment, rfc3339, shell};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::audit::Event;

/// Rows of a page.
const ROWS: i64 = 50;

/// Query of the trail.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct AuditParams {
    /// `waiver.granted` …
    action: String,
    page: Option<u64>,
}

impl AuditParams {
    fn page(&self) -> u64 {
        self.page.unwrap_or(1).clamp(1, 1_000_000)
    }

    async fn find(&self, app: &App) -> Result<(Vec<Event>, i64)> {
        let action = (!self.action.is_empty()).then_some(self.action.as_str());
        let rows = store::Page {
            limit: ROWS,
            offset: (i64::try_from(self.page()).unwrap_or(1) - 1) * ROWS,
        };
        let mut conn = app.pool.acquire().await?;
        Ok(store::audit::list(&mut conn, action, rows).await?)
    }
}

/// `GET /api/v1/audit`
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<AuditParams>,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let (events, total) = params.find(&app).await?;
    let events: Vec<Value> = events
        .iter()
        .map(|it| {
            json!({
                "id": it.id,
                "at": rfc3339(it.at),
                "actor": it.actor,
                "role": it.role,
                "action": it.action,
                "subject": it.subject,
                "vendor": it.vendor,
                "detail": it.detail,
            })
        })
        .collect();
    Ok(Json(
        json!({ "total": total, "page": params.page(), "events": events }),
    ))
}

/// `GET /audit`
pub async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<AuditParams>,
) -> Result<Page<AuditPage>> {
    caller.require_distributor()?;
    let (events, total) = params.find(&app).await?;
    let actions = {
        let mut conn = app.pool.acquire().await?;
        store::audit::actions(&mut conn).await?
    };
    let all = [(String::new(), "All actions".to_owned())];
    let actions = all
        .into_iter()
        .chain(actions.into_iter().map(|it| (it.clone(), it)));
    let filters = [("action", params.action.as_str())];
    let total = u64::try_from(total).unwrap_or(0);
    Ok(Page(AuditPage {
        shell: shell(&app, &caller, Nav::Audit),
        actions: Choice::list(actions, &params.action),
        rows: events.into_iter().map(row).collect(),
        paging: Paging::new(
            "/audit",
            &filters,
            params.page(),
            ROWS.cast_unsigned(),
            total,
        ),
    }))
}

fn row(event: Event) -> AuditRow {
    AuditRow {
        at: moment(event.at),
        actor: format!("{} ({})", event.actor, event.role),
        action: event.action,
        subject: event.subject,
        vendor: event.vendor,
        detail: event.detail,
    }
}
