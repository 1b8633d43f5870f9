//! Packages about which the kernel alone decides, nearly all of them: what the judge says of such a
//! one, reason by reason, without bringing it together with anything.
//!
//! [`None`] everywhere means: other modules have a say; ask the judge itself.

use super::brief::Brief;
use super::packages::Package;
use super::view::{Seen, View, Word};
use crate::judge::offers::plain;
use crate::judge::rules::is_layout;
use crate::judge::symbols::{self, Fate, Told, Wanted};
use crate::judge::{Standing, Whole};
use crate::kernel::KernelExport;
use crate::verdict::{ModuleVerdict, PackageVerdict, Reason, Severity, Verdict};
use kmod::{Import, Module};
use std::borrow::Cow;

/// One kernel and the answers that many packages share.
pub(super) struct Briefs<'v, 'i> {
    view: &'v View<'i>,
    /// Reasons to list of a package at most.
    keep: usize,
    /// By need; empty: look each up when it is asked for.
    words: Vec<Word>,
    /// By kind of module; empty: as above.
    wholes: Vec<Whole>,
    /// By symbol: its place in the order of texts; empty: needs come in that order already.
    ranks: Vec<u32>,
}

/// A module on one kernel, its reasons counted, but not in words yet.
struct Sketch<'w> {
    whole: Cow<'w, Whole>,
    standing: Standing,
    resolved: usize,
    /// What is to be said of single needs.
    told: Vec<(Severity, u32)>,
}

impl<'v, 'i> Briefs<'v, 'i> {
    /// For very many packages on a kernel.
    pub fn of_many(view: &'v View<'i>, keep: usize) -> Briefs<'v, 'i> {
        let packages = view.packages;
        let classes = packages.classes.rows().iter();
        let symbols = packages.needs.symbols();
        let mut by_text: Vec<u32> = (0..symbols.len() as u32).collect();
        by_text.sort_unstable_by_key(|symbol| symbols.get(*symbol));
        let mut ranks = vec![0; by_text.len()];
        for (rank, symbol) in (0u32..).zip(by_text) {
            ranks[symbol as usize] = rank;
        }
        Briefs {
            view,
            keep,
            words: (0..packages.needs.len())
                .map(|need| view.word(need))
                .collect(),
            wholes: classes
                .map(|class| class.whole(&view.kernel.head))
                .collect(),
            ranks,
        }
    }

    /// For few packages, whose needs are listed in the order of their symbols' texts.
    pub fn of_few(view: &'v View<'i>, keep: usize) -> Briefs<'v, 'i> {
        Briefs {
            view,
            keep,
            words: Vec::new(),
            wholes: Vec::new(),
            ranks: Vec::new(),
        }
    }

