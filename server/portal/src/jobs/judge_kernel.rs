//! Judges every package on a kernel and queues one mail for each vendor that may know of the kernel
//! and whose packages break there. A vendor that may know later is told then: the job is queued
//! again when a kernel is released or shown to more vendors.

use super::{Job, JobError};
use crate::app::App;
use crate::judging::{self, Seen};
use crate::pages::{BrokenModule, BrokenPackageInMail, KernelBreaksMail, KernelStatus, Listing};
use crate::placing;
use crate::views;
use kabi::{PackageVerdict, Severity};
use std::collections::{BTreeMap, HashMap, HashSet};
use store::kernels::Kernel;
use store::mails::NewMail;
use store::verdicts::ToRebuild;
use store::{PgConnection, Time};
use uuid::Uuid;

/// Symbols listed per module in a mail, which is to be read; the kernel's page has them all.
const SYMBOLS_IN_MAIL: usize = 10;
/// Packages listed in a mail, and modules of each; the kernel's page has them all.
const PACKAGES_IN_MAIL: usize = 50;
const MODULES_IN_MAIL: usize = 10;
/// Packages of which all reasons are in memory at a time.
const EXPLAINED_AT_ONCE: usize = 256;

pub async fn run(app: &App, kernel_id: Uuid) -> Result<(), JobError> {
    let now = app.now();
    let mut tx = app.pool.begin().await?;
    let Some(kernel) = store::kernels::for_judging(&mut tx, kernel_id).await? else {
        return Ok(());
    };
    let seen = judging::judge_kernel(&app.judging, &mut tx, &kernel, now).await?;
    if kernel.status != "retired" {
        queue_mails(app, &mut tx, &kernel, seen, now).await?;
    }
    // What fits a supported kernel is listed, what does not is not.
    placing::queue_changed(&mut tx, kernel.product_id, now).await?;
    if !kernel.is_embargoed() {
        for source_id in store::sources::of_product(&mut tx, kernel.product_id).await? {
            Job::JudgeSource { source_id }.enqueue(&mut tx, now).await?;
        }
    }
    store::kernels::set_judged(&mut tx, kernel_id, now).await?;
    store::notify(&mut tx, store::channel::KERNELS, &kernel_id.to_string()).await?;
    tx.commit().await?;
    Ok(())
}

async fn queue_mails(
    app: &App,
    conn: &mut PgConnection,
    kernel: &Kernel,
    seen: Seen,
    now: Time,
) -> Result<(), JobError> {
    let may_know = store::audience::who_may_know(conn, kernel.id).await?;
    let told = store::mails::vendors_told(conn, kernel.id).await?;
    let old = store::verdicts::broken_on_twins(conn, kernel.id).await?;
    let old: HashSet<Uuid> = old.into_iter().collect();
    let mut by_vendor: BTreeMap<i64, Vec<ToRebuild>> = BTreeMap::new();
    for package in store::verdicts::to_rebuild_for_judging(conn, kernel.id).await? {
        let vendor = package.vendor_id;
        // A kernel built anew with an equal ABI breaks nothing that its twin did not break.
        let is_new = !old.contains(&package.package_id);
        if is_new && may_know.contains(&vendor) && !told.contains(&vendor) {
            by_vendor.entry(vendor).or_default().push(package);
        }
    }
    by_vendor.values_mut().for_each(keep_newest);
    let listed = by_vendor
        .values()
        .flat_map(|broken| broken.iter().take(PACKAGES_IN_MAIL));
    let ids = listed.map(|package| package.package_id).collect();
    let mut modules = broken_modules(seen, kernel.id, ids).await?;
    let product = store::products::by_id(conn, kernel.product_id).await?;
    let product = product.map_or_else(|| kernel.product.clone(), |p| p.display_name);
    let mut mails = Vec::with_capacity(by_vendor.len());
    for (vendor_id, broken) in by_vendor {
        let mail = compose(app, kernel, &product, &broken, &mut modules);
        mails.push(NewMail {
            vendor_id,
            kernel_id: kernel.id,
            message_id: format!("<{}.{vendor_id}@{}>", kernel.id, app.mailer.domain()),
            recipient: broken[0].vendor_email.clone(),
            subject: mail.subject()?,
            body_text: mail.text()?,
            body_html: mail.html()?,
        });
    }
    let queued = store::mails::insert(conn, &mails, now).await?;
    let send = |mail_id| Job::SendMail { mail_id };
    let jobs: Vec<Job> = queued.into_iter().map(send).collect();
    Job::enqueue_all(&jobs, conn, now).await?;
    if !jobs.is_empty() {
        tracing::info!(
            kernel.release = kernel.release,
            vendors = jobs.len(),
            "vendors will be told of what breaks"
        );
    }
    Ok(())
}

