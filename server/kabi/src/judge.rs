//! Judges all packages against one kernel, together.
//!
//! A module's symbols come from the kernel, from its own package, or from other packages that are
//! loadable there themselves. So the judge goes in three steps:
//!
//! 1. `alone`: every module against the kernel alone, by the loader's rules; what the kernel does
//!    not satisfy, but some package's module might, stays open.
//! 2. `closure`: who loads, given who exports: to a fixpoint. A package counts as a provider only if
//!    all its modules load, as `weak-modules2` links a package as a whole or not at all.
//! 3. `explain`: the reasons for what stayed open.
//!
//! Who of two packages is named first, or registered first, changes nothing.

mod alone;
pub(crate) mod closure;
mod explain;
pub(crate) mod exports;
pub(crate) mod offers;
pub(crate) mod rules;
pub(crate) mod symbols;
pub(crate) mod web;

use crate::kernel::{Candidate, Kernel};
use crate::verdict::{ModuleVerdict, PackageVerdict, Reason, Severity, Verdict};
use alone::{Assessment, OpenNeed};
use closure::Closure;
use offers::{Fit, InTree, Node, Offers};
use web::{Alone, Web};

/// Will these packages load on that kernel? Verdicts come in the order of the candidates.
///
/// Pure and total. All candidates are judged as if any of them could be installed with any other,
/// so hand in every package that is on offer for the kernel's product.
pub fn judge(kernel: &Kernel, candidates: &[Candidate<'_>]) -> Vec<PackageVerdict> {
    let nodes = Node::all(candidates);
    let offers = Offers::of(&nodes);
    let in_tree = InTree::of(kernel, &nodes);
    let given = Given {
        kernel,
        nodes,
        offers,
        in_tree,
    };
    let assessments: Vec<Assessment> = (0..given.nodes.len())
        .map(|node| alone::assess(&given, node))
        .collect();
    let web = web(&given, &assessments);
    let case = Case {
        given,
        assessments,
        web,
    };
    let surely = closure::close(&case.web, Alone::Loads);
    let maybe = closure::close(&case.web, Alone::Unknown);
    let verdicts = (0..case.given.nodes.len()).map(|node| conclude(&case, &surely, &maybe, node));
    by_package(candidates, verdicts)
}

/// One kernel and every module that is judged on it.
struct Given<'a> {
    kernel: &'a Kernel,
    nodes: Vec<Node<'a>>,
    offers: Offers<'a>,
    in_tree: InTree<'a>,
}

/// All that is known before modules are brought together.
struct Case<'a> {
    given: Given<'a>,
    /// By node.
    assessments: Vec<Assessment>,
    web: Web<'a>,
}

/// Who could provide what to whom.
fn web<'a>(given: &Given<'a>, assessments: &[Assessment]) -> Web<'a> {
    let kernel = given.kernel;
    let fits = |node: usize, open: &OpenNeed| {
        let user = &given.nodes[node];
        let import = &user.module.imports[open.import];
        let offers = offers::visible(given, open, node);
        let fitting = offers.filter(|o| offers::fit(kernel, user, import, o.export) == Fit::Fits);
        fitting.map(|offer| offer.node).collect()
    };
    let web_node = |(node, assessment): (usize, &Assessment)| {
        let user = &given.nodes[node];
        let open = assessment.open.iter().map(|open| web::Open {
            own_only: open.own_only,
            fitting: fits(node, open),
        });
        web::Node {
            package: user.package,
            package_name: user.package_name,
            module_name: &user.module.name,
            is_gpl: user.is_gpl,
            uses_gpl_only: assessment.uses_gpl_only,
            alone: assessment.verdict(),
            needs: open.collect(),
        }
    };
    Web {
        nodes: assessments.iter().enumerate().map(web_node).collect(),
        taint_is_inherited: rules::inherits_taint(kernel),
    }
}

fn conclude(case: &Case<'_>, surely: &Closure, maybe: &Closure, node: usize) -> ModuleVerdict {
    let assessment = &case.assessments[node];
    let module = case.given.nodes[node].module;
    let told = explain::open_needs(case, surely, maybe, node);
    let mut reasons = assessment.reasons.clone();
    reasons.extend(told.reasons);
    // Stable: among equals the loader's order stays.
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.severity));
    let standing = Standing {
        worst: reasons.first().map(|reason| reason.severity),
        other_build: assessment.other_build,
        unknown: assessment.unknown || told.unknown,
        needs_other_package: told.needs_other_package,
    };
    ModuleVerdict {
        module: module.name.clone(),
        verdict: standing.verdict(),
        reasons,
        needed_total: module.imports.len(),
        needed_ok: assessment.resolved + told.resolved,
    }
}

/// What decides the verdict on a module, once every rule has spoken.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The heaviest of the reasons.
    pub worst: Option<Severity>,
    /// Built for another processor, flavor or configuration: no kABI change.
    pub other_build: bool,
    /// Something that decides is not known.
    pub unknown: bool,
    /// Modules of other packages must be installed.
    pub needs_other_package: bool,
}

impl Standing {
    pub fn verdict(self) -> Verdict {
        if self.worst == Some(Severity::Fatal) {
            if self.other_build {
                Verdict::UnloadableFlavor
            } else {
                Verdict::Incompatible
            }
        } else if self.unknown {
            Verdict::Indeterminate
        } else if self.needs_other_package {
            Verdict::NeedsOtherPackage
        } else if self.worst == Some(Severity::Warn) {
            Verdict::CompatibleWithWarnings
        } else {
            Verdict::Compatible
        }
    }
}

/// What the rules say that look at a module as a whole: all but its symbols. Of its imports only
/// that of `module_layout` counts.
#[derive(Clone)]
pub(crate) struct Whole {
    pub standing: Standing,
    /// Imports that are settled: that of `module_layout`, or none.
    pub resolved: usize,
    /// What is said before symbols are looked at.
    pub before: Vec<Reason>,
    /// What is said after them.
    pub after: Vec<Reason>,
}

impl Whole {
    pub fn of(kernel: &Kernel, module: &kmod::Module) -> Whole {
        let mut assessment = Assessment::default();
        rules::before_symbols(kernel, module, &mut assessment);
        let before = std::mem::take(&mut assessment.reasons);
        exports::unversioned(kernel, module, &mut assessment);
        rules::after_symbols(kernel, module, &mut assessment);
        let all = before.iter().chain(&assessment.reasons);
        let standing = Standing {
            worst: all.map(|reason| reason.severity).max(),
            other_build: assessment.other_build,
            unknown: assessment.unknown,
            needs_other_package: false,
        };
        Whole {
            standing,
            resolved: assessment.resolved,
            before,
            after: assessment.reasons,
        }
    }

    pub fn reasons(&self) -> impl Iterator<Item = &Reason> {
        self.before.iter().chain(&self.after)
    }
}

fn by_package(
    candidates: &[Candidate<'_>],
    mut verdicts: impl Iterator<Item = ModuleVerdict>,
) -> Vec<PackageVerdict> {
    candidates
        .iter()
        .map(|candidate| {
            let modules: Vec<_> = verdicts.by_ref().take(candidate.modules.len()).collect();
            // Nothing to judge is not known to load.
            let verdict = modules
                .iter()
                .map(|m| m.verdict)
                .max()
                .unwrap_or(Verdict::Indeterminate);
            PackageVerdict { verdict, modules }
        })
        .collect()
}

#[cfg(test)]
mod tests;
