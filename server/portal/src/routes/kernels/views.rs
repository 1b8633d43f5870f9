//! Kernels as pages show them.

use super::ListParams;
use super::related::related;
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::error::Result;
use crate::extract::{Params, Segments};
use crate::impact;
use crate::pages::{
    AccessRow, BrokenPackage, Choice, EmbargoView, Fact, Impact, ImpactBar, KernelFilters,
    KernelPage, KernelPart, KernelRow, KernelStatus, KernelsPage, Listing, Nav, PackageRef, Paging,
    Reason, TopSymbol, VendorBreaks, Weight, encode, thousands,
};
use crate::routes::packages::product_choices;
use crate::routes::pages::Page;
use crate::shown;
use crate::views::{self, evr, moment, shell};
use axum::extract::State;
use kabi::ModuleVerdict;
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use store::PgConnection;
use store::audience::Audience;
use store::kernels::Kernel;
use store::verdicts::{self, Broken, OfPackage};
use uuid::Uuid;

const ROWS: u64 = 50;
/// Broken packages on one page.
const BROKEN: u64 = 50;
const REASONS: usize = 20;
const TOP_SYMBOLS: usize = 20;
/// Packages that load, named at once; the matrix has them all.
const LOADING: i64 = 200;
/// Lines on who looked; the API has more.
const LOOKS: i64 = 200;

/// `GET /kernels`
pub async fn list_page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Page<KernelsPage>> {
    let kernels = params.kernels(&app, &caller).await?;
    let mut conn = app.pool.acquire().await?;
    let filters = [
        ("q", params.q.as_str()),
        ("product", &params.product),
        ("status", &params.status),
    ];
    let page = params.page.unwrap_or(1).max(1);
    let total = u64::try_from(kernels.len()).unwrap_or(0);
    let paging = Paging::new("/kernels", &filters, page, ROWS, total);
    let skip = usize::try_from((paging.page - 1) * ROWS).unwrap_or(usize::MAX);
    let mut rows = Vec::new();
    let shown: Vec<&Kernel> = kernels
        .iter()
        .skip(skip)
        .take(usize::try_from(ROWS).unwrap_or(50))
        .collect();
    let ids: Vec<Uuid> = shown.iter().map(|k| k.id).collect();
    let tallies = store::matrix::tally_of_kernels(&mut conn, caller.viewer(), &ids).await?;
    for kernel in shown {
        let own = || tallies.iter().filter(|t| t.kernel_id == kernel.id);
        let count = |is: fn(kabi::Verdict) -> bool| -> u64 {
            let fitting = own().filter(|t| is(t.verdict));
            fitting.map(|t| t.packages.unsigned_abs()).sum()
        };
        rows.push(KernelRow {
            href: format!("/kernels/{}", kernel.id),
            release: kernel.release.clone(),
            product: kernel.product.clone(),
            flavor: kernel.flavor.clone(),
            arch: kernel.arch.clone(),
            status: status(kernel),
            release_date: views::release_day(&app, kernel),
            symbols: symbols(&caller, kernel),
            loads: count(kabi::Verdict::loads),
            breaks: count(|v| v == kabi::Verdict::Incompatible),
            is_pending: kernel.judged_at.is_none(),
            revision: revision(kernel),
        });
    }
    let statuses = KernelStatus::ALL.iter().map(|s| (s.code(), s.label()));
    let is_set = filters.iter().any(|(_, value)| !value.is_empty());
    let filters = KernelFilters {
        query: params.q.clone(),
        products: product_choices(&mut conn, &params.product).await?,
        statuses: Choice::list([("", "All")].into_iter().chain(statuses), &params.status),
        is_set,
    };
    Ok(Page(KernelsPage {
        shell: shell(&app, &caller, Nav::Kernels),
        filters,
        may_register: caller.role == Role::Distributor,
        rows,
        paging,
    }))
}

fn status(kernel: &Kernel) -> KernelStatus {
    KernelStatus::from_code(&kernel.status).unwrap_or(KernelStatus::Released)
}

