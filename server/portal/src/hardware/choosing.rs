//! Which drivers a machine gets, in which order, and what speaks against the others. Pure.

use super::answer::View;
use super::catalogue::{Catalogue, Driver, External, Kernel, Owner, Support};
use super::question::Asked;
use kabi::Verdict;
use kmod::ModuleSignature;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use store::lookup::KitCertificate;
use time::Date;
use uuid::Uuid;

/// Kernels named for a package that does not load on the one asked about.
const KERNELS_TOLD: usize = 5;

/// Why a package for the device is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It does not load on the kernel asked about, or that kernel is not known.
    OtherKernel,
    /// It is in none of the channels asked about.
    OtherChannel,
    /// A module's licence is not compatible with the kernel's.
    NotFree,
    NotCertified,
    /// A module is not signed, so Secure Boot refuses it.
    NotSigned,
    /// Another build of the same package serves other devices of this machine.
    OtherBuild,
    /// It lies in a repository of somebody else's, which the one who asks does without.
    External,
}

/// Where a package can be had.
#[derive(Clone, Copy, Debug)]
pub enum Place<'c> {
    /// In this channel of the product.
    Channel(&'c str),
    /// In a repository of somebody else's.
    Source(&'c External),
}

impl<'c> Place<'c> {
    #[must_use]
    pub fn channel(self) -> Option<&'c str> {
        match self {
            Self::Channel(channel) => Some(channel),
            Self::Source(_) => None,
        }
    }

    #[must_use]
    pub fn is_external(self) -> bool {
        matches!(self, Self::Source(_))
    }
}

/// Whether a kernel under Secure Boot takes the modules.
#[derive(Clone, Copy, Debug)]
pub enum Signing<'c> {
    /// There are no modules.
    Nothing,
    /// Once this certificate is enrolled as a machine owner key.
    By(&'c KitCertificate),
    /// Signed by a key of which the portal has no certificate, or nobody knows whether it is signed.
    Unknown,
    Unsigned,
}

/// What is to be said of a package to the one who asks.
#[derive(Clone, Debug)]
pub struct Terms<'c> {
    pub place: Place<'c>,
    pub verdict: Option<Verdict>,
    pub support: Support,
    pub is_certified: bool,
    pub is_free: bool,
    pub signing: Signing<'c>,
    /// None: it is offered.
    pub reasons: Vec<Reason>,
}

/// A package for one device, by its best pattern.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'c> {
    pub driver: &'c Arc<Driver>,
    pub pattern: &'c str,
    /// Empty when only the package's dependencies name the pattern.
    pub module: &'c str,
    pub specificity: u32,
}

/// Judges packages for one question, each once.
pub struct Chooser<'c> {
    asked: &'c Asked<'c>,
    catalogue: &'c Catalogue,
    view: &'c View<'c>,
    /// The kernels that bear the release asked about.
    targets: Vec<&'c Kernel>,
    /// `None`: it cannot be had in this product and architecture at all.
    terms: HashMap<Uuid, Option<Terms<'c>>>,
}

impl<'c> Chooser<'c> {
    pub fn new(asked: &'c Asked<'c>, catalogue: &'c Catalogue, view: &'c View<'c>) -> Self {
        Self {
            asked,
            catalogue,
            view,
            targets: view.named(asked.kernel),
            terms: HashMap::new(),
        }
    }

