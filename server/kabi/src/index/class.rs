//! What modules are besides their symbols: few distinct kinds, each judged once per kernel.

use super::need::Needs;
use super::{PackedError, packed};
use crate::judge::rules::is_layout;
use crate::judge::{Standing, Whole};
use crate::kernel::Kernel;
use crate::verdict::{Reason, Severity};
use kmod::{Crc, Export, Module};
use std::collections::HashMap;

/// Every distinct kind of module, by number. Only grows.
#[derive(Debug, Default)]
pub(super) struct Classes {
    rows: Vec<Class>,
    by_key: HashMap<Key, u32>,
    heap: usize,
}

/// What makes two modules one kind.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Key {
    /// As packed: processor, vermagic, version tables, size, licence, namespaces …
    packed: Box<[u8]>,
    /// The need for `module_layout`, by its place.
    layout: Option<u32>,
    /// Whether some of its exports have a version, and some have none.
    exports: [bool; 2],
}

/// One kind of module.
#[derive(Debug)]
pub(super) struct Class {
    /// Without name; its imports are that of `module_layout` alone, its exports stand
    /// for all that have a version, and all that have none.
    pub module: Module,
    /// Place of the need for `module_layout`.
    pub layout: Option<u32>,
    /// Its licence lets it use GPL-only symbols.
    pub is_gpl: bool,
}

impl Classes {
    /// The number of a module's class, and its need for `module_layout`, which belongs to it.
    pub fn intern(
        &mut self,
        needs: &Needs,
        class: &[u8],
        places: &[u32],
        exports: &[Export],
    ) -> Result<(u32, Option<u32>), PackedError> {
        let is_versioned = |export: &Export| export.crc.is_some_and(|crc| crc.is_versioned());
        let key = Key {
            packed: class.into(),
            layout: layout_need(needs, places),
            exports: [
                exports.iter().any(is_versioned),
                !exports.iter().all(is_versioned),
            ],
        };
        if let Some(place) = self.by_key.get(&key) {
            return Ok((*place, key.layout));
        }
        let mut module = packed::read_class(class)?;
        module.imports = key.layout.map(|p| needs.import(p)).into_iter().collect();
        for (is_there, crc) in key.exports.into_iter().zip([Some(Crc(1)), None]) {
            module.exports.extend(is_there.then(|| Export {
                symbol: String::new(),
                crc,
                gpl: false,
                namespace: None,
            }));
        }
        let place = u32::try_from(self.rows.len()).expect("memory ends before u32 does");
        self.heap += 2 * class.len() + size_of::<Class>() + size_of::<Key>() + CLASS_TEXTS;
        self.rows.push(Class {
            is_gpl: module.is_gpl_compatible(),
            module,
            layout: key.layout,
        });
        let layout = key.layout;
        self.by_key.insert(key, place);
        Ok((place, layout))
    }

    pub fn get(&self, place: u32) -> &Class {
        &self.rows[place as usize]
    }

    pub fn rows(&self) -> &[Class] {
        &self.rows
    }

    pub fn bytes(&self) -> usize {
        self.heap
    }
}

/// Texts of a class in memory, about: vermagic, `modinfo`, the import of `module_layout`.
const CLASS_TEXTS: usize = 400;

/// The loader takes the first in the order of names, as modules list them.
fn layout_need(needs: &Needs, places: &[u32]) -> Option<u32> {
    let symbol = |place: u32| needs.symbols().get(needs.row(place).symbol);
    let layouts = places
        .iter()
        .copied()
        .filter(|p| needs.is_layout(needs.row(*p).symbol));
    layouts.min_by_key(|place| symbol(*place))
}

impl Class {
    /// What a kernel says to it.
    pub fn whole(&self, kernel: &Kernel) -> Whole {
        Whole::of(kernel, &self.module)
    }

    /// The same in short, and why it refuses its version of `module_layout`, if it does.
    pub fn fate(&self, kernel: &Kernel) -> (Standing, Option<Reason>) {
        let is_about_layout = |reason: &&Reason| {
            let symbol = reason.symbol.as_deref();
            reason.severity == Severity::Fatal && symbol.is_some_and(is_layout)
        };
        let whole = self.whole(kernel);
        let layout = whole.reasons().find(is_about_layout).cloned();
        (whole.standing, layout)
    }
}
