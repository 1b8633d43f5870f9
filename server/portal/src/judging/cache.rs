//! The judge's index in memory, one for each group of packages and kernels that are judged together.
//!
//! A cache of the database: built at first use, brought up to date with what changed since, dropped
//! at any time. Kernels are read when they are first asked for.

use super::parse;
use anyhow::Context as _;
use kabi::Kernel;
use kabi::index::{NeedId, needs_of};
use kmod::{Crc, Machine};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::PgConnection;
use store::judging::{Group, Moment, Packed};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use uuid::Uuid;

/// Packages and kernels by their ids.
pub type Index = kabi::index::Index<Uuid, Uuid>;

/// An index that nobody asked for so long is dropped.
const IDLE: Duration = Duration::from_secs(6 * 3600);

/// All indexes of this process.
#[derive(Default)]
pub struct Judging {
    groups: Mutex<HashMap<Group, Shelf>>,
}

struct Shelf {
    cached: Arc<RwLock<Cached>>,
    used: Instant,
}

/// An index and up to when it is true.
#[derive(Default)]
struct Cached {
    index: Index,
    /// Of the kernels in it.
    facts: HashMap<Uuid, Facts>,
    /// `None`: nothing is in it yet.
    as_of: Option<Moment>,
}

/// What a module for a kernel would say of itself, whatever it needs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// `uname -r`.
    pub release: String,
    pub vermagic_tail: Option<String>,
    /// Version of `struct module`.
    pub layout: Option<Crc>,
    pub machine: Machine,
}

/// An index that does not change while it is looked at.
pub struct Seen(OwnedRwLockReadGuard<Cached>);

impl Seen {
    /// Computes with the index, where it keeps nobody else from working.
    ///
    /// # Errors
    /// The work panicked.
    pub async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce(&Index) -> T + Send + 'static,
    ) -> anyhow::Result<(Self, T)> {
        let working = tokio::task::spawn_blocking(move || {
            let result = work(&self.0.index);
            (self, result)
        });
        working.await.context("judging")
    }

    /// Facts about a kernel that was asked for.
    #[must_use]
    pub fn facts(&self, kernel: Uuid) -> Option<Facts> {
        self.0.facts.get(&kernel).cloned()
    }
}

impl Judging {
    /// A group's index as the database is now, with these kernels in it.
    ///
    /// # Errors
    /// The database fails, or a stored kernel or package cannot be read.
    pub async fn look(
        &self,
        conn: &mut PgConnection,
        group: &Group,
        kernels: &[Uuid],
    ) -> anyhow::Result<Seen> {
        let cached = self.renewed(conn, group, kernels).await?;
        Ok(Seen(cached.downgrade()))
    }

    /// The same, and whom it concerns that a package came or went: itself, if it counts, and the
    /// packages whose verdicts may change by it.
    ///
    /// # Errors
    /// As [`Judging::look`].
    pub async fn look_around(
        &self,
        conn: &mut PgConnection,
        group: &Group,
        kernels: &[Uuid],
        package_id: Uuid,
    ) -> anyhow::Result<(Seen, Vec<Uuid>)> {
        let mut cached = self.renewed(conn, group, kernels).await?;
        let counts = cached.index.has_package(&package_id);
        if !counts && let Some(gone) = store::judging::package(conn, package_id).await? {
            cached.put(conn, vec![gone]).await?;
        }
        let dependents = cached.index.dependents(&package_id);
        let mut concerned: Vec<Uuid> = dependents.into_iter().copied().collect();
        if counts {
            concerned.push(package_id);
        } else {
            cached.index.remove_package(&package_id);
        }
        Ok((Seen(cached.downgrade()), concerned))
    }

    async fn renewed(
        &self,
        conn: &mut PgConnection,
        group: &Group,
        kernels: &[Uuid],
    ) -> anyhow::Result<OwnedRwLockWriteGuard<Cached>> {
        let mut cached = self.shelf(group).write_owned().await;
        let mut fresh = std::mem::take(&mut *cached);
        // What fails in the middle leaves nothing behind: the next one begins anew.
        fresh.renew(conn, group).await?;
        fresh.read_kernels(conn, kernels).await?;
        *cached = fresh;
        Ok(cached)
    }

