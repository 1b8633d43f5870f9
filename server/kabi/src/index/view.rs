//! Packages on one kernel, as far as the kernel alone decides.

use super::alone::told_of;
use super::bits::{self, Bits};
use super::broken::NO_LAYOUT;
use super::kernel::{PackedExport, PackedKernel};
use super::packages::{ExportRow, ModuleRow, Package, Packages};
use crate::judge::offers::{Fit, fit_of, plain};
use crate::judge::symbols::{self, Fate, Offered};
use crate::judge::{Standing, Whole, exports};
use crate::verdict::{Reason, Severity, Verdict};

/// One kernel and all packages.
pub(super) struct View<'a> {
    pub packages: &'a Packages,
    pub kernel: &'a PackedKernel,
    /// Looked up beforehand when many packages are asked for.
    prepared: Option<Prepared>,
}

/// The answers for every need and every kind of module.
struct Prepared {
    /// By need.
    states: Vec<State>,
    /// The needs whose state is [`State::Met`]: many are looked up at once.
    met: Bits,
    classes: Vec<ClassFate>,
    /// Names of modules that the kernel has, too, and which export something there.
    in_tree: Bits,
}

/// What the kernel says to one kind of module.
struct ClassFate {
    standing: Standing,
    /// What that comes to.
    verdict: Verdict,
    /// Why it refuses the version of `module_layout`.
    layout: Option<Reason>,
}

/// What the kernel says to a need, before it is known whose it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Met,
    /// Satisfied with a remark, unknown, or a question of namespaces.
    Ask,
    /// Not satisfied, whoever asks.
    Failed,
    /// Not satisfied by the kernel, but some package exports the symbol.
    Contested,
}

/// The same, with all that is to be said of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    Met,
    /// Met, and something is to be said of it.
    Remark(Severity),
    /// Nobody can say.
    Unknown,
    Failed,
    /// A rule for the whole module has said what there is to say.
    SaidBefore,
    /// A question of namespaces: depends on the module.
    Ask,
    /// Not satisfied by the kernel, but some package exports the symbol.
    Contested,
}

impl From<&Fate> for Word {
    fn from(fate: &Fate) -> Word {
        match fate {
            Fate::Met { remark: None, .. } => Word::Met,
            Fate::Met {
                remark: Some(told), ..
            } => Word::Remark(told.severity),
            Fate::Unknown(_) => Word::Unknown,
            Fate::Failed(_) => Word::Failed,
            Fate::SaidBefore => Word::SaidBefore,
        }
    }
}

impl Word {
    pub fn is_resolved(self) -> bool {
        matches!(self, Word::Met | Word::Remark(_))
    }

    /// How much weighs what is to be said of it.
    pub fn severity(self) -> Option<Severity> {
        match self {
            Word::Remark(severity) => Some(severity),
            Word::Unknown => Some(Severity::Warn),
            Word::Failed => Some(Severity::Fatal),
            Word::Met | Word::SaidBefore | Word::Ask | Word::Contested => None,
        }
    }
}

/// What the kernel alone says to a package.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    Decided(Verdict),
    /// Modules of this or other packages decide.
    Open,
}

/// Whether modules have a say in what becomes of a module.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) enum Open {
    #[default]
    No,
    /// Those of its own package.
    Own,
    /// Those of other packages.
    Foreign,
}

/// What is said of the modules of a package, together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Together {
    /// The worst.
    pub verdict: Option<Verdict>,
    /// Who has a say in a module that is not refused anyway.
    open: Open,
    all_load: bool,
}

impl Default for Together {
    fn default() -> Together {
        Together {
            verdict: None,
            open: Open::No,
            all_load: true,
        }
    }
}

impl Together {
    pub fn add(&mut self, standing: Standing, open: Open) {
        let is_refused = standing.worst == Some(Severity::Fatal);
        self.verdict = self.verdict.max(Some(standing.verdict()));
        self.all_load &= !is_refused && !standing.unknown;
        if !is_refused {
            self.open = self.open.max(open);
        }
    }
}

