//! Every symbol on one kernel that a module needs and does not get.

use super::bits::Bits;
use super::linked::Links;
use super::packages::{ModuleRow as PackedModule, Package};
use super::view::{Open, Seen, Together, View};
use super::{NeedId, cut};
use crate::codes;
use crate::verdict::{PackageVerdict, Reason, Severity, Verdict};
use std::collections::BTreeSet;
use std::fmt;

/// What breaks on one kernel: packages, and for each the symbols that its modules do not get.
///
/// These are the judge's fatal reasons that name a symbol the module needs. A module may be refused
/// without any (another version magic), and one for another flavor usually has very many.
pub struct Broken<'i, P> {
    view: View<'i>,
    keys: &'i [Option<P>],
    /// Listed of each package at most.
    limit: usize,
    packages: Vec<PackageRow>,
    modules: Vec<ModuleRow>,
    /// Each listed symbol, in 4 bytes, as there are millions of them: the place of a need, with
    /// [`JUDGED`] if modules have a say; or [`NO_LAYOUT`].
    pairs: Vec<u32>,
}

/// In a pair: the kernel alone does not say why.
const JUDGED: u32 = 1 << 31;
/// A pair that is no need: the module carries no record of `module_layout`.
pub(super) const NO_LAYOUT: u32 = u32::MAX;

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

/// A symbol that keeps modules from loading, and how much hangs on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BreakingSymbol<'b> {
    /// Its name.
    pub symbol: &'b str,
    /// Codes of the reasons, e.g. `crc-mismatch`.
    pub codes: BTreeSet<String>,
    /// Packages with a module that needs it and does not get it.
    pub packages: usize,
    /// Such modules.
    pub modules: usize,
}

/// The same while it is counted.
#[derive(Clone, Default)]
struct Tally {
    codes: BTreeSet<String>,
    packages: usize,
    modules: usize,
    /// The package counted last, from 1.
    last: usize,
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
    pub(super) fn on(view: View<'i>, keys: &'i [Option<P>], limit: usize) -> Broken<'i, P> {
        Broken {
            limit,
            view,
            keys,
            packages: Vec::new(),
            modules: Vec::new(),
            pairs: Vec::new(),
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

    /// The symbols to blame for what is listed of the packages that count, most modules first.
    pub fn by_symbol(&self, counts: impl Fn(&P) -> bool) -> Vec<BreakingSymbol<'_>> {
        let needs = &self.view.packages.needs;
        let mut tallies = vec![Tally::default(); needs.symbols().len()];
        // Of which needs the code is known: it is the same for all modules.
        let mut is_told = Bits::none(needs.rows().len());
        let counted = self.packages().filter(|package| counts(package.key));
        for (number, package) in (1..).zip(counted) {
            if package.is_by_kernel_alone() {
                for (row, need) in package.listed() {
                    let tally = &mut tallies[needs.row(need).symbol as usize];
                    tally.count(number);
                    if !is_told.has(need) {
                        is_told.set(need);
                        let reason = self.view.reason(row, need);
                        tally.codes.extend(reason.map(|reason| reason.code));
                    }
                }
                continue;
            }
            for BrokenSymbol { reason, .. } in package.symbols() {
                let symbol = reason
                    .symbol
                    .and_then(|symbol| needs.symbols().find(&symbol));
                if let Some(symbol) = symbol {
                    tallies[symbol as usize].count(number);
                    tallies[symbol as usize].codes.insert(reason.code);
                }
            }
        }
        let found = (0u32..).zip(tallies).filter(|(_, tally)| tally.modules > 0);
        let mut found: Vec<BreakingSymbol<'_>> = found
            .map(|(symbol, tally)| BreakingSymbol {
                symbol: needs.symbols().get(symbol),
                codes: tally.codes,
                packages: tally.packages,
                modules: tally.modules,
            })
            .collect();
        found.sort_by(|a, b| {
            let most = (b.modules, b.packages).cmp(&(a.modules, a.packages));
            most.then_with(|| a.symbol.cmp(b.symbol))
        });
        found
    }

