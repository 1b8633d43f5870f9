//! Packages on one kernel, as far as the kernel alone decides.

use super::bits::Bits;
use super::kernel::{PackedExport, PackedKernel};
use super::packages::{ModuleRow, Package, Packages};
use crate::judge::symbols::{self, Fate};
use crate::judge::{Standing, exports};
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
    /// Satisfied without remark, for every module that has this need.
    met: Bits,
    /// Not satisfied by the kernel, for every module that has this need.
    failed: Bits,
    /// Those of the failed that a package might satisfy.
    contested: Bits,
    classes: Vec<ClassFate>,
    /// Names of modules that the kernel has, too, and which export something there.
    in_tree: Bits,
}

/// What the kernel says to one kind of module.
struct ClassFate {
    standing: Standing,
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

/// What the kernel alone says to a package.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    Decided(Verdict),
    /// Modules of this or other packages decide.
    Open,
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
        let count = packages.needs.rows().len();
        let [mut met, mut failed, mut contested] = [(); 3].map(|()| Bits::none(count));
        for need in 0..packages.needs.len() {
            match view.look_up(need) {
                State::Met => met.set(need),
                State::Failed => failed.set(need),
                State::Contested => contested.set(need),
                State::Ask => {}
            }
        }
        let classes = packages.classes.rows().iter().map(|class| ClassFate {
            standing: class.standing(&kernel.head),
            layout: class.layout_reason(&kernel.head),
        });
        let classes = classes.collect();
        let mut in_tree = Bits::none(packages.texts.len());
        for name in kernel
            .in_tree()
            .filter_map(|name| packages.texts.find(name))
        {
            in_tree.set(name);
        }
        View {
            prepared: Some(Prepared {
                met,
                failed,
                contested,
                classes,
                in_tree,
            }),
            ..view
        }
    }

    /// The verdict on a package, if the kernel alone decides it.
    pub fn package(&self, slot: u32, package: &Package) -> Seen {
        let mut worst = None;
        let mut is_open = false;
        for module in 0..package.modules.len() {
            let (standing, open) = self.assess(slot, package, module);
            worst = worst.max(Some(standing.verdict()));
            is_open |= open && standing.worst != Some(Severity::Fatal);
            if worst == Some(Verdict::Incompatible) {
                return Seen::Decided(Verdict::Incompatible);
            }
        }
        if is_open {
            Seen::Open
        } else {
            Seen::Decided(worst.unwrap_or(Verdict::Indeterminate))
        }
    }

    /// What the kernel says to a module, and whether other modules have a say, too. Ends early when
    /// it is refused.
    pub fn assess(&self, slot: u32, package: &Package, module: usize) -> (Standing, bool) {
        let row = &package.modules[module];
        let mut standing = self.as_a_whole(row);
        let mut is_open = false;
        if standing.worst == Some(Severity::Fatal) || !self.kernel.has_exports() {
            return (standing, is_open);
        }
        for &need in package.needs_of(module) {
            let state = self.state(need);
            if row.needs_own && package.is_own_need(module, need, &self.packages.needs) {
                is_open = true;
                continue;
            }
            match state {
                State::Met => {}
                State::Contested if self.others_offer(slot, need) => is_open = true,
                State::Ask => self.ask(row, need, &mut standing),
                State::Contested | State::Failed => standing.worst = Some(Severity::Fatal),
            }
            if standing.worst == Some(Severity::Fatal) {
                break;
            }
        }
        (standing, is_open)
    }

    /// Needs of a module that modules might satisfy, and whether only those of its own package
    /// count.
    pub fn open_needs(&self, slot: u32, package: &Package, module: usize) -> Vec<(u32, bool)> {
        if !self.kernel.has_exports() {
            return Vec::new();
        }
        let row = &package.modules[module];
        let open = |need: &u32| {
            if row.needs_own && package.is_own_need(module, *need, &self.packages.needs) {
                Some((*need, true))
            } else if self.state(*need) == State::Contested && self.others_offer(slot, *need) {
                Some((*need, false))
            } else {
                None
            }
        };
        package.needs_of(module).iter().filter_map(open).collect()
    }

    /// Do modules of this or other packages have a say?
    pub fn is_open(&self, slot: u32, package: &Package) -> bool {
        let is_contested =
            |need: &u32| self.state(*need) == State::Contested && self.others_offer(slot, *need);
        self.kernel.has_exports()
            && (package.modules.iter().any(|module| module.needs_own)
                || package.needs().iter().any(is_contested))
    }

    /// What the kernel says to a module, its needs aside.
    fn as_a_whole(&self, row: &ModuleRow) -> Standing {
        let mut standing = self.standing(row.class);
        if row.is_duplicate || self.collides(row) {
            standing.worst = Some(Severity::Fatal);
        } else if self.replaces_badly(row) {
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
            None => self.packages.classes.get(class).standing(&self.kernel.head),
        }
    }

    /// Why the kernel refuses the `module_layout` of modules of that class, if it does.
    pub fn layout_reason(&self, class: u32) -> Option<Reason> {
        match &self.prepared {
            Some(prepared) => prepared.classes[class as usize].layout.clone(),
            None => self
                .packages
                .classes
                .get(class)
                .layout_reason(&self.kernel.head),
        }
    }

    /// Does the kernel refuse the `module_layout` of modules of that class?
    pub fn layout_fails(&self, class: u32) -> bool {
        match &self.prepared {
            Some(prepared) => prepared.classes[class as usize].layout.is_some(),
            None => self.layout_reason(class).is_some(),
        }
    }

    /// Does the kernel refuse this need of that module, whatever other modules say?
    pub fn is_denied(&self, row: &ModuleRow, need: u32) -> bool {
        match self.state(need) {
            State::Met => false,
            State::Failed | State::Contested => true,
            State::Ask => matches!(self.fate(row, need), Fate::Failed(_)),
        }
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

    pub fn state(&self, need: u32) -> State {
        match &self.prepared {
            Some(prepared) if prepared.met.has(need) => State::Met,
            Some(prepared) if prepared.failed.has(need) => State::Failed,
            Some(prepared) if prepared.contested.has(need) => State::Contested,
            Some(_) => State::Ask,
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

    fn ask(&self, row: &ModuleRow, need: u32, standing: &mut Standing) {
        let severity = match self.fate(row, need) {
            Fate::SaidBefore | Fate::Met { remark: None, .. } => return,
            Fate::Met {
                remark: Some(told), ..
            }
            | Fate::Failed(told) => told.severity,
            Fate::Unknown(told) => {
                standing.unknown = true;
                told.severity
            }
        };
        standing.worst = standing.worst.max(Some(severity));
    }

    /// What the kernel alone says to a need of that module.
    fn fate(&self, row: &ModuleRow, need: u32) -> Fate {
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
    fn collides(&self, row: &ModuleRow) -> bool {
        let name = self.packages.texts.get(row.name);
        let of_kernel = |symbol| self.kernel.export(symbol);
        row.exports
            .iter()
            .filter_map(|export| of_kernel(export.symbol))
            .any(|taken| exports::collides(taken.provider, name))
    }

    /// Stands in for one of the kernel's own modules, but does not export what that one does.
    fn replaces_badly(&self, row: &ModuleRow) -> bool {
        if let Some(prepared) = &self.prepared
            && !prepared.in_tree.has(row.plain_name)
        {
            return false;
        }
        let name = self.packages.texts.get(row.plain_name);
        self.kernel.exports_of(name).iter().any(|symbol| {
            let original = self.kernel.export(*symbol).map_or(&[][..], |e| e.crcs);
            let ours = row.exports.iter().rev().find(|e| e.symbol == *symbol);
            exports::replacement(original, ours.map(|export| export.crc)).is_some()
        })
    }
}
