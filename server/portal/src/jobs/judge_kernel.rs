//! Judges every package on a kernel and queues one mail for each vendor that may know of the kernel
//! and whose packages break there. A vendor that may know later is told then: the job is queued
//! again when a kernel is released or shown to more vendors.

use super::{Job, JobError};
use crate::app::App;
use crate::impact::{self, Broken};
use crate::pages::{BrokenModule, BrokenPackageInMail, KernelBreaksMail, KernelStatus, Listing};
use crate::views;
use kabi::Severity;
use std::collections::BTreeMap;
use store::kernels::Kernel;
use store::mails::NewMail;
use store::{PgConnection, Time, Viewer};
use uuid::Uuid;

/// Symbols listed per module in a mail; the impact page has them all.
const SYMBOLS_IN_MAIL: usize = 40;

pub async fn run(app: &App, kernel_id: Uuid) -> Result<(), JobError> {
    let now = app.now();
    let mut tx = app.pool.begin().await?;
    let Some(kernel) = store::kernels::for_judging(&mut tx, kernel_id).await? else {
        return Ok(());
    };
    let subject = crate::judging::subject(kernel.product_id, &kernel.arch, &kernel.flavor);
    store::lock(&mut tx, &subject).await?;
    crate::judging::judge_kernel(&app.kernels, &mut tx, &kernel, now).await?;
    if kernel.status != "retired" {
        queue_mails(app, &mut tx, &kernel, now).await?;
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
    now: Time,
) -> Result<(), JobError> {
    let verdicts = store::verdicts::on_kernel(conn, Viewer::Distributor, kernel.id).await?;
    let may_know = store::audience::who_may_know(conn, kernel.id).await?;
    let mut by_vendor: BTreeMap<i64, Vec<Broken>> = BTreeMap::new();
    let old = store::verdicts::broken_on_twins(conn, kernel.id).await?;
    for broken in impact::of_kernel(verdicts).broken {
        // A kernel built anew with an equal ABI breaks nothing that its twin did not break.
        let is_new = !old.contains(&broken.package.package_id);
        if is_new && broken.needs_rebuild() && may_know.contains(&broken.package.vendor_id) {
            by_vendor
                .entry(broken.package.vendor_id)
                .or_default()
                .push(broken);
        }
    }
    let product = store::products::by_id(conn, kernel.product_id).await?;
    let product = product.map_or_else(|| kernel.product.clone(), |p| p.display_name);
    for (vendor_id, broken) in by_vendor {
        let mail = compose(app, kernel, &product, &broken);
        let message_id = format!("<{}.{vendor_id}@{}>", kernel.id, app.mailer.domain());
        let new = NewMail {
            vendor_id,
            kernel_id: kernel.id,
            message_id: &message_id,
            recipient: &broken[0].package.vendor_email,
            subject: &mail.subject()?,
            body_text: &mail.text()?,
            body_html: &mail.html()?,
        };
        if let Some(mail_id) = store::mails::insert(conn, &new, now).await? {
            Job::SendMail { mail_id }.enqueue(conn, now).await?;
            tracing::info!(
                vendor.name = broken[0].package.vendor,
                kernel.release = kernel.release,
                packages = broken.len(),
                "a vendor will be told of a break"
            );
        }
    }
    Ok(())
}

/// Of several builds of one KMP the newest stands for all.
fn newest_of_each(broken: &[Broken]) -> Vec<&Broken> {
    let mut newest: BTreeMap<&str, &Broken> = BTreeMap::new();
    for candidate in broken {
        newest
            .entry(&candidate.package.name)
            .and_modify(|best| {
                if evr(candidate).compare(&evr(best)).is_gt() {
                    *best = candidate;
                }
            })
            .or_insert(candidate);
    }
    newest.into_values().collect()
}

fn evr(broken: &Broken) -> kmp::Evr {
    kmp::Evr::parse(&views::evr(
        broken.package.epoch,
        &broken.package.version,
        &broken.package.release,
    ))
}

fn compose(app: &App, kernel: &Kernel, product: &str, broken: &[Broken]) -> KernelBreaksMail {
    let packages = newest_of_each(broken)
        .into_iter()
        .map(|b| BrokenPackageInMail {
            name: b.package.name.clone(),
            version: format!(
                "{}.{}",
                views::evr(b.package.epoch, &b.package.version, &b.package.release),
                b.package.arch
            ),
            url: app.url(&format!("/packages/{}", b.package.package_id)),
            modules: b
                .package
                .modules
                .iter()
                .filter(|m| !m.verdict.loads())
                .map(|m| BrokenModule {
                    name: m.module.clone(),
                    reasons: Listing::capped(
                        m.reasons
                            .iter()
                            .filter(|r| r.severity == Severity::Fatal)
                            .map(views::reason),
                        SYMBOLS_IN_MAIL,
                    ),
                })
                .collect(),
        })
        .collect();
    KernelBreaksMail {
        site_name: app.config.site_name.clone(),
        vendor: broken[0].package.vendor_display_name.clone(),
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
