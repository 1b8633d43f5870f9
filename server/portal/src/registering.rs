//! Registering kernels: what a source tells and what the one who registers it says become a kernel,
//! a part of one, or its next revision. The API, the form and the command line all end here.
//!
//! A kernel is product, architecture, flavor, release and ABI. The same ABI again is the same kernel,
//! whatever it was read from; another one under the same release is the next revision. A package that
//! is no whole kernel adds up with the other packages of its build.

mod merging;
mod settled;
mod several;

pub use settled::Told;
pub use several::several;

use crate::audience::Named;
use crate::embargo;
use crate::error::{Error, Result};
use crate::hardware::own_drivers;
use crate::jobs::Job;
use kabi::{RulesError, Severities, Stablelist};
use kernel_source::{Description, Part};
use merging::Place;
use settled::Settled;
use store::kernel_parts::{self, Lists, Sum};
use store::kernels::{Filter, Kernel, NewKernel};
use store::products::Product;
use store::{PgConnection, Time, Viewer};
use uuid::Uuid;

/// Level at which exports are packed for the database.
const PACKED_LEVEL: i32 = 9;
/// Largest severities file or list of stable symbols, bytes. Real ones have some 10 KB.
pub const LIST_BYTES: usize = 1 << 20;

/// What became of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    pub id: Uuid,
    /// It is a kernel, or a revision of one, that was not here before.
    pub is_new: bool,
}

/// Registers what one or several sources of one kernel tell. Runs in the caller's transaction.
///
/// # Errors
/// The source leaves open what nobody says, says other things than the one who registers it, or
/// contradicts what is known; each with what to do.
pub async fn register(
    conn: &mut PgConnection,
    product: &Product,
    told: &Told,
    kernel: Description,
    audience: Option<&Named>,
    now: Time,
) -> Result<Registered> {
    let mut settled = Settled::new(product, told, kernel)?;
    let subject =
        store::kernels::subject(product.id, &settled.arch, &settled.flavor, &settled.release);
    store::lock(conn, &subject).await?;
    let known = revisions(conn, product, &settled).await?;
    let place = merging::place(conn, &known, &mut settled.kernel).await?;
    if let Place::Known(id) = place {
        settled.kernel.parts.clone_from(&settled.own_parts);
        update(conn, id, &settled.kernel, now).await?;
    } else {
        settled::check_completeness(&settled.kernel)?;
    }
    let registered = save(conn, product, told, &settled, now).await?;
    if let Some(audience) = audience {
        audience.save(conn, registered.id, now).await?;
    }
    if told.status.as_deref() == Some("released") {
        // It may have been a preview until now.
        embargo::follow_release(conn, registered.id, now).await?;
    }
    embargo::release_due(conn, now).await?;
    judge_anew(conn, registered.id, now).await?;
    Ok(registered)
}

/// Adds further sources to a kernel that is registered. Those it has already change nothing.
///
/// # Errors
/// 409 with a list when the source contradicts what is known of the kernel.
pub async fn add_part(
    conn: &mut PgConnection,
    kernel: &Kernel,
    part: Description,
    now: Time,
) -> Result<()> {
    let subject = store::kernels::subject(
        kernel.product_id,
        &kernel.arch,
        &kernel.flavor,
        &kernel.release,
    );
    store::lock(conn, &subject).await?;
    // It may have grown until the lock was ours.
    let kernel = store::kernels::for_judging(conn, kernel.id)
        .await?
        .ok_or_else(|| Error::not_found(format!("There is no kernel {}.", kernel.id)))?;
    let part = settled::of_same_kernel(&kernel, part)?;
    let parts = part.parts.clone();
    let mut sum = merging::stored(conn, &kernel).await?;
    sum.add(part)
        .map_err(|why| merging::contradicts(&kernel, &why))?;
    sum.parts = parts;
    let has_news = update(conn, kernel.id, &sum, now).await?;
    if has_news || !tells_as_much(&kernel, &sum) {
        judge_anew(conn, kernel.id, now).await?;
    }
    Ok(())
}

