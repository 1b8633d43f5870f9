//! A kernel as the index keeps it: some ten bytes for each symbol it exports.

use super::need::Needs;
use super::places::Places;
use super::texts::Texts;
use crate::judge::offers::{module_of, plain};
use crate::judge::rules::is_layout;
use crate::judge::symbols::Offered;
use crate::kernel::{Kernel, KernelExport, VMLINUX};
use kmod::Crc;
use std::collections::HashMap;

/// One kernel, its exports by the symbol's number.
#[derive(Debug)]
pub(super) struct PackedKernel {
    /// The kernel with few of its exports: none if it has none, else those that stand for
    /// `struct module`, or any one.
    pub head: Kernel,
    /// Which symbols it exports, and in which row.
    places: Places,
    rows: Vec<Row>,
    /// Versions of symbols that have not exactly one.
    several: HashMap<u32, Vec<Crc>>,
    /// Where symbols come from: each pair of provider and namespace once.
    origins: Vec<Origin>,
    /// By the plain name of the kernel's own modules: the symbols they export.
    in_tree: HashMap<String, Vec<u32>>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    crc: Crc,
    /// Place of its origin, and flags.
    meta: u32,
}

/// In [`Row::meta`]: GPL-only.
const GPL: u32 = 1 << 31;
/// In [`Row::meta`]: its versions are in `several`.
const SEVERAL: u32 = 1 << 30;

#[derive(Debug, PartialEq, Eq, Hash, Clone)]
struct Origin {
    provider: String,
    namespace: Option<String>,
}

/// What a kernel says of one symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedExport<'a> {
    pub crcs: &'a [Crc],
    pub gpl: bool,
    pub provider: &'a str,
    pub namespace: Option<&'a str>,
}

impl<'a> PackedExport<'a> {
    /// As kernels have it.
    pub fn unpacked(self) -> KernelExport {
        KernelExport {
            crcs: self.crcs.to_vec(),
            gpl: self.gpl,
            namespace: self.namespace.map(str::to_owned),
            provider: self.provider.to_owned(),
        }
    }

    pub fn offered(self) -> Offered<'a> {
        Offered {
            crcs: self.crcs,
            gpl: self.gpl,
            namespace: self.namespace,
        }
    }
}

impl PackedKernel {
    pub fn of(kernel: &Kernel, needs: &mut Needs) -> PackedKernel {
        let mut exports: Vec<(u32, &KernelExport)> = kernel
            .exports
            .iter()
            .map(|(symbol, export)| (needs.symbol(symbol), export))
            .collect();
        exports.sort_unstable_by_key(|(number, _)| *number);
        let numbers: Vec<u32> = exports.iter().map(|(number, _)| *number).collect();
        let mut packed = PackedKernel {
            head: head(kernel),
            places: Places::of(&numbers),
            rows: Vec::with_capacity(exports.len()),
            several: HashMap::new(),
            origins: Vec::new(),
            in_tree: HashMap::new(),
        };
        let mut known = HashMap::new();
        for (number, export) in exports {
            let origin = packed.origin(export, &mut known);
            packed.push(number, export, origin);
        }
        packed
    }

    fn origin(&mut self, export: &KernelExport, known: &mut HashMap<Origin, u32>) -> u32 {
        let origin = Origin {
            provider: export.provider.clone(),
            namespace: export.namespace.clone(),
        };
        *known.entry(origin).or_insert_with_key(|origin| {
            self.origins.push(origin.clone());
            u32::try_from(self.origins.len() - 1).expect("no more origins than symbols")
        })
    }

    fn push(&mut self, number: u32, export: &KernelExport, origin: u32) {
        let mut row = Row {
            crc: Crc(0),
            meta: origin,
        };
        match *export.crcs {
            [crc] => row.crc = crc,
            _ => {
                row.meta |= SEVERAL;
                self.several.insert(number, export.crcs.clone());
            }
        }
        if export.gpl {
            row.meta |= GPL;
        }
        self.rows.push(row);
        if export.provider != VMLINUX {
            let module = plain(module_of(&export.provider)).into_owned();
            self.in_tree.entry(module).or_default().push(number);
        }
    }

    /// It is known what this kernel exports.
    pub fn has_exports(&self) -> bool {
        !self.rows.is_empty()
    }

    pub fn export(&self, symbol: u32) -> Option<PackedExport<'_>> {
        let row = &self.rows[self.places.find(symbol)?];
        let origin = &self.origins[(row.meta & !(GPL | SEVERAL)) as usize];
        let crcs = if row.meta & SEVERAL == 0 {
            std::slice::from_ref(&row.crc)
        } else {
            self.several.get(&symbol).map_or(&[][..], Vec::as_slice)
        };
        Some(PackedExport {
            crcs,
            gpl: row.meta & GPL != 0,
            provider: &origin.provider,
            namespace: origin.namespace.as_deref(),
        })
    }

    /// What the kernel's own module of this name (plainly written) exports.
    pub fn exports_of(&self, module: &str) -> &[u32] {
        self.in_tree.get(module).map_or(&[], Vec::as_slice)
    }

    /// Names of the kernel's own modules that export something.
    pub fn in_tree(&self) -> impl Iterator<Item = &str> {
        self.in_tree.keys().map(String::as_str)
    }

    /// The kernel as the judge takes it, with these symbols only.
    pub fn with_only(&self, symbols: impl IntoIterator<Item = u32>, texts: &Texts) -> Kernel {
        let mut kernel = self.head.clone();
        for symbol in symbols {
            if let Some(export) = self.export(symbol) {
                let name = texts.get(symbol).to_owned();
                kernel.exports.insert(name, export.unpacked());
            }
        }
        kernel
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        let text = |text: &String| size_of::<String>() + text.len();
        let origin = |o: &Origin| text(&o.provider) + o.namespace.as_ref().map_or(24, text);
        let in_tree = |(name, symbols): (&String, &Vec<u32>)| text(name) + 24 + 4 * symbols.len();
        let several = |crcs: &Vec<Crc>| 32 + 4 * crcs.len();
        self.places.bytes()
            + self.rows.capacity() * size_of::<Row>()
            + self.several.values().map(several).sum::<usize>()
            + self.origins.iter().map(origin).sum::<usize>()
            + self.in_tree.iter().map(in_tree).sum::<usize>()
    }
}

/// The kernel with those of its exports that rules for whole modules look at: what stands for
/// `struct module`, and some export, if it has any.
fn head(kernel: &Kernel) -> Kernel {
    let any = kernel.exports.keys().min();
    let is_kept = |symbol: &String| is_layout(symbol) || Some(symbol) == any;
    let kept = kernel.exports.iter().filter(|(symbol, _)| is_kept(symbol));
    Kernel {
        exports: kept.map(|(s, e)| (s.clone(), e.clone())).collect(),
        release: kernel.release.clone(),
        arch: kernel.arch.clone(),
        flavor: kernel.flavor.clone(),
        vermagic_tail: kernel.vermagic_tail.clone(),
        ..*kernel
    }
}
