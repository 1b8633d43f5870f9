//! How often symbols changed over the kernels that were, and what that lets a package expect.
//!
//! A symbol's rate of change is estimated from the updates it went through: `changed` of `seen`,
//! drawn towards the rate of all symbols together as if that had been seen [`PRIOR_UPDATES`] times
//! more, so that one change in one update does not say "always":
//!
//! ```text
//! rate(s) = (changed(s) + PRIOR_UPDATES · mean) / (seen(s) + PRIOR_UPDATES)
//! mean    = (changed + 1) / (seen + 2)            over all symbols
//! risk    = 1 − ∏ (1 − rate(s))                   over the symbols a package needs
//! ```
//!
//! The risk is the probability that at least one of them changes at the next update, were they to
//! change independently. They do not quite: one hot type changes thousands. So it is meant for
//! comparing packages, and [`Risk::broke`] says beside it what really happened.

use crate::Stablelist;
use crate::kernel::Kernel;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

/// How many updates the rate of all symbols together counts for.
pub const PRIOR_UPDATES: f64 = 2.0;

/// How often each symbol changed from one kernel to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Updates looked at.
    updates: u32,
    symbols: HashMap<String, Past>,
}

/// What a symbol went through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Past {
    /// Updates from a kernel that had it.
    seen: u32,
    /// Of these, counted from 0: where the new kernel had it in none of the old versions, or not at
    /// all.
    changed: Vec<u32>,
}

/// What a package has to expect of the next update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Risk {
    /// Probability that at least one of its symbols changes: 0 to 1.
    pub score: f64,
    /// Updates in the history.
    pub updates: u32,
    /// At how many of them at least one of its symbols did change.
    pub broke: u32,
    /// Its symbols that ever changed, the most volatile first.
    pub avoid: Vec<Volatile>,
}

/// A symbol that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Volatile {
    /// Its name.
    pub symbol: String,
    /// Probability that it changes at the next update: 0 to 1.
    pub rate: f64,
    /// How often it changed.
    pub changed: u32,
    /// At how many updates it was there to change.
    pub seen: u32,
    /// The distributor keeps it stable from now on.
    pub is_stable: bool,
    /// A symbol for the same purpose that the distributor keeps stable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alternative: Option<String>,
}

impl History {
    /// Of kernels of one product, architecture and flavor, oldest first. An update from or to a
    /// kernel without symbol versions, or of unknown symbols, says nothing and is left out.
    pub fn of<'k>(kernels: impl IntoIterator<Item = &'k Kernel>) -> History {
        let mut history = History::default();
        let mut previous: Option<&Kernel> = None;
        for kernel in kernels {
            if let Some(old) = previous.replace(kernel)
                && old.modversions
                && kernel.modversions
            {
                history.add(old, kernel);
            }
        }
        history
    }

    fn add(&mut self, old: &Kernel, new: &Kernel) {
        for (symbol, before) in &old.exports {
            if before.versions().next().is_none() {
                continue;
            }
            let now = new.exports.get(symbol);
            let stays = now.is_some_and(|now| now.versions().any(|crc| before.crcs.contains(&crc)));
            let past = self.symbols.entry(symbol.clone()).or_default();
            past.seen += 1;
            if !stays {
                past.changed.push(self.updates);
            }
        }
        self.updates += 1;
    }

    /// How often a symbol changed, and at how many updates it could have.
    pub fn changes(&self, symbol: &str) -> (u32, u32) {
        let past = self.symbols.get(symbol);
        past.map_or((0, 0), |past| (past.changed.len() as u32, past.seen))
    }

    /// Probability that a symbol changes at the next update: 0 to 1. One that was never seen has
    /// the rate of all together.
    pub fn rate(&self, symbol: &str) -> f64 {
        self.rate_with(symbol, self.mean())
    }

    fn rate_with(&self, symbol: &str, mean: f64) -> f64 {
        let (changed, seen) = self.changes(symbol);
        (f64::from(changed) + PRIOR_UPDATES * mean) / (f64::from(seen) + PRIOR_UPDATES)
    }

    /// The rate of all symbols together. One half when nothing is known.
    fn mean(&self) -> f64 {
        let (mut changed, mut seen) = (0u64, 0u64);
        for past in self.symbols.values() {
            changed += past.changed.len() as u64;
            seen += u64::from(past.seen);
        }
        (changed as f64 + 1.0) / (seen as f64 + 2.0)
    }

    /// What a package that needs these symbols has to expect. With a stablelist, symbols that it
    /// names are told, and alternatives that it names.
    pub fn risk<'s>(
        &self,
        needs: impl IntoIterator<Item = &'s str>,
        stablelist: Option<&Stablelist>,
    ) -> Risk {
        let needs: BTreeSet<&str> = needs.into_iter().collect();
        let mean = self.mean();
        let stays: f64 = needs
            .iter()
            .map(|symbol| 1.0 - self.rate_with(symbol, mean))
            .product();
        let pasts = needs.iter().filter_map(|symbol| self.symbols.get(*symbol));
        let broke: BTreeSet<u32> = pasts
            .flat_map(|past| past.changed.iter().copied())
            .collect();
        let volatile = |symbol: &&str| {
            let (changed, seen) = self.changes(symbol);
            (changed > 0).then(|| Volatile {
                symbol: (*symbol).to_owned(),
                rate: self.rate_with(symbol, mean),
                changed,
                seen,
                is_stable: stablelist.is_some_and(|list| list.contains(symbol)),
                alternative: stablelist.and_then(|list| alternative(symbol, list)),
            })
        };
        let mut avoid: Vec<Volatile> = needs.iter().filter_map(volatile).collect();
        // Stable: among equals the order of names stays.
        avoid.sort_by(|a, b| b.rate.total_cmp(&a.rate));
        Risk {
            score: 1.0 - stays,
            updates: self.updates,
            broke: broke.len() as u32,
            avoid,
        }
    }
}