impl<'a> View<'a> {
    /// For one package or a few.
    pub fn of(packages: &'a Packages, kernel: &'a PackedKernel) -> View<'a> {
        View {
            packages,
            kernel,
            prepared: None,
        }
    }

    /// For all packages.
    pub fn prepared(packages: &'a Packages, kernel: &'a PackedKernel) -> View<'a> {
        let view = View::of(packages, kernel);
        let states = (0..packages.needs.len()).map(|need| view.look_up(need));
        let states: Vec<State> = states.collect();
        let mut met = Bits::none(states.len());
        for (need, _) in (0u32..).zip(&states).filter(|(_, s)| **s == State::Met) {
            met.set(need);
        }
        let classes = packages.classes.rows().iter().map(|class| {
            let (standing, layout) = class.fate(&kernel.head);
            ClassFate {
                standing,
                verdict: standing.verdict(),
                layout,
            }
        });
        let classes = classes.collect();
        let mut in_tree = Bits::none(packages.texts.len());
        for name in kernel
            .in_tree()
            .filter_map(|name| packages.texts.find(name))
        {
            in_tree.set(name);
        }
        for (written, plain) in &packages.unplain {
            if in_tree.has(*plain) {
                in_tree.set(*written);
            }
        }
        View {
            prepared: Some(Prepared {
                states,
                met,
                classes,
                in_tree,
            }),
            ..view
        }
    }

    /// The verdict on a package, if the kernel alone decides it.
    pub fn package(&self, slot: u32, package: &Package) -> Seen {
        if let Some(verdict) = self.quickly(package) {
            return Seen::Decided(verdict);
        }
        let mut together = Together::default();
        for module in 0..package.modules.len() {
            let (standing, open) = self.assess(slot, package, module, true, |_| {});
            together.add(standing, open);
            if together.verdict == Some(Verdict::Incompatible) {
                return Seen::Decided(Verdict::Incompatible);
            }
        }
        self.decide(package, together)
    }

    /// The verdict on a package in the usual case: nobody has a say but the kernel, which satisfies
    /// every need without remark.
    pub fn quickly(&self, package: &Package) -> Option<Verdict> {
        let prepared = self.prepared.as_ref()?;
        if package.exports_something() || !prepared.met.has_all(package.needs()) {
            return None;
        }
        let mut worst = Verdict::Compatible;
        for row in &package.modules {
            if prepared.in_tree.has(row.name) {
                return None;
            }
            worst = worst.max(prepared.classes[row.class as usize].verdict);
        }
        (!package.modules.is_empty()).then_some(worst)
    }

    /// The verdict on a package by what is said of its modules.
    pub fn decide(&self, package: &Package, together: Together) -> Seen {
        match together.open {
            Open::Foreign => Seen::Open,
            Open::Own if !together.all_load || !self.own_needs_are_met(package) => Seen::Open,
            _ => Seen::Decided(together.verdict.unwrap_or(Verdict::Indeterminate)),
        }
    }

    /// What the kernel says to a module, and whether other modules have a say, too. What it denies
    /// goes to `denied`; with `stop`, ends early when the module is refused.
    pub fn assess(
        &self,
        slot: u32,
        package: &Package,
        module: usize,
        stop: bool,
        mut denied: impl FnMut(u32),
    ) -> (Standing, Open) {
        let mut standing = self.as_a_whole(package, module);
        let needs = package.needs_of(module);
        let own = package.own_needs(module);
        let is_refused = |standing: &Standing| standing.worst == Some(Severity::Fatal);
        if (stop && is_refused(&standing)) || !self.kernel.has_exports() {
            return (standing, Open::No);
        }
        let mut open = if own.is_empty() { Open::No } else { Open::Own };
        let row = &package.modules[module];
        for &need in self.chunks_not_met(needs).flatten() {
            let state = self.state(need);
            if state == State::Met || own.iter().any(|(_, own)| *own == need) {
                continue;
            }
            if state == State::Contested && self.others_offer(slot, need) {
                open = Open::Foreign;
            } else if state != State::Ask || self.ask(row, need, &mut standing) {
                standing.worst = Some(Severity::Fatal);
                denied(need);
                if stop {
                    break;
                }
            }
        }
        (standing, open)
    }

    /// Do the modules of a package satisfy each other, so that nothing else need be looked at?
    fn own_needs_are_met(&self, package: &Package) -> bool {
        let is_gpl = |row: &ModuleRow| self.packages.classes.get(row.class).is_gpl;
        let is_met = |module: usize, need: u32| {
            let symbol = self.packages.symbol_of(need);
            let mut exports = package.exports().filter(|export| export.symbol == symbol);
            exports.any(|export| self.fits(&package.modules[module], need, export))
        };
        let mut modules = 0..package.modules.len();
        package.is_plain()
            && package.modules.iter().all(is_gpl)
            && modules.all(|module| {
                let mut own = package.own_needs(module).iter();
                own.all(|(_, need)| is_met(module, *need))
            })
    }

    /// Is every module refused before its symbols are looked at?
    pub fn is_dead(&self, package: &Package) -> bool {
        let mut modules = 0..package.modules.len();
        modules.all(|m| self.as_a_whole(package, m).worst == Some(Severity::Fatal))
    }

    /// Where all modules of a package are refused: a module's needs for symbols of the others, but
    /// for those that a rule for the whole module has spoken of.
    pub fn own_denied<'p>(
        &'p self,
        package: &'p Package,
        module: usize,
    ) -> impl Iterator<Item = u32> + use<'p, 'a> {
        let fits = move |need: u32| {
            let symbol = self.packages.symbol_of(need);
            package.exports_by_module().any(|(exporter, export)| {
                exporter as usize != module
                    && export.symbol == symbol
                    && self.fits(&package.modules[module], need, export)
            })
        };
        let needs = package.own_needs(module).iter().map(|(_, need)| *need);
        needs.filter(move |need| fits(*need) || !self.is_unversioned(*need))
    }

    /// Does an export of some module satisfy a need of that one?
    pub fn fits(&self, row: &ModuleRow, need: u32, export: &ExportRow) -> bool {
        let wanted = self.packages.needs.row(need).wanted();
        let offered = Offered {
            crcs: export.crc.as_slice(),
            gpl: export.gpl,
            namespace: export.namespace.map(|text| self.packages.texts.get(text)),
        };
        let may_use = |namespace: &str| self.may_use(row, namespace);
        fit_of(&self.kernel.head, wanted, offered, may_use) == Fit::Fits
    }

    /// Parts of a list of needs that are not all met. That nearly all are is the usual case, and
    /// therefore the fast one.
    pub fn chunks_not_met<'n>(&self, needs: &'n [u32]) -> impl Iterator<Item = &'n [u32]> {
        let is_open = |chunk: &&[u32]| match &self.prepared {
            Some(prepared) => !prepared.met.has_all(chunk),
            None => true,
        };
        needs.chunks(bits::AT_ONCE).filter(is_open)
    }

    /// Needs of a module that modules might satisfy, and whether only those of its own package
    /// count.
    pub fn open_needs(&self, slot: u32, package: &Package, module: usize) -> Vec<(u32, bool)> {
        if !self.kernel.has_exports() {
            return Vec::new();
        }
        let (needs, own) = (package.needs_of(module), package.own_needs(module));
        let open = |need: &u32| {
            if own.iter().any(|(_, own)| own == need) {
                Some((*need, true))
            } else if self.state(*need) == State::Contested && self.others_offer(slot, *need) {
                Some((*need, false))
            } else {
                None
            }
        };
        if own.is_empty() {
            let needs = self.chunks_not_met(needs).flatten();
            return needs.filter_map(open).collect();
        }
        needs.iter().filter_map(open).collect()
    }

    /// What the kernel says to a module, its needs aside.
    fn as_a_whole(&self, package: &Package, module: usize) -> Standing {
        let row = &package.modules[module];
        let mut standing = self.standing(row.class);
        if package.is_duplicate(module) || self.collides(package, module) {
            standing.worst = Some(Severity::Fatal);
        } else if self.replaces_badly(package, module) {
            standing.worst = standing.worst.max(Some(Severity::Warn));
        }
        standing
    }

    /// Does a module of another package export the symbol of this need?
    fn others_offer(&self, slot: u32, need: u32) -> bool {
        let offers = self.packages.offers(self.packages.symbol_of(need));
        offers.iter().any(|offer| offer.slot != slot)
    }

    fn standing(&self, class: u32) -> Standing {
        match &self.prepared {
            Some(prepared) => prepared.classes[class as usize].standing,
            None => self.packages.classes.get(class).fate(&self.kernel.head).0,
        }
    }

    /// Why the kernel refuses the `module_layout` of modules of that class, if it does.
    pub fn layout_reason(&self, class: u32) -> Option<Reason> {
        match &self.prepared {
            Some(prepared) => prepared.classes[class as usize].layout.clone(),
            None => self.packages.classes.get(class).fate(&self.kernel.head).1,
        }
    }

    /// The need for `module_layout` of modules of that class, if the kernel refuses it.
    pub fn layout_pair(&self, class: u32) -> Option<u32> {
        let fails = match &self.prepared {
            Some(prepared) => prepared.classes[class as usize].layout.is_some(),
            None => self.layout_reason(class).is_some(),
        };
        let layout = self.packages.classes.get(class).layout;
        fails.then(|| layout.unwrap_or(NO_LAYOUT))
    }

    /// Why the kernel does not satisfy a need of that module.
    pub fn reason(&self, row: &ModuleRow, need: u32) -> Option<Reason> {
        let symbol = self.packages.symbol_of(need);
        if self.packages.needs.is_layout(symbol) {
            return self.layout_reason(row.class);
        }
        let export = self.kernel.export(symbol).map(PackedExport::unpacked);
        match self.fate(row, need) {
            Fate::Failed(told) => {
                Some(told.reason(&self.packages.needs.import(need), export.as_ref()))
            }
            Fate::Met { .. } | Fate::Unknown(_) | Fate::SaidBefore => None,
        }
    }

    #[inline]
    pub fn state(&self, need: u32) -> State {
        match &self.prepared {
            Some(prepared) => prepared.states[need as usize],
            None => self.look_up(need),
        }
    }

    fn look_up(&self, need: u32) -> State {
        let row = self.packages.needs.row(need);
        if self.packages.needs.is_layout(row.symbol)
            || !row.kind.is_used()
            || !self.kernel.has_exports()
        {
            return State::Met;
        }
        let export = self.kernel.export(row.symbol);
        let is_conditional = export.is_some_and(|e| e.namespace.is_some_and(|n| !n.is_empty()));
        match self.fate_if(need, export, |_| true) {
            Fate::Failed(told) => {
                let is_offered = !self.packages.offers(row.symbol).is_empty();
                if is_offered && told.is_curable() {
                    State::Contested
                } else {
                    State::Failed
                }
            }
            _ if is_conditional => State::Ask,
            Fate::SaidBefore => State::Met,
            Fate::Met { remark, .. } if !remark.is_some_and(|told| told.is_heavy()) => State::Met,
            Fate::Met { .. } | Fate::Unknown(_) => State::Ask,
        }
    }

    /// What the kernel says to a need, with all that is to be said of it.
    pub fn word(&self, need: u32) -> Word {
        let row = self.packages.needs.row(need);
        if self.packages.needs.is_layout(row.symbol) || !self.kernel.has_exports() {
            return Word::SaidBefore;
        }
        if !row.kind.is_used() {
            return Word::Met;
        }
        let export = self.kernel.export(row.symbol);
        let is_conditional = export.is_some_and(|e| e.namespace.is_some_and(|n| !n.is_empty()));
        match self.fate_if(need, export, |_| true) {
            Fate::Failed(told)
                if told.is_curable() && !self.packages.offers(row.symbol).is_empty() =>
            {
                Word::Contested
            }
            fate @ Fate::Failed(_) => Word::from(&fate),
            _ if is_conditional => Word::Ask,
            fate => Word::from(&fate),
        }
    }

    /// All that the kernel says to modules of that class, their needs aside.
    pub fn whole(&self, class: u32) -> Whole {
        self.packages.classes.get(class).whole(&self.kernel.head)
    }

    /// Does a module stand in for one of the kernel's own that exports something?
    pub fn is_in_tree(&self, row: &ModuleRow) -> bool {
        match &self.prepared {
            Some(prepared) => prepared.in_tree.has(row.name),
            None => {
                let name = plain(self.packages.texts.get(row.name));
                !self.kernel.exports_of(&name).is_empty()
            }
        }
    }

    /// What is to be said of a need of that module, if the kernel alone decides about it.
    pub fn told(&self, row: &ModuleRow, need: u32) -> Option<Reason> {
        let told = told_of(self.fate(row, need))?;
        let export = self.kernel.export(self.packages.symbol_of(need));
        let export = export.map(PackedExport::unpacked);
        Some(told.reason(&self.packages.needs.import(need), export.as_ref()))
    }

    /// Looks at a need that is neither plainly met nor plainly denied; true if it is denied.
    fn ask(&self, row: &ModuleRow, need: u32, standing: &mut Standing) -> bool {
        let severity = match self.fate(row, need) {
            Fate::SaidBefore | Fate::Met { remark: None, .. } => return false,
            Fate::Failed(_) => return true,
            Fate::Met {
                remark: Some(told), ..
            } => told.severity,
            Fate::Unknown(told) => {
                standing.unknown = true;
                told.severity
            }
        };
        standing.worst = standing.worst.max(Some(severity));
        false
    }

    /// What the kernel alone says to a need of that module.
    pub fn fate(&self, row: &ModuleRow, need: u32) -> Fate {
        let export = self.kernel.export(self.packages.symbol_of(need));
        self.fate_if(need, export, |namespace| self.may_use(row, namespace))
    }

    /// May that module use symbols of that namespace?
    pub fn may_use(&self, row: &ModuleRow, namespace: &str) -> bool {
        let class = &self.packages.classes.get(row.class).module;
        let name = self.packages.texts.get(row.name);
        symbols::is_usable(namespace, name, || class.import_namespaces())
    }

    /// Is this need of that module met by a GPL-only symbol of the kernel?
    pub fn uses_gpl_only(&self, row: &ModuleRow, need: u32) -> bool {
        let wanted = self.packages.needs.row(need);
        wanted.kind.is_used()
            && !self.packages.needs.is_layout(wanted.symbol)
            && matches!(self.fate(row, need), Fate::Met { gpl_only: true, .. })
    }

    /// Does the kernel demand a version here, and the module as a whole carries none that it reads?
    pub fn is_unversioned(&self, need: u32) -> bool {
        let (kernel, wanted) = (&self.kernel.head, self.packages.needs.row(need).wanted());
        kernel.modversions
            && symbols::expected(kernel, wanted).is_none()
            && !symbols::reads_versions(kernel, wanted.versions)
    }

    fn fate_if(
        &self,
        need: u32,
        export: Option<PackedExport<'_>>,
        may_use: impl FnOnce(&str) -> bool,
    ) -> Fate {
        let wanted = self.packages.needs.row(need).wanted();
        let offered = export.map(PackedExport::offered);
        symbols::fate(&self.kernel.head, wanted, offered, may_use)
    }

    /// Exports what the kernel exports already.
    fn collides(&self, package: &Package, module: usize) -> bool {
        let mut taken = package
            .exports_of(module)
            .filter_map(|export| self.kernel.export(export.symbol));
        taken.any(|taken| {
            let name = self.packages.texts.get(package.modules[module].name);
            exports::collides(taken.provider, name)
        })
    }

    /// Stands in for one of the kernel's own modules, but does not export what that one does.
    fn replaces_badly(&self, package: &Package, module: usize) -> bool {
        let row = &package.modules[module];
        if let Some(prepared) = &self.prepared
            && !prepared.in_tree.has(row.name)
        {
            return false;
        }
        let name = plain(self.packages.texts.get(row.name));
        self.kernel.exports_of(&name).iter().any(|symbol| {
            let original = self.kernel.export(*symbol).map_or(&[][..], |e| e.crcs);
            let mut ours = package.exports_of(module).rev();
            let ours = ours.find(|export| export.symbol == *symbol);
            exports::replacement(original, ours.map(|export| export.crc)).is_some()
        })
    }
}