    /// The packages for a device, each by its best pattern: one that a module has rather than one of
    /// the dependencies alone, then the most specific.
    pub fn hits(&mut self, alias: &str) -> Vec<Hit<'c>> {
        let mut hits: Vec<Hit<'c>> = Vec::new();
        let catalogue = self.catalogue;
        catalogue.each(alias, |pattern, owner| {
            let hit = hit(pattern, owner);
            let rank = |hit: &Hit<'_>| (!hit.module.is_empty(), hit.specificity);
            match hits.iter_mut().find(|it| it.driver.id == hit.driver.id) {
                Some(known) if rank(known) < rank(&hit) => *known = hit,
                Some(_) => {}
                None => hits.push(hit),
            }
        });
        hits.retain(|hit| self.judge(hit.driver).is_some());
        hits
    }

    /// What was found out about a package that [`Chooser::hits`] gave.
    pub fn terms(&self, id: Uuid) -> Option<&Terms<'c>> {
        self.terms.get(&id)?.as_ref()
    }

    /// Of several builds of one name that are offered only the best stays: our own rather than a
    /// source's, fewest reservations, then newest. They cannot be installed side by side.
    pub fn settle_builds(&mut self) {
        let mut best: HashMap<&str, (&Arc<Driver>, (bool, Option<Verdict>))> = HashMap::new();
        for (id, terms) in &self.terms {
            let Some(terms) = terms.as_ref().filter(|it| it.reasons.is_empty()) else {
                continue;
            };
            let Some(driver) = self.catalogue.drivers.get(id) else {
                continue;
            };
            let rank = (terms.place.is_external(), terms.verdict);
            let found = best.entry(&driver.name).or_insert((driver, rank));
            let order = rank.cmp(&found.1);
            if order.then_with(|| newer_first(driver, found.0)).is_lt() {
                *found = (driver, rank);
            }
        }
        for (id, terms) in &mut self.terms {
            let name = self.catalogue.drivers.get(id).map(|it| it.name.as_str());
            let chosen = name.and_then(|name| best.get(name));
            if let (Some(terms), Some((chosen, _))) = (terms, chosen)
                && terms.reasons.is_empty()
                && chosen.id != *id
            {
                terms.reasons.push(Reason::OtherBuild);
            }
        }
    }

    /// The hits that are offered, the best first: inspected here, loads on the kernel, support,
    /// specificity, version.
    pub fn offered(&self, hits: &[Hit<'c>]) -> Vec<(Hit<'c>, &Terms<'c>)> {
        let mut offered = self.with_terms(hits, |terms| terms.reasons.is_empty());
        let is_unknown = |terms: &Terms<'_>| matches!(terms.signing, Signing::Unknown);
        offered.sort_by(|(a, of_a), (b, of_b)| {
            let rank = |hit: &Hit<'_>, terms: &Terms<'_>| {
                (
                    terms.place.is_external(),
                    terms.verdict,
                    self.asked.secure_boot && is_unknown(terms),
                    Reverse(terms.is_certified),
                    terms.support,
                    Reverse(hit.specificity),
                )
            };
            rank(a, of_a)
                .cmp(&rank(b, of_b))
                .then_with(|| newer_first(a.driver, b.driver))
                .then_with(|| a.driver.name.cmp(&b.driver.name))
        });
        offered
    }

    /// The hits that are not offered, of each name the one against which least speaks.
    pub fn refused(&self, hits: &[Hit<'c>]) -> Vec<(Hit<'c>, &Terms<'c>)> {
        let mut refused = self.with_terms(hits, |terms| !terms.reasons.is_empty());
        refused.sort_by(|(a, of_a), (b, of_b)| {
            let names = a.driver.name.cmp(&b.driver.name);
            let reasons = of_a.reasons.len().cmp(&of_b.reasons.len());
            names
                .then(reasons)
                .then_with(|| newer_first(a.driver, b.driver))
        });
        refused.dedup_by(|(later, _), (first, _)| later.driver.name == first.driver.name);
        refused
    }

    fn with_terms(
        &self,
        hits: &[Hit<'c>],
        keep: impl Fn(&Terms<'c>) -> bool,
    ) -> Vec<(Hit<'c>, &Terms<'c>)> {
        let with = hits.iter().filter_map(|hit| {
            let terms = self.terms(hit.driver.id)?;
            keep(terms).then_some((*hit, terms))
        });
        with.collect()
    }

    /// Kernels on which the package loads, newest first.
    pub fn kernels_for(&self, driver: &Driver) -> Vec<&'c str> {
        let loads = |id: Uuid| {
            let verdicts = self.view.verdicts_of(driver.id).iter();
            verdicts
                .into_iter()
                .any(|(kernel, it)| *kernel == id && it.loads())
        };
        let kernels = self.view.kernels.iter().filter(|it| !it.is_retired);
        let mut releases: Vec<&str> = Vec::new();
        for kernel in kernels.filter(|it| loads(it.id)) {
            if !releases.contains(&&*kernel.release) {
                releases.push(&kernel.release);
            }
        }
        releases.truncate(KERNELS_TOLD);
        releases
    }

    /// When the package's vendor means to have a build for the kernel asked about.
    pub fn expected(&self, driver: &Driver) -> Option<Date> {
        let plans = &self.catalogue.plans;
        let mut targets = self.targets.iter();
        targets.find_map(|kernel| plans.get(&(kernel.id, driver.vendor_id)).copied())
    }

    fn judge(&mut self, driver: &'c Arc<Driver>) -> Option<&Terms<'c>> {
        if !self.terms.contains_key(&driver.id) {
            let terms = self.terms_of(driver);
            self.terms.insert(driver.id, terms);
        }
        self.terms(driver.id)
    }

    fn terms_of(&self, driver: &'c Driver) -> Option<Terms<'c>> {
        if driver.arch != self.asked.arch && driver.arch != "noarch" {
            return None;
        }
        let place = match driver.source_id {
            None => Place::Channel(self.channel_of(driver)?),
            Some(_) => Place::Source(self.source_of(driver)?),
        };
        let line = self.asked.line;
        let certifies = |channel| line.certified_channels.iter().any(|it| it == channel);
        let mut terms = Terms {
            place,
            verdict: None,
            support: driver.support(),
            is_certified: place.channel().is_some_and(certifies),
            is_free: driver.is_free(),
            signing: self.signing(driver),
            reasons: Vec::new(),
        };
        let mut against = |is_so: bool, reason| {
            if is_so {
                terms.reasons.push(reason);
            }
        };
        let is_asked_for = |channel: &str| self.asked.channels.contains(&channel);
        let is_elsewhere = place.channel().is_some_and(|it| !is_asked_for(it));
        against(is_elsewhere, Reason::OtherChannel);
        if self.asked.kernel.is_some() {
            let verdict = self.view.verdict(driver.id, &self.targets);
            against(!verdict.is_some_and(Verdict::loads), Reason::OtherKernel);
            terms.verdict = verdict;
        }
        let (policy, is_free) = (self.asked.policy, terms.is_free);
        let is_certified = terms.is_certified;
        let is_unsigned = matches!(terms.signing, Signing::Unsigned);
        let mut against = |is_so: bool, reason| {
            if is_so {
                terms.reasons.push(reason);
            }
        };
        against(policy.free_only && !is_free, Reason::NotFree);
        against(policy.certified_only && !is_certified, Reason::NotCertified);
        against(self.asked.secure_boot && is_unsigned, Reason::NotSigned);
        against(policy.portal_only && place.is_external(), Reason::External);
        Some(terms)
    }

    /// The channel of the product to have a package from: the first that was asked for, else the first
    /// in the product's own order.
    fn channel_of(&self, driver: &Driver) -> Option<&'c str> {
        let product = &self.asked.line.product;
        let places = self.catalogue.places.get(&driver.id)?;
        let is_there = |channel: &str| {
            let mut places = places.iter();
            places.any(|(product_id, it)| *product_id == product.id && it == channel)
        };
        let wanted = self.asked.channels.iter().copied();
        let others = product.channels.iter().map(String::as_str);
        wanted.chain(others).find(|it| is_there(it))
    }

    /// The source that has a package, if it is one of the product's.
    fn source_of(&self, driver: &Driver) -> Option<&'c External> {
        let source = self.catalogue.source_of(driver)?;
        (source.product_id == self.asked.line.product.id).then_some(source)
    }

    /// The weakest signature of its modules decides; metadata do not tell of any.
    fn signing(&self, driver: &'c Driver) -> Signing<'c> {
        if driver.source_id.is_some() {
            return Signing::Unknown;
        }
        let mut weakest = Signing::Nothing;
        for module in &driver.modules {
            let of_module = match &module.signature {
                None => return Signing::Unsigned,
                Some(signature) => self.signed_by(driver, signature),
            };
            if !matches!(weakest, Signing::Unknown) {
                weakest = of_module;
            }
        }
        weakest
    }

    fn signed_by(&self, driver: &Driver, signature: &ModuleSignature) -> Signing<'c> {
        let certificate = self.catalogue.certificate(driver.vendor_id, signature);
        certificate.map_or(Signing::Unknown, Signing::By)
    }
}

fn hit<'c>(pattern: &'c str, owner: &'c Owner) -> Hit<'c> {
    let module = owner
        .module
        .and_then(|at| owner.driver.modules.get(at as usize));
    Hit {
        driver: &owner.driver,
        pattern,
        module: module.map_or("", |it| it.name.as_str()),
        specificity: modalias::specificity(pattern),
    }
}

fn newer_first(a: &Driver, b: &Driver) -> std::cmp::Ordering {
    kmp::Evr::parse(&b.evr).compare(&kmp::Evr::parse(&a.evr))
}
