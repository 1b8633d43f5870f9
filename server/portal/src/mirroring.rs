//! Mirrors: servers that have a copy of everything below `/repos`. A job looks what each has of every
//! repository; clients are sent only to those that were seen to have the current generation.

use crate::app::App;
use crate::error::{Error, Result};
use crate::fetch::FetchError;
use crate::jobs::Job;
use crate::registration::Source;
use crate::served::ServedRepository;
use crate::waivers::Actor;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;
use store::audit::{self, NewEvent};
use store::mirrors::Mirror;
use store::repositories::Repository;
use store::{PgConnection, Time};
use url::Url;

/// A mirror is asked again after this time.
pub const PROBE_EVERY: Duration = Duration::from_secs(300);
/// What was seen longer ago says nothing.
const BELIEVED: Duration = Duration::from_secs(1_200);
/// How often we look whether a mirror is due.
const LOOK: Duration = Duration::from_secs(15);
/// Bytes of a `repomd.xml`; ours have some three thousand.
const LONGEST_REPOMD: u64 = 1 << 20;
/// The portal itself stands last in every list.
const OWN_PREFERENCE: i32 = 1;

/// Asks mirrors when they are due, for as long as the process lives.
pub async fn watch(app: Arc<App>) {
    while !app.pool.is_closed() {
        if let Err(error) = look(&app).await
            && !app.pool.is_closed()
        {
            tracing::warn!(%error, "cannot look for mirrors that are due");
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn look(app: &App) -> sqlx::Result<()> {
    let now = app.now();
    let mut tx = app.pool.begin().await?;
    for mirror_id in store::mirrors::claim_due(&mut tx, now - PROBE_EVERY, now).await? {
        Job::ProbeMirror { mirror_id }.enqueue(&mut tx, now).await?;
    }
    tx.commit().await
}

/// Adds a mirror, or changes it, and has it asked.
///
/// # Errors
/// 422 for an address, country or preference of the wrong form.
pub async fn add(
    conn: &mut PgConnection,
    url: &str,
    country: Option<&str>,
    preference: i32,
    by: Actor<'_>,
    now: Time,
) -> Result<Mirror> {
    let url = url.trim_end_matches('/');
    let parsed = Url::parse(url).ok();
    let is_fine = parsed.is_some_and(|it| {
        matches!(it.scheme(), "http" | "https") && it.query().is_none() && it.fragment().is_none()
    });
    if !is_fine {
        return Err(Error::unprocessable(format!(
            "`{url}` is no address of a mirror; it looks like https://mirror.example.org/drivers"
        )));
    }
    let country = country.map(str::to_uppercase);
    let added = store::mirrors::upsert(conn, url, country.as_deref(), preference, now).await;
    let mirror = added.map_err(|error| match store::violated_constraint(&error) {
        Some("mirrors_country_form") => {
            Error::unprocessable("A country has two letters, as in ISO 3166-1: DE, US.")
        }
        Some("mirrors_preference_range") => {
            Error::unprocessable("The preference is a number from 1 to 100; more is better.")
        }
        _ => error.into(),
    })?;
    let mirror_id = mirror.id;
    Job::ProbeMirror { mirror_id }.enqueue(conn, now).await?;
    record(conn, "mirror.added", url, by, now).await?;
    Ok(mirror)
}

/// Sends nobody to a mirror any more.
///
/// # Errors
/// 404 if there is none.
pub async fn remove(conn: &mut PgConnection, id: i64, by: Actor<'_>, now: Time) -> Result<()> {
    let mirror = store::mirrors::by_id(conn, id).await?;
    let mirror = mirror.ok_or_else(|| Error::not_found(format!("There is no mirror {id}.")))?;
    store::mirrors::delete(conn, id).await?;
    record(conn, "mirror.removed", &mirror.url, by, now).await
}

async fn record(
    conn: &mut PgConnection,
    action: &str,
    url: &str,
    by: Actor<'_>,
    now: Time,
) -> Result<()> {
    let event = NewEvent {
        actor: by.name,
        role: by.role,
        action,
        subject: "mirrors",
        vendor_id: None,
        detail: url,
    };
    Ok(audit::record(conn, &event, now).await?)
}

/// Looks what a mirror has of every repository.
///
/// # Errors
/// The database fails.
pub async fn probe(app: &App, mirror_id: i64) -> anyhow::Result<()> {
    let mut conn = app.pool.acquire().await?;
    let Some(mirror) = store::mirrors::by_id(&mut conn, mirror_id).await? else {
        return Ok(());
    };
    let repositories = store::repositories::list(&mut conn).await?;
    drop(conn);
    let mut unreachable = None;
    for repository in repositories.iter().filter(|it| it.current.is_some()) {
        // One that does not answer is not asked for every repository.
        let seen = match &unreachable {
            Some(trouble) => Err(String::clone(trouble)),
            None => look_at(app, &mirror, repository).await.map_err(|error| {
                let trouble = error.to_string();
                if matches!(error, FetchError::Network { .. }) {
                    unreachable = Some(trouble.clone());
                }
                trouble
            }),
        };
        let seen = seen
            .as_ref()
            .map(<[u8; 32]>::as_slice)
            .map_err(String::as_str);
        let (mut conn, now) = (app.pool.acquire().await?, app.now());
        let kept = store::mirrors::set_state(&mut conn, mirror.id, repository.id, seen, now).await;
        match kept {
            // It was removed meanwhile.
            Err(error)
                if store::violated_constraint(&error) == Some("mirror_states_mirror_fkey") =>
            {
                return Ok(());
            }
            kept => kept?,
        }
    }
    Ok(())
}

async fn look_at(
    app: &App,
    mirror: &Mirror,
    repository: &Repository,
) -> Result<[u8; 32], FetchError> {
    let address = format!("{}repodata/repomd.xml", below(&mirror.url, repository));
    let url = Url::parse(&address).map_err(|_| FetchError::Address {
        url: address,
        why: "it is no address",
    })?;
    let bytes = app.fetcher.bytes(&url, LONGEST_REPOMD).await?;
    Ok(Sha256::digest(&bytes).into())
}

/// The folder of a repository on a server.
fn below(server: &str, repository: &Repository) -> String {
    let view = repository.view();
    format!(
        "{server}/repos/{}/{view}/{}/",
        repository.product, repository.arch
    )
}

/// Where a repository can be had now, best first; the portal itself is last.
///
/// # Errors
/// The database fails.
pub async fn sources(app: &App, repository: &ServedRepository) -> sqlx::Result<Vec<Source>> {
    let mut conn = app.pool.acquire().await?;
    let Some(row) = store::repositories::by_id(&mut conn, repository.id).await? else {
        return Ok(Vec::new());
    };
    let since = app.now() - BELIEVED;
    let fresh = store::mirrors::fresh(&mut conn, repository.id, since).await?;
    let own = Source {
        url: below(&app.config.base_url, &row),
        country: None,
        preference: OWN_PREFERENCE,
    };
    let fresh = fresh.into_iter().map(|it| Source {
        url: below(&it.url, &row),
        country: it.country,
        preference: it.preference,
    });
    Ok(fresh.chain([own]).collect())
}
