//! Taking in a package: from a body on the wire to a row that is never lost. The API and the
//! upload form both end here.

use crate::admission;
use crate::app::App;
use crate::auth::{Caller, Role, missing_token};
use crate::error::{Error, Result};
use crate::jobs::Job;
use crate::placing::{self, Built};
use crate::storage::Received;
use std::sync::Arc;
use std::time::Duration;
use store::channels::Removal;
use store::packages::{Package, State};
use store::products::Product;
use store::{PgConnection, Time};
use tokio::time::Instant;
use uuid::Uuid;

/// Waiters look at the database this often even without news.
const LOOK: Duration = Duration::from_millis(500);

/// Where the uploader wants the package to go; all may be left open.
#[derive(Clone, Debug)]
pub struct Destination {
    pub product: Option<Product>,
    pub channel: Option<String>,
    /// Not shown before this moment.
    pub since: Option<Time>,
}

impl Destination {
    /// Looks the names up.
    ///
    /// # Errors
    /// 404 for a product or channel that is not there, with those that are.
    pub async fn find(
        conn: &mut PgConnection,
        product: Option<&str>,
        channel: Option<&str>,
    ) -> Result<Self> {
        let product = match product {
            Some(name) => Some(product_by_name(conn, name).await?),
            None => None,
        };
        if let (Some(product), Some(channel)) = (&product, channel)
            && !product.channels.iter().any(|c| c == channel)
        {
            let misfit = placing::no_channel(product, channel);
            return Err(Error::not_found(format!(
                "{} {}",
                misfit.detail, misfit.help
            )));
        }
        if let (Some(product), Some(channel)) = (&product, channel)
            && let Some(misfit) = placing::guarded(product, channel)
        {
            return Err(Error::forbidden(format!(
                "{} {}",
                misfit.detail, misfit.help
            )));
        }
        Ok(Self {
            product,
            channel: channel.map(str::to_owned),
            since: None,
        })
    }

    fn placement(&self) -> Option<(&Product, &str)> {
        let product = self.product.as_ref()?;
        Some((
            product,
            self.channel.as_deref().unwrap_or(product.upload_channel()),
        ))
    }
}

/// The product of this name.
///
/// # Errors
/// 404 with the names there are.
pub async fn product_by_name(conn: &mut PgConnection, name: &str) -> Result<Product> {
    if let Some(product) = store::products::by_name(conn, name).await? {
        return Ok(product);
    }
    let known: Vec<String> = store::products::list(conn)
        .await?
        .into_iter()
        .map(|p| p.name)
        .collect();
    let known = match known.is_empty() {
        true => "None is registered yet; the operator adds them with `kmp-portal admin product \
                 add`."
            .to_owned(),
        false => format!("There are: {}.", known.join(", ")),
    };
    Err(Error::not_found(format!(
        "There is no product `{name}`. {known}"
    )))
}

/// The vendor an upload is for: the caller's own, or the one a distributor names.
///
/// # Errors
/// 401 without a token, 403 for another vendor's name, 404 for an unknown one.
pub async fn vendor(conn: &mut PgConnection, caller: &Caller, named: Option<&str>) -> Result<i64> {
    match (&caller.role, named) {
        (Role::Anonymous, _) => Err(missing_token()),
        (Role::Vendor { name, .. }, Some(other)) if name != other => Err(Error::forbidden(
            format!("This token is of the vendor `{name}`; it cannot upload for `{other}`."),
        )),
        (Role::Vendor { id, .. }, _) => Ok(*id),
        (Role::Distributor, None) => Err(Error::forbidden(
            "A distributor uploads for a vendor: add `?vendor=NAME`, or use the vendor's token.",
        )),
        (Role::Distributor, Some(name)) => store::vendors::by_name(conn, name)
            .await?
            .map(|v| v.id)
            .ok_or_else(|| Error::not_found(format!("There is no vendor `{name}`."))),
    }
}

/// Work on the same bytes is done by one at a time.
#[must_use]
pub fn subject(sha256: &[u8]) -> String {
    format!("package:{}", hex::encode(sha256))
}

/// A package that is safely here.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    pub id: Uuid,
    /// The same bytes were here already.
    pub was_known: bool,
}

/// Puts a package into a channel, shown from a moment on if there is one to come.
///
/// # Errors
/// The database fails.
pub async fn place(
    conn: &mut PgConnection,
    id: Uuid,
    product_id: i64,
    channel: &str,
    since: Option<Time>,
    now: Time,
) -> sqlx::Result<bool> {
    match since.filter(|it| *it > now) {
        None => store::packages::place(conn, id, product_id, channel).await,
        since => {
            let by = store::channels::uploader(conn, id).await?;
            let by = by.as_deref().unwrap_or_default();
            store::channels::place_since(conn, id, product_id, channel, since, by, now).await
        }
    }
}

