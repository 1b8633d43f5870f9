//! Repositories of others, whose drivers are offered beside our own: registered by the vendor that
//! answers for them, let in by a distributor, read on a schedule.
//!
//! Nothing of a source is copied but what its metadata says of its driver packages. A source is read
//! apart from the queue of jobs, a few at a time and none for long, so that a bad one stops neither
//! the others nor anything else.

mod driver;
mod judging;
mod reading;

pub use judging::judge;

use crate::app::App;
use crate::error::{Error, Result};
use crate::fetch::{Validators, as_folder};
use crate::jobs::{Job, pinned_keys};
use reading::{Fault, Reading};
use std::sync::Arc;
use std::time::Duration;
use store::sources::{Good, NewSource, Source};
use store::{PgConnection, Time};
use tokio::sync::Semaphore;
use url::Url;
use uuid::Uuid;

/// How often a source in order is read again.
const SCHEDULE: time::Duration = time::Duration::hours(1);
/// The first pause after a failure; each further one doubles it.
const FIRST_PAUSE: time::Duration = time::Duration::minutes(5);
/// The longest pause after failures.
const LONGEST_PAUSE: time::Duration = time::Duration::days(1);
/// Failures in a row after which a source counts as broken.
const BROKEN_AFTER: i32 = 5;
/// What was good so long ago is offered no more.
const STALE: time::Duration = time::Duration::days(7);
/// Reading one source takes no longer, whatever its server does.
const LONGEST_READING: Duration = Duration::from_secs(300);
/// A reader that died is replaced after so long.
const CLAIM: time::Duration = time::Duration::minutes(10);
/// Sources read at the same time by one process.
const AT_ONCE: usize = 2;
const LOOK: Duration = Duration::from_secs(2);
/// Longest address.
const URL_BYTES: usize = 2_000;
/// Longest key, armored.
const KEY_BYTES: usize = 256 << 10;

/// How a source fares, in a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Not read yet.
    New,
    Good,
    /// Could not be read lately; what was known is still offered.
    Failing,
    /// So often that it is asked once a day only.
    Broken,
    /// Good last too long ago to be offered.
    Stale,
    /// Signature, digest or content are wrong: nothing of it is offered.
    Distrusted,
}

impl Standing {
    /// As the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Good => "good",
            Self::Failing => "failing",
            Self::Broken => "broken",
            Self::Stale => "stale",
            Self::Distrusted => "distrusted",
        }
    }

    /// Of this source at that time.
    #[must_use]
    pub fn of(source: &Source, now: Time) -> Self {
        let Some(good_at) = source.good_at else {
            return match source.is_distrusted {
                true => Self::Distrusted,
                false if source.failures >= BROKEN_AFTER => Self::Broken,
                false if source.failures > 0 => Self::Failing,
                false => Self::New,
            };
        };
        if source.is_distrusted {
            Self::Distrusted
        } else if now - good_at > STALE {
            Self::Stale
        } else if source.failures >= BROKEN_AFTER {
            Self::Broken
        } else if source.failures > 0 {
            Self::Failing
        } else {
            Self::Good
        }
    }
}

/// Whether its drivers are offered to installers: let in, trusted, and good not too long ago.
#[must_use]
pub fn is_offered(source: &Source, now: Time) -> bool {
    let fares_well = matches!(
        Standing::of(source, now),
        Standing::Good | Standing::Failing | Standing::Broken
    );
    source.approved_at.is_some() && source.good_at.is_some() && fares_well
}

/// What somebody wants registered.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub vendor_id: i64,
    pub product_id: i64,
    pub url: &'a str,
    /// Armored.
    pub key: &'a str,
    /// The distributor that lets it in at once.
    pub approved_by: Option<&'a str>,
}

/// Registers a source, or gives it another key; it is read at once.
///
/// # Errors
/// 400 for an address that is none, 422 for a key that is none, 409 for another vendor's source.
pub async fn register(conn: &mut PgConnection, wish: Wish<'_>, now: Time) -> Result<Uuid> {
    let url = Url::parse(wish.url).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && wish.url.len() <= URL_BYTES
    });
    let url = url.ok_or_else(|| {
        Error::bad_request(format!(
            "`url` is the http or https address of a repository, the folder above `repodata`, \
             without name and password; it is `{:.100}`.",
            wish.url
        ))
    })?;
    if wish.key.len() > KEY_BYTES {
        let most = KEY_BYTES >> 10;
        return Err(Error::unprocessable(format!(
            "`key` has more than {most} KiB: export it minimal, without the signatures of others."
        )));
    }
    let keys = pinned_keys(wish.key)?;
    if keys.is_empty() {
        return Err(Error::unprocessable(
            "`key` holds no OpenPGP key. Give the armored public key that signs `repomd.xml`.",
        ));
    }
    let armored: String = keys.iter().map(keyring::Certificate::to_armored).collect();
    let fingerprints: Vec<String> = keys.iter().map(keyring::Certificate::fingerprint).collect();
    let url = as_folder(&url);
    let new = NewSource {
        vendor_id: wish.vendor_id,
        product_id: wish.product_id,
        url: url.as_str(),
        key: &armored,
        fingerprints: &fingerprints,
        approved_by: wish.approved_by,
    };
    store::sources::upsert(conn, &new, now)
        .await?
        .ok_or_else(|| {
            Error::conflict_problem(
                "This repository is registered for the product by another vendor.",
            )
            .into()
        })
}

