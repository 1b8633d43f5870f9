//! One kernel as modules see it: its name, its architecture and what it exports.

use crate::symvers::{Row, Symvers};
use kmod::Crc;
use std::collections::HashMap;

/// One kernel as modules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// `uname -r`.
    pub release: String,
    /// RPM architecture name (`x86_64`, `aarch64` …).
    pub arch: String,
    /// What the distributor calls this build (`default`, `azure`, `rt`); may be empty.
    pub flavor: String,
    /// `CONFIG_MODVERSIONS`: some CRC in its symvers is not zero.
    pub modversions: bool,
    /// Its symvers says which exports are GPL-only. Files of three columns (early 2.6) do not.
    pub gpl_known: bool,
    /// Vermagic after the first blank, verbatim; `None` when nobody told.
    pub vermagic_tail: Option<String>,
    /// `sizeof(struct module)`, where known.
    pub this_module_size: Option<u64>,
    /// What it exports, by symbol.
    pub exports: HashMap<String, KernelExport>,
}

/// A symbol that a kernel, or one of the modules built with it, exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelExport {
    /// Usually one; several are all valid. Empty or zero: not versioned.
    pub crcs: Vec<Crc>,
    /// Hidden from modules whose licence is not compatible with the GPL.
    pub gpl: bool,
    /// Namespace that importers must name, or `module:` and a list of module names.
    pub namespace: Option<String>,
    /// `vmlinux` or the exporting module's path without `.ko`.
    pub provider: String,
}

/// A package as the judge needs it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Shown in reasons as the provider of symbols.
    pub name: &'a str,
    /// Every module in it.
    pub modules: &'a [kmod::Module],
}

impl Kernel {
    /// A kernel of this release, RPM architecture and flavor that exports what its symvers lists.
    ///
    /// Vermagic tail and module size stay unknown until [`Kernel::with_vermagic_tail`] and
    /// [`Kernel::with_this_module_size`] say them.
    pub fn new(
        release: impl Into<String>,
        arch: impl Into<String>,
        flavor: impl Into<String>,
        symvers: &Symvers,
    ) -> Kernel {
        let mut exports: HashMap<String, KernelExport> = HashMap::with_capacity(symvers.rows.len());
        for row in &symvers.rows {
            match exports.get_mut(&row.symbol) {
                Some(export) => export.add(row),
                None => {
                    exports.insert(row.symbol.clone(), KernelExport::from(row));
                }
            }
        }
        Kernel {
            release: release.into(),
            arch: arch.into(),
            flavor: flavor.into(),
            modversions: symvers.rows.iter().any(|row| row.crc.is_versioned()),
            gpl_known: symvers.states_export_types(),
            vermagic_tail: None,
            this_module_size: None,
            exports,
        }
    }

    /// Says what this kernel's vermagic holds after the first blank, byte for byte: the blank at
    /// its end counts.
    #[must_use]
    pub fn with_vermagic_tail(mut self, tail: impl Into<Option<String>>) -> Kernel {
        self.vermagic_tail = tail.into();
        self
    }

    /// Says this kernel's `sizeof(struct module)` in bytes.
    #[must_use]
    pub fn with_this_module_size(mut self, bytes: impl Into<Option<u64>>) -> Kernel {
        self.this_module_size = bytes.into();
        self
    }

    /// Major and minor number of the release, where it begins with them.
    pub(crate) fn version(&self) -> Option<(u32, u32)> {
        let mut numbers = self.release.split(|c: char| !c.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some((major, minor))
    }
}

impl KernelExport {
    /// The versions that match: zero says "not versioned" and is none.
    pub(crate) fn versions(&self) -> impl Iterator<Item = Crc> {
        self.crcs.iter().copied().filter(|crc| crc.is_versioned())
    }

    /// Merges another row of the same symbol (several packages of one kernel add up). What
    /// restricts more wins, so that the order of rows does not matter.
    fn add(&mut self, row: &Row) {
        if let Err(place) = self.crcs.binary_search(&row.crc) {
            self.crcs.insert(place, row.crc);
        }
        self.gpl |= row.gpl;
        if row.namespace > self.namespace {
            self.namespace.clone_from(&row.namespace);
        }
        let vmlinux = |provider: &str| provider == VMLINUX;
        if vmlinux(&row.provider) || (!vmlinux(&self.provider) && row.provider < self.provider) {
            self.provider.clone_from(&row.provider);
        }
    }
}

impl From<&Row> for KernelExport {
    fn from(row: &Row) -> KernelExport {
        KernelExport {
            crcs: vec![row.crc],
            gpl: row.gpl,
            namespace: row.namespace.clone(),
            provider: row.provider.clone(),
        }
    }
}

/// Provider column of what the kernel image itself exports.
pub(crate) const VMLINUX: &str = "vmlinux";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symvers;

    fn kernel(text: &str) -> Kernel {
        let symvers = symvers::parse(text.as_bytes()).unwrap();
        Kernel::new("6.4.0-150600.21-default", "x86_64", "default", &symvers)
    }

    #[test]
    fn a_kernel_without_a_single_version_has_no_modversions() {
        let with =
            kernel("0x00000000\ta\tvmlinux\tEXPORT_SYMBOL\t\n0x1\tb\tvmlinux\tEXPORT_SYMBOL\t\n");
        let without = kernel("0x00000000\ta\tvmlinux\tEXPORT_SYMBOL\t\n");
        assert!(with.modversions);
        assert!(!without.modversions);
        assert_eq!(without.exports["a"].versions().count(), 0);
    }

    #[test]
    fn rows_of_one_symbol_add_up_in_any_order() {
        let rows = [
            "0x00000002\ta\tdrivers/b\tEXPORT_SYMBOL\t\n",
            "0x00000001\ta\tvmlinux\tEXPORT_SYMBOL_GPL\tNS\n",
            "0x00000003\ta\tdrivers/a\tEXPORT_SYMBOL\t\n",
        ];
        let forward = kernel(&rows.concat());
        let backward = kernel(&rows.iter().rev().copied().collect::<String>());
        assert_eq!(forward, backward);
        let export = &forward.exports["a"];
        assert_eq!(export.crcs, [Crc(1), Crc(2), Crc(3)]);
        assert!(export.gpl);
        assert_eq!(export.namespace.as_deref(), Some("NS"));
        assert_eq!(export.provider, "vmlinux");
    }

    #[test]
    fn the_version_is_read_off_the_release() {
        let cases = [
            ("6.4.0-150600.21-default", Some((6, 4))),
            ("6.14", Some((6, 14))),
            ("6.12.117+deb12-amd64", Some((6, 12))),
            ("5.14.0-503.el9.x86_64+rt", Some((5, 14))),
            ("6", None),
            ("next", None),
            ("99999999999.1", None),
        ];
        for (release, version) in cases {
            let mut kernel = kernel("0x1\ta\tvmlinux\tEXPORT_SYMBOL\t\n");
            kernel.release = release.to_owned();
            assert_eq!(kernel.version(), version, "{release}");
        }
    }
}
