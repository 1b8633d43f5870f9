//! Kernels and verdicts as callers are shown them. Handlers read them here and nowhere else: what a
//! vendor is shown of a kernel under embargo is noted, or it is not shown.

use crate::app::App;
use crate::auth::{Caller, Role};
use crate::error::{Error, Result};
use kabi::{ModuleVerdict, Verdict};
use std::collections::{BTreeMap, HashMap};
use store::PgConnection;
use store::accesses::Look;
use store::kernels::{Filter, Kernel};
use store::matrix::{Column, Columns, PackageTally};
use store::verdicts::{Broken, OfPackage, OnKernel, Rebuilds, VendorBreaks};
use uuid::Uuid;

/// A kernel, by what everybody may ask.
///
/// # Errors
/// 404 for one that there is not, or not for this caller: these cannot be told apart.
pub async fn kernel(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    id: Uuid,
) -> Result<Kernel> {
    let kernel = store::kernels::by_id(conn, caller.viewer(), id)
        .await?
        .ok_or_else(|| Error::not_found(format!("There is no kernel {id}.")))?;
    note(app, conn, caller, secret(std::slice::from_ref(&kernel))).await?;
    Ok(kernel)
}

/// The kernels of a list.
///
/// # Errors
/// The database fails.
pub async fn kernels(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    filter: &Filter,
) -> Result<Vec<Kernel>> {
    let kernels = store::kernels::list(conn, caller.viewer(), filter).await?;
    note(app, conn, caller, secret(&kernels)).await?;
    Ok(kernels)
}

/// The kernels of a list that are kept: of an embargoed one, some questions are not for every vendor
/// that may know of it.
///
/// # Errors
/// The database fails.
pub async fn kernels_where(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    filter: &Filter,
    is_kept: impl Fn(&Kernel) -> bool,
) -> Result<Vec<Kernel>> {
    let mut kernels = store::kernels::list(conn, caller.viewer(), filter).await?;
    kernels.retain(is_kept);
    note(app, conn, caller, secret(&kernels)).await?;
    Ok(kernels)
}

/// Kernels as the columns of a matrix, and how many there are in all.
///
/// # Errors
/// The database fails.
pub async fn columns(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    filter: &Columns,
    part: store::Page,
) -> Result<(Vec<Column>, i64)> {
    let (columns, total) = store::matrix::columns(conn, caller.viewer(), filter, part).await?;
    let secret = columns.iter().filter(|c| c.is_embargoed).map(|c| c.id);
    note(app, conn, caller, secret.collect()).await?;
    Ok((columns, total))
}

/// On how many kernels packages load.
///
/// # Errors
/// The database fails.
pub async fn package_tallies(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    packages: &[Uuid],
) -> Result<Vec<PackageTally>> {
    let tallies = store::matrix::tally_of_packages(conn, caller.viewer(), packages).await?;
    let mut secret: Vec<Uuid> = tallies.iter().flat_map(|t| t.embargoed.clone()).collect();
    secret.sort_unstable();
    secret.dedup();
    note(app, conn, caller, secret).await?;
    Ok(tallies)
}

/// Packages that do not load on a kernel that was read with [`kernel`]: a part of them.
///
/// # Errors
/// The database fails.
pub async fn broken_on(
    conn: &mut PgConnection,
    caller: &Caller,
    kernel: &Kernel,
    part: store::Page,
) -> Result<Vec<Broken>> {
    Ok(store::verdicts::broken_on(conn, caller.viewer(), kernel.id, part).await?)
}

/// Packages that load on a kernel that was read with [`kernel`]: a part of them.
///
/// # Errors
/// The database fails.
pub async fn loading_on(
    conn: &mut PgConnection,
    caller: &Caller,
    kernel: &Kernel,
    part: store::Page,
) -> Result<Vec<OfPackage>> {
    Ok(store::verdicts::loading_on(conn, caller.viewer(), kernel.id, part).await?)
}

