//! A difference between two kernels by the distributor's own rules: what it tolerates, and whether
//! its build would go on.
//!
//! | | SUSE `rpm/kabi.pl` with severities | Red Hat `check-kabi` with a stablelist |
//! |---|---|---|
//! | looks at | every symbol of the old kernel | listed symbols |
//! | fails for | removed, other version, newly GPL-only | removed, other version |
//! | warns of | – | another provider, another namespace |
//! | does not look at | added, provider, namespace | added, GPL-only |
//! | stops the build | on failures | on failures and warnings |

use super::{Diff, Severities, Stablelist, diff};
use crate::kernel::{Kernel, KernelExport};
use serde::{Deserialize, Serialize};

/// Every change between two kernels, with what the distributor's rules say to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruled {
    /// Sorted by symbol, and within one symbol by kind.
    pub changes: Vec<RuledChange>,
}

/// One change of one symbol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuledChange {
    /// The symbol.
    pub symbol: String,
    /// What changed.
    pub kind: ChangeKind,
    /// What the rules say to it.
    pub ruling: Ruling,
    /// The rule that says so, where one does: the pattern of a severities file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// What changed of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is no longer exported.
    Removed,
    /// It has other versions.
    CrcChanged,
    /// It is now for GPL-compatible modules only.
    BecameGpl,
    /// Its importers must name another namespace.
    NamespaceChanged,
    /// Another module exports it, or no longer `vmlinux`.
    ProviderMoved,
    /// It is new.
    Added,
}

/// What rules say to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// The tool does not look at changes of this kind, or of this symbol.
    NotLookedAt,
    /// A rule lets it pass.
    Tolerated,
    /// Reported; of the two tools the one that warns stops nevertheless.
    Warned,
    /// It breaks the kABI that the distributor keeps.
    Fails,
}

impl Ruled {
    /// Would the distributor's tool end with success?
    pub fn passes(&self) -> bool {
        self.changes
            .iter()
            .all(|change| change.ruling <= Ruling::Tolerated)
    }

    /// How many changes the rules rule so.
    pub fn count(&self, ruling: Ruling) -> usize {
        self.changes
            .iter()
            .filter(|change| change.ruling == ruling)
            .count()
    }
}

impl Severities {
    /// Rules on every change from one kernel to the next, as `rpm/kabi.pl` does. Rules look at the
    /// symbol as the old kernel has it.
    ///
    /// Of export types only GPL-only and not are told apart here; `kabi.pl` knows of types that
    /// kernels until 5.11 had, too.
    pub fn rule(&self, old: &Kernel, new: &Kernel) -> Ruled {
        ruled(&diff(old, new), |symbol, kind| {
            let looks = [
                ChangeKind::Removed,
                ChangeKind::CrcChanged,
                ChangeKind::BecameGpl,
            ];
            let Some(export) = old.exports.get(symbol).filter(|_| looks.contains(&kind)) else {
                return (Ruling::NotLookedAt, None);
            };
            match self.rule_for(symbol, export) {
                Some(rule) if rule.passes => (Ruling::Tolerated, Some(rule.pattern.clone())),
                Some(rule) => (Ruling::Fails, Some(rule.pattern.clone())),
                None => (Ruling::Fails, None),
            }
        })
    }
}

impl Stablelist {
    /// Rules on every change from one kernel to the next, as `check-kabi` does. Where the list says
    /// how a symbol is to stay, that counts instead of the old kernel.
    pub fn rule(&self, old: &Kernel, new: &Kernel) -> Ruled {
        let reference = self.referred_to(old);
        ruled(&diff(&reference, new), |symbol, kind| {
            let ruling = match kind {
                _ if !self.contains(symbol) => Ruling::NotLookedAt,
                ChangeKind::Removed | ChangeKind::CrcChanged => Ruling::Fails,
                ChangeKind::ProviderMoved | ChangeKind::NamespaceChanged => Ruling::Warned,
                ChangeKind::BecameGpl | ChangeKind::Added => Ruling::NotLookedAt,
            };
            (ruling, None)
        })
    }

    /// The old kernel, with what the list says better.
    fn referred_to(&self, old: &Kernel) -> Kernel {
        let mut reference = old.clone();
        for symbol in self.symbols() {
            if let Some(export) = self.reference(symbol) {
                // The list does not say what is GPL-only in a way that the tool looks at.
                let gpl = old.exports.get(symbol).map_or(export.gpl, |old| old.gpl);
                let export = KernelExport { gpl, ..export };
                reference.exports.insert(symbol.to_owned(), export);
            }
        }
        reference
    }
}

fn ruled(diff: &Diff, mut rule: impl FnMut(&str, ChangeKind) -> (Ruling, Option<String>)) -> Ruled {
    let crcs = diff.crc_changed.iter().map(|change| &change.symbol);
    let namespaces = diff.namespace_changed.iter().map(|change| &change.symbol);
    let moves = diff.provider_moved.iter().map(|change| &change.symbol);
    let changes = of_kind(ChangeKind::Removed, diff.removed.iter())
        .chain(of_kind(ChangeKind::CrcChanged, crcs))
        .chain(of_kind(ChangeKind::BecameGpl, diff.became_gpl.iter()))
        .chain(of_kind(ChangeKind::NamespaceChanged, namespaces))
        .chain(of_kind(ChangeKind::ProviderMoved, moves))
        .chain(of_kind(ChangeKind::Added, diff.added.iter()));
    let mut changes: Vec<RuledChange> = changes
        .map(|(kind, symbol)| {
            let (ruling, rule) = rule(symbol, kind);
            RuledChange {
                symbol: symbol.clone(),
                kind,
                ruling,
                rule,
            }
        })
        .collect();
    changes.sort_unstable();
    Ruled { changes }
}

