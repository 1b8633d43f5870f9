//! What becomes of a package that was read: what only the database knows is added to what the
//! inspection found, waivers are applied, and it is accepted or refused.

use super::Refusal;
use crate::app::App;
use crate::inspecting::Reading;
use crate::jobs::JobError;
use crate::placing::{self, Built, Misfit};
use crate::policies::Candidates;
use crate::{refusals, uploads, waivers};
use inspect::{Decision, Finding, Inspection, Severity};
use std::sync::Arc;
use store::packages::{Inspected, Package, RejectedAs, State};
use store::{PgConnection, Time, Viewer};
use uuid::Uuid;

/// What became of a package.
pub(super) enum Decided {
    Accepted,
    Refused(Box<Refusal>),
    /// By another worker, who was faster.
    Already,
}

/// Accepts the package, or says why not.
pub(super) async fn decide(
    app: &Arc<App>,
    row: &Package,
    reading: Reading,
    candidates: &Candidates,
) -> Result<Decided, JobError> {
    let now = app.now();
    let facts = reading.facts;
    let mut tx = app.pool.begin().await?;
    store::lock(&mut tx, &format!("location:{}", facts.location)).await?;
    // Another worker may have been faster, after our lease ran out.
    let state = store::packages::by_id(&mut tx, row.id)
        .await?
        .map(|p| p.state);
    if !state.is_some_and(State::is_undecided) {
        return Ok(Decided::Already);
    }
    let misfit = settle_product(&mut tx, row, &facts, candidates, now).await?;
    let placements = store::packages::placements(&mut tx, row.id).await?;
    let ids: Vec<i64> = placements.iter().map(|it| it.product_id).collect();
    if !candidates.cover(&ids) {
        let placed = anyhow::anyhow!("the package was sent to another product meanwhile");
        return Err(JobError::Later(placed));
    }
    let mut inspection = candidates
        .choose(&reading.inspections, &ids)
        .ok_or_else(|| JobError::Retry(anyhow::anyhow!("an inspection is missing")))?;
    let products: Vec<&str> = placements.iter().map(|it| it.product.as_str()).collect();
    let used = waivers::apply(&mut tx, row, &facts, &products, &mut inspection, now).await?;
    let by_other = reading.signed_by_other.as_deref();
    let same = store::packages::same_modules(&mut tx, row.id, row.vendor_id, &facts).await?;
    let rival = refusals::same_modules(&same);
    let misfits = (misfit, rival.clone());
    let refused = objection(&mut tx, row, &facts, by_other, &mut inspection, misfits).await?;
    if let Some(rejected_as) = refused {
        drop(tx);
        let facts = (rejected_as != RejectedAs::Forbidden).then_some(facts);
        return Ok(Decided::Refused(Box::new(Refusal {
            rejected_as,
            inspection,
            facts,
            lapsed: used.lapsed,
        })));
    }
    inspection.findings.extend(rival);
    remark(&mut tx, row, &facts, &mut inspection.findings).await?;
    accept(&mut tx, row, &facts, &inspection, &used.applied, now).await?;
    tx.commit().await?;
    tracing::info!(package.id = %row.id, package.location = facts.location, vendor.name = row.vendor, "package accepted");
    Ok(Decided::Accepted)
}

/// Why the package is refused, if it is; the reason comes first among the findings. Last are asked
/// whether it fits its products, and what was found of other packages with its modules.
async fn objection(
    conn: &mut PgConnection,
    row: &Package,
    facts: &Inspected,
    signed_by_other: Option<&str>,
    inspection: &mut Inspection,
    (misfit, rival): (Option<Misfit>, Option<Finding>),
) -> sqlx::Result<Option<RejectedAs>> {
    let rival = rival.filter(|finding| finding.severity == Severity::Reject);
    let (finding, rejected_as) = if let Some(fingerprint) = signed_by_other {
        let finding = refusals::other_vendors_key(fingerprint);
        (finding, RejectedAs::Forbidden)
    } else if let Some(owner) =
        store::packages::name_owner(conn, &facts.name, row.vendor_id).await?
    {
        let finding = refusals::other_vendors_name(&facts.name, &owner);
        (finding, RejectedAs::Forbidden)
    } else if inspection.decision == Decision::Reject {
        return Ok(Some(RejectedAs::Unprocessable));
    } else if let Some((other, _)) = store::packages::by_location(conn, &facts.location)
        .await?
        .filter(|o| o.0 != row.id)
    {
        let finding = refusals::name_taken(&facts.location, other);
        (finding, RejectedAs::Conflict)
    } else if let Some(misfit) = misfit {
        (refusals::misfit(misfit), RejectedAs::Unprocessable)
    } else if let Some(finding) = rival {
        (finding, RejectedAs::Conflict)
    } else {
        return Ok(None);
    };
    inspection.findings.insert(0, finding);
    Ok(Some(rejected_as))
}

