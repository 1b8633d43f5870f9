//! Everything that answers to look-ups need and everybody may know, at one moment. `renewal` makes the
//! next one of it.

mod renewal;
#[cfg(test)]
mod tests;

use super::device::Device;
use kabi::Verdict;
use kmod::{Certificate, ModuleSignature};
use modalias::Index;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use store::Time;
use store::lookup::KitCertificate;
use store::products::Product;
use time::Date;
use uuid::Uuid;

/// What a pattern belongs to.
#[derive(Clone, Debug)]
pub struct Owner {
    pub driver: Arc<Driver>,
    /// Place in [`Driver::modules`]; `None`: only the package's dependencies name the pattern.
    pub module: Option<u32>,
}

/// A published package, or one of a source.
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
    /// `None` for packages of sources.
    pub created_at: Option<Time>,
    /// None for packages of sources, of which only metadata are known.
    pub modules: Vec<Module>,
    /// Devices that its patterns name, each once.
    pub devices: Vec<Device>,
    /// How many patterns it has in the index.
    pub patterns: usize,
    /// The source that it lies in; `None`: one of our own repositories.
    pub source_id: Option<Uuid>,
}

/// A repository of somebody else's whose drivers are offered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct External {
    pub id: Uuid,
    pub product_id: i64,
    /// Who answers for it.
    pub vendor: String,
    pub vendor_display_name: String,
    /// With a slash at its end.
    pub url: String,
    /// Of the pinned keys.
    pub fingerprints: Vec<String>,
    /// Of what is known of its packages.
    version: i64,
    drivers: Vec<Uuid>,
    patterns: usize,
}

#[cfg(test)]
impl External {
    /// A source of this product with nothing in it.
    pub fn sample(id: Uuid, product_id: i64, url: &str) -> Self {
        Self {
            id,
            product_id,
            vendor: "acme".to_owned(),
            vendor_display_name: "Acme".to_owned(),
            url: url.to_owned(),
            fingerprints: vec!["D00D".to_owned()],
            version: 1,
            drivers: Vec::new(),
            patterns: 0,
        }
    }
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

    /// All of its modules are under a licence that is compatible with the kernel's; of a source's package
    /// the metadata say so.
    #[must_use]
    pub fn is_free(&self) -> bool {
        match self.source_id {
            Some(_) => self.license.as_deref().is_some_and(says_gpl),
            None => !self.modules.is_empty() && self.modules.iter().all(|it| it.is_free),
        }
    }
}

/// Whether a package's `License` tag is version 2 of the GPL, alone or as one choice.
fn says_gpl(tag: &str) -> bool {
    const NAMES: [&str; 7] = [
        "GPL-2.0-only",
        "GPL-2.0-or-later",
        "GPL-2.0",
        "GPL-2.0+",
        "GPLv2",
        "GPLv2+",
        "GPL v2",
    ];
    let is_named = |part: &str| NAMES.contains(&part.trim_matches([' ', '(', ')']));
    let mut choices = tag.split(" OR ").flat_map(|it| it.split(" or "));
    choices.any(is_named)
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

/// Verdicts of packages by kernel.
pub type Verdicts = HashMap<Uuid, Arc<[(Uuid, Verdict)]>>;

/// See the module. Copies share what nobody changes.
#[derive(Clone, Default)]
pub struct Catalogue {
    /// Patterns of all drivers, and of some that went: read it by [`Catalogue::each`].
    index: Index<Owner>,
    pub drivers: Arc<HashMap<Uuid, Arc<Driver>>>,
    /// Those that went and of which the index still has the patterns.
    buried: HashMap<Uuid, Arc<Driver>>,
    /// How many packages name a device.
    pub devices: Arc<BTreeMap<Device, u64>>,
    pub lines: Vec<Line>,
    /// Newest first.
    pub kernels: Vec<Kernel>,
    /// Product and channel of each published package.
    pub places: Arc<HashMap<Uuid, Vec<(i64, String)>>>,
    pub verdicts: Arc<Verdicts>,
    /// Sources whose drivers are offered.
    pub sources: BTreeMap<Uuid, Arc<External>>,
    /// Fingerprints of the vendors' keys.
    pub vendor_keys: HashMap<i64, Vec<String>>,
    pub certificates: Vec<KitCertificate>,
    /// When a vendor means to have builds for a kernel.
    pub plans: HashMap<(Uuid, i64), Date>,
    seen: renewal::Seen,
}

impl Catalogue {
    /// Calls `found` with every pattern that matches an alias, and whose it is, in no particular order.
    pub fn each<'c>(&'c self, alias: &str, mut found: impl FnMut(&'c str, &'c Owner)) {
        self.index.each(alias, |pattern, owner| {
            if self.buried.is_empty() || !self.buried.contains_key(&owner.driver.id) {
                found(pattern, owner);
            }
        });
    }

    /// Holds these patterns and their drivers, and no others.
    #[cfg(test)]
    pub fn hold(&mut self, patterns: Vec<(String, Owner)>) {
        let drivers = patterns.iter().map(|(_, owner)| owner.driver.clone());
        self.drivers = Arc::new(drivers.map(|it| (it.id, it)).collect());
        self.index = Index::build(patterns);
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

    /// The source that a package lies in, if it lies in one and that is offered.
    #[must_use]
    pub fn source_of(&self, driver: &Driver) -> Option<&External> {
        Some(self.sources.get(&driver.source_id?)?.as_ref())
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