fn of_kind<'a>(
    kind: ChangeKind,
    symbols: impl Iterator<Item = &'a String>,
) -> impl Iterator<Item = (ChangeKind, &'a String)> {
    symbols.map(move |symbol| (kind, symbol))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symvers;
    use proptest::prelude::*;

    fn kernel(text: &str) -> Kernel {
        let symvers = symvers::parse(text.as_bytes()).unwrap();
        Kernel::new("6.4.0-1-default", "x86_64", "default", &symvers)
    }

    const OLD: &str = "0x1\tgone\tvmlinux\tEXPORT_SYMBOL\t\n\
                       0x2\tcrc\tfs/free\tEXPORT_SYMBOL\t\n\
                       0x3\tgpl\tvmlinux\tEXPORT_SYMBOL\t\n\
                       0x4\tspace\tvmlinux\tEXPORT_SYMBOL\t\n\
                       0x5\tmoved\tfs/a\tEXPORT_SYMBOL\t\n\
                       0x6\tcxl\tdrivers/cxl\tEXPORT_SYMBOL\tCXL\n";
    const NEW: &str = "0x9\tcrc\tfs/free\tEXPORT_SYMBOL\t\n\
                       0x3\tgpl\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
                       0x4\tspace\tvmlinux\tEXPORT_SYMBOL\tNS\n\
                       0x5\tmoved\tvmlinux\tEXPORT_SYMBOL\t\n\
                       0x7\tcxl\tdrivers/cxl\tEXPORT_SYMBOL\tCXL\n\
                       0x8\tadded\tvmlinux\tEXPORT_SYMBOL\t\n";

    fn rulings(ruled: &Ruled) -> Vec<(&str, Ruling)> {
        ruled
            .changes
            .iter()
            .map(|c| (c.symbol.as_str(), c.ruling))
            .collect()
    }

    #[test]
    fn severities_rule_as_kabi_pl_does() {
        use Ruling::{Fails, NotLookedAt, Tolerated};
        let rule = |rules: &str| {
            let severities = Severities::parse(rules.as_bytes()).unwrap();
            severities.rule(&kernel(OLD), &kernel(NEW))
        };
        let strict = rule("");
        let expected = [
            ("added", NotLookedAt),
            ("crc", Fails),
            ("cxl", Fails),
            ("gone", Fails),
            ("gpl", Fails),
            ("moved", NotLookedAt),
            ("space", NotLookedAt),
        ];
        assert_eq!(rulings(&strict), expected);
        assert_eq!((strict.passes(), strict.count(Fails)), (false, 4));
        let lenient = rule("fs/* PASS\nCXL PASS\ngone FAIL\nvmlinux PASS\n");
        let expected = [
            ("added", NotLookedAt),
            ("crc", Tolerated),
            ("cxl", Tolerated),
            ("gone", Fails),
            ("gpl", Tolerated),
            ("moved", NotLookedAt),
            ("space", NotLookedAt),
        ];
        assert_eq!(rulings(&lenient), expected);
        assert!(!lenient.passes());
        assert_eq!(lenient.changes[1].rule.as_deref(), Some("fs/*"));
        assert!(rule("fs/* PASS\nCXL PASS\nvmlinux PASS\n").passes());
    }

    #[test]
    fn stablelists_rule_as_check_kabi_does() {
        use Ruling::{Fails, NotLookedAt, Warned};
        let rule = |list: &str| {
            let list = Stablelist::parse(list.as_bytes()).unwrap();
            list.rule(&kernel(OLD), &kernel(NEW))
        };
        let all = rule("[list]\n\tgone\n\tcrc\n\tgpl\n\tspace\n\tmoved\n\tadded\n");
        let expected = [
            ("added", NotLookedAt),
            ("crc", Fails),
            ("cxl", NotLookedAt),
            ("gone", Fails),
            ("gpl", NotLookedAt),
            ("moved", Warned),
            ("space", Warned),
        ];
        assert_eq!(rulings(&all), expected);
        assert!(rule("gpl\nadded\n").passes());
        assert!(
            !rule("moved\n").passes(),
            "check-kabi stops on warnings, too"
        );
        // The version in the list counts, not that of the old kernel.
        assert!(rule("0x9\tcrc\tfs/free\tEXPORT_SYMBOL\t\n").passes());
        assert!(!rule("0x8\tcrc\tfs/free\tEXPORT_SYMBOL\t\n").passes());
        assert!(!rule("0x8\tnever\tfs/free\tEXPORT_SYMBOL\t\n").passes());
    }

    #[test]
    fn the_same_kernel_passes_everything() {
        let strict = Severities::default();
        assert_eq!(strict.rule(&kernel(OLD), &kernel(OLD)), Ruled::default());
        assert!(Ruled::default().passes());
    }

    proptest! {
        /// A tolerant rule in front never makes a passing change fail.
        #[test]
        fn a_pass_in_front_only_helps(pattern in "[a-z*]{1,6}") {
            let strict = Severities::parse(b"vmlinux PASS\n").unwrap();
            let lenient = format!("{pattern} PASS\nvmlinux PASS\n");
            let lenient = Severities::parse(lenient.as_bytes()).unwrap();
            let strict = strict.rule(&kernel(OLD), &kernel(NEW));
            let lenient = lenient.rule(&kernel(OLD), &kernel(NEW));
            for (before, after) in strict.changes.iter().zip(&lenient.changes) {
                prop_assert!(after.ruling <= before.ruling);
            }
        }
    }
}
