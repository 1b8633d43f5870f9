//! Makes the next catalogue of the one before. What is asked of the database is what can have changed:
//! a published package never does, verdicts and places bear a mark of when they did, and a source
//! has a version. What is small is read whole.

use super::{Catalogue, Driver, External, Kernel, Line, Module, Owner, Support};
use crate::gate::Policy;
use crate::hardware::device::Device;
use crate::sources::is_offered;
use kabi::Verdict;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use store::judging::{self, Moment};
use store::lookup::{self, OnKernel, Which};
use store::products::Product;
use store::{PgConnection, PgPool, Time, Viewer};
use uuid::Uuid;

/// Packages that one query asks for.
const AT_ONCE: usize = 500;
/// Patterns of all sources together; some 200 bytes each.
const SOURCE_PATTERNS: usize = 1_000_000;
/// One pattern in so many may be of packages that went before the index is made anew.
const BURIED: usize = 4;

/// Up to when the database was read.
#[derive(Clone, Default)]
pub(super) struct Seen {
    moment: Option<Moment>,
    /// Generations of repositories.
    generations: HashMap<i64, i64>,
    /// Sources that found no room, with the version that was said of.
    left_out: HashMap<Uuid, i64>,
}

/// A package and its patterns, each with the place of its module.
type Entry = (Arc<Driver>, Vec<(String, Option<u32>)>);

/// What is to be done to a catalogue.
#[derive(Default)]
struct Changes {
    gone: Vec<Uuid>,
    come: Vec<Entry>,
    /// Packages with all places where they can be had.
    places: HashMap<Uuid, Vec<(i64, String)>>,
    /// Packages with all verdicts on them.
    whole: HashMap<Uuid, Vec<(Uuid, Verdict)>>,
    /// Further verdicts, in the place of others or new.
    further: Vec<OnKernel>,
    /// Kernels that are not public any more.
    lost_kernels: HashSet<Uuid>,
}

