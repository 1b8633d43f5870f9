//! Packages as pages show them.

use super::{ListParams, channels, risk, visible};
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::error::Result;
use crate::extract::{Params, Segments};
use crate::offers::Place;
use crate::pages::{
    Choice, ClientCommands, Fact, FindingRow, KernelStatus, Listing, ModuleReasons, ModuleView,
    Nav, PackageFilters, PackagePage, PackageRow, PackageState, PackagesPage, Paging, Publication,
    RepositoryBox, Severity, SignatureView, StateChange, SymbolRow, VerdictRow, VerdictTally,
    WaiveForm, bytes, encode, fingerprint, group_findings, thousands,
};
use crate::registration::{BASEARCH, Family, Offer};
use crate::routes::pages::Page;
use crate::shown;
use crate::views::{self, evr, moment, shell};
use crate::waivers;
use axum::extract::State;
use kmp::{SignatureReport, SignatureVerdict};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::PgConnection;
use store::matrix::PackageTally;
use store::packages::{Event, Package, Placement};
use store::products::Product;
use store::verdicts::OnKernel;
use uuid::Uuid;

const ROWS: i64 = 50;
/// Reasons shown without opening anything.
const FIRST_REASONS: usize = 3;
/// Entries of long lists; the API has them all.
const LISTED: usize = 300;

/// `GET /packages`
pub async fn list_page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Page<PackagesPage>> {
    let filter = params.filter(&app, &caller).await?;
    let mut conn = app.pool.acquire().await?;
    let (packages, total) = store::packages::list(&mut conn, &filter, params.rows(ROWS)).await?;
    let rows = package_rows(&app, &mut conn, &packages, &caller).await?;
    let filters = [
        ("q", params.q.as_str()),
        ("vendor", &params.vendor),
        ("product", &params.product),
        ("state", &params.state),
    ];
    let total = u64::try_from(total).unwrap_or(0);
    let per_page = params.rows(ROWS).limit.cast_unsigned();
    let paging = Paging::new("/packages", &filters, params.page(), per_page, total);
    let is_set = filters.iter().any(|(_, value)| !value.is_empty());
    let filters = PackageFilters {
        query: params.q.clone(),
        vendors: vendor_choices(&mut conn, &params.vendor).await?,
        products: product_choices(&mut conn, &params.product).await?,
        states: state_choices(&params.state),
        is_set,
    };
    Ok(Page(PackagesPage {
        shell: shell(&app, &caller, Nav::Packages),
        filters,
        rows,
        paging,
    }))
}

/// The vendors for a `<select>`, with one that stands for all.
pub async fn vendor_choices(conn: &mut PgConnection, selected: &str) -> Result<Vec<Choice>> {
    let vendors = store::vendors::list(conn).await?;
    let all = [(String::new(), "All vendors".to_owned())];
    let pairs = all
        .into_iter()
        .chain(vendors.into_iter().map(|v| (v.name, v.display_name)));
    Ok(Choice::list(pairs, selected))
}

/// The products for a `<select>`, with one that stands for all.
pub async fn product_choices(conn: &mut PgConnection, selected: &str) -> Result<Vec<Choice>> {
    let products = store::products::list(conn).await?;
    let all = [(String::new(), "All products".to_owned())];
    let pairs = all
        .into_iter()
        .chain(products.into_iter().map(|p| (p.name, p.display_name)));
    Ok(Choice::list(pairs, selected))
}

fn state_choices(selected: &str) -> Vec<Choice> {
    let states = PackageState::ALL.iter().map(|s| (s.code(), s.label()));
    Choice::list([("", "All states")].into_iter().chain(states), selected)
}

/// Packages in a table.
pub async fn package_rows(
    app: &App,
    conn: &mut PgConnection,
    packages: &[Package],
    caller: &Caller,
) -> Result<Vec<PackageRow>> {
    let ids: Vec<Uuid> = packages.iter().map(|p| p.id).collect();
    let tallies = shown::package_tallies(app, conn, caller, &ids).await?;
    let mut rows = Vec::with_capacity(packages.len());
    for package in packages {
        let placements = store::packages::placements(conn, package.id).await?;
        let events = store::packages::events(conn, package.id).await?;
        let own = tallies.iter().filter(|t| t.package_id == package.id);
        rows.push(package_row(package, &placements, &events, tally(own)));
    }
    Ok(rows)
}

fn package_row(
    package: &Package,
    placements: &[Placement],
    events: &[Event],
    tally: Option<VerdictTally>,
) -> PackageRow {
    PackageRow {
        href: format!("/packages/{}", package.id),
        name: package
            .name
            .clone()
            .unwrap_or_else(|| package.file_name.clone()),
        version: version_and_arch(package),
        vendor: package.vendor_display_name.clone(),
        products: placement_words(placements).join(", "),
        state: state(package),
        changed: moment(events.last().map_or(package.created_at, |e| e.at)),
        tally,
    }
}