    fn shelf(&self, group: &Group) -> Arc<RwLock<Cached>> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let shelf = groups.entry(group.clone()).or_insert_with(|| Shelf {
            cached: Arc::default(),
            used: Instant::now(),
        });
        shelf.used = Instant::now();
        shelf.cached.clone()
    }

    /// Drops what nobody asked for lately, and tells how much there is.
    pub fn run_upkeep(&self) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|_, shelf| shelf.used.elapsed() < IDLE);
        let (mut packages, mut kernels, mut needs, mut bytes) = (0, 0, 0, 0);
        for shelf in groups.values() {
            // One that is being written is counted the next time.
            if let Ok(cached) = shelf.cached.try_read() {
                packages += cached.index.len();
                kernels += cached.index.kernels().count();
                needs += cached.index.needs().len() as usize;
                bytes += cached.index.bytes();
            }
        }
        for (what, count) in [
            ("kmp_portal_index_packages", packages),
            ("kmp_portal_index_kernels", kernels),
            ("kmp_portal_index_needs", needs),
            ("kmp_portal_index_bytes", bytes),
        ] {
            metrics::gauge!(what).set(count as f64);
        }
    }
}

impl Cached {
    /// Takes over what changed since the last time.
    async fn renew(&mut self, conn: &mut PgConnection, group: &Group) -> anyhow::Result<()> {
        let since = self.as_of;
        let now = store::judging::moment(conn).await?;
        if let Some(since) = since {
            for kernel in store::judging::changed_kernels_for_judging(conn, group, since).await? {
                self.index.remove_kernel(&kernel);
                self.facts.remove(&kernel);
            }
        }
        let changed = store::judging::changed_packages(conn, group, since).await?;
        let (there, gone): (Vec<_>, Vec<_>) = changed.into_iter().partition(|p| p.counts);
        for package in gone {
            self.index.remove_package(&package.id);
        }
        self.put(conn, there).await?;
        self.as_of = Some(now);
        Ok(())
    }

    /// Puts packages in, those that are not packed yet or not well once they are.
    async fn put(&mut self, conn: &mut PgConnection, packages: Vec<Packed>) -> anyhow::Result<()> {
        let mut unknown = BTreeSet::new();
        let mut ready = Vec::with_capacity(packages.len());
        for package in packages {
            let stored = package.packed.and_then(|bytes| {
                let needs = needs_of(&bytes).ok()?;
                Some((bytes, needs))
            });
            let (bytes, needs) = match stored {
                Some(stored) => stored,
                None => {
                    let bytes = store::judging::pack_stored(conn, package.id).await?;
                    let needs = needs_of(&bytes)?;
                    (bytes, needs)
                }
            };
            unknown.extend(needs.into_iter().filter(|id| !self.knows(*id)));
            ready.push((package.id, package.name, bytes));
        }
        let unknown: Vec<NeedId> = unknown.into_iter().collect();
        for (id, need) in store::judging::needs(conn, &unknown).await? {
            self.index.insert_need(id, &need)?;
        }
        for (id, name, bytes) in ready {
            let added = self.index.add_package(id, &name, &bytes);
            added.with_context(|| format!("stored package {id}"))?;
        }
        Ok(())
    }

    fn knows(&self, need: NeedId) -> bool {
        self.index.needs().has(need)
    }

    async fn read_kernels(
        &mut self,
        conn: &mut PgConnection,
        wanted: &[Uuid],
    ) -> anyhow::Result<()> {
        let known: BTreeSet<Uuid> = self.index.kernels().copied().collect();
        for id in wanted.iter().filter(|id| !known.contains(id)) {
            let Some(row) = store::kernels::for_judging(conn, *id).await? else {
                continue;
            };
            let packed = store::kernels::symvers_for_judging(conn, *id).await?;
            let packed = packed.with_context(|| format!("kernel {id} has no symvers"))?;
            let kernel = tokio::task::spawn_blocking(move || parse(&row, &packed)).await??;
            self.index.add_kernel(*id, &kernel);
            self.facts.insert(*id, Facts::of(&kernel));
        }
        Ok(())
    }
}

impl Facts {
    fn of(kernel: &Kernel) -> Self {
        let layout = kernel.exports.get("module_layout");
        Self {
            release: kernel.release.clone(),
            vermagic_tail: kernel.vermagic_tail.clone(),
            layout: layout.and_then(|export| export.crcs.first().copied()),
            machine: kabi::arch::machine(&kernel.arch).unwrap_or(OF_UNKNOWN),
        }
    }
}

/// Of an architecture that is not known: every rule about machines then says so.
const OF_UNKNOWN: Machine = Machine {
    e_machine: 0,
    is_64: true,
    little_endian: true,
};