/// Does the kernel know all of this already?
fn tells_as_much(kernel: &Kernel, sum: &Description) -> bool {
    kernel.content_hash == sum.symvers.content_hash()
        && kernel.vermagic_tail == sum.vermagic_tail
        && kernel.this_module_size == size(sum)
        && kernel.unknown == unknown(sum)
}

/// Keeps what a distributor says of single symbols; what is left out stays.
///
/// # Errors
/// 422 with the line that cannot be understood.
pub async fn set_lists(conn: &mut PgConnection, id: Uuid, lists: &Lists) -> Result<()> {
    check_lists(lists)?;
    kernel_parts::set_lists(conn, id, lists).await?;
    Ok(())
}

/// What was stored once has to be understood later, when kernels are compared.
fn check_lists(lists: &Lists) -> Result<()> {
    let wrong = |what: &str, why: &RulesError| {
        Error::unprocessable(format!(
            "{what} cannot be used: {why}. Nothing was changed."
        ))
    };
    if let Some(text) = &lists.severities {
        let read = Severities::parse(text.as_bytes());
        read.map_err(|why| wrong("The severities file", &why))?;
    }
    if let Some(text) = &lists.stablelist {
        let read = Stablelist::parse(text.as_bytes());
        read.map_err(|why| wrong("The list of stable symbols", &why))?;
    }
    Ok(())
}

/// Queues the verdicts of a kernel of which something changed.
///
/// # Errors
/// The database fails.
pub async fn judge_anew(conn: &mut PgConnection, id: Uuid, now: Time) -> Result<()> {
    store::kernels::set_unjudged(conn, id).await?;
    Job::JudgeKernel { kernel_id: id }
        .enqueue(conn, now)
        .await?;
    Ok(())
}

/// All revisions of one release, the one in force first.
async fn revisions(
    conn: &mut PgConnection,
    product: &Product,
    settled: &Settled,
) -> Result<Vec<Kernel>> {
    let filter = Filter {
        product_id: Some(product.id),
        arch: Some(settled.arch.clone()),
        flavor: Some(settled.flavor.clone()),
        release: Some(settled.release.clone()),
        ..Filter::default()
    };
    let mut known = store::kernels::list(conn, Viewer::Distributor, &filter).await?;
    known.sort_by_key(|kernel| std::cmp::Reverse(kernel.revision));
    Ok(known)
}

/// Adds the kernel, or brings status and date of the one with the same ABI up to date.
async fn save(
    conn: &mut PgConnection,
    product: &Product,
    told: &Told,
    settled: &Settled,
    now: Time,
) -> Result<Registered> {
    let kernel = &settled.kernel;
    let status = told.status.as_deref().ok_or_else(|| {
        Error::bad_request("`status` is missing. There are preview, released, retired.")
    })?;
    let unknown = unknown(kernel);
    let packed = pack(kernel)?;
    let new = NewKernel {
        product_id: product.id,
        arch: &settled.arch,
        flavor: &settled.flavor,
        release: &settled.release,
        status,
        release_date: told.planned.map(|(day, _)| day),
        release_at: told.planned.map(|(_, moment)| moment),
        content_hash: &kernel.symvers.content_hash(),
        modversions: kernel.modversions().unwrap_or(false),
        vermagic_tail: kernel.vermagic_tail.as_deref(),
        this_module_size: size(kernel),
        symbol_count: count(kernel.symvers.rows.len()),
        unknown: &unknown,
        symvers: &packed,
    };
    let (id, is_new) = store::kernels::upsert(conn, &new, now).await?;
    keep_aliases(conn, id, kernel).await?;
    add_parts(conn, id, &settled.own_parts, now).await?;
    Ok(Registered { id, is_new })
}

