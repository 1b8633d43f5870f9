//! How packages come into channels and leave them: promotion, by two people where the product wants
//! it; from a moment on; and withdrawal, out of one channel or all. Each of it is in the audit trail and in the package's own
//! history. What a repository then lists is the view `offers` of the store.

use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::Job;
use crate::views::rfc3339;
use crate::waivers::Actor;
use crate::zone::Zone;
use crate::{embargo, placing};
use std::sync::Arc;
use std::time::Duration;
use store::audit::{self, NewEvent};
use store::channels::{self, NewPromotion, NewRemoval, Promotion, PromotionFilter};
use store::packages::{Package, State};
use store::products::Product;
use store::{PgConnection, Time};

/// How late a package may be shown.
const LOOK: Duration = Duration::from_secs(2);
/// Characters of a reason or note.
const LONGEST_REASON: usize = 1000;
const PORTAL: Actor<'_> = Actor {
    name: "portal",
    role: "portal",
};

/// Where a package is to go.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub product: &'a Product,
    pub channel: &'a str,
    /// Not shown before this moment.
    pub since: Option<Time>,
    /// For the one who confirms it.
    pub note: &'a str,
}

/// What became of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the channel, or will be when its time has come.
    Placed,
    /// Another has to confirm it; the number of what was asked.
    Asked(i64),
}

/// Reads from when on a package is to be shown: a day, which begins in the portal's zone, or a moment.
///
/// # Errors
/// 400 for anything else.
pub fn since(zone: &Zone, text: Option<&str>) -> Result<Option<Time>> {
    let given = text.filter(|it| !it.trim().is_empty());
    let moment = given.map(|it| embargo::release_date(it, zone));
    Ok(moment.transpose()?.map(|(_, moment)| moment))
}

/// Puts a package into a further channel of a product that it is in, or asks another to. Of a package
/// that waits there, the moment is changed.
///
/// # Errors
/// 409 unless it is accepted or published, in the product, and not shown in the channel yet; 404 for
/// an unknown channel.
pub async fn promote(
    conn: &mut PgConnection,
    package: &Package,
    wish: Wish<'_>,
    by: Actor<'_>,
    now: Time,
) -> Result<Outcome> {
    let note = checked(wish.note, false)?;
    check(conn, package, wish).await?;
    let product = wish.product;
    if product.two_person && product.entry_channel.as_deref() != Some(wish.channel) {
        let new = NewPromotion {
            package_id: package.id,
            product_id: product.id,
            channel: wish.channel,
            since: wish.since,
            note,
            asked_by: by.name,
        };
        let id = match channels::insert_promotion(conn, &new, now).await {
            Err(error) if store::violated_constraint(&error) == Some("promotions_open_key") => {
                return Err(conflict(format!(
                    "Somebody has asked for this already; another has to confirm it before the \
                     package comes into `{}`.",
                    wish.channel
                )));
            }
            done => done?,
        };
        let what = format!("Asked for {}.", place_in_words(wish));
        record(conn, package, "promotion.asked", &what, by, now).await?;
        return Ok(Outcome::Asked(id));
    }
    place(conn, package, wish, by, now).await?;
    Ok(Outcome::Placed)
}

/// Confirms or refuses what another asked for.
///
/// # Errors
/// 404 for an unknown one; 403 for the one who asked, and, to confirm, for the uploader; 409 when it
/// was decided already, or the package cannot go there any more.
pub async fn decide(
    conn: &mut PgConnection,
    promotion: &Promotion,
    package: &Package,
    is_confirmed: bool,
    reason: &str,
    by: Actor<'_>,
    now: Time,
) -> Result<()> {
    let reason = checked(reason, !is_confirmed)?;
    let decision = match is_confirmed {
        true => "confirmed",
        false => "refused",
    };
    if is_confirmed {
        let uploader = channels::uploader(conn, package.id).await?;
        for (who, did) in [
            (Some(promotion.asked_by.as_str()), "asked for the promotion"),
            (uploader.as_deref(), "uploaded the package"),
        ] {
            if who == Some(by.name) {
                return Err(Error::forbidden(format!(
                    "`{}` {did}; somebody else has to confirm it.",
                    by.name
                )));
            }
        }
    }
    let id = promotion.id;
    if !channels::decide_promotion(conn, id, decision, by.name, reason, now).await? {
        return Err(conflict(format!("Promotion {id} was decided already.")));
    }
    if is_confirmed {
        let product = store::products::by_id(conn, promotion.product_id).await?;
        let gone = || conflict("The product is gone.".to_owned());
        let wish = Wish {
            product: &product.ok_or_else(gone)?,
            channel: &promotion.channel,
            since: promotion.since,
            note: &promotion.note,
        };
        check(conn, package, wish).await?;
        place(conn, package, wish, by, now).await?;
    } else {
        let what = format!(
            "Refused to promote it to {}/{}: {reason}",
            promotion.product, promotion.channel
        );
        record(conn, package, "promotion.refused", &what, by, now).await?;
    }
    Ok(())
}

