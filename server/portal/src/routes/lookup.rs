//! `POST /api/v1/lookup`: an installer names its hardware and gets the drivers for it.

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::shown;
use crate::uploads;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use kabi::Verdict;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::PgConnection;
use store::packages::{Package, State as PackageState};
use store::products::Product;
use uuid::Uuid;

/// A machine has some hundred devices.
const MOST_MODALIASES: usize = 10_000;
/// The kernel's own limit is `PAGE_SIZE`, some 4,096 bytes.
const LONGEST_MODALIAS: usize = 8_192;

/// What an installer asks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    product: String,
    arch: String,
    /// `uname -r` of the kernel to be run; left out, any kernel of the product will do.
    kernel: Option<String>,
    /// Channel to install from; left out, the product's default.
    channel: Option<String>,
    modaliases: Vec<String>,
}

/// What it is told.
#[derive(Serialize)]
pub struct Answer {
    product: String,
    arch: String,
    kernel: Option<String>,
    /// Whether the kernel asked for is registered: nothing is known to load on one that is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel_known: Option<bool>,
    channel: String,
    repository: Repository,
    /// Best first.
    packages: Vec<Match>,
    /// Modaliases for which no package was found.
    unmatched: Vec<String>,
}

/// Where the packages come from.
#[derive(Clone, Serialize)]
struct Repository {
    /// `baseurl` of the repository.
    url: String,
    /// To be put in place as it is, or given to `zypper addrepo`.
    repo_file: String,
    /// Key that signs the repository.
    key: String,
    key_fingerprint: String,
}

/// A package for a piece of hardware.
#[derive(Serialize)]
struct Match {
    id: Uuid,
    name: String,
    nevra: String,
    version: String,
    vendor: String,
    summary: String,
    /// On the kernel asked for; left out when none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    repository_url: String,
    key_fingerprint: String,
    /// Keys that sign the vendor's packages.
    vendor_key_fingerprints: Vec<String>,
    matches: Vec<Hit>,
}

/// Why: the device's modalias, the pattern that fits it, and whose it is.
#[derive(Clone, Serialize)]
struct Hit {
    modalias: String,
    pattern: String,
    /// Empty when only the package's dependencies name the pattern.
    module: String,
}

/// The handler.
pub async fn lookup(
    State(app): State<Arc<App>>,
    caller: Caller,
    question: Result<Json<Question>, JsonRejection>,
) -> Result<Json<Answer>> {
    let Json(question) = question.map_err(|e| {
        Error::bad_request(format!(
            "Send `{{\"product\": …, \"arch\": …, \"modaliases\": […]}}` as application/json. {}",
            e.body_text()
        ))
    })?;
    check(&question)?;
    let mut conn = app.pool.acquire().await?;
    let product = uploads::product_by_name(&mut conn, &question.product).await?;
    let channel = find_channel(&product, &question)?;
    let kernel_known = is_registered(&app, &mut conn, &product, &question, &caller).await?;
    let repository = repository(&app, &product, &channel, &question.arch);
    let hits = find_hits(&app, &question.modaliases).await?;
    let mut packages = Vec::new();
    for (id, hits) in hits {
        let found = judge(
            &app,
            &mut conn,
            &product,
            &channel,
            &question,
            &caller,
            id,
            hits,
            &repository,
        )
        .await?;
        packages.extend(found);
    }
    keep_newest(&mut packages);
    let matched: BTreeSet<&str> = packages
        .iter()
        .flat_map(|p| &p.matches)
        .map(|h| h.modalias.as_str())
        .collect();
    let unmatched = question
        .modaliases
        .iter()
        .filter(|m| !matched.contains(m.as_str()))
        .cloned()
        .collect();
    Ok(Json(Answer {
        product: product.name,
        arch: question.arch,
        kernel: question.kernel,
        kernel_known,
        channel,
        repository,
        unmatched,
        packages,
    }))
}

fn check(question: &Question) -> Result<()> {
    let count = question.modaliases.len();
    if count > MOST_MODALIASES {
        return Err(Error::too_large(format!(
            "One question may name {MOST_MODALIASES} modaliases, this one names {count}. Split it."
        )));
    }
    match question
        .modaliases
        .iter()
        .position(|m| m.len() > LONGEST_MODALIAS)
    {
        Some(at) => Err(Error::bad_request(format!(
            "`modaliases[{at}]` has more than {LONGEST_MODALIAS} bytes; no device has."
        ))),
        None => Ok(()),
    }
}

fn find_channel(product: &Product, question: &Question) -> Result<String> {
    if !product.arches.contains(&question.arch) {
        return Err(Error::not_found(format!(
            "{} has no architecture `{}`; it has {}.",
            product.name,
            question.arch,
            product.arches.join(", ")
        )));
    }
    let channel = question
        .channel
        .as_ref()
        .unwrap_or(&product.default_channel);
    if product.channels.contains(channel) {
        return Ok(channel.clone());
    }
    let misfit = crate::placing::no_channel(product, channel);
    Err(Error::not_found(misfit.detail))
}