    pub(super) fn view(&self) -> &View<'i> {
        &self.view
    }

    /// Lists what the kernel denies a package, if it alone decides that, and says the verdict.
    pub(super) fn list(&mut self, slot: u32, package: &Package) -> Seen {
        if let Some(verdict) = self.view.quickly(package).filter(|v| v.loads()) {
            return Seen::Decided(verdict);
        }
        let (first_module, first_pair) = (self.modules.len(), self.pairs.len());
        let mut together = Together::default();
        let mut list = Listing::new(&mut self.pairs, self.limit);
        let mut is_open = false;
        // Matters only where modules use one another.
        let is_dead = package.exports_something() && self.view.is_dead(package);
        for (module, row) in package.modules.iter().enumerate() {
            let start = list.pairs.len();
            self.view
                .layout_pair(row.class)
                .into_iter()
                .for_each(|pair| list.push(pair));
            let assessed = self
                .view
                .assess(slot, package, module, false, |need| list.push(need));
            together.add(assessed.0, assessed.1);
            if is_dead && assessed.1 == Open::Own {
                let own = self.view.own_denied(package, module);
                own.for_each(|need| list.push(need | JUDGED));
            } else {
                is_open |= assessed.1 != Open::No;
            }
            list.end_module(&mut self.modules, module, start);
        }
        let total = list.total;
        let seen = self.view.decide(package, together);
        match seen {
            // Refused is refused, but what it does not get other modules may decide.
            Seen::Decided(verdict) if !is_open || verdict.loads() => {
                self.end_package(slot, verdict, total, first_module);
                seen
            }
            _ => {
                self.modules.truncate(first_module);
                self.pairs.truncate(first_pair);
                Seen::Open
            }
        }
    }

    /// Lists what a package does not get, some of it because of other modules.
    pub(super) fn list_linked(&mut self, slot: u32, package: &Package, links: &Links) {
        let first_module = self.modules.len();
        let mut list = Listing::new(&mut self.pairs, self.limit);
        for (module, row) in package.modules.iter().enumerate() {
            let start = list.pairs.len();
            self.view
                .layout_pair(row.class)
                .into_iter()
                .for_each(|pair| list.push(pair));
            self.view
                .assess(slot, package, module, false, |need| list.push(need));
            links.failed[module]
                .iter()
                .for_each(|need| list.push(need | JUDGED));
            list.end_module(&mut self.modules, module, start);
        }
        let total = list.total;
        self.end_package(slot, links.verdict, total, first_module);
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

/// The pairs of one package, as far as they are listed.
struct Listing<'l> {
    pairs: &'l mut Vec<u32>,
    /// Where the list is full.
    room: usize,
    total: usize,
}

impl<'l> Listing<'l> {
    fn new(pairs: &'l mut Vec<u32>, limit: usize) -> Listing<'l> {
        Listing {
            room: pairs.len().saturating_add(limit),
            pairs,
            total: 0,
        }
    }

    #[inline]
    fn push(&mut self, pair: u32) {
        self.total += 1;
        if self.pairs.len() < self.room {
            self.pairs.push(pair);
        }
    }

    fn end_module(&self, modules: &mut Vec<ModuleRow>, module: usize, start: usize) {
        let pairs = (start, self.pairs.len());
        if pairs.0 < pairs.1 {
            modules.push(ModuleRow { module, pairs });
        }
    }
}

impl Tally {
    /// Counts a module of a package.
    fn count(&mut self, package: usize) {
        self.modules += 1;
        self.packages += usize::from(self.last != package);
        self.last = package;
    }
}

impl<'b, P> BrokenPackage<'b, P> {
    /// Does the kernel alone say why, for all that is listed?
    fn is_by_kernel_alone(&self) -> bool {
        let mut pairs = self.pairs();
        pairs.all(|(_, pair)| pair & JUDGED == 0)
    }

    /// What is listed where the kernel alone says why: modules and needs, by place.
    fn listed(&self) -> impl Iterator<Item = (&'b PackedModule, u32)> + use<'b, P> {
        let package = self.broken.view.packages.get(self.row.slot);
        self.pairs()
            .filter_map(move |(module, pair)| Some((&package?.modules[module], pair)))
    }

    /// What is listed, with the place of the module.
    fn pairs(&self) -> impl Iterator<Item = (usize, u32)> + Clone + use<'b, P> {
        let broken = self.broken;
        let modules = &broken.modules[self.row.modules.0..self.row.modules.1];
        modules.iter().flat_map(move |row| {
            let pairs = broken.pairs[row.pairs.0..row.pairs.1].iter();
            pairs.map(|pair| (row.module, *pair))
        })
    }

    /// What is listed, module by module; within a module in no order.
    pub fn symbols(&self) -> impl Iterator<Item = BrokenSymbol<'b>> + use<'b, P> {
        let (view, slot) = (&self.broken.view, self.row.slot);
        let listed = self.pairs();
        let is_judged = |(_, pair): (usize, u32)| pair & JUDGED != 0 && pair != NO_LAYOUT;
        let judged = listed
            .clone()
            .any(is_judged)
            .then(|| cut::explain(view, &[slot]).pop());
        let judged = judged.flatten().map(|(_, judged)| judged);
        let package = view.packages.get(slot);
        listed
            .filter_map(move |(module, pair)| symbol(view, package?, module, pair, judged.as_ref()))
    }
}

fn symbol<'b>(
    view: &'b View<'_>,
    package: &Package,
    module: usize,
    pair: u32,
    judged: Option<&PackageVerdict>,
) -> Option<BrokenSymbol<'b>> {
    let needs = &view.packages.needs;
    let row = &package.modules[module];
    let (need, reason) = match pair {
        NO_LAYOUT => (None, view.layout_reason(row.class)?),
        pair if pair & JUDGED != 0 => {
            let need = pair & !JUDGED;
            let symbol = needs.symbols().get(view.packages.symbol_of(need));
            let is_it = |reason: &&Reason| {
                reason.severity == Severity::Fatal
                    && reason.symbol.as_deref() == Some(symbol)
                    && reason.code != codes::EXPORT_DUPLICATE
            };
            let reasons = &judged?.modules.get(module)?.reasons;
            (Some(need), reasons.iter().find(is_it)?.clone())
        }
        need => (Some(need), view.reason(row, need)?),
    };
    Some(BrokenSymbol {
        module: view.packages.texts.get(row.name),
        need: need.map(|place| needs.id_at(place)),
        reason,
    })
}

impl<P> fmt::Debug for Broken<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broken")
            .field("packages", &self.packages.len())
            .field("total", &self.total())
            .finish_non_exhaustive()
    }
}