fn state(package: &Package) -> PackageState {
    PackageState::from_code(package.state.as_str()).unwrap_or(PackageState::Received)
}

fn version_and_arch(package: &Package) -> String {
    match (&package.version, &package.release, &package.arch) {
        (Some(v), Some(r), Some(a)) => format!("{}.{a}", evr(package.epoch, v, r)),
        _ => String::new(),
    }
}

fn placement_words(placements: &[Placement]) -> Vec<String> {
    placements
        .iter()
        .map(|p| format!("{} / {}", p.product, p.channel))
        .collect()
}

fn tally<'a>(counts: impl Iterator<Item = &'a PackageTally>) -> Option<VerdictTally> {
    let mut tally = VerdictTally {
        loads: 0,
        breaks: 0,
        kernels: 0,
    };
    for count in counts {
        let kernels = usize::try_from(count.kernels).unwrap_or(0);
        tally.kernels += kernels;
        if count.verdict.loads() {
            tally.loads += kernels;
        } else if count.verdict == kabi::Verdict::Incompatible {
            tally.breaks += kernels;
        }
    }
    (tally.kernels > 0).then_some(tally)
}

/// `GET /packages/{id}`
pub async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<Page<PackagePage>> {
    let package = visible(&app, &caller, id).await?;
    let mut conn = app.pool.acquire().await?;
    let placements = store::packages::placements(&mut conn, id).await?;
    let events = store::packages::events(&mut conn, id).await?;
    let findings = store::packages::findings(&mut conn, id).await?;
    let modules = store::packages::modules(&mut conn, id).await?;
    let verdicts = shown::verdicts_of(&app, &mut conn, &caller, id).await?;
    let risks = risk::of_package(&app, &mut conn, &caller, &package).await?;
    let publication = publication(&app, &mut conn, &package, &placements).await?;
    let size = package.size.cast_unsigned();
    Ok(Page(PackagePage {
        shell: shell(&app, &caller, Nav::Packages),
        id: id.to_string(),
        name: package
            .name
            .clone()
            .unwrap_or_else(|| package.file_name.clone()),
        version: match (&package.version, &package.release) {
            (Some(v), Some(r)) => evr(package.epoch, v, r),
            _ => String::new(),
        },
        arch: package.arch.clone().unwrap_or_default(),
        summary: package.summary.clone(),
        state: state(&package),
        state_reason: events.last().map(|e| e.reason.clone()).unwrap_or_default(),
        vendor: package.vendor_display_name.clone(),
        placements: placement_words(&placements),
        file_name: package.file_name.clone(),
        sha256: hex::encode(&package.sha256),
        size: format!("{} ({} bytes)", bytes(size), thousands(size)),
        facts: facts(&package),
        uploaded: moment(package.created_at),
        history: events
            .iter()
            .map(|e| StateChange {
                state: PackageState::from_code(e.state.as_str()).unwrap_or(PackageState::Received),
                at: moment(e.at),
                reason: e.reason.clone(),
            })
            .collect(),
        signature: signature(&package),
        findings: group_findings(finding_rows(&app, &caller, &package, findings)),
        passed: store::packages::passed(&mut conn, id).await?,
        modules: modules
            .iter()
            .map(|(path, module)| module_view(path, module))
            .collect(),
        verdicts: verdicts.iter().map(|on| verdict_row(id, on)).collect(),
        risks: risk::views(&risks),
        history_href: package
            .name
            .as_deref()
            .map(|name| format!("/kmps/{}", encode(name))),
        channels: channels::view(&app, &mut conn, &caller, &package, &placements).await?,
        publication,
    }))
}

fn facts(package: &Package) -> Vec<Fact> {
    [
        ("License", &package.license),
        ("Built for kernel", &package.kernel_release),
        ("Flavor", &package.flavor),
    ]
    .into_iter()
    .filter_map(|(name, value)| {
        Some(Fact {
            name: name.to_owned(),
            value: value.clone()?,
        })
    })
    .collect()
}

/// Findings as rows. A distributor gets a form below the first finding of each check that rejects
/// and can be waived.
fn finding_rows(
    app: &App,
    caller: &Caller,
    package: &Package,
    findings: Vec<inspect::Finding>,
) -> Vec<(Severity, FindingRow)> {
    let mut offered = BTreeSet::new();
    let mut rows = Vec::with_capacity(findings.len());
    for finding in findings {
        let (severity, mut row) = finding_row(finding);
        if severity == Severity::Reject
            && caller.role == Role::Distributor
            && offered.insert(row.check.clone())
        {
            row.waive = waive_form(app, package, &row.check);
        }
        rows.push((severity, row));
    }
    rows
}