/// `None` where the number is not for the caller.
fn symbols(caller: &Caller, kernel: &Kernel) -> Option<String> {
    let count = u64::try_from(kernel.symbol_count).unwrap_or(0);
    shown::wholly(caller, kernel).then(|| thousands(count))
}

/// Query of a kernel's page: which part of the packages that break.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct PageParams {
    page: Option<u64>,
}

/// `GET /kernels/{id}`
pub async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    Params(params): Params<PageParams>,
) -> Result<Page<KernelPage>> {
    let mut conn = app.pool.acquire().await?;
    let kernel = shown::kernel(&app, &mut conn, &caller, id).await?;
    let told = match caller.role {
        Role::Distributor => store::mails::told(&mut conn, id).await?,
        _ => Vec::new(),
    };
    let product = store::products::by_id(&mut conn, kernel.product_id).await?;
    let parts = store::kernel_parts::of_kernel(&mut conn, id).await?;
    let (impact, breaks_own) =
        impact_view(&app, &mut conn, &caller, &kernel, params.page, &told).await?;
    Ok(Page(KernelPage {
        related: related(&app, &mut conn, &caller, &kernel, breaks_own).await?,
        shell: shell(&app, &caller, Nav::Kernels),
        id: id.to_string(),
        release: kernel.release.clone(),
        product: product.map_or_else(|| kernel.product.clone(), |p| p.display_name),
        flavor: kernel.flavor.clone(),
        arch: kernel.arch.clone(),
        status: status(&kernel),
        release_date: views::release_day(&app, &kernel),
        registered: moment(kernel.created_at),
        symbols: symbols(&caller, &kernel),
        facts: facts(&caller, &kernel),
        embargo: embargo_view(&mut conn, &caller, &kernel).await?,
        revision: revision(&kernel).map(|text| match kernel.superseded {
            true => "Superseded by a later revision of this release".to_owned(),
            false => format!("{} of this release", text.replacen('r', "R", 1)),
        }),
        unknown: kernel
            .unknown
            .iter()
            .filter_map(|what| unknown(what))
            .collect(),
        parts: parts
            .iter()
            .filter(|_| shown::wholly(&caller, &kernel))
            .map(part)
            .collect(),
        impact,
    }))
}

/// What becomes of packages, counted, and a part of those that break.
async fn impact_view(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    kernel: &Kernel,
    page: Option<u64>,
    told: &[(String, Option<store::Time>)],
) -> Result<(Impact, bool)> {
    let counts = shown::counts_on(conn, caller, kernel).await?;
    let [_, loads, breaks] = counts.sums();
    let path = format!("/kernels/{}", kernel.id);
    let paging = Paging::new(&path, &[], page.unwrap_or(1), BROKEN, breaks);
    let part = store::Page {
        limit: BROKEN as i64,
        offset: ((paging.page - 1) * BROKEN) as i64,
    };
    let broken = shown::broken_on(conn, caller, kernel, part).await?;
    let ids: Vec<Uuid> = broken.iter().map(|b| b.package.package_id).collect();
    let reasons = shown::reasons_on(conn, caller, kernel, &ids).await?;
    let vendors = shown::breaks_by_vendor(conn, caller, kernel).await?;
    let first = store::Page {
        limit: LOADING,
        offset: 0,
    };
    let loading = shown::loading_on(conn, caller, kernel, first).await?;
    let symbols = impact::symbols(app, conn, caller, kernel, TOP_SYMBOLS).await?;
    let breaks_own = matches!(caller.role, Role::Vendor { id, .. }
        if vendors.iter().any(|vendor| vendor.vendor_id == id));
    let impact = Impact {
        is_pending: kernel.judged_at.is_none(),
        bar: bar(&counts),
        top_symbols: symbols.first.iter().map(top_symbol).collect(),
        broken: by_vendor(&broken, &vendors, &reasons, told),
        paging,
        loading: Listing {
            more: usize::try_from(loads)
                .unwrap_or(usize::MAX)
                .saturating_sub(loading.len()),
            items: loading.iter().map(package_ref).collect(),
        },
    };
    Ok((impact, breaks_own))
}

