//! Every symbol on one kernel that a module needs and does not get.

use super::NeedId;
use super::packages::Package;
use super::view::{State, View};
use crate::codes;
use crate::judge::symbols::Fate;
use crate::verdict::{PackageVerdict, Reason, Severity, Verdict};
use std::fmt;

/// What breaks on one kernel: packages, and for each the symbols that its modules do not get.
///
/// These are the judge's fatal reasons that name a symbol the module needs. A module may be refused
/// without any (another version magic), and one for another flavor usually has very many.
pub struct Broken<'i, P> {
    view: View<'i>,
    keys: &'i [Option<P>],
    packages: Vec<PackageRow>,
    modules: Vec<ModuleRow>,
    /// Each listed symbol, in 4 bytes, as there are millions of them: the place of a need, or of a
    /// reason behind the last place of a need.
    pairs: Vec<u32>,
    /// Reasons that are not simply the kernel's answer to a need.
    reasons: Vec<(Option<NeedId>, Reason)>,
}

/// A package with symbols that its modules do not get.
#[derive(Clone, Copy)]
pub struct BrokenPackage<'b, P> {
    /// Its key.
    pub key: &'b P,
    /// Its verdict.
    pub verdict: Verdict,
    /// How many symbols its modules do not get, each counted for each module that needs it: all of
    /// them, listed or not.
    pub total: usize,
    broken: &'b Broken<'b, P>,
    row: PackageRow,
}

/// A symbol that a module does not get.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokenSymbol<'b> {
    /// The module's name.
    pub module: &'b str,
    /// The number of what it needs; `None` where it carries no record of `module_layout` at all.
    pub need: Option<NeedId>,
    /// Code, symbol, both versions and provider, as the judge gives them.
    pub reason: Reason,
}

#[derive(Clone, Copy)]
struct PackageRow {
    slot: u32,
    verdict: Verdict,
    total: usize,
    /// Where its modules begin and end.
    modules: (usize, usize),
}

#[derive(Clone, Copy)]
struct ModuleRow {
    /// Place in its package.
    module: usize,
    /// Where its pairs begin and end.
    pairs: (usize, usize),
}

