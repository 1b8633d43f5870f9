//! What a look-up is told. Pure: a question, the catalogue and what the caller may know of kernels go
//! in; the answer borrows from all of them.

use super::catalogue::{Catalogue, Driver, Kernel, Support, Verdicts};
use super::choosing::{Chooser, Hit, Place, Reason, Signing, Terms};
use super::device::Device;
use super::names::Names;
use super::own_drivers::OwnIndex;
use super::plan::{Plan, Site};
use super::question::Asked;
use kabi::Verdict;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use time::Date;
use uuid::Uuid;

/// Modules of the kernel's own that are named for a device.
const OWN_TOLD: usize = 3;
/// Packages that are named for a device though they are not offered.
const ALTERNATIVES_TOLD: usize = 5;

/// What the one who asks may know of kernels.
pub struct View<'c> {
    /// Of the product and architecture asked about, newest first.
    pub kernels: Vec<&'c Kernel>,
    pub verdicts: &'c Verdicts,
}

impl<'c> View<'c> {
    /// What everybody may know.
    #[must_use]
    pub fn public(catalogue: &'c Catalogue, asked: &'c Asked<'c>) -> Self {
        let product_id = asked.line.product.id;
        Self {
            kernels: catalogue.kernels_of(product_id, asked.arch).collect(),
            verdicts: &catalogue.verdicts,
        }
    }

    /// The kernels that bear this release; an earlier ABI of it only if there is no other.
    #[must_use]
    pub fn named(&self, release: Option<&str>) -> Vec<&'c Kernel> {
        let bears = |it: &&&Kernel| release.is_some_and(|release| it.release == release);
        let all: Vec<&Kernel> = self.kernels.iter().filter(bears).copied().collect();
        let in_force: Vec<&Kernel> = all.iter().filter(|it| !it.is_retired).copied().collect();
        if in_force.is_empty() { all } else { in_force }
    }

    pub(super) fn verdicts_of(&self, package: Uuid) -> &'c [(Uuid, Verdict)] {
        self.verdicts.get(&package).map_or(&[], AsRef::as_ref)
    }

    /// The best verdict on one of these kernels.
    pub(super) fn verdict(&self, package: Uuid, kernels: &[&Kernel]) -> Option<Verdict> {
        let on = self.verdicts_of(package).iter();
        let on = on.filter(|(id, _)| kernels.iter().any(|kernel| kernel.id == *id));
        on.map(|(_, verdict)| *verdict).min()
    }
}

/// The whole answer.
#[derive(Serialize)]
pub struct Answer<'c> {
    pub product: &'c str,
    pub arch: &'c str,
    pub kernel: Option<&'c str>,
    /// Whether the kernel asked for is registered: nothing is known to load on one that is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_known: Option<bool>,
    /// The first of `channels`.
    pub channel: &'c str,
    pub channels: &'c [&'c str],
    pub secure_boot: bool,
    /// Of the first channel.
    pub repository: Repository,
    /// Best first.
    pub packages: Vec<Package<'c>>,
    /// Those of which there is something to say, in the order asked.
    pub devices: Vec<DeviceAnswer<'c>>,
    /// Modaliases for which no package is offered.
    pub unmatched: Vec<&'c str>,
    pub plan: Plan,
}

/// Where packages come from.
#[derive(Clone, Debug, Serialize)]
pub struct Repository {
    /// `baseurl` of the repository.
    pub url: String,
    /// To be put in place as it is, or given to `zypper addrepo`.
    pub repo_file: String,
    /// Key that signs the repository.
    pub key: String,
    pub key_fingerprint: String,
}

/// Where a package comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Inspected, judged and published here.
    Portal,
    /// In a repository of somebody else's: what is said of it is as far as its metadata tell.
    External,
}

impl Source {
    fn of(driver: &Driver) -> Self {
        match driver.source_id {
            None => Self::Portal,
            Some(_) => Self::External,
        }
    }
}

/// A package that is offered.
#[derive(Serialize)]
pub struct Package<'c> {
    pub id: Uuid,
    pub name: &'c str,
    pub nevra: &'c str,
    pub version: &'c str,
    pub vendor: &'c str,
    pub summary: &'c str,
    pub source: Source,
    /// On the kernel asked for; left out when none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// None of those in repositories of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<&'c str>,
    pub support: Support,
    pub certified: bool,
    pub free: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<&'c str>,
    pub repository_url: String,
    /// Of the key that signs the repository.
    pub key_fingerprint: &'c str,
    /// Keys that sign the vendor's packages.
    pub vendor_key_fingerprints: &'c [String],
    /// By which the modules are signed, under Secure Boot: it has to be enrolled once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mok_certificate: Option<MokCertificate>,
    pub matches: Vec<Match<'c>>,
}