/// The promotion of this number.
///
/// # Errors
/// 404 if there is none.
pub async fn by_id(conn: &mut PgConnection, id: i64) -> Result<Promotion> {
    let filter = PromotionFilter {
        id: Some(id),
        ..Default::default()
    };
    let found = channels::promotions(conn, &filter).await?.pop();
    found.ok_or_else(|| Error::not_found(format!("There is no promotion {id}.")))
}

/// Takes a package back: repositories list it no more, its file stays for those who name it.
///
/// # Errors
/// 409 unless it is accepted or published, 422 without a reason.
pub async fn withdraw(
    conn: &mut PgConnection,
    package: &Package,
    reason: &str,
    by: Actor<'_>,
    now: Time,
) -> Result<()> {
    let reason = checked(reason, true)?;
    on_offer(package, "withdrawn")?;
    store::packages::set_state(conn, package.id, State::Withdrawn, reason, now).await?;
    audit(conn, package, "package.withdrawn", reason, by, now).await?;
    for placement in store::packages::placements(conn, package.id).await? {
        queue(conn, package, placement.product_id, &placement.channel, now).await?;
    }
    // Others may have needed its symbols.
    let job = Job::JudgePackage {
        package_id: package.id,
    };
    Ok(job.enqueue(conn, now).await?)
}

/// Takes a package out of one channel of a product; in another it stays. Its file stays for those who
/// name it, and by promotion it comes back.
///
/// # Errors
/// 409 unless it is accepted or published, and in this channel and another one of the product; 422
/// without a reason.
pub async fn take_out(
    conn: &mut PgConnection,
    package: &Package,
    product: &Product,
    channel: &str,
    reason: &str,
    by: Actor<'_>,
    now: Time,
) -> Result<()> {
    let reason = checked(reason, true)?;
    on_offer(package, "taken out of a channel")?;
    let place = format!("{}/{channel}", product.name);
    let placements = store::packages::placements(conn, package.id).await?;
    let here = placements.iter().filter(|it| it.product_id == product.id);
    let (this, others): (Vec<_>, Vec<_>) = here.partition(|it| it.channel == channel);
    if this.is_empty() {
        return Err(conflict(format!("The package is not in {place}.")));
    }
    if others.is_empty() {
        return Err(conflict(format!(
            "The package is in no other channel of {} than `{channel}`. Withdraw it instead: that \
             takes it out of all.",
            product.name
        )));
    }
    let removal = NewRemoval {
        package_id: package.id,
        product_id: product.id,
        channel,
        reason,
        by: by.name,
    };
    channels::take_out(conn, &removal, now).await?;
    let what = format!("Taken out of {place}: {reason}");
    record(conn, package, "package.taken-out", &what, by, now).await?;
    queue(conn, package, product.id, channel, now).await
}

async fn check(conn: &mut PgConnection, package: &Package, wish: Wish<'_>) -> Result<()> {
    on_offer(package, "promoted")?;
    let Wish {
        product, channel, ..
    } = wish;
    if !product.channels.iter().any(|it| it == channel) {
        let misfit = placing::no_channel(product, channel);
        return Err(Error::not_found(misfit.detail));
    }
    let placements = store::packages::placements(conn, package.id).await?;
    let mut here = placements.iter().filter(|it| it.product_id == product.id);
    if here.clone().next().is_none() {
        return Err(conflict(format!(
            "The package was not uploaded for {}. Upload the same file for it: then it is looked \
             at under what that product demands.",
            product.name
        )));
    }
    let shown = here.find(|it| it.channel == channel && it.waits_until.is_none());
    match shown {
        Some(_) => Err(conflict(format!(
            "The package is in {}/{channel} already.",
            product.name
        ))),
        None => Ok(()),
    }
}

