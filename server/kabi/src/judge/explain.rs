//! The reasons for needs that the kernel left open, once it is clear which modules load.

use super::closure::{self, Closure, Outcome, Together};
use super::offers::{Fit, fit, visible};
use super::web::Web;
use super::{Case, symbols};
use crate::codes;
use crate::verdict::Reason;
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
    let settled = closure::settle(&case.web, surely, maybe, node);
    for (need, outcome) in settled.needs.into_iter().enumerate() {
        match outcome {
            Outcome::Met(provider) => {
                told.resolved += 1;
                told.comes_from(case, node, need, provider);
            }
            Outcome::Unknown(provider) => {
                told.unknown = true;
                let reason = Reason::warn(codes::PROVIDER_INDETERMINATE);
                told.reasons.push(about(case, node, need, reason, provider));
            }
            Outcome::Failed => told.reasons.extend(failure(case, maybe, node, need)),
        }
    }
    let detail = "two builds of one module would be needed at once, and only one can be loaded";
    match settled.together {
        Together::Fine => {}
        Together::Unknown => {
            told.unknown = true;
            let reason = Reason::warn(codes::PROVIDER_INDETERMINATE).detail(detail);
            told.reasons.push(reason);
        }
        Together::Failed => {
            let reason = Reason::fatal(codes::KSYM_PROVIDER_CRC_DIFFERS).detail(detail);
            told.reasons.push(reason);
        }
    }
    told
}

impl Told {
    fn comes_from(&mut self, case: &Case<'_>, node: usize, need: usize, provider: usize) {
        if !case.web.is_own(node, provider) {
            self.needs_other_package = true;
            let reason = Reason::warn(codes::SYMBOL_FROM_OTHER_PACKAGE);
            self.reasons.push(about(case, node, need, reason, provider));
        }
    }
}

/// Why no module meets this need. `None`: a rule for the whole module has said it.
fn failure(case: &Case<'_>, maybe: &Closure, node: usize, need: usize) -> Option<Reason> {
    let user = &case.given.nodes[node];
    let module = user.module;
    let fits = &case.web.nodes[node].needs[need].fitting;
    if let Some(&first) = fits.first() {
        let excluded = |provider: &&usize| {
            maybe.is_usable(&case.web, node, **provider)
                && maybe.taint_excludes(&case.web, node, **provider)
        };
        let cyclic = |provider: &&usize| needs_first(&case.web, maybe, **provider, node);
        let (code, provider) = if let Some(provider) = fits.iter().find(excluded) {
            (codes::GPL_TAINT_INHERITED, *provider)
        } else if let Some(provider) = fits.iter().find(cyclic) {
            (codes::DEPENDS_CYCLE, *provider)
        } else {
            (codes::PROVIDER_NOT_LOADABLE, first)
        };
        return Some(about(case, node, need, Reason::fatal(code), provider));
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
    let (fit, offer) = visible(&case.given, &case.assessments[node].open[need], node)
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
fn needs_first(web: &Web<'_>, maybe: &Closure, from: usize, target: usize) -> bool {
    let mut seen = vec![false; web.nodes.len()];
    let mut waiting = vec![from];
    while let Some(node) = waiting.pop() {
        if node == target {
            return true;
        }
        if std::mem::replace(&mut seen[node], true) || maybe.loaded(node).is_some() {
            continue;
        }
        let needs = web.nodes[node].needs.iter();
        waiting.extend(needs.flat_map(|open| &open.fitting));
    }
    false
}
