//! The packages of an index: numbers instead of texts, some 4 bytes for each need.

use super::class::Classes;
use super::need::{NeedId, Needs};
use super::texts::Texts;
use super::{PackedError, packed};
use crate::judge::offers::plain;
use kmod::{Crc, Export, Module};
use std::collections::{HashMap, HashSet};

/// Every package, by slot, and what they share.
#[derive(Debug, Default)]
pub(super) struct Packages {
    pub needs: Needs,
    pub classes: Classes,
    /// Names of modules, and of namespaces in which they export.
    pub texts: Texts,
    slots: Vec<Option<Package>>,
    free: Vec<u32>,
    /// By symbol: who exports it.
    offers: HashMap<u32, Vec<Offer>>,
}

/// One package.
#[derive(Debug)]
pub(super) struct Package {
    pub name: Box<str>,
    pub modules: Box<[ModuleRow]>,
    /// Places of needs, module after module, rising within each.
    needs: Box<[u32]>,
}

/// One module of a package.
#[derive(Debug)]
pub(super) struct ModuleRow {
    /// Its name, and its name with `_` for `-`.
    pub name: u32,
    pub plain_name: u32,
    pub class: u32,
    /// Where its needs end among those of the package.
    end: u32,
    pub exports: Box<[ExportRow]>,
    /// Needs a symbol that another module of its package exports.
    pub needs_own: bool,
    /// Another module of its package exports one of its symbols, too.
    pub is_duplicate: bool,
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
                self.slots.push(None);
                u32::try_from(self.slots.len() - 1).expect("memory ends before u32 does")
            }
        };
        for (module, row) in package.modules.iter().enumerate() {
            let module = u32::try_from(module).expect("a module takes bytes of a package");
            for export in &row.exports {
                let offers = self.offers.entry(export.symbol).or_default();
                offers.push(Offer { slot, module });
            }
        }
        self.slots[slot as usize] = Some(package);
        Ok(slot)
    }

    pub fn remove(&mut self, slot: u32) {
        let Some(package) = self.slots.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        for export in package.modules.iter().flat_map(|module| &module.exports) {
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
        for module in &modules {
            let start = needs.len();
            for id in &module.needs {
                needs.push(self.place(*id)?);
            }
            needs[start..].sort_unstable();
            let own = &needs[start..];
            let class = self
                .classes
                .intern(&self.needs, module.class, own, &module.exports)?;
            rows.push(ModuleRow {
                name: self.texts.intern(module.name),
                plain_name: self.texts.intern(&plain(module.name)),
                class,
                end: u32::try_from(needs.len()).map_err(|_| PackedError::TooMany)?,
                exports: module.exports.iter().map(|e| self.export(e)).collect(),
                needs_own: false,
                is_duplicate: false,
            });
        }
        let mut package = Package {
            name: name.into(),
            modules: rows.into(),
            needs: needs.into(),
        };
        package.look_inside(&self.needs);
        Ok(package)
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

    /// Every package with its slot.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Package)> {
        let numbered = (0u32..).zip(&self.slots);
        numbered.filter_map(|(slot, package)| Some((slot, package.as_ref()?)))
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
        module.imports = needs.map(|need| self.needs.import(*need)).collect();
        module.imports.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        let exports = row.exports.iter().map(|export| Export {
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

    /// Places of all modules' needs.
    pub fn needs(&self) -> &[u32] {
        &self.needs
    }

    pub fn exports(&self) -> impl Iterator<Item = &ExportRow> {
        self.modules.iter().flat_map(|module| &module.exports)
    }

    /// Does this module need a symbol here that another module of this package exports?
    pub fn is_own_need(&self, module: usize, need: u32, needs: &Needs) -> bool {
        let row = needs.row(need);
        let of_others = |(other, row): (usize, &ModuleRow), symbol: u32| {
            other != module && row.exports.iter().any(|export| export.symbol == symbol)
        };
        row.kind.is_used()
            && !needs.is_layout(row.symbol)
            && self
                .modules
                .iter()
                .enumerate()
                .any(|other| of_others(other, row.symbol))
    }

    /// Notes what no kernel changes.
    fn look_inside(&mut self, needs: &Needs) {
        if self.exports().next().is_none() {
            return;
        }
        let mut exporters: HashMap<u32, HashSet<usize>> = HashMap::new();
        for (module, row) in self.modules.iter().enumerate() {
            for export in &row.exports {
                exporters.entry(export.symbol).or_default().insert(module);
            }
        }
        let is_duplicate = |row: &ModuleRow, module: usize| {
            row.exports.iter().any(|export| {
                let exporters = &exporters[&export.symbol];
                exporters.len() > usize::from(exporters.contains(&module))
            })
        };
        for module in 0..self.modules.len() {
            let needs_own = {
                let mut of_module = self.needs_of(module).iter();
                of_module.any(|need| self.is_own_need(module, *need, needs))
            };
            let row = &mut self.modules[module];
            row.needs_own = needs_own;
            row.is_duplicate = is_duplicate(row, module);
        }
    }

    fn bytes(&self) -> usize {
        let exports = |row: &ModuleRow| match row.exports.len() {
            0 => 0,
            some => some * size_of::<ExportRow>() + PER_ALLOCATION,
        };
        self.name.len()
            + self.needs.len() * size_of::<u32>()
            + self.modules.len() * size_of::<ModuleRow>()
            + self.modules.iter().map(exports).sum::<usize>()
            + 3 * PER_ALLOCATION
    }
}
