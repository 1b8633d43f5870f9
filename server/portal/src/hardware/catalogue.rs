//! Everything that answers to look-ups need and everybody may know, at one moment. What is asked of
//! the database anew is only what can have changed: a published package never does.

use super::device::Device;
use crate::gate::Policy;
use kabi::Verdict;
use kmod::{Certificate, ModuleSignature};
use modalias::Index;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use store::lookup::{self, KitCertificate};
use store::products::Product;
use store::{PgPool, Time, Viewer};
use time::Date;
use uuid::Uuid;

/// Packages whose patterns are read in one query.
const AT_ONCE: usize = 500;

/// What a pattern belongs to.
#[derive(Clone, Debug)]
pub struct Owner {
    pub driver: Arc<Driver>,
    /// Place in [`Driver::modules`]; `None`: only the package's dependencies name the pattern.
    pub module: Option<u32>,
}

/// A published package.
#[derive(Clone, Debug)]
pub struct Driver {
    pub id: Uuid,
    pub vendor_id: i64,
    pub vendor: String,
    pub vendor_display_name: String,
    pub name: String,
    pub nevra: String,
    /// `[epoch:]version-release`.
    pub evr: String,
    pub arch: String,
    pub summary: String,
    pub license: Option<String>,
    pub created_at: Time,
    pub modules: Vec<Module>,
    /// Devices that its patterns name, each once.
    pub devices: Vec<Device>,
}

/// A module of a package, as far as look-ups tell of it.
#[derive(Clone, Debug)]
pub struct Module {
    pub name: String,
    pub support: Support,
    pub is_free: bool,
    pub signature: Option<ModuleSignature>,
}

/// What a module's `supported` flag says (kernels of the SUSE family taint themselves by it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Support {
    /// By the distributor.
    Yes,
    /// By the vendor, together with the distributor.
    External,
    /// Nobody says so.
    None,
}

impl Driver {
    /// The weakest support of its modules: all of them are loaded.
    #[must_use]
    pub fn support(&self) -> Support {
        let levels = self.modules.iter().map(|it| it.support);
        levels.max().unwrap_or(Support::None)
    }

    /// All of its modules are under a licence that is compatible with the kernel's.
    #[must_use]
    pub fn is_free(&self) -> bool {
        !self.modules.is_empty() && self.modules.iter().all(|it| it.is_free)
    }
}

/// A product, and which of its channels certify.
#[derive(Clone, Debug)]
pub struct Line {
    pub product: Product,
    pub certified_channels: Vec<String>,
}

/// A kernel that look-ups may name.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub id: Uuid,
    pub product_id: i64,
    pub arch: String,
    pub release: String,
    pub is_retired: bool,
    pub created_at: Time,
}

impl From<&store::kernels::Kernel> for Kernel {
    fn from(kernel: &store::kernels::Kernel) -> Self {
        Self {
            id: kernel.id,
            product_id: kernel.product_id,
            arch: kernel.arch.clone(),
            release: kernel.release.clone(),
            // An earlier ABI of a release is no kernel to recommend either.
            is_retired: kernel.status == "retired" || kernel.superseded,
            created_at: kernel.created_at,
        }
    }
}

/// See the module.
#[derive(Default)]
pub struct Catalogue {
    pub index: Index<Owner>,
    pub drivers: HashMap<Uuid, Arc<Driver>>,
    /// How many packages name a device.
    pub devices: BTreeMap<Device, u64>,
    pub lines: Vec<Line>,
    /// Newest first.
    pub kernels: Vec<Kernel>,
    /// Product and channel of each package.
    pub places: HashMap<Uuid, Vec<(i64, String)>>,
    pub verdicts: HashMap<Uuid, Vec<(Uuid, Verdict)>>,
    /// Fingerprints of the vendors' keys.
    pub vendor_keys: HashMap<i64, Vec<String>>,
    pub certificates: Vec<KitCertificate>,
    /// When a vendor means to have builds for a kernel.
    pub plans: HashMap<(Uuid, i64), Date>,
}

