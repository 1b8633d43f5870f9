//! Which package drives which hardware, from memory: a [`Catalogue`] of everything that an answer needs,
//! of which the next one is made in the background when something was published or judged, and
//! swapped in whole. PostgreSQL stays the truth; who asks never waits for a renewal.
//!
//! | file | what |
//! |---|---|
//! | `catalogue` | what is known, and how it is read |
//! | `question` | what is asked, checked and with defaults filled in |
//! | `answer` | what is told; `choosing` which drivers, in which order, and why not others |
//! | `plan` | what is to be installed, for every kind of installer |
//! | `own_drivers` | what kernels drive by themselves |
//! | `device` | bus, vendor and device of an alias; `names` what people call them |
//! | `demand` | devices that were looked for in vain |

pub mod answer;
pub mod catalogue;
mod choosing;
pub mod demand;
pub mod device;
pub mod names;
pub mod own_drivers;
pub mod plan;
pub mod question;
#[cfg(test)]
mod tests;

pub use catalogue::Catalogue;

use crate::hub::{Hub, RECONNECTED};
use demand::Tally;
use names::Names;
use own_drivers::OwnDrivers;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use store::{PgPool, Time};
use tokio::sync::watch;

/// How long one who changed something waits until look-ups know, at most.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between tries to renew when the database does not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// What no news tell of (products, keys, plans of vendors, sources grown stale) is read this often.
const LOOK: Duration = Duration::from_secs(30);

/// The catalogue, and what is kept beside it.
pub struct Hardware {
    catalogue: RwLock<Option<Arc<Catalogue>>>,
    /// Number of the last change that somebody spoke of.
    marked: watch::Sender<u64>,
    /// The catalogue knows everything up to this change.
    done: watch::Sender<u64>,
    numbers: AtomicU64,
    pub own_drivers: OwnDrivers,
    pub names: Names,
    pub demand: Tally,
}

impl Hardware {
    /// Nothing known yet.
    #[must_use]
    pub fn new(names: Names) -> Self {
        Self {
            catalogue: RwLock::default(),
            // The first catalogue is the first change.
            marked: watch::Sender::new(1),
            done: watch::Sender::new(0),
            numbers: AtomicU64::new(1),
            own_drivers: OwnDrivers::default(),
            names,
            demand: Tally::default(),
        }
    }

    /// Has the catalogue made anew.
    pub fn mark_stale(&self) -> u64 {
        let number = self.numbers.fetch_add(1, Ordering::AcqRel) + 1;
        self.marked.send_modify(|last| *last = number.max(*last));
        number
    }

    /// Has the catalogue made anew and waits for it, but not for ever.
    pub async fn refresh(&self) {
        let number = self.mark_stale();
        let mut done = self.done.subscribe();
        // Too late, or no more renewals: then the next one will tell.
        let _ = tokio::time::timeout(PATIENCE, done.wait_for(|done| *done >= number)).await;
    }

    /// What is known. Waits only for the very first catalogue.
    pub async fn current(&self) -> Option<Arc<Catalogue>> {
        if let Some(catalogue) = self.kept() {
            return Some(catalogue);
        }
        let mut done = self.done.subscribe();
        let _ = tokio::time::timeout(PATIENCE, done.wait_for(|done| *done > 0)).await;
        self.kept()
    }

    fn kept(&self) -> Option<Arc<Catalogue>> {
        let kept = self.catalogue.read();
        kept.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a catalogue in the place of the one there is.
    pub fn replace(&self, catalogue: Catalogue) {
        let mut kept = self
            .catalogue
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = Some(Arc::new(catalogue));
    }

    /// Makes the next catalogue whenever something changed, until the pool is closed.
    pub async fn keep_renewing(&self, pool: &PgPool, hub: &Hub, now: impl Fn() -> Time) {
        let mut news = hub.subscribe();
        let mut marked = self.marked.subscribe();
        while !pool.is_closed() {
            let number = *marked.borrow_and_update();
            if *self.done.borrow() >= number {
                tokio::select! {
                    changed = marked.changed() => if changed.is_err() { return },
                    heard = news.recv() => {
                        // News that were lost may have been any.
                        let channel = heard.map_or(RECONNECTED.to_owned(), |it| it.channel.clone());
                        if !concerns_us(&channel) {
                            continue;
                        }
                        if [store::channel::KERNELS, RECONNECTED].contains(&&*channel) {
                            self.own_drivers.forget();
                        }
                        self.mark_stale();
                    }
                    () = tokio::time::sleep(LOOK) => { self.mark_stale(); }
                }
                continue;
            }
            match Catalogue::read(pool, self.kept(), now()).await {
                Ok(catalogue) => {
                    self.replace(catalogue);
                    self.done.send_replace(number);
                }
                Err(_) if pool.is_closed() => return,
                Err(error) => {
                    tracing::warn!(%error, "cannot read what look-ups need, trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Generations and sources hold what can be had, verdicts say where it loads.
fn concerns_us(channel: &str) -> bool {
    [
        store::channel::REPOSITORIES,
        store::channel::KERNELS,
        store::channel::SOURCES,
        RECONNECTED,
    ]
    .contains(&channel)
}