/// A listed symbol whose name differs only in what kernels put around the name of one function:
/// underscores in front for the inner half, and some endings.
fn alternative(symbol: &str, list: &Stablelist) -> Option<String> {
    if list.contains(symbol) {
        return None;
    }
    let bare = symbol.trim_start_matches('_');
    let bare = ENDINGS
        .iter()
        .find_map(|end| bare.strip_suffix(end))
        .unwrap_or(bare);
    let variants = ["", "_", "__", "___"].into_iter().flat_map(|before| {
        let ends = std::iter::once("").chain(ENDINGS);
        ends.map(move |end| format!("{before}{bare}{end}"))
    });
    variants.into_iter().find(|variant| list.contains(variant))
}

/// Endings that tell variants of one function apart: with allocation profiling, and for GPL users.
const ENDINGS: [&str; 2] = ["_noprof", "_gpl"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symvers;
    use proptest::prelude::*;

    fn kernel(rows: &[(&str, u32)]) -> Kernel {
        let line =
            |(symbol, crc): &(&str, u32)| format!("{crc:#x}\t{symbol}\tvmlinux\tEXPORT_SYMBOL\t\n");
        let text: String = rows.iter().map(line).collect();
        Kernel::new(
            "6.4.0-1-default",
            "x86_64",
            "default",
            &symvers::parse(text.as_bytes()).unwrap(),
        )
    }

    #[test]
    fn changes_are_counted_from_kernel_to_kernel() {
        let kernels = [
            kernel(&[("stays", 1), ("moves", 1), ("goes", 1)]),
            kernel(&[("stays", 1), ("moves", 2), ("goes", 1)]),
            kernel(&[("stays", 1), ("moves", 2), ("comes", 1)]),
            kernel(&[("stays", 1), ("moves", 3), ("comes", 1)]),
        ];
        let history = History::of(&kernels);
        let cases = [
            ("stays", (0, 3)),
            ("moves", (2, 3)),
            ("goes", (1, 2)),
            ("comes", (0, 1)),
            ("never", (0, 0)),
        ];
        for (symbol, changes) in cases {
            assert_eq!(history.changes(symbol), changes, "{symbol}");
        }
        // 3 changes of 9, and one of two more: 4/11.
        let mean = 4.0 / 11.0;
        assert!((history.rate("never") - mean).abs() < 1e-9);
        assert!((history.rate("moves") - (2.0 + 2.0 * mean) / 5.0).abs() < 1e-9);
        let risk = history.risk(["stays", "moves", "goes"], None);
        assert_eq!((risk.updates, risk.broke), (3, 3));
        let names: Vec<&str> = risk.avoid.iter().map(|v| v.symbol.as_str()).collect();
        assert_eq!(names, ["moves", "goes"]);
        assert_eq!(history.risk(["stays"], None).broke, 0);
    }

    #[test]
    fn kernels_without_versions_say_nothing() {
        let unversioned = kernel(&[("a", 0)]);
        let history = History::of(&[kernel(&[("a", 1)]), unversioned, kernel(&[("a", 2)])]);
        assert_eq!(history.changes("a"), (0, 0));
        assert!((history.rate("a") - 0.5).abs() < 1e-9);
        assert_eq!(history.risk([], None).score, 0.0);
    }

    #[test]
    fn a_rebuild_with_the_same_symbols_lowers_the_risk() {
        let (one, two) = (kernel(&[("a", 1)]), kernel(&[("a", 2)]));
        let before = History::of([&one, &two]).rate("a");
        let after = History::of([&one, &two, &two]).rate("a");
        assert!(after < before);
    }

    #[test]
    fn stable_alternatives() {
        let list = Stablelist::parse(b"kmalloc\n__kmalloc_cache\n_dev_err\n").unwrap();
        let cases = [
            ("__kmalloc", Some("kmalloc")),
            ("__kmalloc_noprof", Some("kmalloc")),
            ("kmalloc_cache_noprof", Some("__kmalloc_cache")),
            ("_dev_err", None),
            ("vmalloc", None),
        ];
        for (symbol, expected) in cases {
            assert_eq!(alternative(symbol, &list).as_deref(), expected, "{symbol}");
        }
        let kernels = [kernel(&[("_dev_err", 1)]), kernel(&[("_dev_err", 2)])];
        let risk = History::of(&kernels).risk(["_dev_err"], Some(&list));
        assert!(risk.avoid[0].is_stable);
    }

    proptest! {
        /// A score is a probability, and needing more never lowers it.
        #[test]
        fn more_needs_are_more_risk(
            versions in proptest::collection::vec(proptest::collection::vec(1u32..3, 4), 1..6),
            fewer in 0usize..4,
        ) {
            let names = ["a", "b", "c", "d"];
            let kernels: Vec<Kernel> = versions
                .iter()
                .map(|row| kernel(&names.into_iter().zip(row.iter().copied()).collect::<Vec<_>>()))
                .collect();
            let history = History::of(&kernels);
            let all = history.risk(names, None);
            let some = history.risk(names[..fewer].iter().copied(), None);
            prop_assert!((0.0..=1.0).contains(&all.score));
            prop_assert!(some.score <= all.score && some.broke <= all.broke);
            prop_assert!(all.broke <= all.updates);
            for name in names {
                prop_assert!((0.0..=1.0).contains(&history.rate(name)));
            }
        }
    }
}