impl Catalogue {
    /// Reads what is known by now, beginning with what was known before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn read(pool: &PgPool, before: Option<Arc<Self>>) -> sqlx::Result<Self> {
        let mut conn = pool.acquire().await?;
        let published: HashSet<Uuid> = lookup::published(&mut conn).await?.into_iter().collect();
        let known = |id: &Uuid| {
            before
                .as_ref()
                .is_some_and(|it| it.drivers.contains_key(id))
        };
        let new: Vec<Uuid> = published.iter().filter(|id| !known(id)).copied().collect();
        let mut entries = Vec::new();
        for some in new.chunks(AT_ONCE) {
            entries.extend(read_drivers(&mut conn, some).await?);
        }
        let mut next = Self {
            kernels: store::kernels::list(&mut conn, Viewer::Public, &Default::default())
                .await?
                .iter()
                .map(Kernel::from)
                .collect(),
            certificates: lookup::certificates(&mut conn).await?,
            ..Self::default()
        };
        for product in store::products::list(&mut conn).await? {
            let certified_channels = certified_channels(&mut conn, &product).await?;
            next.lines.push(Line {
                product,
                certified_channels,
            });
        }
        for shown in lookup::shown(&mut conn).await? {
            let places = next.places.entry(shown.package_id).or_default();
            places.push((shown.product_id, shown.channel));
        }
        for on in lookup::verdicts(&mut conn, None).await? {
            let verdicts = next.verdicts.entry(on.package_id).or_default();
            verdicts.push((on.kernel_id, on.verdict));
        }
        for key in store::vendors::list_keys(&mut conn, None).await? {
            let keys = next.vendor_keys.entry(key.vendor_id).or_default();
            keys.push(key.fingerprint);
        }
        for plan in lookup::plans(&mut conn).await? {
            next.plans
                .insert((plan.kernel_id, plan.vendor_id), plan.date);
        }
        drop(conn);
        let joined = tokio::task::spawn_blocking(move || {
            next.take_over(before.as_deref(), &published, entries);
            next
        });
        joined.await.map_err(|_| sqlx::Error::WorkerCrashed)
    }

    /// Puts together the patterns that were known before and are wanted still, and new ones.
    fn take_over(&mut self, before: Option<&Self>, published: &HashSet<Uuid>, new: Vec<Entry>) {
        let mut all_stay = true;
        if let Some(before) = before {
            let mut drivers = before.drivers.clone();
            drivers.retain(|id, _| published.contains(id));
            all_stay = drivers.len() == before.drivers.len();
            self.drivers = drivers;
            self.index = before.index.clone();
        }
        if !all_stay {
            self.index
                .retain(|_, owner| published.contains(&owner.driver.id));
        }
        let is_first = self.index.is_empty();
        let mut entries = Vec::new();
        for (driver, patterns) in new {
            entries.extend(patterns.into_iter().map(|(pattern, module)| {
                let driver = driver.clone();
                (pattern, Owner { driver, module })
            }));
            self.drivers.insert(driver.id, driver);
        }
        for device in self.drivers.values().flat_map(|it| &it.devices) {
            *self.devices.entry(*device).or_default() += 1;
        }
        if is_first {
            self.index = Index::build(entries);
        } else {
            for (pattern, owner) in entries {
                self.index.insert(pattern, owner);
            }
        }
    }

    /// The product of this name.
    #[must_use]
    pub fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.product.name == name)
    }

    /// Kernels of a product and architecture, newest first.
    pub fn kernels_of<'c>(
        &'c self,
        product_id: i64,
        arch: &'c str,
    ) -> impl Iterator<Item = &'c Kernel> {
        let mut all = self.kernels.iter();
        std::iter::from_fn(move || all.find(|it| it.product_id == product_id && it.arch == arch))
    }

    /// The published certificate of this vendor that made the signature.
    #[must_use]
    pub fn certificate(
        &self,
        vendor_id: i64,
        signature: &ModuleSignature,
    ) -> Option<&KitCertificate> {
        let made_it = |certificate: &Certificate| certificate.is_signer_of(signature);
        let mut own = self
            .certificates
            .iter()
            .filter(|it| it.vendor_id == vendor_id);
        own.find(|it| made_it(&it.certificate))
    }
}

/// Channels whose packages count as certified, by the product's release gate.
async fn certified_channels(
    conn: &mut store::PgConnection,
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

/// A package and its patterns, each with the place of its module.
type Entry = (Arc<Driver>, Vec<(String, Option<u32>)>);

async fn read_drivers(conn: &mut store::PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<Entry>> {
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
            let devices = patterns.iter().filter_map(|(it, _)| Device::of_alias(it));
            let devices: BTreeSet<Device> = devices.collect();
            let devices = devices.into_iter().collect();
            (Arc::new(driver(row, modules, devices)), patterns)
        })
        .collect())
}

fn driver(row: lookup::Driver, modules: Vec<Module>, devices: Vec<Device>) -> Driver {
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
        created_at: row.created_at,
        modules,
        devices,
    }
}