impl Catalogue {
    /// Reads what is known by now, beginning with what was known before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn read(pool: &PgPool, before: Option<Arc<Self>>, now: Time) -> sqlx::Result<Self> {
        let mut conn = pool.acquire().await?;
        let mut next = before.as_deref().cloned().unwrap_or_default();
        let since = next.seen.moment;
        next.seen.moment = Some(judging::moment(&mut conn).await?);
        let mut changes = Changes::default();
        let new_kernels = next.read_small(&mut conn, &mut changes).await?;
        next.read_published(&mut conn, since, &mut changes).await?;
        if let Some(since) = since {
            let on_new = lookup::verdicts(&mut conn, Which::On(&new_kernels)).await?;
            changes.further.extend(on_new);
            let written = lookup::verdicts(&mut conn, Which::Since(since)).await?;
            changes.further.extend(written);
        }
        next.read_sources(&mut conn, now, &mut changes).await?;
        drop(conn);
        let joined = tokio::task::spawn_blocking(move || {
            next.apply(changes);
            next
        });
        joined.await.map_err(|_| sqlx::Error::WorkerCrashed)
    }

    /// What is small, whole; gives the kernels that were not public before.
    async fn read_small(
        &mut self,
        conn: &mut PgConnection,
        changes: &mut Changes,
    ) -> sqlx::Result<Vec<Uuid>> {
        let kernels = store::kernels::list(conn, Viewer::Public, &Default::default()).await?;
        let kernels: Vec<Kernel> = kernels.iter().map(Kernel::from).collect();
        let before: HashSet<Uuid> = self.kernels.iter().map(|it| it.id).collect();
        let public: HashSet<Uuid> = kernels.iter().map(|it| it.id).collect();
        changes.lost_kernels = before.difference(&public).copied().collect();
        self.kernels = kernels;
        self.certificates = lookup::certificates(conn).await?;
        self.lines.clear();
        for product in store::products::list(conn).await? {
            let certified_channels = certified_channels(conn, &product).await?;
            self.lines.push(Line {
                product,
                certified_channels,
            });
        }
        self.vendor_keys.clear();
        for key in store::vendors::list_keys(conn, None).await? {
            let keys = self.vendor_keys.entry(key.vendor_id).or_default();
            keys.push(key.fingerprint);
        }
        let plans = lookup::plans(conn).await?.into_iter();
        self.plans = plans
            .map(|plan| ((plan.kernel_id, plan.vendor_id), plan.date))
            .collect();
        Ok(public.difference(&before).copied().collect())
    }

    /// Packages of our own repositories; without a moment, all of them.
    async fn read_published(
        &mut self,
        conn: &mut PgConnection,
        since: Option<Moment>,
        changes: &mut Changes,
    ) -> sqlx::Result<()> {
        let mut touched = BTreeSet::new();
        if let Some(since) = since {
            touched.extend(lookup::changed_packages(conn, since).await?);
        }
        for repository in lookup::repositories(conn).await? {
            let generations = &mut self.seen.generations;
            let known = generations.insert(repository.id, repository.current);
            if since.is_some() && known != Some(repository.current) {
                let after = known.unwrap_or(0);
                touched.extend(lookup::moved(conn, repository.id, after).await?);
            }
        }
        if since.is_none() {
            return self.read_packages(conn, None, changes).await;
        }
        let touched: Vec<Uuid> = touched.into_iter().collect();
        for some in touched.chunks(AT_ONCE) {
            self.read_packages(conn, Some(some), changes).await?;
        }
        Ok(())
    }

    /// These packages, or all.
    async fn read_packages(
        &self,
        conn: &mut PgConnection,
        touched: Option<&[Uuid]>,
        changes: &mut Changes,
    ) -> sqlx::Result<()> {
        let published = lookup::published(conn, touched).await?;
        for id in touched.unwrap_or_default() {
            changes.places.insert(*id, Vec::new());
            changes.whole.insert(*id, Vec::new());
            if self.drivers.contains_key(id) && !published.contains(id) {
                changes.gone.push(*id);
            }
        }
        let is_new = |id: &&Uuid| !self.drivers.contains_key(*id);
        let new: Vec<Uuid> = published.iter().filter(is_new).copied().collect();
        for some in new.chunks(AT_ONCE) {
            changes.come.extend(read_drivers(conn, some).await?);
        }
        for shown in lookup::shown(conn, touched).await? {
            let places = changes.places.entry(shown.package_id).or_default();
            places.push((shown.product_id, shown.channel));
        }
        for on in lookup::verdicts(conn, touched.map_or(Which::All, Which::Of)).await? {
            let verdicts = changes.whole.entry(on.package_id).or_default();
            verdicts.push((on.kernel_id, on.verdict));
        }
        Ok(())
    }

    /// Sources that may be offered, those first that were let in first, as far as there is room.
    async fn read_sources(
        &mut self,
        conn: &mut PgConnection,
        now: Time,
        changes: &mut Changes,
    ) -> sqlx::Result<()> {
        let mut offered = store::sources::list(conn, None, None).await?;
        offered.retain(|source| is_offered(source, now));
        offered.sort_by_key(|source| (source.approved_at, source.id));
        let mut before = std::mem::take(&mut self.sources);
        let said = std::mem::take(&mut self.seen.left_out);
        let mut room = SOURCE_PATTERNS;
        for source in offered {
            let known = before.remove(&source.id);
            let is_same = |it: &&Arc<External>| it.version == source.version;
            let (drivers, patterns) = match known.as_ref().filter(is_same) {
                Some(known) => (known.drivers.clone(), known.patterns),
                None => listed(conn, source.id).await?,
            };
            let Some(rest) = room.checked_sub(patterns) else {
                if said.get(&source.id) != Some(&source.version) {
                    let url = &source.url;
                    tracing::warn!(
                        source.url = url,
                        patterns,
                        "no room for a source in look-ups"
                    );
                }
                self.seen.left_out.insert(source.id, source.version);
                changes.gone.extend(known.iter().flat_map(|it| &it.drivers));
                continue;
            };
            room = rest;
            if known.as_ref().is_none_or(|it| it.version != source.version) {
                let known = known.as_ref().map_or(&[][..], |it| &it.drivers);
                read_source(conn, source.id, known, &drivers, changes).await?;
            }
            let external = External {
                id: source.id,
                product_id: source.product_id,
                vendor: source.vendor,
                vendor_display_name: source.vendor_display_name,
                url: source.url,
                fingerprints: source.fingerprints,
                version: source.version,
                drivers,
                patterns,
            };
            self.sources.insert(source.id, Arc::new(external));
        }
        // Whatever is left is offered no more.
        changes
            .gone
            .extend(before.values().flat_map(|it| &it.drivers));
        Ok(())
    }

    fn apply(&mut self, changes: Changes) {
        self.replace_drivers(&changes.gone, changes.come);
        if !changes.places.is_empty() {
            let places = Arc::make_mut(&mut self.places);
            for (id, all) in changes.places {
                match all.is_empty() {
                    true => _ = places.remove(&id),
                    false => _ = places.insert(id, all),
                }
            }
        }
        let mut replaced = changes.whole;
        replaced.extend(changes.gone.iter().map(|id| (*id, Vec::new())));
        for on in changes.further {
            let verdicts = replaced.entry(on.package_id).or_insert_with(|| {
                let before = self.verdicts.get(&on.package_id);
                before.map_or_else(Vec::new, |it| it.to_vec())
            });
            verdicts.retain(|(kernel, _)| *kernel != on.kernel_id);
            verdicts.push((on.kernel_id, on.verdict));
        }
        let lost = changes.lost_kernels;
        if !lost.is_empty() {
            for (id, before) in self.verdicts.iter() {
                let verdicts = replaced.entry(*id).or_insert_with(|| before.to_vec());
                verdicts.retain(|(kernel, _)| !lost.contains(kernel));
            }
        }
        if !replaced.is_empty() {
            let verdicts = Arc::make_mut(&mut self.verdicts);
            for (id, all) in replaced {
                match all.is_empty() {
                    true => _ = verdicts.remove(&id),
                    false => _ = verdicts.insert(id, all.into()),
                }
            }
        }
    }

    fn replace_drivers(&mut self, gone: &[Uuid], come: Vec<Entry>) {
        if gone.is_empty() && come.is_empty() {
            return;
        }
        let drivers = Arc::make_mut(&mut self.drivers);
        let devices = Arc::make_mut(&mut self.devices);
        for id in gone {
            if let Some(driver) = drivers.remove(id) {
                count(devices, &driver, false);
                self.buried.insert(*id, driver);
            }
        }
        let mut entries = Vec::new();
        for (driver, patterns) in come {
            // What comes back is what it was.
            let driver = match self.buried.remove(&driver.id) {
                Some(buried) => buried,
                None => {
                    entries.extend(patterns.into_iter().map(|(pattern, module)| {
                        let driver = driver.clone();
                        (pattern, Owner { driver, module })
                    }));
                    driver
                }
            };
            if drivers.insert(driver.id, driver.clone()).is_none() {
                count(devices, &driver, true);
            }
        }
        let buried: usize = self.buried.values().map(|it| it.patterns).sum();
        if buried * BURIED > self.index.len() {
            self.index
                .retain(|_, owner| drivers.contains_key(&owner.driver.id));
            self.buried.clear();
        }
        self.index.extend(entries);
    }
}