impl<'i, P> Broken<'i, P> {
    pub(super) fn on(view: View<'i>, keys: &'i [Option<P>]) -> Broken<'i, P> {
        Broken {
            view,
            keys,
            packages: Vec::new(),
            modules: Vec::new(),
            pairs: Vec::new(),
            reasons: Vec::new(),
        }
    }

    /// Packages that break by some symbol, in no order.
    pub fn packages(&self) -> impl ExactSizeIterator<Item = BrokenPackage<'_, P>> {
        self.packages.iter().map(|row| BrokenPackage {
            key: self.keys[row.slot as usize]
                .as_ref()
                .expect("every slot in use has a key"),
            verdict: row.verdict,
            total: row.total,
            broken: self,
            row: *row,
        })
    }

    /// How many symbols modules do not get, over all packages, listed or not.
    pub fn total(&self) -> usize {
        self.packages.iter().map(|row| row.total).sum()
    }

    pub(super) fn view(&self) -> &View<'i> {
        &self.view
    }

    /// Lists what the kernel alone denies a package: at most `limit` of it.
    pub(super) fn list(&mut self, slot: u32, package: &Package, verdict: Verdict, limit: usize) {
        let before = (self.modules.len(), self.pairs.len());
        let mut total = 0;
        for (module, row) in package.modules.iter().enumerate() {
            let start = self.pairs.len();
            if let Some(layout) = self.view.class_reason(row.class) {
                total += 1;
                self.push_reason(layout, before.1, limit);
            }
            if self.view.kernel.has_exports() {
                for &need in package.needs_of(module) {
                    if self.is_denied(package, module, need) {
                        total += 1;
                        if self.pairs.len() - before.1 < limit {
                            self.pairs.push(need);
                        }
                    }
                }
            }
            self.end_module(module, start);
        }
        self.end_package(slot, verdict, total, before.0);
    }

    fn is_denied(&self, package: &Package, module: usize, need: u32) -> bool {
        match self.view.state(need) {
            State::Met => false,
            State::Failed | State::Contested => true,
            State::Ask => {
                let fate = self.view.fate(&package.modules[module], need);
                matches!(fate, Fate::Failed(_))
            }
        }
    }

    /// Lists what a package does not get by the judge's word: at most `limit` of it.
    pub(super) fn list_judged(
        &mut self,
        slot: u32,
        package: &Package,
        judged: PackageVerdict,
        limit: usize,
    ) {
        let before = (self.modules.len(), self.pairs.len());
        let mut total = 0;
        for (module, judged) in judged.modules.into_iter().enumerate() {
            let start = self.pairs.len();
            for reason in judged.reasons.into_iter().filter(is_about_need) {
                total += 1;
                let need = self.need_named(package, module, &reason);
                self.push_reason((need, reason), before.1, limit);
            }
            self.end_module(module, start);
        }
        self.end_package(slot, judged.verdict, total, before.0);
    }

    fn push_reason(&mut self, reason: (Option<NeedId>, Reason), before: usize, limit: usize) {
        if self.pairs.len() - before < limit {
            let place = self.view.packages.needs.len() as usize + self.reasons.len();
            self.pairs
                .push(u32::try_from(place).expect("memory ends before u32 does"));
            self.reasons.push(reason);
        }
    }

    fn need_named(&self, package: &Package, module: usize, reason: &Reason) -> Option<NeedId> {
        let needs = &self.view.packages.needs;
        let symbol = needs.symbols().find(reason.symbol.as_deref()?)?;
        let of_module = package.needs_of(module).iter();
        let mut places = of_module.filter(|place| needs.row(**place).symbol == symbol);
        places.next().map(|place| needs.id_at(*place))
    }

    fn end_module(&mut self, module: usize, start: usize) {
        let pairs = (start, self.pairs.len());
        if pairs.0 < pairs.1 {
            self.modules.push(ModuleRow { module, pairs });
        }
    }

    fn end_package(&mut self, slot: u32, verdict: Verdict, total: usize, first_module: usize) {
        if total > 0 {
            self.packages.push(PackageRow {
                slot,
                verdict,
                total,
                modules: (first_module, self.modules.len()),
            });
        }
    }
}

/// Is this reason one that a need is not satisfied?
fn is_about_need(reason: &Reason) -> bool {
    reason.severity == Severity::Fatal
        && reason.symbol.is_some()
        && reason.code != codes::EXPORT_DUPLICATE
}

impl<'b, P> BrokenPackage<'b, P> {
    /// What is listed, module by module; within a module in no order.
    pub fn symbols(&self) -> impl Iterator<Item = BrokenSymbol<'b>> + use<'b, P> {
        let (broken, slot) = (self.broken, self.row.slot);
        let modules = &broken.modules[self.row.modules.0..self.row.modules.1];
        let package = broken.view.packages.get(slot);
        modules.iter().flat_map(move |row| {
            let package = package.expect("an index does not change while it is looked at");
            let pairs = &broken.pairs[row.pairs.0..row.pairs.1];
            let symbol = move |pair: &u32| broken.symbol(package, row.module, *pair);
            pairs.iter().filter_map(symbol)
        })
    }
}

impl<P> Broken<'_, P> {
    fn symbol(&self, package: &Package, module: usize, pair: u32) -> Option<BrokenSymbol<'_>> {
        let (view, needs) = (&self.view, &self.view.packages.needs);
        let row = &package.modules[module];
        let (need, reason) = match pair.checked_sub(needs.len()) {
            Some(place) => self.reasons[place as usize].clone(),
            None => (Some(needs.id_at(pair)), view.reason(row, pair)?),
        };
        Some(BrokenSymbol {
            module: view.packages.texts.get(row.name),
            need,
            reason,
        })
    }
}

impl<P> fmt::Debug for Broken<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broken")
            .field("packages", &self.packages.len())
            .field("total", &self.total())
            .finish_non_exhaustive()
    }
}
