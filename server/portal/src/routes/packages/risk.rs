//! What the past of its symbols says of a package: on how many steps from one kernel to the next it
//! would have broken, and which symbols were to blame.

use super::visible;
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::error::Result;
use crate::extract::Segments;
use crate::pages::{Listing, RestlessSymbol, RiskView, counted, encode};
use crate::shown;
use crate::timeline::{self, Line, Risk};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use std::sync::Arc;
use store::PgConnection;
use store::kernels::{Filter, Kernel};
use store::packages::Package;
use uuid::Uuid;

/// Symbols shown at once.
const SHOWN: usize = 10;

/// One entry for each line of kernels that the package is for.
pub async fn of_package(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    package: &Package,
) -> Result<Vec<(Line, Risk)>> {
    let (Some(arch), Some(flavor)) = (&package.arch, &package.flavor) else {
        return Ok(Vec::new());
    };
    // Of an embargoed kernel, a vendor is told about its own packages only.
    let knows_all = match caller.role {
        Role::Distributor => true,
        Role::Vendor { id, .. } => id == package.vendor_id,
        Role::Anonymous => false,
    };
    let mut kernels: Vec<Kernel> = Vec::new();
    for placement in store::packages::placements(conn, package.id).await? {
        let filter = Filter {
            product_id: Some(placement.product_id),
            arch: Some(arch.clone()),
            flavor: Some(flavor.clone()),
            ..Filter::default()
        };
        let is_kept = |k: &Kernel| knows_all || !k.is_embargoed();
        for kernel in shown::kernels_where(app, conn, caller, &filter, is_kept).await? {
            if !kernels.iter().any(|known| known.id == kernel.id) {
                kernels.push(kernel);
            }
        }
    }
    app.history.load(conn, &kernels).await?;
    let symbols = store::symbols::of_package(conn, package.id).await?;
    let lines = timeline::lines(kernels).into_iter();
    Ok(lines
        .map(|line| {
            let risk = timeline::risk(&app.history, &line, &symbols);
            (line, risk)
        })
        .collect())
}

/// `GET /api/v1/packages/{id}/risk`
pub async fn risk(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<Json<Value>> {
    let package = visible(&app, &caller, id).await?;
    let mut conn = app.pool.acquire().await?;
    let lines = of_package(&app, &mut conn, &caller, &package).await?;
    let lines = lines.iter().map(|(line, risk)| {
        let avoid = risk
            .avoid
            .iter()
            .map(|r| json!({ "symbol": r.symbol, "changes": r.changes, "removals": r.removals }));
        json!({
            "product": line.product,
            "arch": line.arch,
            "flavor": line.flavor,
            "kernels": line.kernels.len(),
            "steps": risk.steps,
            "broken_steps": risk.broken_steps,
            "score": risk.score(),
            "avoid": avoid.collect::<Vec<_>>(),
        })
    });
    Ok(Json(
        json!({ "id": id, "lines": lines.collect::<Vec<_>>() }),
    ))
}

/// As the package's page shows it; a line of kernels without a step says nothing yet.
pub fn views(lines: &[(Line, Risk)]) -> Vec<RiskView> {
    let told = lines.iter().filter(|(_, risk)| risk.steps > 0);
    told.map(|(line, risk)| RiskView {
        line: format!("{} · {} · {}", line.product, line.flavor, line.arch),
        score: format!("{} %", risk.score().unwrap_or(0)),
        text: format!(
            "{} of {} from one kernel to the next changed a symbol it needs.",
            risk.broken_steps,
            counted(risk.steps as u64, "step", "steps"),
        ),
        avoid: Listing::capped(
            risk.avoid.iter().map(|r| RestlessSymbol {
                href: format!("/symbols/{}", encode(&r.symbol)),
                symbol: r.symbol.clone(),
                times: counted((r.changes + r.removals) as u64, "change", "changes"),
            }),
            SHOWN,
        ),
    })
    .collect()
}
