//! The release gate as a page.

use super::{Document, LISTED, Override, decide, sign};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::gate::{Decision, Outcome, Rule};
use crate::pages::{GatePage, GateReport, GateRule, Listing, Nav, Tone};
use crate::routes::pages::Page;
use crate::views::{moment, shell};
use axum::Form;
use axum::extract::State;
use axum::response::Redirect;
use serde::Deserialize;
use std::sync::Arc;
use uuid::Uuid;

/// Names that a rule shows at once.
const SHOWN: usize = 20;

/// `GET /kernels/{id}/gate`
pub async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<Page<GatePage>> {
    let document = decide(&app, &caller, id, &Override::default()).await?;
    let mut conn = app.pool.acquire().await?;
    let reports = store::gates::reports(&mut conn, id, LISTED).await?;
    let reports = reports.into_iter().map(|r| GateReport {
        document_href: format!("/api/v1/kernels/{id}/gate/{}.json", r.number),
        signature_href: format!("/api/v1/kernels/{id}/gate/{}.json.asc", r.number),
        number: r.number.to_string(),
        is_go: r.decision == Decision::Go.as_str(),
        issued_by: r.issued_by,
        issued: moment(r.issued_at),
    });
    Ok(Page(GatePage {
        shell: shell(&app, &caller, Nav::Kernels),
        kernel_href: format!("/kernels/{id}"),
        action: format!("/kernels/{id}/gate"),
        is_go: document.decision == Decision::Go,
        rules: rules(&document),
        reports: reports.collect(),
        release: document.kernel.release,
        product: document.kernel.product,
    }))
}

fn rules(document: &Document) -> Vec<GateRule> {
    document.rules.iter().map(rule).collect()
}

fn rule(rule: &Rule) -> GateRule {
    let (tone, label) = match rule.outcome {
        Outcome::Pass => (Tone::Good, "Passes"),
        Outcome::Fail => (Tone::Bad, "Fails"),
        Outcome::Off => (Tone::Quiet, "Not asked"),
        Outcome::NotApplicable => (Tone::Quiet, "Nothing to compare"),
    };
    let mut against = Listing::capped(rule.against.iter().cloned(), SHOWN);
    let found = usize::try_from(rule.found).unwrap_or(usize::MAX);
    against.more = found.saturating_sub(against.items.len());
    GateRule {
        rule: rule.rule.to_owned(),
        tone,
        label: label.to_owned(),
        text: rule.text.clone(),
        against,
    }
}

/// The form's only field.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    csrf: String,
}

/// `POST /kernels/{id}/gate`
pub async fn issue_by_form(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    form: Result<Form<Issue>, axum::extract::rejection::FormRejection>,
) -> Result<Redirect> {
    let Form(issue) = form.map_err(|e| Error::bad_request(e.body_text()))?;
    caller.check_csrf(&issue.csrf)?;
    sign(&app, &caller, id, &Override::default()).await?;
    Ok(Redirect::to(&format!("/kernels/{id}/gate#reports")))
}
