//! Packages whose symbols come from modules of this or other packages: who of them loads, by the
//! same rules as the judge's, on numbers.

use super::cut::together;
use super::packages::{ExportRow, Package};
use super::view::View;
use crate::judge::closure::{self, Outcome, Settled, Together};
use crate::judge::web::{Alone, Node, Open, Web};
use crate::judge::{Standing, rules};
use crate::verdict::{Severity, Verdict};
use std::collections::HashMap;

/// Some packages, with all that decide about them.
pub(super) struct Linked<'v, 'i> {
    view: &'v View<'i>,
    /// By slot: the node of its first module.
    first: HashMap<u32, usize>,
    web: Web<'i>,
    /// By node: what the kernel says, the open needs aside.
    standings: Vec<Standing>,
    /// By node: the open needs' places.
    needs: Vec<Vec<u32>>,
}

/// What becomes of the modules of a package.
pub(super) struct Links {
    pub verdict: Verdict,
    /// By module: needs that no module satisfies either, by place.
    pub failed: Vec<Vec<u32>>,
}

/// Settles these packages, in the order asked for.
pub(super) fn settle(view: &View<'_>, asked: &[u32]) -> Vec<(u32, Links)> {
    if asked.is_empty() {
        return Vec::new();
    }
    let linked = Linked::of(view, asked);
    let surely = closure::close(&linked.web, Alone::Loads);
    let maybe = closure::close(&linked.web, Alone::Unknown);
    let settle = |node| closure::settle(&linked.web, &surely, &maybe, node);
    let package = |slot: &u32| {
        let package = view.packages.get(*slot)?;
        let first = *linked.first.get(slot)?;
        let mut verdict = None;
        let mut failed = Vec::with_capacity(package.modules.len());
        for module in 0..package.modules.len() {
            let node = first + module;
            let settled = settle(node);
            verdict = verdict.max(Some(linked.standing(node, &settled).verdict()));
            failed.push(linked.failed(node, &settled));
        }
        let verdict = verdict.unwrap_or(Verdict::Indeterminate);
        Some((*slot, Links { verdict, failed }))
    };
    asked.iter().filter_map(package).collect()
}

impl<'v, 'i> Linked<'v, 'i> {
    fn of(view: &'v View<'i>, asked: &[u32]) -> Linked<'v, 'i> {
        let mut linked = Linked {
            view,
            first: HashMap::new(),
            web: Web {
                nodes: Vec::new(),
                taint_is_inherited: rules::inherits_taint(&view.kernel.head),
            },
            standings: Vec::new(),
            needs: Vec::new(),
        };
        let slots: Vec<u32> = together(view, asked).into_iter().collect();
        let packages = slots
            .iter()
            .filter_map(|slot| Some((*slot, view.packages.get(*slot)?)));
        let packages: Vec<(u32, &Package)> = packages.collect();
        for (number, (slot, package)) in packages.iter().enumerate() {
            linked.first.insert(*slot, linked.web.nodes.len());
            for module in 0..package.modules.len() {
                linked.push(number, *slot, package, module);
            }
        }
        let modules = packages.iter().flat_map(|(slot, package)| {
            (0..package.modules.len()).map(move |module| (*slot, *package, module))
        });
        for (node, (slot, package, module)) in modules.enumerate() {
            linked.connect(node, slot, package, module);
        }
        linked.note_gpl_only(&packages);
        linked
    }
}

impl<'i> Linked<'_, 'i> {
    /// Adds a module, its needs still without providers.
    fn push(&mut self, number: usize, slot: u32, package: &'i Package, module: usize) {
        let texts = &self.view.packages.texts;
        let row = &package.modules[module];
        let (standing, _) = self.view.assess(slot, package, module, true, |_| {});
        self.web.nodes.push(Node {
            package: number,
            package_name: self.view.packages.name(package),
            module_name: texts.get(row.name),
            is_gpl: self.view.packages.classes.get(row.class).is_gpl,
            uses_gpl_only: false,
            alone: match standing.worst {
                Some(Severity::Fatal) => Alone::Refused,
                _ if standing.unknown => Alone::Unknown,
                _ => Alone::Loads,
            },
            needs: Vec::new(),
        });
        self.standings.push(standing);
    }

    /// Finds the providers of a module's open needs.
    fn connect(&mut self, node: usize, slot: u32, package: &Package, module: usize) {
        let open = self.view.open_needs(slot, package, module);
        let row = &package.modules[module];
        for (need, own_only) in &open {
            let offers = self
                .view
                .packages
                .offers(self.view.packages.symbol_of(*need))
                .iter();
            let fitting = offers.filter_map(|offer| {
                let provider = self.first.get(&offer.slot)? + offer.module as usize;
                let is_visible = provider != node && (offer.slot == slot || !own_only);
                let exporter = self.view.packages.get(offer.slot)?;
                let mut exports = exporter.exports_of(offer.module as usize);
                let symbol = self.view.packages.symbol_of(*need);
                let fits = |export: &ExportRow| {
                    export.symbol == symbol && self.view.fits(row, *need, export)
                };
                (is_visible && exports.any(fits)).then_some(provider)
            });
            let fitting = fitting.collect();
            self.web.nodes[node].needs.push(Open {
                own_only: *own_only,
                fitting,
            });
        }
        self.needs
            .push(open.into_iter().map(|(need, _)| need).collect());
    }

    /// Which modules use GPL-only symbols of the kernel: matters only beside proprietary ones.
    fn note_gpl_only(&mut self, packages: &[(u32, &Package)]) {
        if self.web.nodes.iter().all(|node| node.is_gpl) {
            return;
        }
        for (slot, package) in packages {
            for module in 0..package.modules.len() {
                let node = self.first[slot] + module;
                let open = &self.needs[node];
                let uses = |need: &u32| {
                    !open.contains(need) && self.view.uses_gpl_only(&package.modules[module], *need)
                };
                let uses_gpl_only = package.needs_of(module).iter().any(uses);
                self.web.nodes[node].uses_gpl_only = uses_gpl_only;
            }
        }
    }

    fn standing(&self, node: usize, settled: &Settled) -> Standing {
        let mut standing = self.standings[node];
        let mut at_least = |severity| standing.worst = standing.worst.max(Some(severity));
        match settled.together {
            Together::Fine => {}
            Together::Unknown => at_least(Severity::Warn),
            Together::Failed => at_least(Severity::Fatal),
        }
        for outcome in &settled.needs {
            match outcome {
                Outcome::Met(provider) if self.web.is_own(node, *provider) => {}
                Outcome::Met(_) | Outcome::Unknown(_) => at_least(Severity::Warn),
                Outcome::Failed => at_least(Severity::Fatal),
            }
        }
        standing.unknown |= settled.together == Together::Unknown
            || settled
                .needs
                .iter()
                .any(|o| matches!(o, Outcome::Unknown(_)));
        standing.needs_other_package |= settled
            .needs
            .iter()
            .any(|o| matches!(o, Outcome::Met(provider) if !self.web.is_own(node, *provider)));
        standing
    }

    /// Needs of a module that nobody satisfies, but for those that a rule for the whole module has
    /// spoken of.
    fn failed(&self, node: usize, settled: &Settled) -> Vec<u32> {
        let outcomes = settled.needs.iter().zip(&self.web.nodes[node].needs);
        let failed = outcomes
            .zip(&self.needs[node])
            .filter(|((outcome, open), need)| {
                let is_said = || open.fitting.is_empty() && self.view.is_unversioned(**need);
                **outcome == Outcome::Failed && !is_said()
            });
        failed.map(|(_, need)| *need).collect()
    }
}
