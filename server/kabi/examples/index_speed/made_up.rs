//! Packages made up of real modules, and kernels made up by changing real ones. Also for the benchmark
//! of the whole service.

use kabi::Kernel;
use kmod::{Btf, Crc, Export, Import, Module};

/// Needs of a package: some 200 on average.
const NEEDS_AT_LEAST: usize = 170;
const NEEDS_AT_MOST: usize = 300;
/// Packages of one vendor are many versions of one driver, with modules of the same names.
pub const VENDORS: u32 = 500;
/// One package in so many has a module that uses another one of its own.
const OWN_EVERY: u32 = 8;
/// One in so many needs a module of another package.
const FOREIGN_EVERY: u32 = 50;

/// A package of real modules under other names, until it has enough needs.
pub fn package(modules: &[Module], key: u32, random: &mut Random) -> Vec<Module> {
    let mut chosen: Vec<Module> = Vec::new();
    let mut needs = 0;
    while needs < NEEDS_AT_LEAST {
        let module = &modules[random.below(modules.len())];
        // What exports symbols under a new name would collide with the kernel's own.
        if !module.exports.is_empty() || needs + module.imports.len() > NEEDS_AT_MOST {
            continue;
        }
        needs += module.imports.len();
        let mut module = module.clone();
        module.name = format!("acme_{}_{}", key % VENDORS, chosen.len());
        // Vendors build without the kernel image that type information refers to.
        module.btf = Btf::None;
        chosen.push(module);
    }
    if key.is_multiple_of(OWN_EVERY) {
        chosen[0].exports = vec![export(key)];
        if chosen.len() > 1 {
            chosen[1].imports.push(import(key));
        }
    }
    if key % FOREIGN_EVERY == 1 {
        chosen[0]
            .imports
            .push(import(key - 1 - (key - 1) % OWN_EVERY));
    }
    chosen
}

fn export(key: u32) -> Export {
    Export {
        symbol: format!("acme_{key}_register"),
        crc: Some(Crc(key + 1)),
        gpl: true,
        namespace: None,
    }
}

fn import(key: u32) -> Import {
    Import {
        symbol: format!("acme_{key}_register"),
        crc: Some(Crc(key + 1)),
        weak: false,
        undefined: true,
    }
}

/// The kernel with so many versions changed.
pub fn with_changes(kernel: &Kernel, changes: usize, random: &mut Random) -> Kernel {
    let mut changed = kernel.clone();
    let mut symbols: Vec<&String> = kernel.exports.keys().collect();
    symbols.sort_unstable();
    for _ in 0..changes {
        let symbol = symbols[random.below(symbols.len())];
        change(&mut changed, symbol, random);
    }
    changed
}

fn change(kernel: &mut Kernel, symbol: &str, random: &mut Random) {
    if symbol != "module_layout" {
        let export = kernel.exports.get_mut(symbol).expect("it exports it");
        export.crcs = vec![Crc(random.next() as u32 | 1)];
    }
}

/// Numbers that look random and are the same each time (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