fn on_offer(package: &Package, what: &str) -> Result<()> {
    match package.state {
        State::Accepted | State::Published => Ok(()),
        other => Err(conflict(format!(
            "The package is {}; only accepted and published ones can be {what}.",
            other.as_str()
        ))),
    }
}

async fn place(
    conn: &mut PgConnection,
    package: &Package,
    wish: Wish<'_>,
    by: Actor<'_>,
    now: Time,
) -> Result<()> {
    let (product, channel) = (wish.product.id, wish.channel);
    let since = wish.since.filter(|it| *it > now);
    channels::place_since(conn, package.id, product, channel, since, by.name, now).await?;
    let what = format!("Promoted to {}.", place_in_words(Wish { since, ..wish }));
    record(conn, package, "package.promoted", &what, by, now).await?;
    queue(conn, package, product, channel, now).await
}

fn place_in_words(wish: Wish<'_>) -> String {
    let place = format!("{}/{}", wish.product.name, wish.channel);
    match wish.since {
        Some(at) => format!("{place}, shown from {} on", rfc3339(at)),
        None => place,
    }
}

async fn queue(
    conn: &mut PgConnection,
    package: &Package,
    product_id: i64,
    channel: &str,
    now: Time,
) -> Result<()> {
    let Some(product) = store::products::by_id(conn, product_id).await? else {
        return Ok(());
    };
    let arch = package.arch.as_deref().unwrap_or_default();
    let vendor = Some(package.vendor_id);
    Ok(placing::queue_publication(conn, &product, channel, arch, vendor, now).await?)
}

/// Into the package's history and the trail.
async fn record(
    conn: &mut PgConnection,
    package: &Package,
    action: &str,
    what: &str,
    by: Actor<'_>,
    now: Time,
) -> Result<()> {
    let told = format!("{what} By {}.", by.name);
    store::packages::remark(conn, package.id, package.state, &told, now).await?;
    audit(conn, package, action, what, by, now).await
}

async fn audit(
    conn: &mut PgConnection,
    package: &Package,
    action: &str,
    what: &str,
    by: Actor<'_>,
    now: Time,
) -> Result<()> {
    let name = package.location.as_deref().unwrap_or(&package.file_name);
    let event = NewEvent {
        actor: by.name,
        role: by.role,
        action,
        subject: &format!("package {}", package.id),
        vendor_id: Some(package.vendor_id),
        detail: &format!("{name}: {what}"),
    };
    Ok(audit::record(conn, &event, now).await?)
}

/// A reason without blanks around it.
pub(crate) fn checked(text: &str, is_needed: bool) -> Result<&str> {
    let text = text.trim();
    if text.is_empty() && is_needed {
        return Err(Error::unprocessable(
            "Say why, in `reason`: others see it, and it is kept.",
        ));
    }
    if text.chars().count() > LONGEST_REASON || text.contains('\0') {
        return Err(Error::unprocessable(format!(
            "A reason has at most {LONGEST_REASON} characters, and no NUL."
        )));
    }
    Ok(text)
}

fn conflict(detail: String) -> Error {
    Error::conflict_problem(detail).into()
}

/// Shows what is due, and sees to what follows. Gives how many packages that were.
///
/// # Errors
/// The database fails.
pub async fn release_due(conn: &mut PgConnection, now: Time) -> Result<usize> {
    let due = channels::release_due(conn, now).await?;
    for it in &due {
        let Some(package) = store::packages::by_id(conn, it.package_id).await? else {
            continue;
        };
        let product = store::products::by_id(conn, it.product_id).await?;
        let product = product.map(|it| it.name).unwrap_or_default();
        let what = format!("Its time has come in {product}/{}.", it.channel);
        record(conn, &package, "package.shown", &what, PORTAL, now).await?;
        queue(conn, &package, it.product_id, &it.channel, now).await?;
    }
    Ok(due.len())
}

/// Shows packages when their time has come, for as long as the process lives. What fell due while no
/// process ran is shown at once.
pub async fn watch(app: Arc<App>) {
    while !app.pool.is_closed() {
        if let Err(error) = look(&app).await
            && !app.pool.is_closed()
        {
            tracing::warn!(%error, "cannot look for packages whose time has come");
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn look(app: &App) -> Result<()> {
    let mut tx = app.pool.begin().await?;
    release_due(&mut tx, app.now()).await?;
    Ok(tx.commit().await?)
}
