//! Whether a package that was accepted for one product may go to another, too, when the same bytes
//! are sent there: it is looked at once more if the other demands something else.

use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::inspect_package::task;
use crate::policies::Candidates;
use crate::waivers;
use anyhow::Context as _;
use inspect::{Decision, Severity};
use store::packages::{Package, State};
use store::products::Product;
use tokio::sync::Semaphore;

/// Inspections in requests run one at a time; the jobs' are bounded by their number.
static TURN: Semaphore = Semaphore::const_new(1);

/// Lets the vendor's package with these bytes go to the product, if it is there and decided.
///
/// # Errors
/// 422 with the findings when what the product demands keeps it out.
pub async fn to_further_product(
    app: &App,
    vendor_id: i64,
    sha256: &[u8],
    product: &Product,
) -> Result<()> {
    let mut conn = app.pool.acquire().await?;
    let known = store::packages::by_sha256(&mut conn, vendor_id, sha256).await?;
    let Some((id, State::Accepted | State::Published)) = known else {
        // One that is being inspected is looked at for all products it was sent to.
        return Ok(());
    };
    let Some(package) = store::packages::by_id(&mut conn, id).await? else {
        return Ok(());
    };
    let placements = store::packages::placements(&mut conn, id).await?;
    let mut products = store::products::list(&mut conn).await?;
    products.retain(|it| {
        it.id == product.id || placements.iter().any(|placed| placed.product_id == it.id)
    });
    let vendor = store::vendors::by_id(&mut conn, vendor_id).await?;
    let vendor = vendor.with_context(|| format!("the vendor of package {id} is gone"))?;
    let candidates = Candidates::load(&mut conn, products, &vendor).await?;
    let placed: Vec<i64> = placements.iter().map(|it| it.product_id).collect();
    if candidates.demand_the_same(product.id, &placed) {
        return Ok(());
    }
    drop(conn);
    look_again(app, &package, product, &candidates).await
}

async fn look_again(
    app: &App,
    package: &Package,
    product: &Product,
    candidates: &Candidates,
) -> Result<()> {
    let _turn = TURN.acquire().await.map_err(anyhow::Error::from)?;
    let task = {
        let mut conn = app.pool.acquire().await?;
        task(app, &mut conn, package.vendor_id, candidates).await?
    };
    let path = app.storage.package(&package.sha256);
    let looked = app.inspector.look(path, task).await;
    let reading = looked.map_err(anyhow::Error::from)?;
    let reading = reading.map_err(|finding| refusal(package, product, vec![finding]))?;
    let mut inspection = candidates
        .choose(&reading.inspections, &[product.id])
        .context("an inspection is missing")?;
    let now = app.now();
    let mut tx = app.pool.begin().await?;
    let products = [product.name.as_str()];
    let facts = &reading.facts;
    let used = waivers::apply(&mut tx, package, facts, &products, &mut inspection, now).await?;
    if inspection.decision == Decision::Reject {
        return Err(refusal(package, product, inspection.findings));
    }
    for waiver in used.applied {
        waivers::record_use(&mut tx, waiver, package, &facts.location, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

fn refusal(package: &Package, product: &Product, findings: Vec<inspect::Finding>) -> Error {
    let first = findings.iter().find(|it| it.severity == Severity::Reject);
    let why = first.map_or_else(String::new, |it| {
        format!(" {}: {}. {}", it.title, it.detail, it.help)
    });
    Error::rejected_problem(format!(
        "The package stays where it is, and does not go to {}.{why}",
        product.name
    ))
    .with("id", package.id)
    .with("sha256", hex::encode(&package.sha256))
    .with("state", package.state)
    .with("findings", findings)
    .into()
}
