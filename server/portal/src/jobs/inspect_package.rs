//! Reads a received package and decides on it: the walk of one upload, from bytes to acceptance.
//!
//! rpm → signature → findings → product → verdicts → publication.

use super::JobError;
use crate::app::App;
use crate::inspecting::{Answer, Reading, Task};
use crate::placing::{self, Built, Misfit};
use crate::refusals;
use anyhow::Context as _;
use inspect::{Decision, Finding, Severity};
use std::fs::File;
use std::sync::Arc;
use store::packages::{Inspected, RejectedAs, State};
use store::products::Product;
use store::vendors::VendorKey;
use store::{PgConnection, Viewer};
use uuid::Uuid;

/// A package whose inspection ended the process so often is refused.
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
        let finding = refusals::crashed(MAX_CRASHES);
        return reject(app, &row, RejectedAs::Unprocessable, vec![finding], None).await;
    }
    store::packages::set_state(&mut conn, id, State::Inspecting, "Being read.", now).await?;
    let keys = store::vendors::list_keys(&mut conn, None).await?;
    let placements = store::packages::placements(&mut conn, id).await?;
    let product = match placements.first() {
        Some(p) => store::products::by_id(&mut conn, p.product_id).await?,
        None => None,
    };
    drop(conn);

    let task = Task {
        limits: kmp::Limits::default(),
        policy: inspection_policy(product.as_ref()),
        own_keys: armored(keys.iter().filter(|k| k.vendor_id == row.vendor_id)),
        other_keys: armored(keys.iter().filter(|k| k.vendor_id != row.vendor_id)),
        now: now.unix_timestamp().cast_unsigned(),
    };
    let path = app.storage.package(&row.sha256);
    let file = File::open(&path).with_context(|| path.display().to_string())?;
    let answer = tokio::task::spawn_blocking(move || task.perform(file)).await?;
    match answer {
        Answer::Read(reading) => decide(app, &row, *reading, placements.is_empty()).await,
        Answer::Refused(finding) => {
            reject(app, &row, RejectedAs::Unprocessable, vec![finding], None).await
        }
        Answer::Trouble(error) => Err(JobError::Retry(anyhow::anyhow!(error))),
    }
}

fn armored<'a>(keys: impl Iterator<Item = &'a VendorKey>) -> Vec<String> {
    keys.map(|key| key.armored.clone()).collect()
}

fn inspection_policy(product: Option<&Product>) -> inspect::Policy {
    let family = match product.map(|p| p.family.as_str()) {
        Some("redhat") => inspect::Family::RedHat,
        _ => inspect::Family::Suse,
    };
    inspect::Policy::for_family(family)
}

async fn decide(
    app: &Arc<App>,
    row: &store::packages::Package,
    reading: Reading,
    product_is_open: bool,
) -> Result<(), JobError> {
    let now = app.now();
    let Reading {
        facts,
        mut findings,
        ..
    } = reading;
    let mut tx = app.pool.begin().await?;
    store::lock(&mut tx, &format!("location:{}", facts.location)).await?;
    // Another worker may have been faster, after our lease ran out.
    let state = store::packages::by_id(&mut tx, row.id)
        .await?
        .map(|p| p.state);
    if !state.is_some_and(State::is_undecided) {
        return Ok(());
    }

    let mut refusal = None;
    if let Some(fingerprint) = &reading.signed_by_other {
        findings.insert(0, refusals::other_vendors_key(fingerprint));
        refusal = Some(RejectedAs::Forbidden);
    } else if let Some(owner) =
        store::packages::name_owner(&mut tx, &facts.name, row.vendor_id).await?
    {
        findings.insert(0, refusals::other_vendors_name(&facts.name, &owner));
        refusal = Some(RejectedAs::Forbidden);
    } else if reading.decision == Decision::Reject {
        refusal = Some(RejectedAs::Unprocessable);
    } else if let Some((other, _)) = store::packages::by_location(&mut tx, &facts.location)
        .await?
        .filter(|o| o.0 != row.id)
    {
        findings.insert(0, refusals::name_taken(&facts.location, other));
        refusal = Some(RejectedAs::Conflict);
    }
    if refusal.is_none()
        && let Err(misfit) = settle_product(&mut tx, row, &facts, product_is_open).await?
    {
        findings.insert(0, refusals::misfit(misfit));
        refusal = Some(RejectedAs::Unprocessable);
    }
    if let Some(rejected_as) = refusal {
        drop(tx);
        let facts = (rejected_as != RejectedAs::Forbidden).then_some(&facts);
        return reject(app, row, rejected_as, findings, facts).await;
    }
    findings.extend(unknown_kernel(&mut tx, row, &facts).await?);
    store::packages::save_inspection(&mut tx, row.id, &facts).await?;
    store::packages::save_findings(&mut tx, row.id, &findings).await?;
    let reason = acceptance_reason(&findings);
    store::packages::set_state(&mut tx, row.id, State::Accepted, &reason, now).await?;
    tx.commit().await?;
    tracing::info!(package.id = %row.id, package.location = facts.location, vendor.name = row.vendor, "package accepted");
    follow_up(app, row.id).await
}