/// What deserves a look beside other packages and the registered kernels.
async fn remark(
    conn: &mut PgConnection,
    row: &Package,
    facts: &Inspected,
    findings: &mut Vec<Finding>,
) -> sqlx::Result<()> {
    findings.extend(unknown_kernel(conn, row, facts).await?);
    let before =
        store::packages::earlier_rpm_vendor(conn, row.id, row.vendor_id, &facts.name).await?;
    let tag = facts.rpm_vendor.as_deref().unwrap_or_default();
    if let Some(before) = before.filter(|before| before != tag) {
        findings.push(refusals::vendor_tag_changed(&before, tag));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok(())
}

async fn accept(
    conn: &mut PgConnection,
    row: &Package,
    facts: &Inspected,
    inspection: &Inspection,
    waivers: &[i64],
    now: Time,
) -> sqlx::Result<()> {
    store::packages::save_inspection(conn, row.id, facts).await?;
    store::judging::pack(conn, row.id, &facts.modules).await?;
    let Inspection {
        findings, passed, ..
    } = inspection;
    store::packages::save_findings(conn, row.id, findings, passed).await?;
    for waiver in waivers {
        waivers::record_use(conn, *waiver, row, &facts.location, now).await?;
    }
    let mut reason = acceptance_reason(findings, waivers);
    if let Some(kernel_id) = embargoed_kernel(conn, row, facts).await? {
        store::embargo::hold(conn, row.id, kernel_id).await?;
        reason.push_str(" It will be published when the kernel it was built for is released.");
    }
    store::packages::set_state(conn, row.id, State::Accepted, &reason, now).await
}

/// Finds the product if the uploader named none, and sees whether the package fits.
async fn settle_product(
    conn: &mut PgConnection,
    row: &Package,
    facts: &Inspected,
    candidates: &Candidates,
    now: Time,
) -> sqlx::Result<Option<Misfit>> {
    let id = row.id;
    let built = Built {
        arch: &facts.arch,
        flavor: facts.flavor.as_deref(),
        kernel_release: facts.kernel_release.as_deref(),
    };
    if store::packages::placements(conn, id).await?.is_empty() {
        let found = match facts.kernel_release {
            Some(_) => placing::find_product(conn, Viewer::Vendor(row.vendor_id), built).await?,
            None => placing::product_of_companion(candidates.with_companion(&facts.name), built),
        };
        let product = match found {
            Ok(product) => product,
            Err(misfit) => return Ok(Some(misfit)),
        };
        let wanted = store::packages::wanted_channel(conn, id).await?;
        let channel = wanted.as_deref().unwrap_or(product.upload_channel());
        if !product.channels.iter().any(|it| it == channel) {
            return Ok(Some(placing::no_channel(&product, channel)));
        }
        if let Some(misfit) = placing::guarded(&product, channel) {
            return Ok(Some(misfit));
        }
        let since = store::channels::wanted_since(conn, id).await?;
        uploads::place(conn, id, product.id, channel, since, now).await?;
    }
    for placement in store::packages::placements(conn, id).await? {
        let product = store::products::by_id(conn, placement.product_id).await?;
        if let Some(misfit) = product.and_then(|p| placing::misfit(&p, built)) {
            return Ok(Some(misfit));
        }
    }
    Ok(None)
}

/// A package may come before the kernel it was built for; nothing can be said of that one yet.
async fn unknown_kernel(
    conn: &mut PgConnection,
    row: &Package,
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

/// A package built for a kernel under embargo would tell of it: the release is in its files, the
/// versions of the symbols are in its dependencies.
async fn embargoed_kernel(
    conn: &mut PgConnection,
    row: &Package,
    facts: &Inspected,
) -> sqlx::Result<Option<Uuid>> {
    let Some(release) = &facts.kernel_release else {
        return Ok(None);
    };
    for placement in store::packages::placements(conn, row.id).await? {
        let found = store::embargo::built_for(
            conn,
            row.vendor_id,
            placement.product_id,
            &facts.arch,
            release,
        )
        .await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn acceptance_reason(findings: &[Finding], waivers: &[i64]) -> String {
    if let [first, ..] = waivers {
        let others = match waivers.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        return format!("Accepted by waiver {first}{others}; without it it would be refused.");
    }
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
