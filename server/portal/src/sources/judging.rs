//! Judges the packages of a source on the kernels of its product, as far as metadata tells: the
//! symbols that a package requires, or the kernel that it is bound to. Licence, vermagic and the
//! modules themselves are not known.

use crate::app::App;
use crate::judging::{Facts, Index};
use crate::what_if::{self, Question, SymbolList, Wanted};
use kabi::{PackageVerdict, Severity, Verdict};
use kmod::Crc;
use std::collections::HashMap;
use std::sync::Arc;
use store::Viewer;
use store::judging::Group;
use store::kernels::{Filter, Kernel};
use store::sources::{Judged, Package, Stored};
use uuid::Uuid;

/// Symbols that are kept of those that do not fit.
const EXAMPLES: usize = 20;

/// Judges all packages of a source anew on all kernels that everybody may know of.
///
/// # Errors
/// The database fails, or a stored kernel cannot be read.
pub async fn judge(app: &App, source_id: Uuid) -> anyhow::Result<()> {
    let mut conn = app.pool.acquire().await?;
    let Some(source) = store::sources::by_id(&mut conn, source_id).await? else {
        return Ok(());
    };
    let packages = Arc::new(store::sources::packages(&mut conn, source_id).await?);
    let filter = Filter {
        product_id: Some(source.product_id),
        ..Filter::default()
    };
    let mut groups: HashMap<Group, Vec<Kernel>> = HashMap::new();
    for kernel in store::kernels::list(&mut conn, Viewer::Public, &filter).await? {
        groups.entry(Group::of(&kernel)).or_default().push(kernel);
    }
    let mut judged = Vec::new();
    for (group, kernels) in groups {
        let ids: Vec<Uuid> = kernels.iter().map(|kernel| kernel.id).collect();
        let seen = app.judging.look(&mut conn, &group, &ids).await?;
        let facts = ids.iter().filter_map(|id| Some((*id, seen.facts(*id)?)));
        let facts: Vec<(Uuid, Facts)> = facts.collect();
        let packages = packages.clone();
        let work = move |index: &Index| {
            let fit = packages
                .iter()
                .filter(|stored| fits(&stored.package, &group));
            fit.flat_map(|stored| on_kernels(index, stored, &group.flavor, &facts))
                .collect::<Vec<_>>()
        };
        judged.extend(seen.work(work).await?.1);
    }
    drop(conn);
    let mut tx = app.pool.begin().await?;
    store::lock(&mut tx, &format!("source:{source_id}")).await?;
    store::sources::replace_verdicts(&mut tx, source_id, &judged).await?;
    store::notify(&mut tx, store::channel::SOURCES, &source_id.to_string()).await?;
    tx.commit().await?;
    Ok(())
}

fn fits(package: &Package, group: &Group) -> bool {
    let arch = package.arch == "noarch" || kabi::arch::is_same(&package.arch, &group.arch);
    let mut flavors = package.needs.iter().map(|need| need.flavor.as_str());
    arch && (package.needs.is_empty() || flavors.any(|of| of.is_empty() || of == group.flavor))
}

fn on_kernels(
    index: &Index,
    stored: &Stored,
    flavor: &str,
    kernels: &[(Uuid, Facts)],
) -> Vec<Judged> {
    let package = &stored.package;
    let (bound, other): (Vec<_>, Vec<_>) = kernels.iter().cloned().partition(|(_, facts)| {
        package.releases.is_empty() || package.releases.contains(&facts.release)
    });
    let elsewhere = other.into_iter().map(|(kernel_id, _)| Judged {
        package_id: stored.id,
        kernel_id,
        verdict: Verdict::Incompatible,
        missing: 0,
        examples: vec![format!(
            "kernel-uname-r = {}",
            package.releases.join(" or ")
        )],
    });
    elsewhere
        .chain(on_bound(index, stored, flavor, bound))
        .collect()
}

fn on_bound(
    index: &Index,
    stored: &Stored,
    flavor: &str,
    kernels: Vec<(Uuid, Facts)>,
) -> Vec<Judged> {
    let package = &stored.package;
    let wanted = package
        .needs
        .iter()
        .filter(|need| need.flavor.is_empty() || need.flavor == flavor);
    let symbols: Vec<Wanted> = wanted
        .map(|need| Wanted {
            symbol: need.symbol.clone(),
            crc: Crc(need.crc),
        })
        .collect();
    if symbols.is_empty() {
        // Bound to the kernel by its release, or by nothing that is known.
        let verdict = match package.releases.is_empty() {
            true => Verdict::Indeterminate,
            false => Verdict::Compatible,
        };
        let on = |(kernel_id, _)| Judged {
            package_id: stored.id,
            kernel_id,
            verdict,
            missing: 0,
            examples: Vec::new(),
        };
        return kernels.into_iter().map(on).collect();
    }
    let question = Question::Symbols(SymbolList::of(symbols));
    let judged = what_if::judge(index, &package.name, &question, kernels.into_iter()).into_iter();
    judged
        .map(|(kernel_id, whole)| told(stored, kernel_id, &whole))
        .collect()
}

fn told(stored: &Stored, kernel_id: Uuid, whole: &PackageVerdict) -> Judged {
    let reasons = whole.modules.iter().flat_map(|module| &module.reasons);
    let fatal = reasons.filter(|reason| reason.severity == Severity::Fatal);
    let symbols: Vec<&str> = fatal.filter_map(|r| r.symbol.as_deref()).collect();
    let verdict = match stored.package.needs_others {
        true => whole.verdict.max(Verdict::NeedsOtherPackage),
        false => whole.verdict,
    };
    Judged {
        package_id: stored.id,
        kernel_id,
        verdict,
        missing: i32::try_from(symbols.len()).unwrap_or(i32::MAX),
        examples: symbols
            .into_iter()
            .take(EXAMPLES)
            .map(str::to_owned)
            .collect(),
    }
}
