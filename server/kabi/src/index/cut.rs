//! Some packages cut out of the world and judged by the judge itself, for reasons in full.

use super::kernel::PackedKernel;
use super::packages::Packages;
use super::texts::Texts;
use super::view::{State, View};
use crate::judge::offers::plain;
use crate::kernel::{Candidate, Kernel};
use crate::verdict::PackageVerdict;
use kmod::Module;
use std::collections::{BTreeSet, HashMap};

/// Judges some packages, together with all that matters to them.
pub(super) fn explain(view: &View<'_>, asked: &[u32]) -> Vec<(u32, PackageVerdict)> {
    if asked.is_empty() {
        return Vec::new();
    }
    let slots = with_sharers(view, asked);
    let cut = Cut::of(view.packages, &slots, BTreeSet::new());
    let candidates = cut.candidates();
    let verdicts = crate::judge(&cut.kernel(view.kernel, &candidates), &candidates);
    let by_slot: HashMap<u32, PackageVerdict> = slots.into_iter().zip(verdicts).collect();
    let of = |slot: &u32| Some((*slot, by_slot.get(slot)?.clone()));
    asked.iter().filter_map(of).collect()
}

/// Judges a package that is not among the others, as if it were.
pub(super) fn explain_another(
    view: &View<'_>,
    name: &str,
    modules: &[Module],
) -> Option<PackageVerdict> {
    let texts = view.packages.needs.symbols();
    let imports = modules
        .iter()
        .flat_map(|m| m.imports.iter().map(|i| &i.symbol));
    let exports = modules
        .iter()
        .flat_map(|m| m.exports.iter().map(|e| &e.symbol));
    let known = imports
        .chain(exports)
        .filter_map(|symbol| texts.find(symbol));
    let symbols: BTreeSet<u32> = known.collect();
    let offers = symbols
        .iter()
        .flat_map(|symbol| view.packages.offers(*symbol));
    let near: BTreeSet<u32> = offers.map(|offer| offer.slot).collect();
    let near: Vec<u32> = near.into_iter().collect();
    let cut = Cut::of(view.packages, &with_sharers(view, &near), symbols);
    let mut candidates = cut.candidates();
    candidates.push(Candidate { name, modules });
    let judged = crate::judge(&cut.kernel(view.kernel, &candidates), &candidates);
    judged.into_iter().next_back()
}

/// Some packages and all that decide about them: those that export what they lack, and what these
/// lack in turn.
pub(super) fn together(view: &View<'_>, asked: &[u32]) -> BTreeSet<u32> {
    let packages = view.packages;
    let mut found: BTreeSet<u32> = asked.iter().copied().collect();
    let mut waiting = asked.to_vec();
    while let Some(slot) = waiting.pop() {
        let needs = packages
            .get(slot)
            .map_or(&[][..], |package| package.needs());
        for &need in view.chunks_not_met(needs).flatten() {
            if view.state(need) == State::Contested {
                let offers = packages.offers(packages.symbol_of(need)).iter();
                let new = offers
                    .map(|offer| offer.slot)
                    .filter(|slot| found.insert(*slot));
                waiting.extend(new);
            }
        }
    }
    found
}

/// The same, and those that export the same as the ones asked for, which reasons name.
fn with_sharers(view: &View<'_>, asked: &[u32]) -> Vec<u32> {
    let packages = view.packages;
    let mut found = together(view, asked);
    let asked = asked.iter().filter_map(|slot| packages.get(*slot));
    for export in asked.flat_map(|package| package.exports()) {
        found.extend(
            packages
                .offers(export.symbol)
                .iter()
                .map(|offer| offer.slot),
        );
    }
    found.into_iter().collect()
}

/// Some packages by themselves.
struct Cut<'i> {
    packages: Vec<(&'i str, Vec<Module>)>,
    /// All that they need or export.
    symbols: BTreeSet<u32>,
    texts: &'i Texts,
}

impl<'i> Cut<'i> {
    fn of(packages: &'i Packages, slots: &[u32], mut symbols: BTreeSet<u32>) -> Cut<'i> {
        let mut modules = Vec::with_capacity(slots.len());
        for package in slots.iter().filter_map(|slot| packages.get(*slot)) {
            symbols.extend(package.needs().iter().map(|need| packages.symbol_of(*need)));
            symbols.extend(package.exports().map(|export| export.symbol));
            modules.push((packages.name(package), packages.modules(package)));
        }
        Cut {
            packages: modules,
            symbols,
            texts: packages.needs.symbols(),
        }
    }

    fn candidates(&self) -> Vec<Candidate<'_>> {
        let packages = self.packages.iter();
        packages
            .map(|(name, modules)| Candidate { name, modules })
            .collect()
    }

    /// As much of a kernel as matters to them.
    fn kernel(&self, kernel: &PackedKernel, candidates: &[Candidate<'_>]) -> Kernel {
        let modules = candidates.iter().flat_map(|candidate| candidate.modules);
        let replaced = modules.flat_map(|module| kernel.exports_of(&plain(&module.name)));
        let symbols: BTreeSet<u32> = self.symbols.iter().chain(replaced).copied().collect();
        kernel.with_only(symbols, self.texts)
    }
}
