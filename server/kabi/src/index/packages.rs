//! The packages of an index: numbers instead of texts, some 4 bytes for each need.

use super::class::Classes;
use super::need::{NeedId, Needs};
use super::texts::Texts;
use super::{PackedError, packed};
use crate::judge::offers::plain;
use kmod::{Crc, Export, Module};
use std::collections::{BTreeSet, HashMap};

/// Every package, by slot, and what they share.
#[derive(Debug, Default)]
pub(super) struct Packages {
    pub needs: Needs,
    pub classes: Classes,
    /// Names of modules, and of namespaces in which they export.
    pub texts: Texts,
    /// Names of modules that the kernel would write otherwise, and how.
    pub unplain: HashMap<u32, u32>,
    slots: Vec<Option<Package>>,
    free: Vec<u32>,
    /// By symbol: who exports it.
    offers: HashMap<u32, Vec<Offer>>,
}

/// One package: kept small, as there are very many.
#[derive(Debug)]
pub(super) struct Package {
    /// Its name, among the texts.
    pub name: u32,
    pub modules: Box<[ModuleRow]>,
    /// Places of needs, module after module, rising within each, without that for `module_layout`,
    /// which the class has.
    needs: Box<[u32]>,
    /// Only of packages that export something.
    inside: Option<Box<Inside>>,
}

/// What a package that exports something has within. Each list is of modules (by place) and what
/// they have, sorted by module.
#[derive(Debug, Default)]
struct Inside {
    exports: Box<[(u32, ExportRow)]>,
    /// Needs for symbols that another module of this package exports.
    own_needs: Box<[(u32, u32)]>,
    /// Modules that export a symbol that another one of this package exports, too.
    duplicates: Box<[u32]>,
    /// Modules need each other in one direction only, and each such symbol of one other.
    is_plain: bool,
}

/// One module of a package.
#[derive(Clone, Copy, Debug)]
pub(super) struct ModuleRow {
    /// Its name, among the texts.
    pub name: u32,
    pub class: u32,
    /// Where its needs end among those of the package.
    end: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ExportRow {
    pub symbol: u32,
    pub crc: Option<Crc>,
    pub gpl: bool,
    pub namespace: Option<u32>,
}

/// A module that exports a symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Offer {
    pub slot: u32,
    pub module: u32,
}