    /// The verdict on a package in short. `needs` lists those of a module.
    pub fn brief<'p>(
        &self,
        slot: u32,
        package: &'p Package,
        needs: impl Fn(usize) -> &'p [u32],
    ) -> Option<Brief> {
        if self.view.package(slot, package) == Seen::Decided(Verdict::Compatible) {
            return Some(Brief::compatible(package.modules.len()));
        }
        if package.exports_something() {
            return None;
        }
        let modules = 0..package.modules.len();
        let sketches = modules.map(|module| self.sketch(package, module, needs(module)));
        let mut sketches = sketches.collect::<Option<Vec<Sketch<'_>>>>()?;
        let verdict = sketches
            .iter()
            .map(|sketch| sketch.standing.verdict())
            .max();
        let loads = |sketch: &&Sketch<'_>| sketch.standing.verdict().loads();
        Some(Brief {
            verdict: verdict.unwrap_or(Verdict::Indeterminate),
            modules_total: sketches.len(),
            modules_load: sketches.iter().filter(loads).count(),
            reasons_total: sketches.iter().map(Sketch::reasons_total).sum(),
            modules: self.list(package, &mut sketches),
        })
    }

    /// The verdict on a package with all reasons.
    pub fn whole<'p>(
        &self,
        package: &'p Package,
        needs: impl Fn(usize) -> &'p [u32],
    ) -> Option<PackageVerdict> {
        if package.exports_something() {
            return None;
        }
        let judge = |module| {
            let sketch = self.sketch(package, module, needs(module))?;
            Some(self.in_words(package, module, &sketch, usize::MAX))
        };
        let modules = (0..package.modules.len()).map(judge);
        let modules = modules.collect::<Option<Vec<ModuleVerdict>>>()?;
        let verdict = modules.iter().map(|module| module.verdict).max();
        Some(PackageVerdict {
            verdict: verdict.unwrap_or(Verdict::Indeterminate),
            modules,
        })
    }

    fn sketch(&self, package: &Package, module: usize, needs: &[u32]) -> Option<Sketch<'_>> {
        let row = &package.modules[module];
        if self.view.is_in_tree(row) {
            return None;
        }
        let whole = match self.wholes.get(row.class as usize) {
            Some(whole) => Cow::Borrowed(whole),
            None => Cow::Owned(self.view.whole(row.class)),
        };
        let mut sketch = Sketch::new(whole);
        for &need in needs {
            let word = match self.words.get(need as usize) {
                Some(word) => *word,
                None => self.view.word(need),
            };
            let word = match word {
                Word::Contested => return None,
                Word::Ask => Word::from(&self.view.fate(row, need)),
                word => word,
            };
            sketch.add(word, need);
        }
        Some(sketch)
    }

    /// The first reasons, of those modules first that decide.
    fn list(&self, package: &Package, sketches: &mut [Sketch<'_>]) -> Vec<ModuleVerdict> {
        let mut order: Vec<usize> = (0..sketches.len()).collect();
        order.sort_by_key(|module| std::cmp::Reverse(sketches[*module].standing.verdict()));
        let mut room = self.keep;
        let mut listed = Vec::new();
        for module in order {
            let sketch = &mut sketches[module];
            if room == 0 || sketch.reasons_total() == 0 {
                continue;
            }
            if !self.ranks.is_empty() {
                let symbol_of = |need: u32| self.view.packages.symbol_of(need);
                let rank = |told: &(Severity, u32)| self.ranks[symbol_of(told.1) as usize];
                sketch.told.sort_by_key(rank);
            }
            let judged = self.in_words(package, module, sketch, room);
            room -= judged.reasons.len();
            listed.push(judged);
        }
        listed
    }

    fn in_words(
        &self,
        package: &Package,
        module: usize,
        sketch: &Sketch<'_>,
        most: usize,
    ) -> ModuleVerdict {
        let row = &package.modules[module];
        ModuleVerdict {
            module: self.view.packages.texts.get(row.name).to_owned(),
            verdict: sketch.standing.verdict(),
            reasons: sketch.reasons(most, |need| self.view.told(row, need)),
            needed_total: package.needed_total(module, &self.view.packages.classes),
            needed_ok: sketch.resolved,
        }
    }
}

impl<'w> Sketch<'w> {
    fn new(whole: Cow<'w, Whole>) -> Sketch<'w> {
        Sketch {
            standing: whole.standing,
            resolved: whole.resolved,
            told: Vec::new(),
            whole,
        }
    }

    /// `number` says later which need it was.
    fn add(&mut self, word: Word, number: u32) {
        self.resolved += usize::from(word.is_resolved());
        self.standing.unknown |= word == Word::Unknown;
        if let Some(severity) = word.severity() {
            self.standing.worst = self.standing.worst.max(Some(severity));
            self.told.push((severity, number));
        }
    }

    fn reasons_total(&self) -> usize {
        self.whole.reasons().count() + self.told.len()
    }

    /// The first reasons, worst first, and among equals in the loader's order.
    fn reasons(&self, most: usize, in_words: impl Fn(u32) -> Option<Reason>) -> Vec<Reason> {
        let weights = [Severity::Fatal, Severity::Warn, Severity::Info];
        let of_weight = |weight: Severity| {
            let is_so = move |reason: &&Reason| reason.severity == weight;
            let told = self.told.iter().filter(move |told| told.0 == weight);
            let before = self.whole.before.iter().filter(is_so).cloned();
            let after = self.whole.after.iter().filter(is_so).cloned();
            before
                .chain(told.filter_map(|told| in_words(told.1)))
                .chain(after)
        };
        weights.into_iter().flat_map(of_weight).take(most).collect()
    }
}

/// A package that is not among the others, its symbols looked up once for all kernels.
pub(super) struct Stranger<'m> {
    modules: Vec<(&'m Module, Vec<Wish<'m>>)>,
}

