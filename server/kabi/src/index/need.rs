//! Needs: what modules want of the kernel's symbols, each distinct one once, under a number.
//!
//! Most modules want the same symbols in the same versions, so a package is stored and compared as
//! a list of numbers. Numbers are given by whoever keeps the truth (a database's sequence), or by
//! [`Needs`] itself; once given they never change meaning.

use super::texts::Texts;
use crate::judge::rules::{LAYOUT_SYMBOLS, is_layout};
use crate::judge::symbols::{self, Wanted};
use kmod::{Crc, Import, Module, Versions};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// One symbol as a module wants it: everything that decides whether a kernel alone satisfies it,
/// but for the namespaces that the module imports.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Need {
    /// The symbol.
    pub symbol: String,
    /// The version the module was built against; `None`: it carries none.
    pub crc: Option<Crc>,
    /// How it is wanted, and by what kind of module.
    pub kind: NeedKind,
}

/// How a symbol is wanted, and by what kind of module. A small number to databases.
///
/// ```text
/// bit 0      the symbol is weak: may stay unresolved
/// bit 1      the symbol is used; else it only has a version record
/// bit 2      the module's licence is GPL-compatible
/// bits 3, 4  the module's version tables: none, basic, extended, both
/// bit 5      the name is too long for a basic version record
/// ```
///
/// Bits 2 to 5 are zero where the loader does not look: `module_layout` and unused symbols.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct NeedKind(u8);

const WEAK: u8 = 1;
const USED: u8 = 1 << 1;
const GPL: u8 = 1 << 2;
const VERSIONS_SHIFT: u32 = 3;
const LONG: u8 = 1 << 5;
const ALL_BITS: u8 = (1 << 6) - 1;

/// Version tables by their number in bits 3 and 4.
const VERSIONS: [Versions; 4] = [
    Versions::None,
    Versions::Basic,
    Versions::Extended,
    Versions::Both,
];

/// Number of a [`Need`], the same in every process that shares a database. Not necessarily dense.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NeedId(pub u32);

/// A number that means no [`NeedKind`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} is not a kind of need: kinds are 0 to {ALL_BITS}")]
pub struct KindError(pub i64);

/// Two needs under one number, or one under two.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NeedConflict {
    /// The number means another need already.
    #[error(
        "need {} cannot mean `{}`, it means `{}` already: numbers never change", .id.0, .new.symbol,
        .old.symbol
    )]
    Taken {
        /// The number.
        id: NeedId,
        /// What it means.
        old: Box<Need>,
        /// What it was to mean.
        new: Box<Need>,
    },
    /// The need has another number already.
    #[error("`{symbol}` has number {} already and cannot be number {}, too", .old.0, .new.0)]
    Known {
        /// The need's symbol.
        symbol: String,
        /// Its number.
        old: NeedId,
        /// The other.
        new: NeedId,
    },
}

impl NeedKind {
    /// The number that databases keep.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// # Errors
    /// The number means nothing.
    pub fn from_bits(bits: i64) -> Result<NeedKind, KindError> {
        match u8::try_from(bits) {
            Ok(byte) if byte <= ALL_BITS => Ok(NeedKind(byte)),
            _ => Err(KindError(bits)),
        }
    }

    /// May stay unresolved.
    pub fn is_weak(self) -> bool {
        self.0 & WEAK != 0
    }

    /// Undefined in the module; else there is only a version record of it.
    pub fn is_used(self) -> bool {
        self.0 & USED != 0
    }

    fn is_gpl(self) -> bool {
        self.0 & GPL != 0
    }

    fn versions(self) -> Versions {
        VERSIONS[usize::from(self.0 >> VERSIONS_SHIFT) & 3]
    }
}

impl TryFrom<u8> for NeedKind {
    type Error = KindError;

    fn try_from(bits: u8) -> Result<NeedKind, KindError> {
        NeedKind::from_bits(i64::from(bits))
    }
}

impl From<NeedKind> for u8 {
    fn from(kind: NeedKind) -> u8 {
        kind.0
    }
}

impl Need {
    /// What this module wants with that import of its.
    pub fn of(module: &Module, import: &Import) -> Need {
        let mut bits = 0;
        if import.weak {
            bits |= WEAK;
        }
        if import.undefined {
            bits |= USED;
        }
        if import.undefined && !is_layout(&import.symbol) {
            let versions = VERSIONS.iter().position(|v| *v == module.versions);
            bits |= (versions.unwrap_or_default() as u8) << VERSIONS_SHIFT;
            if module.is_gpl_compatible() {
                bits |= GPL;
            }
            if symbols::is_long(&import.symbol, module.machine.is_64) {
                bits |= LONG;
            }
        }
        Need {
            symbol: import.symbol.clone(),
            crc: import.crc,
            kind: NeedKind(bits),
        }
    }

    /// Every need of these modules, each once, sorted.
    pub fn all_of(modules: &[Module]) -> Vec<Need> {
        let of_module = |module| Need::each_of(module);
        let mut needs: Vec<Need> = modules.iter().flat_map(of_module).collect();
        needs.sort_unstable();
        needs.dedup();
        needs
    }

    fn each_of(module: &Module) -> impl Iterator<Item = Need> {
        let need = |import| Need::of(module, import);
        module.imports.iter().map(need)
    }
}