/// How lists call a revision; the only one has no name.
fn revision(kernel: &Kernel) -> Option<String> {
    match (kernel.superseded, kernel.revision) {
        (true, _) => Some("superseded".to_owned()),
        (false, 1) => None,
        (false, number) => Some(format!("revision {number}")),
    }
}

/// What is not known, for people.
fn unknown(what: &str) -> Option<String> {
    let text = match what {
        "vermagic" => "its build options (vermagic), so they are not compared",
        "this_module_size" => "the size of struct module, so it is not compared",
        "export_kinds" => {
            "which of some symbols are for GPL-compatible modules only, and their \
                           namespaces"
        }
        "providers" => "which module exports some of its symbols",
        _ => return None,
    };
    Some(text.to_owned())
}

fn part(part: &store::kernel_parts::Part) -> KernelPart {
    let number = |count: i32| thousands(u64::try_from(count).unwrap_or(0));
    KernelPart {
        name: part.label.clone(),
        symbols: number(part.symbols),
        modules: number(part.modules),
        added: moment(part.added_at),
    }
}

fn facts(caller: &Caller, kernel: &Kernel) -> Vec<Fact> {
    let fact = |name: &str, value: String| Fact {
        name: name.to_owned(),
        value,
    };
    let mut facts = vec![fact(
        "Symbol versions",
        match kernel.modversions {
            true => "yes".to_owned(),
            false => "none: modules load on exactly this release only".to_owned(),
        },
    )];
    if shown::wholly(caller, kernel) {
        let hash = hex::encode(&kernel.content_hash);
        facts.push(fact("Hash of the exports", hash));
    }
    if let Some(tail) = &kernel.vermagic_tail {
        facts.push(fact("Vermagic", format!("{} {tail}", kernel.release)));
    }
    if let Some(size) = kernel.this_module_size {
        facts.push(fact("Size of struct module", format!("{size} bytes")));
    }
    facts
}

/// For whom the kernel is and who looked, for the distributor; for a vendor, that it is a secret.
async fn embargo_view(
    conn: &mut PgConnection,
    caller: &Caller,
    kernel: &Kernel,
) -> Result<Option<EmbargoView>> {
    let sees_all = caller.role == Role::Distributor;
    let accesses = match sees_all {
        true => store::accesses::of_kernel(conn, kernel.id, LOOKS).await?,
        false => Vec::new(),
    };
    if !kernel.is_embargoed() && accesses.is_empty() {
        return Ok(None);
    }
    let audience = match sees_all {
        true => Some(store::audience::of_kernel(conn, kernel.id).await?),
        false => None,
    };
    Ok(Some(EmbargoView {
        is_over: !kernel.is_embargoed(),
        audience: audience.map(|a| audience_words(&a)),
        accesses: accesses
            .into_iter()
            .map(|a| AccessRow {
                vendor: a.vendor,
                account: a.account,
                route: a.route,
                times: thousands(a.times.unsigned_abs()),
                last: moment(a.last_at),
            })
            .collect(),
    }))
}

fn audience_words(audience: &Audience) -> String {
    match (audience.everyone, audience.vendors.is_empty()) {
        (true, _) => "every vendor".to_owned(),
        (false, true) => "no vendor".to_owned(),
        (false, false) => audience.vendors.join(", "),
    }
}

fn bar(counts: &shown::Counts) -> ImpactBar {
    let counts = counts.0.iter();
    let counts: Vec<_> = counts.map(|(v, n)| (views::verdict(*v), *n)).collect();
    ImpactBar::new(&counts, ("package", "packages"))
}

fn package_ref(of: &OfPackage) -> PackageRef {
    PackageRef {
        href: format!("/packages/{}", of.package_id),
        name: of.name.clone(),
        version: evr(of.epoch, &of.version, &of.release),
        vendor: of.vendor_display_name.clone(),
    }
}