async fn is_registered(
    app: &App,
    conn: &mut PgConnection,
    product: &Product,
    question: &Question,
    caller: &Caller,
) -> Result<Option<bool>> {
    let Some(release) = &question.kernel else {
        return Ok(None);
    };
    let filter = store::kernels::Filter {
        product_id: Some(product.id),
        arch: Some(question.arch.clone()),
        release: Some(release.clone()),
        ..Default::default()
    };
    Ok(Some(
        !shown::kernels(app, conn, caller, &filter).await?.is_empty(),
    ))
}

fn repository(app: &App, product: &Product, channel: &str, arch: &str) -> Repository {
    Repository {
        url: app.url(&format!("/repos/{}/{channel}/{arch}/", product.name)),
        repo_file: app.url(&format!("/repos/{}/{channel}.repo", product.name)),
        key: app.url("/keys/repository.asc"),
        key_fingerprint: app.repository_key.fingerprint(),
    }
}

/// Which packages name patterns that fit.
async fn find_hits(app: &App, modaliases: &[String]) -> Result<BTreeMap<Uuid, Vec<Hit>>> {
    let index = app.hardware.index(&app.pool).await?;
    let mut hits: BTreeMap<Uuid, Vec<Hit>> = BTreeMap::new();
    let Some(index) = index.as_ref() else {
        return Ok(hits);
    };
    let asked: BTreeSet<&String> = modaliases.iter().collect();
    for modalias in asked {
        for (pattern, owner) in index.matches(modalias) {
            hits.entry(owner.package_id).or_default().push(Hit {
                modalias: modalias.clone(),
                pattern: pattern.to_owned(),
                module: owner.module.clone(),
            });
        }
    }
    Ok(hits)
}

/// The package as an answer, if it is published there and loads on the kernel.
#[expect(
    clippy::too_many_arguments,
    reason = "one call, each argument another thing"
)]
async fn judge(
    app: &App,
    conn: &mut PgConnection,
    product: &Product,
    channel: &str,
    question: &Question,
    caller: &Caller,
    id: Uuid,
    hits: Vec<Hit>,
    repository: &Repository,
) -> Result<Option<Match>> {
    let Some(package) = store::packages::by_id(conn, id).await? else {
        return Ok(None);
    };
    let placements = store::packages::placements(conn, id).await?;
    let is_there = placements
        .iter()
        .any(|p| p.product_id == product.id && p.channel == channel && p.generation.is_some());
    let arch = package.arch.as_deref().unwrap_or_default();
    let fits = arch == question.arch || arch == "noarch";
    if !is_there || !fits || package.state != PackageState::Published {
        return Ok(None);
    }
    let verdict = match &question.kernel {
        None => None,
        Some(kernel) => {
            let on = shown::verdicts_of(app, conn, caller, id).await?;
            let best = on
                .into_iter()
                .filter(|v| v.product == product.name && v.release == *kernel)
                .map(|v| v.verdict)
                .min();
            match best {
                Some(verdict) if verdict.loads() => Some(verdict),
                _ => return Ok(None),
            }
        }
    };
    let keys = store::vendors::list_keys(conn, Some(package.vendor_id)).await?;
    Ok(answer(&package, verdict, hits, repository, keys))
}

fn answer(
    package: &Package,
    verdict: Option<Verdict>,
    hits: Vec<Hit>,
    repository: &Repository,
    keys: Vec<store::vendors::VendorKey>,
) -> Option<Match> {
    Some(Match {
        id: package.id,
        name: package.name.clone()?,
        nevra: package.nevra()?,
        version: crate::views::evr(
            package.epoch,
            package.version.as_deref()?,
            package.release.as_deref()?,
        ),
        vendor: package.vendor.clone(),
        summary: package.summary.clone().unwrap_or_default(),
        verdict,
        repository_url: repository.url.clone(),
        key_fingerprint: repository.key_fingerprint.clone(),
        vendor_key_fingerprints: keys.into_iter().map(|k| k.fingerprint).collect(),
        matches: hits,
    })
}

/// Of several builds of a KMP the best one that loads: fewest reservations, then newest. Packages
/// come out most specific match first.
fn keep_newest(packages: &mut Vec<Match>) {
    packages.sort_by(|a, b| {
        let evr = |m: &Match| kmp::Evr::parse(&m.version);
        (&a.name, a.verdict)
            .cmp(&(&b.name, b.verdict))
            .then_with(|| evr(b).compare(&evr(a)))
    });
    packages.dedup_by(|later, first| later.name == first.name);
    packages.sort_by_key(|m| {
        let most = m
            .matches
            .iter()
            .map(|h| modalias::specificity(&h.pattern))
            .max();
        (m.verdict, Reverse(most))
    });
}