/// Brings a kernel's sum up to date; `kernel.parts` are those that are new perhaps. Tells whether one
/// is.
async fn update(
    conn: &mut PgConnection,
    id: Uuid,
    kernel: &Description,
    now: Time,
) -> Result<bool> {
    let unknown = unknown(kernel);
    let packed = pack(kernel)?;
    let sum = Sum {
        content_hash: &kernel.symvers.content_hash(),
        modversions: kernel.modversions().unwrap_or(false),
        vermagic_tail: kernel.vermagic_tail.as_deref(),
        this_module_size: size(kernel),
        symbol_count: count(kernel.symvers.rows.len()),
        unknown: &unknown,
        symvers: &packed,
    };
    match kernel_parts::add_up(conn, id, &sum).await {
        Err(error) if store::violated_constraint(&error) == Some("kernels_identity_key") => {
            return Err(Error::conflict_problem(
                "With this part the kernel would be the same as another revision of this release, \
                 which is registered already. Nothing was changed.",
            )
            .into());
        }
        other => other?,
    }
    keep_aliases(conn, id, kernel).await?;
    add_parts(conn, id, &kernel.parts, now).await
}

/// Keeps what the kernel's own modules drive, with what other parts of it told.
async fn keep_aliases(conn: &mut PgConnection, id: Uuid, kernel: &Description) -> Result<()> {
    if kernel.modules.is_empty() {
        return Ok(());
    }
    let before = store::lookup::kernel_aliases(conn, id).await?;
    if let Some(packed) = own_drivers::pack(before.as_deref(), &kernel.modules) {
        store::lookup::save_kernel_aliases(conn, id, &packed).await?;
    }
    Ok(())
}

/// Notes where it came from; a part that is noted already is not noted again. Tells whether one was
/// noted.
async fn add_parts(conn: &mut PgConnection, id: Uuid, parts: &[Part], now: Time) -> Result<bool> {
    let known = kernel_parts::of_kernel(conn, id).await?;
    let mut has_news = false;
    for part in parts {
        let sha256 = part.sha256.map(Vec::from);
        let is_same = |known: &&kernel_parts::Part| {
            known.label == part.label && (known.sha256 == sha256 || sha256.is_none())
                || sha256.is_some() && known.sha256 == sha256
        };
        if known.iter().any(|known| is_same(&known)) {
            continue;
        }
        let row = kernel_parts::Part {
            kind: part.kind.as_str().to_owned(),
            name: part.name.clone(),
            build: part.build.clone(),
            label: part.label.clone(),
            sha256,
            symbols: count(part.symbols),
            modules: count(part.modules),
            added_at: now,
        };
        kernel_parts::add(conn, id, &row).await?;
        has_news = true;
    }
    Ok(has_news)
}

/// What no source and nobody else told.
fn unknown(kernel: &Description) -> Vec<String> {
    let unknown = kernel.unknown().into_iter();
    unknown.map(|what| what.as_str().to_owned()).collect()
}

fn pack(kernel: &Description) -> Result<Vec<u8>> {
    let text = kernel.symvers.to_canonical_text();
    let packed = zstd::bulk::compress(text.as_bytes(), PACKED_LEVEL);
    Ok(packed.map_err(anyhow::Error::from)?)
}

fn size(kernel: &Description) -> Option<i64> {
    kernel
        .this_module_size
        .and_then(|bytes| i64::try_from(bytes).ok())
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_cannot_be_read_are_refused_with_the_line() {
        let lists = |severities: Option<&str>, stablelist: Option<&str>| Lists {
            severities: severities.map(str::to_owned),
            stablelist: stablelist.map(str::to_owned),
        };
        assert!(check_lists(&lists(Some("kvm* PASS\n"), Some("[base]\nprintk\n"))).is_ok());
        assert!(
            check_lists(&lists(Some(""), None)).is_ok(),
            "an empty one takes it away"
        );
        for (lists, line) in [
            (lists(Some("kvm* PASS\nvfs_* MAYBE\n"), None), "line 2"),
            (lists(None, Some("printk\n\nprintk or what\n")), "line 3"),
        ] {
            let Err(Error::Problem(problem)) = check_lists(&lists) else {
                panic!("{lists:?} is refused");
            };
            assert_eq!(problem.status, 422);
            assert!(problem.detail.contains(line), "{}", problem.detail);
        }
    }
}