/// How many packages have which verdict on a kernel that was read with [`kernel`], best verdict first.
///
/// # Errors
/// The database fails.
pub async fn counts_on(
    conn: &mut PgConnection,
    caller: &Caller,
    kernel: &Kernel,
) -> Result<Counts> {
    let tallies = store::matrix::tally_of_kernels(conn, caller.viewer(), &[kernel.id]).await?;
    let counts = tallies.iter();
    Ok(Counts(
        counts
            .map(|t| (t.verdict, t.packages.unsigned_abs()))
            .collect(),
    ))
}

/// Packages by their verdict on a kernel.
#[derive(Clone, Debug, Default)]
pub struct Counts(pub BTreeMap<Verdict, u64>);

impl Counts {
    /// All of them, those that load, and those that break.
    #[must_use]
    pub fn sums(&self) -> [u64; 3] {
        let sum = |is: fn(Verdict) -> bool| -> u64 {
            let fitting = self.0.iter().filter(|(verdict, _)| is(**verdict));
            fitting.map(|(_, packages)| packages).sum()
        };
        let loads = sum(Verdict::loads);
        let all = sum(|_| true);
        [all, loads, all - loads]
    }
}

/// What a kernel that was read with [`kernel`] does to each vendor's packages.
///
/// # Errors
/// The database fails.
pub async fn breaks_by_vendor(
    conn: &mut PgConnection,
    caller: &Caller,
    kernel: &Kernel,
) -> Result<Vec<VendorBreaks>> {
    Ok(store::verdicts::breaks_by_vendor(conn, caller.viewer(), kernel.id).await?)
}

/// What a kernel that was read with [`kernel`] or [`kernels`] does to packages, counted.
///
/// # Errors
/// The database fails.
pub async fn rebuilds_on(
    conn: &mut PgConnection,
    caller: &Caller,
    kernel: &Kernel,
) -> Result<Rebuilds> {
    Ok(store::verdicts::rebuilds_on(conn, caller.viewer(), kernel.id).await?)
}

/// What is kept of the reasons of some packages on a kernel that was read with [`kernel`].
///
/// # Errors
/// The database fails.
pub async fn reasons_on(
    conn: &mut PgConnection,
    caller: &Caller,
    kernel: &Kernel,
    packages: &[Uuid],
) -> Result<HashMap<Uuid, Vec<ModuleVerdict>>> {
    let viewer = caller.viewer();
    Ok(store::verdicts::kept_reasons(conn, viewer, kernel.id, packages).await?)
}

/// The verdicts of a package.
///
/// # Errors
/// The database fails.
pub async fn verdicts_of(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    package_id: Uuid,
) -> Result<Vec<OnKernel>> {
    let verdicts = store::verdicts::of_package(conn, caller.viewer(), package_id).await?;
    let secret = verdicts.iter().filter(|v| v.is_embargoed);
    note(app, conn, caller, secret.map(|v| v.kernel_id).collect()).await?;
    Ok(verdicts)
}

/// Whether the caller is told all of this kernel. Of one under embargo, vendors learn what concerns
/// their own modules: neither how many symbols it has nor a hash that shows whether they changed.
#[must_use]
pub fn wholly(caller: &Caller, kernel: &Kernel) -> bool {
    !kernel.is_embargoed() || caller.role == Role::Distributor
}

fn secret(kernels: &[Kernel]) -> Vec<Uuid> {
    let embargoed = kernels.iter().filter(|k| k.is_embargoed());
    embargoed.map(|k| k.id).collect()
}

async fn note(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    kernels: Vec<Uuid>,
) -> Result<()> {
    let Role::Vendor { name, .. } = &caller.role else {
        return Ok(());
    };
    if kernels.is_empty() {
        return Ok(());
    }
    let look = Look {
        vendor: name,
        account: &caller.name,
        route: &caller.route,
    };
    Ok(store::accesses::note(conn, &look, &kernels, app.now()).await?)
}