/// Finds the product if the uploader named none, and sees whether the package fits.
async fn settle_product(
    conn: &mut PgConnection,
    row: &store::packages::Package,
    facts: &Inspected,
    product_is_open: bool,
) -> sqlx::Result<Result<(), Misfit>> {
    let id = row.id;
    let built = Built {
        arch: &facts.arch,
        flavor: facts.flavor.as_deref(),
        kernel_release: facts.kernel_release.as_deref(),
    };
    if product_is_open {
        let product =
            match placing::find_product(conn, Viewer::Vendor(row.vendor_id), built).await? {
                Ok(product) => product,
                Err(misfit) => return Ok(Err(misfit)),
            };
        let wanted = store::packages::wanted_channel(conn, id).await?;
        let channel = wanted.as_ref().unwrap_or(&product.default_channel);
        if !product.channels.contains(channel) {
            return Ok(Err(placing::no_channel(&product, channel)));
        }
        store::packages::place(conn, id, product.id, channel).await?;
    }
    for placement in store::packages::placements(conn, id).await? {
        let product = store::products::by_id(conn, placement.product_id).await?;
        if let Some(misfit) = product.and_then(|p| placing::misfit(&p, built)) {
            return Ok(Err(misfit));
        }
    }
    Ok(Ok(()))
}

/// A package may come before the kernel it was built for; nothing can be said of that one yet.
async fn unknown_kernel(
    conn: &mut PgConnection,
    row: &store::packages::Package,
    facts: &Inspected,
) -> sqlx::Result<Option<Finding>> {
    let Some(release) = &facts.kernel_release else {
        return Ok(None);
    };
    let vendor = Viewer::Vendor(row.vendor_id);
    for placement in store::packages::placements(conn, row.id).await? {
        let filter = store::kernels::Filter {
            product_id: Some(placement.product_id),
            release: Some(release.clone()),
            ..Default::default()
        };
        if store::kernels::list(conn, vendor, &filter)
            .await?
            .is_empty()
        {
            return Ok(Some(refusals::kernel_not_registered(
                &placement.product,
                release,
            )));
        }
    }
    Ok(None)
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
    let arch = row.arch.unwrap_or_default();
    if let Some(flavor) = &row.flavor {
        let mut products: Vec<i64> = placements.iter().map(|p| p.product_id).collect();
        products.dedup();
        for product_id in products {
            crate::judging::judge_product(&app.kernels, &app.pool, product_id, &arch, flavor, now)
                .await?;
        }
    }
    let mut tx = app.pool.begin().await?;
    for placement in &placements {
        if let Some(product) = store::products::by_id(&mut tx, placement.product_id).await? {
            placing::queue_publication(&mut tx, &product, &placement.channel, &arch, now).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Notes the refusal and removes the bytes. What was read stays, for the vendor to look at.
async fn reject(
    app: &App,
    row: &store::packages::Package,
    rejected_as: RejectedAs,
    findings: Vec<Finding>,
    facts: Option<&Inspected>,
) -> Result<(), JobError> {
    let reason = findings
        .iter()
        .find(|f| f.severity == Severity::Reject)
        .map_or_else(
            || "Refused.".to_owned(),
            |f| format!("{}: {}", f.title, f.detail),
        );
    let mut tx = app.pool.begin().await?;
    if let Some(facts) = facts {
        store::packages::save_inspection(&mut tx, row.id, facts).await?;
    }
    store::packages::save_findings(&mut tx, row.id, &findings).await?;
    store::packages::reject(&mut tx, row.id, rejected_as, &reason, app.now()).await?;
    tx.commit().await?;
    tracing::info!(package.id = %row.id, vendor.name = row.vendor, reason, "package rejected");
    discard(app, row).await
}

/// Removes the bytes of a rejected package, unless the same ones were just sent again.
async fn discard(app: &App, row: &store::packages::Package) -> Result<(), JobError> {
    let mut tx = app.pool.begin().await?;
    store::lock(&mut tx, &crate::uploads::subject(&row.sha256)).await?;
    if store::packages::is_content_wanted(&mut tx, &row.sha256).await? == Some(false) {
        app.storage.discard_package(&row.sha256)?;
    }
    tx.commit().await?;
    Ok(())
}

fn acceptance_reason(findings: &[Finding]) -> String {
    let warnings = findings
        .iter()
        .filter(|f| f.severity == Severity::Warning)
        .count();
    match warnings {
        0 => "Signature and content are in order.".to_owned(),
        1 => "Signature and content are in order, with one warning.".to_owned(),
        n => format!("Signature and content are in order, with {n} warnings."),
    }
}
