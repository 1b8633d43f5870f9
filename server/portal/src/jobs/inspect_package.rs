//! Reads a received package and decides on it: the walk of one upload, from bytes to acceptance.
//!
//! rpm → signature → findings → product → verdicts → publication.

mod decide;

use super::JobError;
use crate::app::App;
use crate::inspecting::{Failure, Task};
use crate::policies::Candidates;
use crate::{placing, refusals, waivers};
use anyhow::Context as _;
use decide::{Decided, decide};
use inspect::{Decision, Finding, Inspection, Severity};
use std::sync::Arc;
use store::packages::{Inspected, Package, Placement, RejectedAs, State};
use store::vendors::VendorKey;
use store::{PgConnection, Time};
use tracing::Instrument as _;
use uuid::Uuid;

/// A package whose inspection was begun so often and never came to an end is refused.
const MAX_CRASHES: i32 = 3;

pub async fn run(app: &Arc<App>, id: Uuid, attempts: i32) -> Result<(), JobError> {
    let mut conn = app.pool.acquire().await?;
    let Some(row) = store::packages::by_id(&mut conn, id).await? else {
        return Ok(());
    };
    match row.state {
        State::Received | State::Inspecting => {}
        // Decided by a run that died before it had queued what follows, or newly placed.
        State::Accepted | State::Published => return follow_up(app, id).await,
        _ => return Ok(()),
    }
    let now = app.now();
    if attempts > MAX_CRASHES {
        let finding = refusals::given_up(MAX_CRASHES);
        return reject(app, &row, Refusal::unread(finding)).await;
    }
    store::packages::set_state(&mut conn, id, State::Inspecting, "Being read.", now).await?;
    let candidates = candidates(&mut conn, &row).await?;
    let task = task(app, &mut conn, row.vendor_id, &candidates).await?;
    drop(conn);

    let package = app.storage.package(&row.sha256);
    let looked = app.inspector.look(package, task).instrument(span(&row));
    match looked.await {
        Ok(Ok(reading)) => match decide(app, &row, *reading, &candidates).await? {
            Decided::Accepted => follow_up(app, id).await,
            Decided::Refused(refusal) => reject(app, &row, *refusal).await,
            Decided::Already => Ok(()),
        },
        Ok(Err(finding)) => reject(app, &row, Refusal::unread(finding)).await,
        // Nothing is known of the package yet, and its bytes are safe.
        Err(failure @ Failure::Trouble(_)) => Err(JobError::Later(failure.into())),
        // An operator, a restart, or the kernel for want of memory. Not the package's fault, most
        // likely, so it is tried again; but if the kernel always chooses this process, it may be.
        Err(failure @ Failure::Interrupted(_)) => Err(JobError::Retry(failure.into())),
    }
}

/// What the process that reads a vendor's package is told.
///
/// # Errors
/// The database fails.
pub async fn task(
    app: &App,
    conn: &mut PgConnection,
    vendor_id: i64,
    candidates: &Candidates,
) -> sqlx::Result<Task> {
    let keys = store::vendors::list_keys(conn, None).await?;
    Ok(Task {
        limits: app.config.limits.package,
        policies: candidates.policies.clone(),
        own_keys: armored(
            keys.iter()
                .filter(|k| k.vendor_id == vendor_id && k.retired_at.is_none()),
        ),
        other_keys: armored(keys.iter().filter(|k| k.vendor_id != vendor_id)),
        now: app.now().unix_timestamp().cast_unsigned(),
    })
}

/// Names the package in what is logged while it is looked at.
fn span(row: &Package) -> tracing::Span {
    tracing::info_span!("inspection", package.id = %row.id, vendor.name = row.vendor)
}

/// The policies of the products it was uploaded to, or of all when none was named: which it is, only
/// the package tells.
async fn candidates(conn: &mut PgConnection, row: &Package) -> Result<Candidates, JobError> {
    let mut products = store::products::list(conn).await?;
    let placements = store::packages::placements(conn, row.id).await?;
    if !placements.is_empty() {
        products.retain(|product| placements.iter().any(|it| it.product_id == product.id));
    }
    let vendor = store::vendors::by_id(conn, row.vendor_id).await?;
    let vendor = vendor.with_context(|| format!("the vendor of package {} is gone", row.id))?;
    Ok(Candidates::load(conn, products, &vendor).await?)
}

