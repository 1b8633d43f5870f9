//! What a package has to expect of the next kernel: how likely it changes a symbol that the package
//! needs, at how many updates that happened, and which symbols to avoid.

use super::visible;
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::error::Result;
use crate::extract::Segments;
use crate::pages::{Listing, RestlessSymbol, RiskView, counted, encode};
use crate::shown;
use crate::timeline::{self, Line};
use axum::Json;
use axum::extract::State;
use kabi::Stablelist;
use kabi::volatility::{Risk, Volatile};
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
    let mut risks = Vec::new();
    for line in timeline::lines(kernels) {
        let stablelist = stablelist(conn, &line).await?;
        let risk = timeline::risk(&app.history, &line, &symbols, stablelist.as_ref());
        risks.push((line, risk));
    }
    Ok(risks)
}

/// That of the newest kernel.
async fn stablelist(conn: &mut PgConnection, line: &Line) -> Result<Option<Stablelist>> {
    let Some(newest) = line.kernels.last() else {
        return Ok(None);
    };
    let lists = store::kernel_parts::lists_for_judging(conn, newest.id).await?;
    let list = lists
        .stablelist
        .map(|text| Stablelist::parse(text.as_bytes()));
    Ok(list.transpose().map_err(anyhow::Error::from)?)
}

/// Of a hundred updates, at how many some symbol changes; `None` without a past.
fn percent(risk: &Risk) -> Option<u64> {
    (risk.updates > 0).then(|| (risk.score * 100.0).round() as u64)
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
        json!({
            "product": line.product,
            "arch": line.arch,
            "flavor": line.flavor,
            "kernels": line.kernels.len(),
            "updates": risk.updates,
            "broke": risk.broke,
            // Percent.
            "score": percent(risk),
            "avoid": risk.avoid,
        })
    });
    Ok(Json(
        json!({ "id": id, "lines": lines.collect::<Vec<_>>() }),
    ))
}

fn times(symbol: &Volatile) -> String {
    let mut text = counted(u64::from(symbol.changed), "change", "changes");
    if let Some(alternative) = &symbol.alternative {
        text.push_str(&format!("; {alternative} is kept stable"));
    }
    text
}

/// As the package's page shows it; a line of kernels without a step says nothing yet.
pub fn views(lines: &[(Line, Risk)]) -> Vec<RiskView> {
    let told = lines.iter().filter(|(_, risk)| risk.updates > 0);
    told.map(|(line, risk)| RiskView {
        line: format!("{} · {} · {}", line.product, line.flavor, line.arch),
        score: format!("{} %", percent(risk).unwrap_or(0)),
        text: format!(
            "{} of {} from one kernel to the next changed a symbol it needs.",
            risk.broke,
            counted(u64::from(risk.updates), "update", "updates"),
        ),
        avoid: Listing::capped(
            risk.avoid.iter().map(|r| RestlessSymbol {
                href: format!("/symbols/{}", encode(&r.symbol)),
                symbol: r.symbol.clone(),
                times: times(r),
            }),
            SHOWN,
        ),
    })
    .collect()
}