/// A certificate that the machine's owner has to enrol before modules load under Secure Boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MokCertificate {
    /// The package that brings it and asks for its enrolment.
    pub package: String,
    /// Where that package puts it.
    pub path: String,
    pub subject: Option<String>,
    pub serial: String,
}

/// Why: the device's modalias, the pattern that fits it, and whose it is.
#[derive(Serialize)]
pub struct Match<'c> {
    pub modalias: &'c str,
    pub pattern: &'c str,
    /// Empty when only the package's dependencies name the pattern.
    pub module: &'c str,
}

/// A device, and what is known for it.
#[derive(Serialize)]
pub struct DeviceAnswer<'c> {
    pub modalias: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Modules of the kernel's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub in_kernel: Vec<OwnDriver<'c>>,
    /// Best first; `packages` tells the rest of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drivers: Vec<DeviceDriver<'c>>,
    /// Packages that are not offered, where none is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative<'c>>,
}

#[derive(Serialize)]
pub struct OwnDriver<'c> {
    pub module: &'c str,
    pub pattern: &'c str,
}

#[derive(Serialize)]
pub struct DeviceDriver<'c> {
    pub package: Uuid,
    pub nevra: &'c str,
    pub source: Source,
    pub pattern: &'c str,
    pub module: &'c str,
    /// How much of the device the pattern determines.
    pub specificity: u32,
}

#[derive(Serialize)]
pub struct Alternative<'c> {
    pub name: &'c str,
    pub nevra: &'c str,
    pub vendor: &'c str,
    pub source: Source,
    pub reasons: &'c [Reason],
    /// Where it can be had; none of those in repositories of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Kernels on which it loads, newest first.
    pub kernels: Vec<&'c str>,
    /// Day on which its vendor means to have a build for the kernel asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Date>,
}

/// Everything an answer is made from.
pub struct Facts<'c> {
    pub catalogue: &'c Catalogue,
    pub view: &'c View<'c>,
    /// What each kernel asked about drives itself.
    pub own: Option<&'c OwnIndex>,
    pub names: &'c Names,
    pub site: &'c Site,
}

/// Devices that neither a package nor the kernel drives.
pub type InVain = Vec<Device>;

/// Judges the packages for a question: the first step, because what is offered to one device decides
/// about others.
pub struct Judged<'c> {
    chooser: Chooser<'c>,
    /// In the order of the question.
    hits: Vec<Vec<Hit<'c>>>,
}

impl<'c> Judged<'c> {
    #[must_use]
    pub fn new(asked: &'c Asked<'c>, facts: &Facts<'c>) -> Self {
        let mut chooser = Chooser::new(asked, facts.catalogue, facts.view);
        let hits = asked.modaliases.iter().map(|it| chooser.hits(it)).collect();
        chooser.settle_builds();
        Self { chooser, hits }
    }