/// Takes a received file in. Once this returns, the package is never lost. The same bytes from the
/// same vendor give the same package. `by`: user or label of the token.
///
/// # Errors
/// 409 when it is here already and does not fit the product named, 422 when that demands other things.
pub async fn take(
    app: &Arc<App>,
    vendor_id: i64,
    by: &str,
    file_name: &str,
    received: Received,
    destination: &Destination,
) -> Result<Taken> {
    let now = app.now();
    let sha256 = received.sha256;
    let size = i64::try_from(received.size).map_err(|e| Error::Internal(e.into()))?;
    if let Some((product, _)) = destination.placement() {
        admission::to_further_product(app, vendor_id, &sha256, product).await?;
    }
    let mut tx = app.pool.begin().await?;
    store::lock(&mut tx, &subject(&sha256)).await?;
    let known = store::packages::by_sha256(&mut tx, vendor_id, &sha256).await?;
    // Also of a known one: if its file was lost or altered, this mends it.
    let storage = app.storage.clone();
    tokio::task::spawn_blocking(move || storage.keep(received))
        .await
        .map_err(anyhow::Error::from)?
        .map_err(|e| anyhow::Error::new(e).context("keeping an upload"))?;
    if let Some((id, state)) = known
        && state != State::Rejected
    {
        place_known(&mut tx, id, destination, now).await?;
        tx.commit().await?;
        return Ok(Taken {
            id,
            was_known: true,
        });
    }
    let channel = destination.channel.as_deref();
    let id = match known {
        Some((id, _)) => {
            store::packages::receive_again(&mut tx, id, file_name, channel, now).await?;
            id
        }
        None => {
            store::packages::insert_received(
                &mut tx, vendor_id, &sha256, size, file_name, channel, now,
            )
            .await?
        }
    };
    store::channels::set_upload(&mut tx, id, by, destination.since).await?;
    if let Some((product, channel)) = destination.placement() {
        place(&mut tx, id, product.id, channel, destination.since, now).await?;
    }
    Job::InspectPackage { package_id: id }
        .enqueue(&mut tx, now)
        .await?;
    tx.commit().await?;
    tracing::info!(package.id = %id, package.size = size, file_name, "package received");
    Ok(Taken {
        id,
        was_known: false,
    })
}

/// A package that is here already may be sent to a further channel.
async fn place_known(
    conn: &mut PgConnection,
    id: Uuid,
    destination: &Destination,
    now: Time,
) -> Result<()> {
    let Some((product, channel)) = destination.placement() else {
        return Ok(());
    };
    let Some(package) = store::packages::by_id(conn, id).await? else {
        return Ok(());
    };
    if let Some(arch) = &package.arch {
        let built = Built {
            arch,
            flavor: package.flavor.as_deref(),
            kernel_release: None,
        };
        if let Some(misfit) = placing::misfit(product, built) {
            return Err(
                Error::conflict_problem(format!("{} {}", misfit.detail, misfit.help)).into(),
            );
        }
    }
    let removals = store::channels::removals(conn, id).await?;
    let was_here = |it: &&Removal| it.product_id == product.id && it.channel == channel;
    if let Some(removal) = removals.iter().find(was_here) {
        return Err(Error::conflict_problem(format!(
            "{} took the package out of {}/{channel}: {} Promote it there when that is mended.",
            removal.by,
            product.name,
            ended(&removal.reason)
        ))
        .into());
    }
    if place(conn, id, product.id, channel, destination.since, now).await? {
        Job::InspectPackage { package_id: id }
            .enqueue(conn, now)
            .await?;
    }
    Ok(())
}

/// A reason as a sentence.
fn ended(reason: &str) -> String {
    match reason.ends_with(['.', '!', '?']) {
        true => reason.to_owned(),
        false => format!("{reason}."),
    }
}

/// Waits until a package is rejected, withdrawn, held back or visible to clients wherever it is to be,
/// but not beyond the deadline.
///
/// # Errors
/// The database fails.
pub async fn settled(app: &Arc<App>, id: Uuid, deadline: Instant) -> Result<Package> {
    let mut news = app.hub.subscribe();
    loop {
        let mut conn = app.pool.acquire().await?;
        let package = store::packages::by_id(&mut conn, id)
            .await?
            .ok_or_else(|| Error::not_found(format!("There is no package {id}.")))?;
        let done = match package.state {
            State::Rejected | State::Withdrawn => true,
            State::Accepted => store::channels::is_waiting(&mut conn, id).await?,
            State::Published => is_visible(app, &mut conn, id).await?,
            _ => false,
        };
        drop(conn);
        if done || Instant::now() >= deadline {
            if package.state == State::Published {
                app.hardware.refresh().await;
            }
            return Ok(package);
        }
        let id = id.to_string();
        let told = async {
            loop {
                match news.recv().await {
                    Ok(n) if n.payload != id && n.channel == store::channel::PACKAGES => {}
                    _ => return,
                }
            }
        };
        // The deadline, the news, or another look.
        let _ = tokio::time::timeout_at(deadline.min(Instant::now() + LOOK), told).await;
    }
}

/// In every repository it was sent to, and these are loaded here.
async fn is_visible(app: &Arc<App>, conn: &mut PgConnection, id: Uuid) -> Result<bool> {
    let placements = store::packages::placements(conn, id).await?;
    if placements
        .iter()
        .any(|p| p.is_offered && p.generation.is_none())
    {
        return Ok(false);
    }
    for repository in store::repositories::list(conn).await? {
        let held = placements
            .iter()
            .any(|p| p.product_id == repository.product_id && p.channel == repository.channel)
            && repository.vendor_id.is_none();
        let served = app
            .served
            .get(&repository.product, &repository.channel, &repository.arch);
        let number = served.and_then(|s| s.current().map(|c| c.number));
        if held && number < repository.current {
            app.served
                .reload(&app.pool, &app.storage, repository.id)
                .await?;
        }
    }
    Ok(true)
}