/// That a package is refused, and why.
struct Refusal {
    rejected_as: RejectedAs,
    inspection: Inspection,
    /// What was read, if the vendor may see it.
    facts: Option<Inspected>,
    /// Waivers that would have let it in, had they not expired.
    lapsed: Vec<i64>,
}

impl Refusal {
    /// Of a package of which nothing is known.
    fn unread(finding: Finding) -> Self {
        Self {
            rejected_as: RejectedAs::Unprocessable,
            inspection: Inspection {
                findings: vec![finding],
                passed: Vec::new(),
                decision: Decision::Reject,
            },
            facts: None,
            lapsed: Vec::new(),
        }
    }
}

fn armored<'a>(keys: impl Iterator<Item = &'a VendorKey>) -> Vec<String> {
    keys.map(|key| key.armored.clone()).collect()
}

/// Verdicts first, so that whoever sees the package published sees them, too.
async fn follow_up(app: &App, id: Uuid) -> Result<(), JobError> {
    let now = app.now();
    let mut conn = app.pool.acquire().await?;
    let Some(row) = store::packages::by_id(&mut conn, id).await? else {
        return Ok(());
    };
    let placements = store::packages::placements(&mut conn, id).await?;
    drop(conn);
    crate::judging::judge_package(&app.judging, &app.pool, id, now).await?;
    let arch = row.arch.unwrap_or_default();
    let vendor = Some(row.vendor_id);
    let mut tx = app.pool.begin().await?;
    if !row.is_held {
        for placement in &placements {
            let Some(product) = store::products::by_id(&mut tx, placement.product_id).await? else {
                continue;
            };
            let channel = &placement.channel;
            placing::queue_publication(&mut tx, &product, channel, &arch, vendor, now).await?;
        }
    }
    queue_others(&mut tx, &placements, now).await?;
    if store::channels::is_waiting(&mut tx, id).await? {
        // Whoever waits for the package learns that it is judged and that nothing more comes.
        store::notify(&mut tx, store::channel::PACKAGES, &id.to_string()).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Queues the repositories of the package's products that changed by it.
///
/// # Errors
/// The database fails.
pub async fn queue_neighbours(app: &App, id: Uuid) -> sqlx::Result<()> {
    let mut tx = app.pool.begin().await?;
    let placements = store::packages::placements(&mut tx, id).await?;
    queue_others(&mut tx, &placements, app.now()).await?;
    tx.commit().await
}

/// Other packages may load now that did not before.
async fn queue_others(
    conn: &mut PgConnection,
    placements: &[Placement],
    now: Time,
) -> sqlx::Result<()> {
    let mut products: Vec<i64> = placements.iter().map(|it| it.product_id).collect();
    products.sort_unstable();
    products.dedup();
    for product_id in products {
        placing::queue_changed(conn, product_id, now).await?;
    }
    Ok(())
}

/// Notes the refusal and removes the bytes. What was read stays, for the vendor to look at.
async fn reject(app: &App, row: &Package, refusal: Refusal) -> Result<(), JobError> {
    let Inspection {
        findings, passed, ..
    } = &refusal.inspection;
    let reason = findings
        .iter()
        .find(|f| f.severity == Severity::Reject)
        .map_or_else(
            || "Refused.".to_owned(),
            |f| format!("{}: {}", f.title, f.detail),
        );
    let now = app.now();
    let mut tx = app.pool.begin().await?;
    if let Some(facts) = &refusal.facts {
        store::packages::save_inspection(&mut tx, row.id, facts).await?;
    }
    store::packages::save_findings(&mut tx, row.id, findings, passed).await?;
    for waiver in &refusal.lapsed {
        waivers::record_lapse(&mut tx, *waiver, row, now).await?;
    }
    store::packages::reject(&mut tx, row.id, refusal.rejected_as, &reason, now).await?;
    tx.commit().await?;
    tracing::info!(package.id = %row.id, vendor.name = row.vendor, reason, "package rejected");
    discard(app, row).await
}

/// Removes the bytes of a rejected package, unless the same ones were just sent again.
async fn discard(app: &App, row: &Package) -> Result<(), JobError> {
    let mut tx = app.pool.begin().await?;
    store::lock(&mut tx, &crate::uploads::subject(&row.sha256)).await?;
    if store::packages::is_content_wanted(&mut tx, &row.sha256).await? == Some(false) {
        app.storage.discard_package(&row.sha256)?;
    }
    tx.commit().await?;
    Ok(())
}