fn waive_form(app: &App, package: &Package, check: &str) -> Option<WaiveForm> {
    inspect::check_by_id(check).filter(|check| check.waivable)?;
    let (version, release) = (package.version.as_deref()?, package.release.as_deref()?);
    // The day a year from now is not over when the year is.
    let latest = app.now() + waivers::LONGEST - time::Duration::days(1);
    Some(WaiveForm {
        check: check.to_owned(),
        vendor: package.vendor.clone(),
        package: package.name.clone()?,
        build: waivers::build(version, release, package.arch.as_deref()?),
        latest: latest.date().to_string(),
        page: package.id.to_string(),
    })
}

fn finding_row(finding: inspect::Finding) -> (Severity, FindingRow) {
    let severity = match finding.severity {
        inspect::Severity::Note => Severity::Note,
        inspect::Severity::Warning => Severity::Warning,
        inspect::Severity::Reject => Severity::Reject,
    };
    let row = FindingRow {
        check: finding.check,
        title: finding.title,
        detail: finding.detail,
        place: finding.place,
        mend: finding.help,
        waived: finding.waived.map(|it| {
            let until = store::Time::from_unix_timestamp(it.until);
            let until = until.map(|at| waivers::until(at).human).unwrap_or_default();
            format!("until {until} by {}: {}", it.by, it.reason)
        }),
        waive: None,
    };
    (severity, row)
}

fn signature(package: &Package) -> Option<SignatureView> {
    let report: SignatureReport = serde_json::from_value(package.signature.clone()?).ok()?;
    let is_good = |s: &&kmp::JudgedSignature| matches!(s.verdict, SignatureVerdict::Good { .. });
    let Some(told) = report
        .signatures
        .iter()
        .find(is_good)
        .or(report.signatures.first())
    else {
        return Some(SignatureView {
            is_good: false,
            headline: "Not signed".to_owned(),
            signer: None,
            fingerprint: None,
            algorithm: None,
            made: None,
            mend: Some("Sign the package with `rpmsign --addsign` and upload it again.".to_owned()),
        });
    };
    let (headline, signer, key) = match &told.verdict {
        SignatureVerdict::Good {
            certificate,
            user_id,
        } => (
            format!(
                "Signed by a key registered for {}",
                package.vendor_display_name
            ),
            Some(user_id.clone()),
            Some(certificate.clone()),
        ),
        SignatureVerdict::UnknownKey => (
            "Signed by a key that is not registered".to_owned(),
            None,
            told.issuer.clone(),
        ),
        SignatureVerdict::Bad => (
            "The signature does not fit the content".to_owned(),
            None,
            told.issuer.clone(),
        ),
        SignatureVerdict::Refused { why } => (
            format!("The signature is not acceptable: {why}"),
            None,
            told.issuer.clone(),
        ),
        SignatureVerdict::Malformed { why } => {
            (format!("The signature cannot be read: {why}"), None, None)
        }
    };
    Some(SignatureView {
        is_good: is_good(&told),
        headline,
        signer,
        fingerprint: key.as_deref().map(fingerprint),
        algorithm: told.algorithm.clone(),
        made: told.created.map(views::unix),
        mend: signature_mend(&told.verdict).map(str::to_owned),
    })
}

/// What to do about a signature that is not good.
fn signature_mend(verdict: &SignatureVerdict) -> Option<&'static str> {
    match verdict {
        SignatureVerdict::Good { .. } => None,
        SignatureVerdict::UnknownKey => Some(
            "Ask the operator to register the public key, or sign with a key that is registered.",
        ),
        SignatureVerdict::Bad => {
            Some("The bytes were changed after signing. Upload the file as `rpmsign` wrote it.")
        }
        SignatureVerdict::Refused { .. } => Some(
            "Sign with a key and an algorithm that are accepted: RSA of 2048 bits or more, or \
             Ed25519, with SHA-256 or better.",
        ),
        SignatureVerdict::Malformed { .. } => Some("Sign the package again with `rpmsign`."),
    }
}

fn module_view(path: &str, module: &kmod::Module) -> ModuleView {
    let licenses: Vec<&str> = module.licenses().collect();
    ModuleView {
        name: module.name.clone(),
        path: path.to_owned(),
        description: module.first("description").map(str::to_owned),
        version: module.first("version").map(str::to_owned),
        license: match licenses.is_empty() {
            true => "none given".to_owned(),
            false => licenses.join(", "),
        },
        vermagic: module.vermagic.clone().unwrap_or_default(),
        depends: module.depends().into_iter().map(str::to_owned).collect(),
        signature: match &module.signature {
            None => "not signed".to_owned(),
            Some(s) => s.signer.clone().unwrap_or_else(|| "signed".to_owned()),
        },
        aliases: Listing::capped(module.aliases().map(str::to_owned), LISTED),
        imports: symbols(module.imports.iter().map(|i| (&i.symbol, i.crc))),
        exports: symbols(module.exports.iter().map(|e| (&e.symbol, e.crc))),
    }
}

