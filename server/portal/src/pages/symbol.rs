//! `/symbols` finds symbols by a part of their name; `/symbols/{name}` tells the history of one.

use super::{Paging, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "symbols.html")]
pub struct SymbolsPage {
    pub shell: Shell,
    /// What was looked for; empty: nothing yet.
    pub query: String,
    pub rows: Vec<FoundSymbol>,
    /// There are more than these.
    pub is_cut: bool,
}

/// A symbol in a list.
#[derive(Clone, Debug)]
pub struct FoundSymbol {
    pub href: String,
    pub symbol: String,
    /// Published packages that use it, with groups of digits.
    pub packages: String,
    pub modules: String,
}

#[derive(Clone, Debug, Template)]
#[template(path = "symbol.html")]
pub struct SymbolPage {
    pub shell: Shell,
    pub name: String,
    /// `Used by 1,509 modules in 214 published packages`.
    pub used: String,
    /// One for each product, architecture and flavor with kernels that export it.
    pub lines: Vec<SymbolLine>,
    pub uses: Vec<SymbolUse>,
    /// Over the uses.
    pub paging: Paging,
}

/// The symbol over the kernels of one product, architecture and flavor, oldest first.
#[derive(Clone, Debug)]
pub struct SymbolLine {
    /// `sle15-sp6 · default · x86_64`.
    pub title: String,
    /// The picture in words.
    pub text: String,
    /// Of the picture, in its own units.
    pub width: u64,
    pub blocks: Vec<TimeBlock>,
    pub runs: Vec<SymbolRun>,
}

/// Kernels with one version, in the picture.
#[derive(Clone, Debug)]
pub struct TimeBlock {
    /// Picks the colour.
    pub class: String,
    /// Stands for the version; a dash where the symbol is not exported.
    pub letter: String,
    pub x: u64,
    pub width: u64,
}

impl TimeBlock {
    /// Of one kernel, in the picture's units.
    pub const WIDTH: u64 = 40;

    /// Where its letter stands.
    pub fn middle(&self) -> u64 {
        self.x + self.width / 2
    }
}

/// The same as a row.
#[derive(Clone, Debug)]
pub struct SymbolRun {
    pub class: String,
    pub letter: String,
    /// Release of the first kernel.
    pub first: String,
    pub first_href: String,
    /// Of the last one, if there are several.
    pub last: Option<String>,
    pub last_href: String,
    /// `3 kernels`.
    pub kernels: String,
    /// `0x92997ed8`; empty where the symbol is not exported.
    pub crcs: String,
    /// `for GPL-compatible modules, by vmlinux`.
    pub facts: String,
}

/// A module that uses the symbol.
#[derive(Clone, Debug)]
pub struct SymbolUse {
    pub href: String,
    pub name: String,
    pub version: String,
    pub vendor: String,
    /// Path in the package.
    pub module: String,
    /// Version it was built against.
    pub crc: String,
}
