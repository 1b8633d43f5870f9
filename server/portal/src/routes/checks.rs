//! Help pages made from the registries themselves.

use crate::app::App;
use crate::auth::Caller;
use crate::error::{KINDS, Result};
use crate::extract::Params;
use crate::pages::{CheckRow, ChecksPage, Choice, Nav, ProblemRow, ProblemsPage, Severity};
use crate::policies;
use crate::routes::pages::Page;
use crate::uploads::product_by_name;
use crate::views::shell;
use axum::extract::State;
use serde::Deserialize;
use std::sync::Arc;

/// Query of the help page.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct ChecksParams {
    /// Name of a product whose policy changes weights.
    product: String,
}

/// `GET /help/checks`
pub async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ChecksParams>,
) -> Result<Page<ChecksPage>> {
    let mut conn = app.pool.acquire().await?;
    let policy = match params.product.is_empty() {
        true => None,
        false => {
            let product = product_by_name(&mut conn, &params.product).await?;
            Some(policies::effective(&mut conn, &product, None).await?)
        }
    };
    let products = store::products::list(&mut conn).await?;
    let all = [(String::new(), "general".to_owned())];
    let products = all
        .into_iter()
        .chain(products.into_iter().map(|p| (p.name, p.display_name)));
    let asked = |check: &&&'static inspect::Check| {
        policy
            .as_ref()
            .is_none_or(|policy| check.scope.covers(policy.family))
    };
    Ok(Page(ChecksPage {
        shell: shell(&app, &caller, Nav::Checks),
        products: Choice::list(products, &params.product),
        checks: inspect::CHECKS
            .iter()
            .filter(asked)
            .map(|check| row(check, policy.as_ref()))
            .collect(),
    }))
}

fn row(check: &inspect::Check, policy: Option<&inspect::Policy>) -> CheckRow {
    let own = severity(check.severity);
    let here = match policy {
        Some(policy) => policy.weight(check).severity().map(severity),
        None => Some(own),
    };
    CheckRow {
        id: check.id.to_owned(),
        severity: here,
        usual: (here != Some(own)).then_some(own),
        title: check.title.to_owned(),
        help: check.help.to_owned(),
        is_waivable: check.waivable,
    }
}

fn severity(severity: inspect::Severity) -> Severity {
    match severity {
        inspect::Severity::Note => Severity::Note,
        inspect::Severity::Warning => Severity::Warning,
        inspect::Severity::Reject => Severity::Reject,
    }
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
