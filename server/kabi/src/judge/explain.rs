//! The reasons for needs that the kernel left open, once it is clear which modules load.

use super::closure::{self, Closure};
use super::offers::{Fit, Offer, fit};
use super::{Case, symbols};
use crate::codes;
use crate::verdict::{Reason, Severity};
use kmod::Import;

/// What becomes of a module's open needs.
#[derive(Default)]
pub(super) struct Told {
    pub reasons: Vec<Reason>,
    /// Needs that are met.
    pub resolved: usize,
    /// Whether a need is met is not known.
    pub unknown: bool,
    /// Modules of other packages must be installed.
    pub needs_other_package: bool,
}

pub(super) fn open_needs(case: &Case<'_>, surely: &Closure, maybe: &Closure, node: usize) -> Told {
    let mut told = Told::default();
    if let Some(loaded) = surely.loaded(node) {
        told.resolved = case.assessments[node].open.len();
        for &(need, provider) in &loaded.foreign {
            told.comes_from(case, node, need, provider);
        }
        return told;
    }
    for need in 0..case.assessments[node].open.len() {
        told.one(case, surely, maybe, node, need);
    }
    told.check_together(case, maybe, node);
    told
}

impl Told {
    /// One need of a module that does not surely load: this need may be the reason or not.
    fn one(
        &mut self,
        case: &Case<'_>,
        surely: &Closure,
        maybe: &Closure,
        node: usize,
        need: usize,
    ) {
        let fits: Vec<Offer<'_>> = closure::fitting(case, node, need).collect();
        let usable = |closure: &Closure| {
            let is_usable = |offer: &&Offer<'_>| {
                closure.is_usable(&case.given, node, offer)
                    && !closure::taint_excludes(case, closure, node, offer.node)
            };
            fits.iter().find(is_usable).map(|offer| offer.node)
        };
        if let Some(provider) = usable(surely) {
            self.resolved += 1;
            self.comes_from(case, node, need, provider);
        } else if let Some(provider) = usable(maybe) {
            self.unknown = true;
            let reason = Reason::warn(codes::PROVIDER_INDETERMINATE);
            self.reasons.push(about(case, node, need, reason, provider));
        } else {
            self.reasons.extend(failure(case, maybe, node, need, &fits));
        }
    }

    fn comes_from(&mut self, case: &Case<'_>, node: usize, need: usize, provider: usize) {
        let nodes = &case.given.nodes;
        if nodes[provider].package != nodes[node].package {
            self.needs_other_package = true;
            let reason = Reason::warn(codes::SYMBOL_FROM_OTHER_PACKAGE);
            self.reasons.push(about(case, node, need, reason, provider));
        }
    }

    /// Every need by itself is met, but all of them together are not: two symbols come from two
    /// builds of one module, of which only one can be loaded.
    fn check_together(&mut self, case: &Case<'_>, maybe: &Closure, node: usize) {
        let assessment = &case.assessments[node];
        let is_said = self
            .reasons
            .iter()
            .any(|reason| reason.severity == Severity::Fatal);
        if is_said || !assessment.may_load_alone() {
            return;
        }
        let detail = "two builds of one module would be needed at once, and only one can be loaded";
        if maybe.loaded(node).is_none() {
            let reason = Reason::fatal(codes::KSYM_PROVIDER_CRC_DIFFERS).detail(detail);
            self.reasons.push(reason);
        } else if !assessment.unknown && !self.unknown {
            // A build that would do for all of them may load or not.
            self.unknown = true;
            self.reasons
                .push(Reason::warn(codes::PROVIDER_INDETERMINATE).detail(detail));
        }
    }
}

/// Why no module meets this need. `None`: a rule for the whole module has said it.
fn failure(
    case: &Case<'_>,
    maybe: &Closure,
    node: usize,
    need: usize,
    fits: &[Offer<'_>],
) -> Option<Reason> {
    let user = &case.given.nodes[node];
    let module = user.module;
    if let Some(first) = fits.first() {
        let excluded = |offer: &&Offer<'_>| {
            maybe.is_usable(&case.given, node, offer)
                && closure::taint_excludes(case, maybe, node, offer.node)
        };
        let cyclic = |offer: &&Offer<'_>| needs_first(case, maybe, offer.node, node);
        let (code, offer) = if let Some(offer) = fits.iter().find(excluded) {
            (codes::GPL_TAINT_INHERITED, offer)
        } else if let Some(offer) = fits.iter().find(cyclic) {
            (codes::DEPENDS_CYCLE, offer)
        } else {
            (codes::PROVIDER_NOT_LOADABLE, first)
        };
        return Some(about(case, node, need, Reason::fatal(code), offer.node));
    }
    let open = &case.assessments[node].open[need];
    let import = &module.imports[open.import];
    let kernel = case.given.kernel;
    if kernel.modversions && symbols::expected_by(kernel, user, import).is_none() {
        let reason = Reason::fatal(codes::SYMBOL_UNVERSIONED_IN_MODULE).symbol(&import.symbol);
        return symbols::reads_versions(kernel, module.versions).then_some(reason);
    }
    // What the kernel itself offers in another version stays the kernel's matter.
    if open.otherwise.code != codes::SYMBOL_MISSING {
        return Some(open.otherwise.clone());
    }
    Some(closest(case, node, need, import).unwrap_or_else(|| open.otherwise.clone()))
}

/// The offer that comes closest to fitting, and what is wrong with it.
fn closest(case: &Case<'_>, node: usize, need: usize, import: &Import) -> Option<Reason> {
    let kernel = case.given.kernel;
    let user = &case.given.nodes[node];
    let rank = |fit| match fit {
        Fit::Fits | Fit::OtherNamespace => 0,
        Fit::Hidden => 1,
        Fit::OtherVersion => 2,
    };
    let (fit, offer) = closure::visible(case, node, need)
        .map(|offer| (fit(kernel, user, import, offer.export), offer))
        .min_by_key(|(fit, _)| rank(*fit))?;
    let namespace = offer.export.namespace.as_deref().unwrap_or_default();
    let reason = match fit {
        Fit::Fits | Fit::OtherNamespace => symbols::namespace_reason(namespace),
        Fit::Hidden => Reason::fatal(codes::SYMBOL_GPL_ONLY),
        Fit::OtherVersion => {
            Reason::fatal(codes::KSYM_PROVIDER_CRC_DIFFERS).found(offer.export.crc)
        }
    };
    Some(about(case, node, need, reason, offer.node))
}

/// Fills in the symbol and who exports it.
fn about(case: &Case<'_>, node: usize, need: usize, reason: Reason, provider: usize) -> Reason {
    let open = &case.assessments[node].open[need];
    let import = &case.given.nodes[node].module.imports[open.import];
    let provider = case.given.nodes[provider].label();
    reason
        .symbol(&import.symbol)
        .expected(import.crc)
        .provider(provider)
}

/// Does `from`, which does not load, wait for `target`, over any number of modules?
fn needs_first(case: &Case<'_>, maybe: &Closure, from: usize, target: usize) -> bool {
    let mut seen = vec![false; case.given.nodes.len()];
    let mut waiting = vec![from];
    while let Some(node) = waiting.pop() {
        if node == target {
            return true;
        }
        if std::mem::replace(&mut seen[node], true) || maybe.loaded(node).is_some() {
            continue;
        }
        for need in 0..case.assessments[node].open.len() {
            waiting.extend(closure::fitting(case, node, need).map(|offer| offer.node));
        }
    }
    false
}