fn top_symbol(symbol: &impact::BrokenSymbol) -> TopSymbol {
    let code = symbol
        .codes
        .iter()
        .next()
        .map_or("crc-mismatch", String::as_str);
    TopSymbol {
        reason: Reason::new(
            code,
            Weight::Fatal,
            Some(&symbol.symbol),
            None,
            None,
            None,
            None,
        ),
        href: format!("/symbols/{}", encode(&symbol.symbol)),
        modules: symbol.modules as u64,
        packages: symbol.packages as u64,
    }
}

/// The packages of this part, by vendor; the vendors' figures are of all.
fn by_vendor(
    broken: &[Broken],
    figures: &[verdicts::VendorBreaks],
    reasons: &HashMap<Uuid, Vec<ModuleVerdict>>,
    told: &[(String, Option<store::Time>)],
) -> Vec<VendorBreaks> {
    let mut vendors: Vec<VendorBreaks> = Vec::new();
    for broken_one in broken {
        let package = &broken_one.package;
        // They come in the order of vendors.
        if vendors.last().is_none_or(|last| last.id != package.vendor) {
            let figures = figures.iter().find(|f| f.vendor_id == package.vendor_id);
            vendors.push(vendor_breaks(package, figures, told));
        }
        let Some(vendor) = vendors.last_mut() else {
            continue;
        };
        let modules = reasons.get(&package.package_id);
        let mut line = broken_package(package, modules.map_or(&[], Vec::as_slice));
        if broken_one.fixed_by.is_some() {
            line.version.push_str(" (another build loads)");
        }
        vendor.packages.push(line);
    }
    vendors
}

fn vendor_breaks(
    package: &OfPackage,
    figures: Option<&verdicts::VendorBreaks>,
    told: &[(String, Option<store::Time>)],
) -> VendorBreaks {
    let mail = told.iter().find(|(name, _)| *name == package.vendor);
    let figure = |of: fn(&verdicts::VendorBreaks) -> i64| {
        let figure = figures.map_or(0, of);
        usize::try_from(figure).unwrap_or(0)
    };
    VendorBreaks {
        id: package.vendor.clone(),
        vendor: package.vendor_display_name.clone(),
        total: figure(|f| f.broken),
        mended: figure(|f| f.mended),
        packages: Vec::new(),
        notified: mail.map(|(_, sent)| {
            sent.map_or_else(
                || "Mail is queued".to_owned(),
                |at| format!("Mailed {}", moment(at).human),
            )
        }),
    }
}

fn broken_package(package: &OfPackage, modules: &[ModuleVerdict]) -> BrokenPackage {
    let bad = || modules.iter().filter(|m| !m.verdict.loads());
    let mut seen = BTreeSet::new();
    let reasons = bad()
        .flat_map(|m| &m.reasons)
        .filter(|r| r.severity == kabi::Severity::Fatal)
        .filter(|r| r.symbol.is_none() || seen.insert(r.symbol.clone()))
        .map(views::reason);
    let kept = modules.iter().map(|m| m.reasons.len()).sum();
    let reasons = listing_of(reasons.collect(), kept, package);
    let mut modules: Vec<String> = bad().map(|m| m.module.clone()).collect();
    let bad_total = package.totals.modules - package.totals.modules_load;
    let unlisted = usize::try_from(bad_total)
        .unwrap_or(0)
        .saturating_sub(modules.len());
    if unlisted > 0 {
        modules.push(format!("{unlisted} more"));
    }
    BrokenPackage {
        href: format!("/packages/{}", package.package_id),
        name: package.name.clone(),
        version: evr(package.epoch, &package.version, &package.release),
        reasons,
        modules,
    }
}

/// The first of the kept reasons, and how many more there are, be they kept or not.
fn listing_of(reasons: Vec<Reason>, kept: usize, package: &OfPackage) -> Listing<Reason> {
    let total = usize::try_from(package.totals.reasons).unwrap_or(0);
    let mut listing = Listing::capped(reasons, REASONS);
    listing.more += total.saturating_sub(kept);
    listing
}