/// Reads sources when they are due, for as long as the process lives.
pub async fn watch(app: Arc<App>) {
    let free = Arc::new(Semaphore::new(AT_ONCE));
    while !app.pool.is_closed() {
        match look(&app, &free).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(_) if app.pool.is_closed() => return,
            Err(error) => tracing::warn!(%error, "cannot look for sources to read"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Begins to read one source; false when there is none, or no reader is free.
async fn look(app: &Arc<App>, free: &Arc<Semaphore>) -> sqlx::Result<bool> {
    let Ok(permit) = free.clone().try_acquire_owned() else {
        return Ok(false);
    };
    let now = app.now();
    let mut conn = app.pool.acquire().await?;
    let Some(id) = store::sources::claim(&mut conn, now, now + CLAIM).await? else {
        return Ok(false);
    };
    drop(conn);
    let app = app.clone();
    tokio::spawn(async move {
        let _permit = permit;
        if let Err(error) = read(&app, id).await {
            tracing::warn!(source.id = %id, error = format!("{error:#}"), "a source was not read");
        }
    });
    Ok(true)
}

async fn read(app: &App, id: Uuid) -> anyhow::Result<()> {
    let Some(source) = find(app, id).await? else {
        return Ok(());
    };
    let known = Validators {
        etag: source.etag.clone(),
        last_modified: source.last_modified.clone(),
    };
    // What was distrusted is looked at again in full.
    let known = match source.good_at.is_some() && !source.is_distrusted {
        true => known,
        false => Validators::default(),
    };
    let reading = reading::read(app, &source, &known);
    let reading = tokio::time::timeout(LONGEST_READING, reading)
        .await
        .unwrap_or_else(|_| {
            Err(Fault::Passing(format!(
                "it was not read to its end within {} seconds",
                LONGEST_READING.as_secs()
            )))
        });
    let mut tx = app.pool.begin().await?;
    let now = app.now();
    match reading {
        Ok(reading) => keep(&mut tx, &source, &known, reading, now).await?,
        Err(Fault::Ours(error)) => return Err(error),
        Err(fault) => {
            tracing::warn!(source.url = source.url, %fault, "a source is not in order");
            let next = now + pause(source.failures);
            let is_distrusted = matches!(fault, Fault::Trust(_));
            store::sources::set_fault(&mut tx, id, &fault.to_string(), is_distrusted, next).await?;
        }
    }
    store::notify(&mut tx, store::channel::SOURCES, &id.to_string()).await?;
    tx.commit().await?;
    Ok(())
}

async fn find(app: &App, id: Uuid) -> sqlx::Result<Option<Source>> {
    let mut conn = app.pool.acquire().await?;
    store::sources::by_id(&mut conn, id).await
}

async fn keep(
    conn: &mut PgConnection,
    source: &Source,
    known: &Validators,
    reading: Reading,
    now: Time,
) -> sqlx::Result<()> {
    let validators = match reading {
        Reading::Same => known.clone(),
        Reading::Other {
            packages,
            validators,
        } => {
            store::sources::replace_packages(conn, source.id, &packages).await?;
            let job = Job::JudgeSource {
                source_id: source.id,
            };
            job.enqueue(conn, now).await?;
            tracing::info!(
                source.url = source.url,
                packages = packages.len(),
                "a source was read"
            );
            validators
        }
    };
    let good = Good {
        etag: validators.etag.as_deref(),
        last_modified: validators.last_modified.as_deref(),
        next: now + SCHEDULE,
    };
    store::sources::set_good(conn, source.id, good, now).await
}

/// Twice as long after each failure, up to a day.
fn pause(failures: i32) -> time::Duration {
    let doublings = u32::try_from(failures).unwrap_or(0).min(16);
    LONGEST_PAUSE.min(FIRST_PAUSE * (1_i32 << doublings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::OffsetDateTime;

    fn source(good: Option<time::Duration>, failures: i32, is_distrusted: bool) -> Source {
        let now = OffsetDateTime::UNIX_EPOCH;
        Source {
            id: Uuid::nil(),
            vendor_id: 1,
            vendor: String::new(),
            vendor_display_name: String::new(),
            product_id: 1,
            product: String::new(),
            url: String::new(),
            key: String::new(),
            fingerprints: Vec::new(),
            created_at: now,
            approved_by: Some("kim".to_owned()),
            approved_at: Some(now),
            read_at: now,
            good_at: good.map(|ago| now - ago),
            etag: None,
            last_modified: None,
            fault: None,
            failures,
            is_distrusted,
            packages: 0,
            version: 0,
        }
    }

    #[test]
    fn standings_and_what_is_offered() {
        let hour = Some(time::Duration::hours(1));
        let month = Some(time::Duration::days(30));
        let cases = [
            (source(None, 0, false), Standing::New, false),
            (source(None, 1, false), Standing::Failing, false),
            (source(None, 5, false), Standing::Broken, false),
            (source(None, 1, true), Standing::Distrusted, false),
            (source(hour, 0, false), Standing::Good, true),
            (source(hour, 1, false), Standing::Failing, true),
            (source(hour, 9, false), Standing::Broken, true),
            (source(hour, 1, true), Standing::Distrusted, false),
            (source(month, 99, false), Standing::Stale, false),
            (source(month, 99, true), Standing::Distrusted, false),
        ];
        let now = OffsetDateTime::UNIX_EPOCH;
        for (source, standing, offered) in cases {
            assert_eq!(Standing::of(&source, now), standing);
            assert_eq!(is_offered(&source, now), offered, "{standing:?}");
            let unapproved = Source {
                approved_at: None,
                ..source
            };
            assert!(!is_offered(&unapproved, now));
        }
    }

    #[test]
    fn pauses_double_up_to_a_day() {
        let minutes = [0, 1, 2, 3, 20, i32::MAX].map(|n| pause(n).whole_minutes());
        assert_eq!(minutes, [5, 10, 20, 40, 1440, 1440]);
    }
}