/// Every distinct need, by number and by content. Only grows.
///
/// Inside, needs are counted from 0 without gaps, whatever their numbers outside, so that sets of
/// them are small bitsets.
#[derive(Clone, Debug)]
pub struct Needs {
    symbols: Texts,
    rows: Vec<Row>,
    ids: Vec<NeedId>,
    by_row: HashMap<Row, u32>,
    /// Only of needs whose number is not their place.
    by_id: HashMap<NeedId, u32>,
    next: u32,
}

/// A need with its symbol as a number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Row {
    pub symbol: u32,
    pub crc: Option<Crc>,
    pub kind: NeedKind,
}

impl Row {
    /// As the rules ask for it.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            crc: self.crc,
            weak: self.kind.is_weak(),
            is_long: self.kind.0 & LONG != 0,
            is_gpl: self.kind.is_gpl(),
            versions: self.kind.versions(),
        }
    }
}

impl Default for Needs {
    fn default() -> Needs {
        let mut symbols = Texts::default();
        for symbol in LAYOUT_SYMBOLS {
            symbols.intern(symbol);
        }
        Needs {
            symbols,
            rows: Vec::new(),
            ids: Vec::new(),
            by_row: HashMap::new(),
            by_id: HashMap::new(),
            next: 0,
        }
    }
}

impl Needs {
    /// The number of a need: the one it has, or else the next that is free.
    pub fn intern(&mut self, need: &Need) -> NeedId {
        if let Some(id) = self.id(need) {
            return id;
        }
        let id = NeedId(self.next);
        let row = self.row_of(need);
        self.push(id, row);
        id
    }

    /// Takes over a number that somebody else gave. The same again changes nothing.
    ///
    /// # Errors
    /// The number, or the need, is known otherwise.
    pub fn insert(&mut self, id: NeedId, need: &Need) -> Result<(), NeedConflict> {
        match (self.get(id), self.id(need)) {
            (Some(_), Some(old)) if old == id => Ok(()),
            (Some(old), _) => Err(NeedConflict::Taken {
                id,
                old: Box::new(old),
                new: Box::new(need.clone()),
            }),
            (None, Some(old)) => Err(NeedConflict::Known {
                symbol: need.symbol.clone(),
                old,
                new: id,
            }),
            (None, None) => {
                let row = self.row_of(need);
                self.push(id, row);
                Ok(())
            }
        }
    }

    /// The number of a need, if it has one.
    pub fn id(&self, need: &Need) -> Option<NeedId> {
        let row = Row {
            symbol: self.symbols.find(&need.symbol)?,
            crc: need.crc,
            kind: need.kind,
        };
        self.by_row.get(&row).map(|place| self.ids[*place as usize])
    }

    /// Does this number mean a need?
    pub fn has(&self, id: NeedId) -> bool {
        self.place(id).is_some()
    }

    /// The need of that number.
    pub fn get(&self, id: NeedId) -> Option<Need> {
        self.place(id).map(|place| self.need(place))
    }

    /// All of them, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (NeedId, Need)> + '_ {
        (0..self.len()).map(|place| (self.ids[place as usize], self.need(place)))
    }

    /// How many there are.
    pub fn len(&self) -> u32 {
        u32::try_from(self.rows.len()).expect("a need is pushed only under a new u32")
    }

    /// None yet?
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        self.symbols.bytes()
            + self.rows.capacity() * (size_of::<Row>() + size_of::<NeedId>())
            + self.by_row.capacity() * (size_of::<(Row, u32)>() + 1)
            + self.by_id.capacity() * (size_of::<(NeedId, u32)>() + 1)
    }

    /// Where a number stands among the rows.
    pub(super) fn place(&self, id: NeedId) -> Option<u32> {
        if self.ids.get(id.0 as usize) == Some(&id) {
            return Some(id.0);
        }
        self.by_id.get(&id).copied()
    }

    pub(super) fn id_at(&self, place: u32) -> NeedId {
        self.ids[place as usize]
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn row(&self, place: u32) -> Row {
        self.rows[place as usize]
    }

    pub(super) fn symbols(&self) -> &Texts {
        &self.symbols
    }

    /// The number of a symbol, which need not be anybody's need.
    pub(super) fn symbol(&mut self, symbol: &str) -> u32 {
        self.symbols.intern(symbol)
    }

    /// Does this symbol stand for `struct module`? Those are the first there are.
    pub(super) fn is_layout(&self, symbol: u32) -> bool {
        (symbol as usize) < LAYOUT_SYMBOLS.len()
    }

    /// A need as an import of a module.
    pub(super) fn import(&self, place: u32) -> Import {
        let row = self.row(place);
        Import {
            symbol: self.symbols.get(row.symbol).to_owned(),
            crc: row.crc,
            weak: row.kind.is_weak(),
            undefined: row.kind.is_used(),
        }
    }

    fn need(&self, place: u32) -> Need {
        let row = self.row(place);
        Need {
            symbol: self.symbols.get(row.symbol).to_owned(),
            crc: row.crc,
            kind: row.kind,
        }
    }

    fn row_of(&mut self, need: &Need) -> Row {
        Row {
            symbol: self.symbols.intern(&need.symbol),
            crc: need.crc,
            kind: need.kind,
        }
    }

    fn push(&mut self, id: NeedId, row: Row) {
        let place = self.len();
        self.rows.push(row);
        self.ids.push(id);
        self.by_row.insert(row, place);
        if id.0 != place {
            self.by_id.insert(id, place);
        }
        self.next = self.next.max(id.0.saturating_add(1));
    }
}
