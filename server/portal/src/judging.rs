//! Verdicts: every package of a product, architecture and flavor on every kernel of it, whichever
//! side arrives. What cannot have changed is not judged again.
//!
//! Judging is done by one at a time ([`Group::subject`]), with an index in memory (`cache`) that is
//! brought up to date under that lock. It takes packages and kernels as other transactions left
//! them: whoever changes one commits first, and has it judged afterwards.

mod cache;
mod kernels;
mod report;
#[cfg(test)]
mod tests;

pub use cache::{Facts, Index, Judging, Seen};
pub use kernels::KernelCache;
pub(crate) use kernels::parse;

use store::judging::Group;
use store::kernels::Kernel;
use store::verdicts::Judged;
use store::{PgConnection, PgPool, Time};
use uuid::Uuid;

/// Judges all packages that could run on one kernel and stores the verdicts. Gives what was looked
/// at, for those who want to know more; it is to be dropped before the transaction ends.
///
/// # Errors
/// The database fails, or a stored kernel cannot be read.
pub async fn judge_kernel(
    judging: &Judging,
    conn: &mut PgConnection,
    kernel: &Kernel,
    now: Time,
) -> anyhow::Result<Seen> {
    let group = Group::of(kernel);
    store::lock(conn, &group.subject()).await?;
    let seen = judging.look(conn, &group, &[kernel.id]).await?;
    let id = kernel.id;
    let (seen, verdicts) = seen.work(move |index| report::on_kernel(index, id)).await?;
    store::verdicts::remove_held(conn, kernel.id).await?;
    store::verdicts::save(conn, &verdicts, now).await?;
    Ok(seen)
}

/// Judges what may have changed because this package came, went, or is placed elsewhere: itself, if
/// it is on offer, and those whom it concerns, on every kernel.
///
/// # Errors
/// The database fails, or a stored kernel or package cannot be read.
pub async fn judge_package(
    judging: &Judging,
    pool: &PgPool,
    package_id: Uuid,
    now: Time,
) -> anyhow::Result<()> {
    for group in groups(pool, package_id).await? {
        let mut tx = pool.begin().await?;
        store::lock(&mut tx, &group.subject()).await?;
        let verdicts = around(judging, &mut tx, &group, package_id).await?;
        store::verdicts::save(&mut tx, &verdicts, now).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The groups that know the package or knew it.
async fn groups(pool: &PgPool, package_id: Uuid) -> sqlx::Result<Vec<Group>> {
    let mut conn = pool.acquire().await?;
    let Some(package) = store::packages::by_id(&mut conn, package_id).await? else {
        return Ok(Vec::new());
    };
    let (Some(arch), Some(flavor)) = (package.arch, package.flavor) else {
        return Ok(Vec::new());
    };
    let placements = store::packages::placements(&mut conn, package_id).await?;
    let mut products: Vec<i64> = placements.iter().map(|p| p.product_id).collect();
    products.sort_unstable();
    products.dedup();
    let group = |(product_id, is_embargoed)| Group {
        product_id,
        arch: arch.clone(),
        flavor: flavor.clone(),
        is_embargoed,
    };
    let both = products
        .into_iter()
        .flat_map(|id| [(id, false), (id, true)]);
    Ok(both.map(group).collect())
}

async fn around(
    judging: &Judging,
    conn: &mut PgConnection,
    group: &Group,
    package_id: Uuid,
) -> anyhow::Result<Vec<Judged>> {
    let kernels = store::judging::kernels_for_judging(conn, group).await?;
    if kernels.is_empty() {
        return Ok(Vec::new());
    }
    let (seen, concerned) = judging
        .look_around(conn, group, &kernels, package_id)
        .await?;
    let work = move |index: &cache::Index| report::of_packages(index, &concerned);
    Ok(seen.work(work).await?.1)
}