/// Counts one package more or less for each device that it names.
fn count(devices: &mut BTreeMap<Device, u64>, driver: &Driver, is_more: bool) {
    for device in &driver.devices {
        let packages = devices.entry(*device).or_default();
        *packages = match is_more {
            true => *packages + 1,
            false => packages.saturating_sub(1),
        };
        if *packages == 0 {
            devices.remove(device);
        }
    }
}

/// The driver packages of a source, and how many patterns they have.
async fn listed(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<(Vec<Uuid>, usize)> {
    let all = store::sources::driver_ids(conn, id).await?;
    let patterns = all.iter().map(|it| usize::try_from(it.patterns));
    let patterns = patterns.map(Result::unwrap_or_default).sum();
    Ok((all.into_iter().map(|it| it.uid).collect(), patterns))
}

/// Reads what is new of a source of which another version was known.
async fn read_source(
    conn: &mut PgConnection,
    id: Uuid,
    known: &[Uuid],
    drivers: &[Uuid],
    changes: &mut Changes,
) -> sqlx::Result<()> {
    let (known, wanted): (HashSet<&Uuid>, HashSet<&Uuid>) =
        (known.iter().collect(), drivers.iter().collect());
    let gone = known.difference(&wanted).map(|id| **id);
    changes.gone.extend(gone);
    let new: Vec<Uuid> = wanted.difference(&known).map(|id| **id).collect();
    for some in new.chunks(AT_ONCE) {
        let rows = store::sources::drivers(conn, some).await?;
        changes.come.extend(rows.into_iter().map(external_driver));
    }
    let whole = &mut changes.whole;
    whole.extend(drivers.iter().map(|id| (*id, Vec::new())));
    for on in store::sources::driver_verdicts(conn, id).await? {
        // Another reading may have come between.
        if let Some(verdicts) = whole.get_mut(&on.package_id) {
            verdicts.push((on.kernel_id, on.verdict));
        }
    }
    Ok(())
}

fn external_driver(row: store::sources::Driver) -> Entry {
    let evr = crate::views::metadata_evr(row.epoch, &row.version, &row.release);
    let patterns: Vec<(String, Option<u32>)> =
        row.aliases.into_iter().map(|it| (it, None)).collect();
    let driver = Driver {
        nevra: format!("{}-{evr}.{}", row.name, row.arch),
        id: row.uid,
        vendor_id: row.vendor_id,
        vendor: row.vendor,
        vendor_display_name: row.vendor_display_name,
        name: row.name,
        evr,
        arch: row.arch,
        summary: row.summary,
        license: Some(row.license).filter(|it| !it.is_empty()),
        created_at: None,
        modules: Vec::new(),
        devices: devices(&patterns),
        patterns: patterns.len(),
        source_id: Some(row.source_id),
    };
    (Arc::new(driver), patterns)
}

/// Devices that patterns name, each once.
fn devices(patterns: &[(String, Option<u32>)]) -> Vec<Device> {
    let devices = patterns.iter().filter_map(|(it, _)| Device::of_alias(it));
    let devices: BTreeSet<Device> = devices.collect();
    devices.into_iter().collect()
}

/// Channels whose packages count as certified, by the product's release gate.
async fn certified_channels(
    conn: &mut PgConnection,
    product: &Product,
) -> sqlx::Result<Vec<String>> {
    let stored = store::gates::policy(conn, product.id).await?;
    let policy = stored.and_then(|it| serde_json::from_value::<Policy>(it.policy).ok());
    let channels = policy.map(|it| it.certified_channels).unwrap_or_default();
    Ok(match channels.is_empty() {
        true => vec![product.default_channel.clone()],
        false => channels,
    })
}

async fn read_drivers(conn: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<Entry>> {
    let mut modules: HashMap<Uuid, Vec<Module>> = HashMap::new();
    for module in lookup::modules(conn, ids).await? {
        let values = |key: &'static str| {
            let entries = module.modinfo.iter();
            entries
                .filter(move |(k, _)| k == key)
                .map(|(_, value)| value.as_str())
        };
        modules.entry(module.package_id).or_default().push(Module {
            support: match values("supported").next() {
                Some("yes") => Support::Yes,
                Some("external") => Support::External,
                _ => Support::None,
            },
            is_free: values("license")
                .next()
                .is_some_and(kmod::is_gpl_compatible),
            name: module.name.clone(),
            signature: module.signature,
        });
    }
    let mut patterns: HashMap<Uuid, Vec<lookup::Alias>> = HashMap::new();
    for alias in lookup::aliases(conn, ids).await? {
        patterns.entry(alias.package_id).or_default().push(alias);
    }
    let drivers = lookup::drivers(conn, ids).await?;
    Ok(drivers
        .into_iter()
        .map(|row| {
            let modules = modules.remove(&row.id).unwrap_or_default();
            let place = |name: &str| {
                let at = modules.iter().position(|it| it.name == name)?;
                u32::try_from(at).ok()
            };
            let patterns = patterns.remove(&row.id).unwrap_or_default();
            let patterns: Vec<(String, Option<u32>)> = patterns
                .into_iter()
                .map(|alias| (alias.pattern, place(&alias.module)))
                .collect();
            (Arc::new(driver(row, modules, &patterns)), patterns)
        })
        .collect())
}

fn driver(row: lookup::Driver, modules: Vec<Module>, patterns: &[(String, Option<u32>)]) -> Driver {
    let evr = crate::views::evr(row.epoch, &row.version, &row.release);
    Driver {
        nevra: format!("{}-{evr}.{}", row.name, row.arch),
        id: row.id,
        vendor_id: row.vendor_id,
        vendor: row.vendor,
        vendor_display_name: row.vendor_display_name,
        name: row.name,
        evr,
        arch: row.arch,
        summary: row.summary,
        license: row.license,
        created_at: Some(row.created_at),
        modules,
        devices: devices(patterns),
        patterns: patterns.len(),
        source_id: None,
    }
}
