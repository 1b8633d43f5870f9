//! One kernel against another: what changed for the modules that use it.
//!
//! Says facts, not verdicts: whether a change matters is a question of who uses the symbol. What
//! the distributor's own rules say to it is [`Severities::rule`] and [`Stablelist::rule`].

mod ruled;
mod rules_file;
mod severities;
mod stablelist;

pub use ruled::{ChangeKind, Ruled, RuledChange, Ruling};
pub use rules_file::{MAX_RULES_BYTES, RulesError};
pub use severities::{Severities, SeverityRule, Subject};
pub use stablelist::Stablelist;

use crate::kernel::{Kernel, KernelExport};
use kmod::Crc;
use serde::{Deserialize, Serialize};

/// How a kernel's exports differ from those of an older one. Every list is sorted by symbol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// Symbols only the new kernel exports. They break nobody.
    pub added: Vec<String>,
    /// Symbols only the old kernel exports.
    pub removed: Vec<String>,
    /// Symbols with other versions than before.
    pub crc_changed: Vec<Change<Vec<Crc>>>,
    /// Symbols that were for every module and are now for GPL-compatible ones.
    pub became_gpl: Vec<String>,
    /// Symbols whose importers must now name another namespace, or one at all.
    pub namespace_changed: Vec<Change<Option<String>>>,
    /// Symbols exported by another module than before, or no longer by `vmlinux`. Harmless as long
    /// as that module is installed.
    pub provider_moved: Vec<Change<String>>,
}

/// What one symbol had in the old kernel, and has in the new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change<T> {
    /// The symbol.
    pub symbol: String,
    /// Before.
    pub old: T,
    /// Now.
    pub new: T,
}

impl Diff {
    /// Nothing that decides whether modules load is different.
    pub fn is_same_abi(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && self.crc_changed.is_empty()
            && self.became_gpl.is_empty()
            && self.namespace_changed.is_empty()
    }
}

/// Compares what two kernels export.
pub fn diff(old: &Kernel, new: &Kernel) -> Diff {
    let mut diff = Diff::default();
    for (symbol, before) in sorted(old) {
        match new.exports.get(symbol) {
            Some(now) => diff.compare(symbol, before, now),
            None => diff.removed.push(symbol.clone()),
        }
    }
    diff.added = sorted(new)
        .into_iter()
        .filter(|(symbol, _)| !old.exports.contains_key(*symbol))
        .map(|(symbol, _)| symbol.clone())
        .collect();
    diff
}

fn sorted(kernel: &Kernel) -> Vec<(&String, &KernelExport)> {
    let mut exports: Vec<_> = kernel.exports.iter().collect();
    exports.sort_unstable_by_key(|(symbol, _)| *symbol);
    exports
}

impl Diff {
    fn compare(&mut self, symbol: &str, old: &KernelExport, new: &KernelExport) {
        let (before, now) = (versions(old), versions(new));
        if before != now {
            self.crc_changed.push(Change::of(symbol, before, now));
        }
        if new.gpl && !old.gpl {
            self.became_gpl.push(symbol.to_owned());
        }
        if old.namespace != new.namespace {
            let (before, now) = (old.namespace.clone(), new.namespace.clone());
            self.namespace_changed.push(Change::of(symbol, before, now));
        }
        if old.provider != new.provider {
            let (before, now) = (old.provider.clone(), new.provider.clone());
            self.provider_moved.push(Change::of(symbol, before, now));
        }
    }
}

/// As a set: sorted, without the zero that means "none".
fn versions(export: &KernelExport) -> Vec<Crc> {
    let mut versions: Vec<Crc> = export.versions().collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}

impl<T> Change<T> {
    fn of(symbol: &str, old: T, new: T) -> Change<T> {
        Change {
            symbol: symbol.to_owned(),
            old,
            new,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symvers;

    fn kernel(text: &str) -> Kernel {
        Kernel::new(
            "6.4.0-1-default",
            "x86_64",
            "default",
            &symvers::parse(text.as_bytes()).unwrap(),
        )
    }

    #[test]
    fn every_kind_of_change_has_its_list() {
        let old = kernel(
            "0x1 gone vmlinux EXPORT_SYMBOL\n\
             0x2 crc vmlinux EXPORT_SYMBOL\n\
             0x3 gpl vmlinux EXPORT_SYMBOL\n\
             0x4 freed vmlinux EXPORT_SYMBOL_GPL\n\
             0x5 space vmlinux EXPORT_SYMBOL\n\
             0x6 moved fs/a EXPORT_SYMBOL\n\
             0x7 same vmlinux EXPORT_SYMBOL\n",
        );
        let new = kernel(
            "0x7 same vmlinux EXPORT_SYMBOL\n\
             0x9 fresh vmlinux EXPORT_SYMBOL\n\
             0x8 crc vmlinux EXPORT_SYMBOL\n\
             0x3 gpl vmlinux EXPORT_SYMBOL_GPL\n\
             0x4 freed vmlinux EXPORT_SYMBOL\n\
             0x5 space vmlinux EXPORT_SYMBOL NS\n\
             0x6 moved vmlinux EXPORT_SYMBOL\n",
        );
        let expected = Diff {
            added: vec!["fresh".into()],
            removed: vec!["gone".into()],
            crc_changed: vec![Change::of("crc", vec![Crc(2)], vec![Crc(8)])],
            became_gpl: vec!["gpl".into()],
            namespace_changed: vec![Change::of("space", None, Some("NS".into()))],
            provider_moved: vec![Change::of("moved", "fs/a".into(), "vmlinux".into())],
        };
        assert_eq!(diff(&old, &new), expected);
        assert!(!diff(&old, &new).is_same_abi());
        assert_eq!(diff(&new, &new), Diff::default());
    }

    #[test]
    fn a_moved_symbol_is_the_same_abi() {
        let old = kernel("0x6 moved fs/a EXPORT_SYMBOL\n");
        let new = kernel("0x6 moved fs/b EXPORT_SYMBOL\n");
        assert!(diff(&old, &new).is_same_abi());
    }

    #[test]
    fn lists_are_sorted() {
        let old = kernel("0x1 b vmlinux\n0x1 a vmlinux\n0x1 c vmlinux\n0x1 z vmlinux\n");
        let new = kernel("0x1 z vmlinux\n");
        assert_eq!(diff(&old, &new).removed, ["a", "b", "c"]);
        assert_eq!(diff(&new, &old).added, ["a", "b", "c"]);
    }
}
