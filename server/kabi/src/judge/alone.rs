//! One module against the kernel alone: what its rules say without any other module.

use super::symbols::Need;
use super::web::Alone;
use super::{Given, exports, rules, symbols};
use crate::verdict::{Reason, Severity};

/// What the kernel says to one module.
#[derive(Default)]
pub(super) struct Assessment {
    /// In the loader's order.
    pub reasons: Vec<Reason>,
    /// Built for another processor, flavor or configuration: no kABI change.
    pub other_build: bool,
    /// Something that decides is not known.
    pub unknown: bool,
    /// Imports that the kernel satisfies.
    pub resolved: usize,
    /// Imports that only another module can satisfy.
    pub open: Vec<OpenNeed>,
    /// Uses symbols of the kernel that are GPL-only.
    pub uses_gpl_only: bool,
}

/// An import that the kernel does not satisfy, but a module of some package might.
pub(super) struct OpenNeed {
    /// Index into the module's imports.
    pub import: usize,
    /// Only modules of its own package count: one of them stands in for the kernel's.
    pub own_only: bool,
    /// What is wrong when no module satisfies it.
    pub otherwise: Reason,
}

impl Assessment {
    /// What it comes to if the open needs are met.
    pub fn verdict(&self) -> Alone {
        let is_fatal = |reason: &Reason| reason.severity == Severity::Fatal;
        if self.reasons.iter().any(is_fatal) {
            Alone::Refused
        } else if self.unknown {
            Alone::Unknown
        } else {
            Alone::Loads
        }
    }
}

pub(super) fn assess(given: &Given<'_>, node: usize) -> Assessment {
    let (kernel, module) = (given.kernel, given.nodes[node].module);
    let mut assessment = Assessment::default();
    rules::before_symbols(kernel, module, &mut assessment);
    for (index, import) in module.imports.iter().enumerate() {
        match symbols::need(given, node, import) {
            Need::Met { gpl_only, remark } => {
                assessment.resolved += 1;
                assessment.uses_gpl_only |= gpl_only;
                assessment.reasons.extend(remark);
            }
            Need::Unknown(reason) => {
                assessment.unknown = true;
                assessment.reasons.push(reason);
            }
            Need::Failed(reason) => assessment.reasons.push(reason),
            Need::Open {
                own_only,
                otherwise,
            } => {
                assessment.open.push(OpenNeed {
                    import: index,
                    own_only,
                    otherwise,
                });
            }
            Need::SaidBefore => {}
        }
    }
    exports::judge(given, node, &mut assessment);
    rules::after_symbols(kernel, module, &mut assessment);
    assessment
}