impl Packages {
    /// Takes in a packed package and says its slot.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<u32, PackedError> {
        let package = self.unpack(name, bytes)?;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                grow(&mut self.slots);
                self.slots.push(None);
                u32::try_from(self.slots.len() - 1).expect("memory ends before u32 does")
            }
        };
        for (module, export) in package.exports_by_module() {
            let offers = self.offers.entry(export.symbol).or_default();
            offers.push(Offer { slot, module });
        }
        self.slots[slot as usize] = Some(package);
        Ok(slot)
    }

    pub fn remove(&mut self, slot: u32) {
        let Some(package) = self.slots.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        for export in package.exports() {
            if let Some(offers) = self.offers.get_mut(&export.symbol) {
                offers.retain(|offer| offer.slot != slot);
                if offers.is_empty() {
                    self.offers.remove(&export.symbol);
                }
            }
        }
        self.free.push(slot);
    }

    /// A package by itself, known to nobody else.
    pub fn unpack(&mut self, name: &str, bytes: &[u8]) -> Result<Package, PackedError> {
        let modules = packed::read(bytes)?;
        let mut rows = Vec::with_capacity(modules.len());
        let mut needs = Vec::with_capacity(modules.iter().map(|m| m.needs.len()).sum());
        let mut exports: Vec<(u32, ExportRow)> = Vec::new();
        for (number, module) in (0u32..).zip(&modules) {
            let places = module.needs.iter().map(|id| self.place(*id));
            let mut places = places.collect::<Result<Vec<u32>, _>>()?;
            places.sort_unstable();
            let (class, layout) =
                self.classes
                    .intern(&self.needs, module.class, &places, &module.exports)?;
            needs.extend(places.into_iter().filter(|place| Some(*place) != layout));
            rows.push(ModuleRow {
                name: self.texts.intern(module.name),
                class,
                end: u32::try_from(needs.len()).map_err(|_| PackedError::TooMany)?,
            });
            self.note_plain(module.name);
            for export in &module.exports {
                exports.push((number, self.export(export)));
            }
        }
        let mut package = Package {
            name: self.texts.intern(name),
            modules: rows.into(),
            needs: needs.into(),
            inside: None,
        };
        if !exports.is_empty() {
            package.inside = Some(Box::new(Inside::of(&package, exports, &self.needs)));
        }
        Ok(package)
    }

    /// A kernel's own module of this name is found by the name as the kernel writes it.
    fn note_plain(&mut self, name: &str) {
        let plain = plain(name);
        if plain != name {
            let pair = (self.texts.intern(name), self.texts.intern(&plain));
            self.unplain.insert(pair.0, pair.1);
        }
    }

    fn place(&self, id: NeedId) -> Result<u32, PackedError> {
        self.needs.place(id).ok_or(PackedError::UnknownNeed { id })
    }

    fn export(&mut self, export: &Export) -> ExportRow {
        let namespace = export.namespace.as_deref();
        ExportRow {
            symbol: self.needs.symbol(&export.symbol),
            crc: export.crc,
            gpl: export.gpl,
            namespace: namespace.map(|namespace| self.texts.intern(namespace)),
        }
    }

    pub fn get(&self, slot: u32) -> Option<&Package> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub fn name(&self, package: &Package) -> &str {
        self.texts.get(package.name)
    }

    /// Every package with its slot.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Package)> {
        let numbered = (0u32..).zip(&self.slots);
        numbered.filter_map(|(slot, package)| Some((slot, package.as_ref()?)))
    }

    /// Shows every package, for those who look at what all of them need: in memory these lie anywhere,
    /// so those of several are asked for at once, instead of waiting for one after the other.
    pub fn sweep(&self, mut see: impl FnMut(u32, &Package)) {
        const AT_ONCE: usize = 8;
        let mut slot = 0;
        for some in self.slots.chunks(AT_ONCE) {
            let touched = some.iter().flatten().map(Package::touch);
            std::hint::black_box(touched.fold(0, u32::wrapping_add));
            for package in some {
                if let Some(package) = package {
                    see(slot, package);
                }
                slot += 1;
            }
        }
    }

    /// The needs of each module in the order in which modules list them.
    pub fn needs_by_text(&self, package: &Package) -> Vec<Vec<u32>> {
        let symbols = self.needs.symbols();
        let sorted = |module| {
            let mut needs = package.needs_of(module).to_vec();
            needs.sort_by_key(|need| symbols.get(self.symbol_of(*need)));
            needs
        };
        (0..package.modules.len()).map(sorted).collect()
    }

    pub fn offers(&self, symbol: u32) -> &[Offer] {
        self.offers.get(&symbol).map_or(&[], Vec::as_slice)
    }

    /// The symbol of a need, by place.
    pub fn symbol_of(&self, need: u32) -> u32 {
        self.needs.row(need).symbol
    }

    /// The modules of a package as the judge takes them.
    pub fn modules(&self, package: &Package) -> Vec<Module> {
        let module = |place| self.module(package, place);
        (0..package.modules.len()).map(module).collect()
    }

    fn module(&self, package: &Package, place: usize) -> Module {
        let row = &package.modules[place];
        let mut module = self.classes.get(row.class).module.clone();
        self.texts.get(row.name).clone_into(&mut module.name);
        let needs = package.needs_of(place).iter();
        module
            .imports
            .extend(needs.map(|need| self.needs.import(*need)));
        module.imports.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        let exports = package.exports_of(place).map(|export| Export {
            symbol: self.needs.symbols().get(export.symbol).to_owned(),
            crc: export.crc,
            gpl: export.gpl,
            namespace: export.namespace.map(|text| self.texts.get(text).to_owned()),
        });
        module.exports = exports.collect();
        module
    }

    /// Bytes of memory that packages take, about, without what they share.
    pub fn bytes(&self) -> usize {
        let offer =
            |(_, offers): (_, &Vec<Offer>)| OFFERS_HEAD + offers.capacity() * size_of::<Offer>();
        self.slots.capacity() * size_of::<Option<Package>>()
            + self.free.capacity() * size_of::<u32>()
            + self
                .iter()
                .map(|(_, package)| package.bytes())
                .sum::<usize>()
            + self.offers.iter().map(offer).sum::<usize>()
    }

    /// Bytes of memory that packages share: needs, kinds of modules, names.
    pub fn shared_bytes(&self) -> usize {
        self.needs.bytes() + self.classes.bytes() + self.texts.bytes()
    }
}

/// Makes room for one more, a little at a time: doubling would waste half of the memory.
pub(super) fn grow<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 16 + 16);
    }
}

/// A key, a list's head and its share of the table.
const OFFERS_HEAD: usize = 40;
/// What an allocator keeps for itself per piece of memory, about.
const PER_ALLOCATION: usize = 16;

impl Package {
    /// Places of a module's needs.
    pub fn needs_of(&self, module: usize) -> &[u32] {
        let start = module.checked_sub(1).map_or(0, |m| self.modules[m].end);
        &self.needs[start as usize..self.modules[module].end as usize]
    }

    /// How many symbols a module needs, `module_layout` included.
    pub fn needed_total(&self, module: usize, classes: &Classes) -> usize {
        let layout = classes.get(self.modules[module].class).layout;
        self.needs_of(module).len() + usize::from(layout.is_some())
    }