fn symbols<'a>(
    symbols: impl Iterator<Item = (&'a String, Option<kmod::Crc>)>,
) -> Listing<SymbolRow> {
    let rows = symbols.map(|(name, crc)| SymbolRow {
        name: name.clone(),
        crc: crc.map_or_else(|| "–".to_owned(), |c| c.to_string()),
    });
    Listing::capped(rows, LISTED)
}

fn verdict_row(package: Uuid, on: &OnKernel) -> VerdictRow {
    let mut reasons: Vec<&kabi::Reason> = on.modules.iter().flat_map(|m| &m.reasons).collect();
    let total = usize::try_from(on.totals.reasons).unwrap_or(0);
    reasons.sort_by_key(|r| std::cmp::Reverse(r.severity));
    VerdictRow {
        kernel_href: format!("/kernels/{}", on.kernel_id),
        kernel_id: on.kernel_id.to_string(),
        release: on.release.clone(),
        product: on.product.clone(),
        flavor: on.flavor.clone(),
        arch: on.arch.clone(),
        status: KernelStatus::from_code(&on.status).unwrap_or(KernelStatus::Released),
        verdict: views::verdict(on.verdict),
        unlisted: total.saturating_sub(reasons.len()),
        all_href: format!("/api/v1/packages/{package}/verdicts/{}", on.kernel_id),
        first: reasons
            .into_iter()
            .take(FIRST_REASONS)
            .map(views::reason)
            .collect(),
        modules: on
            .modules
            .iter()
            .filter(|m| !m.reasons.is_empty())
            .map(|m| ModuleReasons {
                module: m.module.clone(),
                verdict: views::verdict(m.verdict),
                needed: format!("{} of {} symbols fit", m.needed_ok, m.needed_total),
                reasons: Listing::capped(m.reasons.iter().map(views::reason), LISTED),
            })
            .collect(),
    }
}

async fn publication(
    app: &App,
    conn: &mut PgConnection,
    package: &Package,
    placements: &[Placement],
) -> Result<Option<Publication>> {
    let (Some(location), Some(arch)) = (&package.location, &package.arch) else {
        return Ok(None);
    };
    let mut repositories = Vec::new();
    let mut first = None;
    // Of a package that is not listed any more, no command would find anything.
    for placement in placements.iter().filter(|it| it.is_offered) {
        let Some(generation) = placement.generation else {
            continue;
        };
        let Some(product) = store::products::by_id(conn, placement.product_id).await? else {
            continue;
        };
        let shown = match arch.as_str() {
            "noarch" => product.arches.first().unwrap_or(arch),
            _ => arch,
        };
        first.get_or_insert_with(|| {
            let href = format!(
                "/repos/{}/{}/{shown}/{location}",
                product.name, placement.channel
            );
            (href, generation.cast_unsigned())
        });
        let name = package.name.as_deref();
        repositories.push(repository_box(app, conn, &product, &placement.channel, name).await?);
    }
    let is_published = package.state == store::packages::State::Published;
    Ok(first
        .filter(|_| is_published)
        .map(|(download_href, generation)| Publication {
            download_href,
            generation,
            repositories,
        }))
}

/// How to use a channel of a product; with the package to install, if one is asked about.
pub async fn repository_box(
    app: &App,
    conn: &mut PgConnection,
    product: &Product,
    channel: &str,
    package: Option<&str>,
) -> Result<RepositoryBox> {
    let mut count = 0;
    let mut updated = None;
    for repository in store::repositories::list(conn).await? {
        if repository.product_id != product.id
            || repository.channel != channel
            || repository.vendor_id.is_some()
        {
            continue;
        }
        let current = match repository.current {
            Some(number) => store::generations::by_number(conn, repository.id, number).await?,
            None => None,
        };
        if let Some(current) = current {
            count += u64::try_from(current.package_count).unwrap_or(0);
            updated = updated.max(Some(current.created_at));
        }
    }
    let repo_href = format!("/repos/{}/{channel}.repo", product.name);
    let place = Place {
        product,
        vendor: None,
        channel,
    };
    let offer = Offer {
        family: Family::of(&product.family),
        repositories: vec![place.repository(app, BASEARCH, Vec::new())],
        packages: package.map(str::to_owned).into_iter().collect(),
    };
    Ok(RepositoryBox {
        product: product.display_name.clone(),
        channel: channel.to_owned(),
        arches: product.arches.join(", "),
        packages: crate::pages::counted(count, "package", "packages"),
        updated: updated.map(moment),
        commands: ClientCommands::both(&offer),
        repo_href,
        key_href: "/keys/repository.asc".to_owned(),
        fingerprint: fingerprint(&app.repository_key.fingerprint()),
    })
}