/// Of several builds of one KMP the newest stands for all.
fn keep_newest(broken: &mut Vec<ToRebuild>) {
    let mut newest: BTreeMap<String, ToRebuild> = BTreeMap::new();
    for package in broken.drain(..) {
        let best = newest.get(&package.name);
        if best.is_none_or(|best| evr(&package).compare(&evr(best)).is_gt()) {
            newest.insert(package.name.clone(), package);
        }
    }
    broken.extend(newest.into_values());
}

fn evr(package: &ToRebuild) -> kmp::Evr {
    let (version, release) = (&package.version, &package.release);
    kmp::Evr::parse(&views::evr(package.epoch, version, release))
}

/// The modules of these packages that do not load, as mails list them.
async fn broken_modules(
    seen: Seen,
    kernel: Uuid,
    packages: Vec<Uuid>,
) -> anyhow::Result<HashMap<Uuid, Listing<BrokenModule>>> {
    let list = move |index: &judging::Index| {
        let mut listed = HashMap::with_capacity(packages.len());
        for some in packages.chunks(EXPLAINED_AT_ONCE) {
            for (id, whole) in index.explain(&kernel, some).into_iter().flatten() {
                listed.insert(*id, list_broken(whole));
            }
        }
        listed
    };
    Ok(seen.work(list).await?.1)
}

fn list_broken(whole: PackageVerdict) -> Listing<BrokenModule> {
    let bad = whole.modules.into_iter().filter(|m| !m.verdict.loads());
    let listed = |module: kabi::ModuleVerdict| {
        let fatal = module.reasons.iter();
        let fatal = fatal.filter(|r| r.severity == Severity::Fatal);
        BrokenModule {
            reasons: Listing::capped(fatal.map(views::reason), SYMBOLS_IN_MAIL),
            name: module.module,
        }
    };
    Listing::capped(bad.map(listed), MODULES_IN_MAIL)
}

fn compose(
    app: &App,
    kernel: &Kernel,
    product: &str,
    broken: &[ToRebuild],
    modules: &mut HashMap<Uuid, Listing<BrokenModule>>,
) -> KernelBreaksMail {
    let listed = |b: &ToRebuild| BrokenPackageInMail {
        name: b.name.clone(),
        version: format!("{}.{}", views::evr(b.epoch, &b.version, &b.release), b.arch),
        url: app.url(&format!("/packages/{}", b.package_id)),
        modules: modules.remove(&b.package_id).unwrap_or_default(),
    };
    let packages = Listing::capped(broken.iter().map(listed), PACKAGES_IN_MAIL);
    KernelBreaksMail {
        site_name: app.config.site_name.clone(),
        vendor: broken[0].vendor_display_name.clone(),
        release: kernel.release.clone(),
        product: product.to_owned(),
        flavor: kernel.flavor.clone(),
        arch: kernel.arch.clone(),
        status: KernelStatus::from_code(&kernel.status).unwrap_or(KernelStatus::Released),
        release_date: views::release_day(app, kernel),
        packages,
        impact_url: app.url(&format!("/kernels/{}", kernel.id)),
        upload_url: app.url("/upload"),
        help_url: app.url("/help/checks"),
        contact: None,
    }
}