    /// Reads a number of each piece of memory that the processor fetches at a time.
    fn touch(&self) -> u32 {
        const FETCHED: usize = 64 / size_of::<u32>();
        let needs = self.needs.iter().step_by(FETCHED).copied();
        let rows = self.modules.iter().map(|row| row.end);
        needs.chain(rows).fold(0, u32::wrapping_add)
    }

    /// Places of all modules' needs.
    pub fn needs(&self) -> &[u32] {
        &self.needs
    }

    /// What a module exports.
    pub fn exports_of(&self, module: usize) -> impl DoubleEndedIterator<Item = &ExportRow> {
        let all = self
            .inside
            .as_ref()
            .map_or(&[][..], |inside| &inside.exports);
        of_module(all, module).iter().map(|(_, export)| export)
    }

    /// Does some module export something?
    pub fn exports_something(&self) -> bool {
        self.inside.is_some()
    }

    /// What its modules export.
    pub fn exports(&self) -> impl Iterator<Item = &ExportRow> {
        self.exports_by_module().map(|(_, export)| export)
    }

    /// The same, with the place of the module.
    pub fn exports_by_module(&self) -> impl Iterator<Item = (u32, &ExportRow)> {
        let all = self
            .inside
            .as_ref()
            .map_or(&[][..], |inside| &inside.exports);
        all.iter().map(|(module, export)| (*module, export))
    }

    /// A module's needs for symbols that another module of this package exports.
    pub fn own_needs(&self, module: usize) -> &[(u32, u32)] {
        let all = self
            .inside
            .as_ref()
            .map_or(&[][..], |inside| &inside.own_needs);
        of_module(all, module)
    }

    /// Does it need symbols of its own, in one direction only, and each of one module?
    pub fn is_plain(&self) -> bool {
        self.inside.as_ref().is_none_or(|inside| inside.is_plain)
    }

    /// Does another module of this package export a symbol that this module exports, too?
    pub fn is_duplicate(&self, module: usize) -> bool {
        let inside = self.inside.as_ref();
        inside.is_some_and(|inside| inside.duplicates.iter().any(|m| *m as usize == module))
    }

    fn bytes(&self) -> usize {
        let inside = |inside: &Inside| {
            size_of::<Inside>()
                + size_of_val(&*inside.exports)
                + size_of_val(&*inside.own_needs)
                + size_of_val(&*inside.duplicates)
                + 4 * PER_ALLOCATION
        };
        size_of_val(&*self.needs)
            + size_of_val(&*self.modules)
            + self.inside.as_deref().map_or(0, inside)
            + 2 * PER_ALLOCATION
    }
}

/// The part of a list, sorted by module, that belongs to one.
fn of_module<T>(all: &[(u32, T)], module: usize) -> &[(u32, T)] {
    let start = all.partition_point(|(m, _)| (*m as usize) < module);
    let end = all.partition_point(|(m, _)| *m as usize <= module);
    &all[start..end]
}

impl Inside {
    fn of(package: &Package, exports: Vec<(u32, ExportRow)>, needs: &Needs) -> Inside {
        let mut exporters: HashMap<u32, BTreeSet<u32>> = HashMap::new();
        for (module, export) in &exports {
            exporters.entry(export.symbol).or_default().insert(*module);
        }
        // Who else exports it; nobody, for most symbols.
        let others = |symbol: u32, module: u32| {
            let exporters = exporters.get(&symbol).into_iter().flatten();
            exporters.copied().filter(move |other| *other != module)
        };
        let mut inside = Inside {
            is_plain: true,
            ..Inside::default()
        };
        let mut own_needs = Vec::new();
        // Who needs whom.
        let mut edges = BTreeSet::new();
        for (module, _) in (0u32..).zip(&package.modules) {
            for need in package.needs_of(module as usize) {
                let row = needs.row(*need);
                if !row.kind.is_used() || needs.is_layout(row.symbol) {
                    continue;
                }
                let others: Vec<u32> = others(row.symbol, module).collect();
                if !others.is_empty() {
                    own_needs.push((module, *need));
                    inside.is_plain &= others.len() == 1;
                    edges.extend(others.into_iter().map(|other| (module, other)));
                }
            }
        }
        inside.is_plain &= is_acyclic(edges);
        let of_others =
            |(module, export): &&(u32, ExportRow)| others(export.symbol, *module).count() > 0;
        let duplicates: BTreeSet<u32> = exports.iter().filter(of_others).map(|(m, _)| *m).collect();
        inside.duplicates = duplicates.into_iter().collect();
        inside.own_needs = own_needs.into();
        inside.exports = exports.into();
        inside
    }
}

/// Takes away, again and again, what needs nothing that is left.
fn is_acyclic(mut edges: BTreeSet<(u32, u32)>) -> bool {
    while !edges.is_empty() {
        let waiting: BTreeSet<u32> = edges.iter().map(|(user, _)| *user).collect();
        let before = edges.len();
        edges.retain(|(_, needed)| waiting.contains(needed));
        if edges.len() == before {
            return false;
        }
    }
    true
}