    /// Puts the answer together.
    #[must_use]
    pub fn answer<'a>(&'a self, asked: &'a Asked<'a>, facts: &Facts<'a>) -> (Answer<'a>, InVain)
    where
        'c: 'a,
    {
        let kernel_known = asked
            .kernel
            .map(|release| !facts.view.named(Some(release)).is_empty());
        let mut devices = Vec::new();
        let mut packages: BTreeMap<Uuid, (Package<'a>, u32)> = BTreeMap::new();
        let mut chosen: Vec<Uuid> = Vec::new();
        let mut seen = HashSet::new();
        let (mut unmatched, mut in_vain) = (Vec::new(), Vec::new());
        for (&alias, hits) in asked.modaliases.iter().zip(&self.hits) {
            let offered = self.chooser.offered(hits);
            if let Some((best, _)) = offered.first()
                && seen.insert(best.driver.id)
            {
                chosen.push(best.driver.id);
            }
            for (hit, terms) in &offered {
                let (package, most) = packages
                    .entry(hit.driver.id)
                    .or_insert_with(|| (package(hit, terms, asked, facts), 0));
                *most = hit.specificity.max(*most);
                package.matches.push(Match {
                    modalias: alias,
                    pattern: hit.pattern,
                    module: hit.module,
                });
            }
            let device = Device::of_alias(alias);
            let answer = self.device(alias, device, hits, &offered, facts);
            if offered.is_empty() {
                unmatched.push(alias);
                in_vain.extend(device.filter(|_| answer.in_kernel.is_empty()));
            }
            if answer.says_something() {
                devices.push(answer);
            }
        }
        let plan = Plan::of(asked, facts.catalogue, facts.site, &chosen, |id| {
            self.chooser.terms(id)
        });
        // Of a kernel that nobody registered nothing is known, whatever the device.
        if kernel_known == Some(false) {
            in_vain.clear();
        }
        let answer = Answer {
            product: &asked.line.product.name,
            arch: asked.arch,
            kernel: asked.kernel,
            kernel_known,
            channel: asked.channels[0],
            channels: &asked.channels,
            secure_boot: asked.secure_boot,
            repository: facts.site.repository(asked, asked.channels[0]),
            packages: in_order(packages),
            devices,
            unmatched,
            plan,
        };
        (answer, in_vain)
    }

    fn device<'a>(
        &'a self,
        alias: &'a str,
        device: Option<Device>,
        hits: &[Hit<'c>],
        offered: &[(Hit<'c>, &'a Terms<'c>)],
        facts: &Facts<'a>,
    ) -> DeviceAnswer<'a> {
        let own = facts
            .own
            .map(|index| index.matches(alias))
            .unwrap_or_default();
        let own = own.into_iter().take(OWN_TOLD);
        let refused = match offered.is_empty() {
            true => self.chooser.refused(hits),
            false => Vec::new(),
        };
        DeviceAnswer {
            modalias: alias,
            name: device.and_then(|it| facts.names.of(it)),
            in_kernel: own
                .map(|(pattern, module)| OwnDriver { module, pattern })
                .collect(),
            drivers: offered
                .iter()
                .map(|(hit, _)| DeviceDriver {
                    package: hit.driver.id,
                    nevra: &hit.driver.nevra,
                    source: Source::of(hit.driver),
                    pattern: hit.pattern,
                    module: hit.module,
                    specificity: hit.specificity,
                })
                .collect(),
            alternatives: refused
                .into_iter()
                .take(ALTERNATIVES_TOLD)
                .map(|(hit, terms)| self.alternative(hit, terms))
                .collect(),
        }
    }

    fn alternative<'a>(&'a self, hit: Hit<'c>, terms: &'a Terms<'c>) -> Alternative<'a> {
        let is_for_other_kernel = terms.reasons.contains(&Reason::OtherKernel);
        Alternative {
            name: &hit.driver.name,
            nevra: &hit.driver.nevra,
            vendor: &hit.driver.vendor,
            source: Source::of(hit.driver),
            reasons: &terms.reasons,
            channel: terms.place.channel(),
            verdict: terms.verdict,
            kernels: self.chooser.kernels_for(hit.driver),
            expected: is_for_other_kernel
                .then(|| self.chooser.expected(hit.driver))
                .flatten(),
        }
    }
}

impl DeviceAnswer<'_> {
    fn says_something(&self) -> bool {
        self.name.is_some()
            || !self.in_kernel.is_empty()
            || !self.drivers.is_empty()
            || !self.alternatives.is_empty()
    }
}

/// What was inspected here first, the fewest reservations, then the most specific match.
fn in_order(packages: BTreeMap<Uuid, (Package<'_>, u32)>) -> Vec<Package<'_>> {
    let mut packages: Vec<(Package<'_>, u32)> = packages.into_values().collect();
    packages.sort_by(|(a, most_a), (b, most_b)| {
        (a.source, a.verdict, most_b, a.name).cmp(&(b.source, b.verdict, most_a, b.name))
    });
    packages.into_iter().map(|(package, _)| package).collect()
}

fn package<'a>(
    hit: &Hit<'a>,
    terms: &Terms<'a>,
    asked: &Asked<'_>,
    facts: &Facts<'a>,
) -> Package<'a> {
    let driver = hit.driver;
    let keys = facts.catalogue.vendor_keys.get(&driver.vendor_id);
    let keys = keys.map_or(&[][..], Vec::as_slice);
    let (repository_url, key_fingerprint, keys) = match terms.place {
        Place::Channel(channel) => {
            let url = facts.site.repository_url(asked, channel);
            (url, &*facts.site.key_fingerprint, keys)
        }
        // Its pinned keys sign both.
        Place::Source(source) => {
            let first = source.fingerprints.first();
            let keys = source.fingerprints.as_slice();
            (source.url.clone(), first.map_or("", String::as_str), keys)
        }
    };
    Package {
        id: driver.id,
        name: &driver.name,
        nevra: &driver.nevra,
        version: &driver.evr,
        vendor: &driver.vendor,
        summary: &driver.summary,
        source: Source::of(driver),
        verdict: terms.verdict,
        channel: terms.place.channel(),
        support: terms.support,
        certified: terms.is_certified,
        free: terms.is_free,
        license: driver.license.as_deref(),
        repository_url,
        key_fingerprint,
        vendor_key_fingerprints: keys,
        mok_certificate: match (asked.secure_boot, terms.signing) {
            (true, Signing::By(kit)) => Some(kit.into()),
            _ => None,
        },
        matches: Vec::new(),
    }
}

impl From<&store::lookup::KitCertificate> for MokCertificate {
    fn from(kit: &store::lookup::KitCertificate) -> Self {
        Self {
            package: kit.package.clone(),
            path: kit.path.clone(),
            subject: kit.certificate.subject.clone(),
            serial: kit.certificate.serial.clone(),
        }
    }
}