/// An import of a stranger's module.
struct Wish<'m> {
    import: &'m Import,
    /// The symbol's number; `None`: neither kernels nor packages know it.
    symbol: Option<u32>,
    wanted: Wanted,
}

impl<'m> Stranger<'m> {
    /// `None`, too, for a package that exports something.
    pub fn of(modules: &'m [Module], number_of: impl Fn(&str) -> Option<u32>) -> Option<Self> {
        let with_wishes = |module: &'m Module| {
            let is_gpl = module.is_gpl_compatible();
            let wish = |import: &'m Import| Wish {
                import,
                symbol: number_of(&import.symbol),
                wanted: Wanted {
                    crc: import.crc,
                    weak: import.weak,
                    is_long: symbols::is_long(&import.symbol, module.machine.is_64),
                    is_gpl,
                    versions: module.versions,
                },
            };
            (module, module.imports.iter().map(wish).collect())
        };
        let modules: Vec<_> = modules.iter().map(with_wishes).collect();
        let exports = modules.iter().any(|(module, _)| !module.exports.is_empty());
        (!exports).then_some(Stranger { modules })
    }

    /// The verdict on it, with all reasons.
    pub fn judge(&self, view: &View<'_>) -> Option<PackageVerdict> {
        let modules = self.modules.iter();
        let judged = modules.map(|(module, wishes)| judge_module(view, module, wishes));
        let modules = judged.collect::<Option<Vec<ModuleVerdict>>>()?;
        let verdict = modules.iter().map(|module| module.verdict).max();
        Some(PackageVerdict {
            verdict: verdict.unwrap_or(Verdict::Indeterminate),
            modules,
        })
    }
}

fn judge_module(view: &View<'_>, module: &Module, wishes: &[Wish<'_>]) -> Option<ModuleVerdict> {
    let kernel = view.kernel;
    if !kernel.exports_of(&plain(&module.name)).is_empty() {
        return None;
    }
    let mut sketch = Sketch::new(Cow::Owned(Whole::of(&kernel.head, module)));
    let mut words: Vec<(Told, usize)> = Vec::new();
    for (place, wish) in wishes.iter().enumerate() {
        if is_layout(&wish.import.symbol) || !kernel.has_exports() {
            continue;
        }
        if !wish.import.undefined {
            sketch.resolved += 1;
            continue;
        }
        let export = wish.symbol.and_then(|symbol| kernel.export(symbol));
        let may_use = |namespace: &str| {
            symbols::is_usable(namespace, &module.name, || module.import_namespaces())
        };
        let offered = export.map(super::kernel::PackedExport::offered);
        let fate = symbols::fate(&kernel.head, wish.wanted, offered, may_use);
        if let Fate::Failed(told) = fate {
            let offers = wish.symbol.map(|symbol| view.packages.offers(symbol));
            if told.is_curable() && offers.is_some_and(|offers| !offers.is_empty()) {
                return None;
            }
        }
        let number = u32::try_from(words.len()).ok()?;
        sketch.add(Word::from(&fate), number);
        words.extend(told_of(fate).map(|told| (told, place)));
    }
    let in_words = |number: u32| {
        let (told, place) = words.get(number as usize)?;
        let wish = &wishes[*place];
        let export = wish.symbol.and_then(|symbol| kernel.export(symbol));
        let export: Option<KernelExport> = export.map(super::kernel::PackedExport::unpacked);
        Some(told.reason(wish.import, export.as_ref()))
    };
    Some(ModuleVerdict {
        module: module.name.clone(),
        verdict: sketch.standing.verdict(),
        reasons: sketch.reasons(usize::MAX, in_words),
        needed_total: module.imports.len(),
        needed_ok: sketch.resolved,
    })
}

/// What is to be said of a need.
pub(super) fn told_of(fate: Fate) -> Option<Told> {
    match fate {
        Fate::Met { remark, .. } => remark,
        Fate::Unknown(told) | Fate::Failed(told) => Some(told),
        Fate::SaidBefore => None,
    }
}
