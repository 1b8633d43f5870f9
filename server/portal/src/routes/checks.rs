//! Help pages made from the registries themselves.

use crate::app::App;
use crate::auth::Caller;
use crate::error::{KINDS, Result};
use crate::pages::{CheckRow, ChecksPage, Nav, ProblemRow, ProblemsPage, Severity};
use crate::routes::pages::Page;
use crate::views::shell;
use axum::extract::State;
use std::sync::Arc;

/// `GET /help/checks`
pub async fn page(State(app): State<Arc<App>>, caller: Caller) -> Result<Page<ChecksPage>> {
    let checks = inspect::CHECKS
        .iter()
        .map(|check| CheckRow {
            id: check.id.to_owned(),
            severity: match check.severity {
                inspect::Severity::Note => Severity::Note,
                inspect::Severity::Warning => Severity::Warning,
                inspect::Severity::Reject => Severity::Reject,
            },
            title: check.title.to_owned(),
            help: check.help.to_owned(),
            is_waivable: check.waivable,
        })
        .collect();
    Ok(Page(ChecksPage {
        shell: shell(&app, &caller, Nav::Checks),
        checks,
    }))
}

/// `GET /help/problems`
pub async fn problems(State(app): State<Arc<App>>, caller: Caller) -> Result<Page<ProblemsPage>> {
    let problems = KINDS
        .iter()
        .map(|(id, status, help)| ProblemRow {
            id: (*id).to_owned(),
            status: *status,
            help: (*help).to_owned(),
        })
        .collect();
    Ok(Page(ProblemsPage {
        shell: shell(&app, &caller, Nav::None),
        problems,
    }))
}
