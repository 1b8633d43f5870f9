//! Parts of one kernel add up, or contradict each other.
//!
//! Facts only grow: what one part leaves open another may fill in. Two parts that state different
//! things are both refused, because nobody can tell which is right.

use std::collections::HashMap;
use std::fmt;

use kabi::symvers::{ExportKind, Row};
use kmod::Crc;

use crate::{Description, UNKNOWN_PROVIDER};

/// Contradictions told in full; the rest is counted.
const TOLD: usize = 50;

/// In what two parts of one kernel contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Contradictions {
    /// The first of them, never empty.
    pub list: Vec<Contradiction>,
    /// All there are.
    pub total: usize,
}

/// One contradiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// Release, architecture, flavor, vermagic or size.
    Fact {
        /// Which.
        what: &'static str,
        /// What is known so far.
        known: String,
        /// What the other part says.
        told: String,
    },
    /// One symbol of one provider in two versions.
    Crc {
        /// The symbol.
        symbol: String,
        /// Who exports it.
        provider: String,
        /// What is known so far.
        known: Crc,
        /// What the other part says.
        told: Crc,
    },
    /// One symbol exported in two ways: GPL-only or not, another namespace.
    Kind {
        /// The symbol.
        symbol: String,
        /// What is known so far.
        known: String,
        /// What the other part says.
        told: String,
    },
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Contradiction::Fact { what, known, told } => {
                write!(f, "{what} `{known}` against `{told}`")
            }
            Contradiction::Crc {
                symbol,
                provider,
                known,
                told,
            } => {
                let (known, told) = (known.to_padded(), told.to_padded());
                write!(f, "{symbol} of {provider} {known} against {told}")
            }
            Contradiction::Kind {
                symbol,
                known,
                told,
            } => write!(f, "{symbol} as {known} against {told}"),
        }
    }
}

/// Shown in one sentence.
const IN_A_SENTENCE: usize = 5;

impl fmt::Display for Contradictions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.list.iter().take(IN_A_SENTENCE);
        let shown: Vec<String> = shown.map(ToString::to_string).collect();
        f.write_str(&shown.join("; "))?;
        match self.total - shown.len() {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[derive(Default)]
struct Noted {
    list: Vec<Contradiction>,
    total: usize,
}

impl Noted {
    fn note(&mut self, make: impl FnOnce() -> Contradiction) {
        self.total += 1;
        if self.list.len() < TOLD {
            self.list.push(make());
        }
    }

    fn fact<T: PartialEq + ToString>(
        &mut self,
        what: &'static str,
        known: &mut Option<T>,
        told: Option<T>,
    ) {
        match (known.as_ref(), told) {
            (Some(known), Some(told)) if *known != told => self.note(|| Contradiction::Fact {
                what,
                known: known.to_string(),
                told: told.to_string(),
            }),
            (None, told) => *known = told,
            _ => {}
        }
    }
}

impl Description {
    /// Adds what another source tells of the same kernel. The order of additions changes nothing
    /// but the order of rows and parts.
    ///
    /// # Errors
    /// The two state different things; then this description is as it was.
    pub fn add(&mut self, other: Description) -> Result<(), Contradictions> {
        let mut sum = self.clone();
        let mut noted = Noted::default();
        noted.fact("release", &mut sum.release, other.release);
        noted.fact("architecture", &mut sum.arch, other.arch);
        add_flavor(&mut noted, &mut sum.flavor, other.flavor);
        noted.fact("vermagic", &mut sum.vermagic_tail, other.vermagic_tail);
        let size = &mut sum.this_module_size;
        noted.fact("size of struct module", size, other.this_module_size);
        add_rows(&mut noted, &mut sum.symvers.rows, other.symvers.rows);
        if noted.total > 0 {
            return Err(Contradictions {
                list: noted.list,
                total: noted.total,
            });
        }
        sum.modules.extend(other.modules);
        sum.modules.sort_by(|a, b| a.path.cmp(&b.path));
        sum.modules.dedup_by(|a, b| a.path == b.path);
        sum.symsets = sum.symsets.max(other.symsets);
        sum.is_whole |= other.is_whole;
        for part in other.parts {
            if !sum.parts.contains(&part) {
                sum.parts.push(part);
            }
        }
        *self = sum;
        Ok(())
    }
}

/// "None" is what a release says that names no flavor; a package knows better.
fn add_flavor(noted: &mut Noted, known: &mut Option<String>, told: Option<String>) {
    let is_weak = |flavor: &Option<String>| flavor.as_deref().is_none_or(str::is_empty);
    if is_weak(known) {
        *known = told.or(known.take());
    } else if !is_weak(&told) {
        noted.fact("flavor", known, told);
    }
}

fn add_rows(noted: &mut Noted, rows: &mut Vec<Row>, told: Vec<Row>) {
    let mut by_symbol: HashMap<String, Vec<usize>> = HashMap::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        by_symbol.entry(row.symbol.clone()).or_default().push(index);
    }
    for row in told {
        let known = by_symbol.get(&row.symbol).map_or(&[][..], Vec::as_slice);
        if let Some(&index) = known.iter().find(|&&at| rows[at].crc == row.crc) {
            fill_in(noted, &mut rows[index], row);
        } else if let Some(&index) = known.iter().find(|&&at| is_one(&rows[at], &row)) {
            let known = &rows[index];
            noted.note(|| Contradiction::Crc {
                symbol: row.symbol.clone(),
                provider: known.provider.clone(),
                known: known.crc,
                told: row.crc,
            });
        } else {
            by_symbol
                .entry(row.symbol.clone())
                .or_default()
                .push(rows.len());
            rows.push(row);
        }
    }
}

/// May these be the same export? Two modules may export one symbol, one module may not twice.
fn is_one(a: &Row, b: &Row) -> bool {
    let is_open = |row: &Row| row.provider == UNKNOWN_PROVIDER;
    is_open(a) || is_open(b) || module_of(&a.provider) == module_of(&b.provider)
}

/// The module's name, as the kernel spells it.
fn module_of(provider: &str) -> String {
    let last = provider.rsplit('/').next().unwrap_or(provider);
    last.replace('-', "_")
}

fn fill_in(noted: &mut Noted, known: &mut Row, told: Row) {
    if known.provider == UNKNOWN_PROVIDER {
        known.provider.clone_from(&told.provider);
    }
    if told.export == ExportKind::Unstated {
        return;
    }
    if known.export == ExportKind::Unstated {
        known.export = told.export;
        known.gpl = told.gpl;
        known.namespace = told.namespace;
    } else if known.gpl != told.gpl || known.namespace != told.namespace {
        noted.note(|| Contradiction::Kind {
            symbol: known.symbol.clone(),
            known: kind(known),
            told: kind(&told),
        });
    }
}

fn kind(row: &Row) -> String {
    match &row.namespace {
        Some(namespace) => format!("{} in {namespace}", row.export.as_str()),
        None => row.export.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{described, row, stated};
    use proptest::prelude::*;

    #[test]
    fn parts_fill_each_other_in() {
        let mut base = described(&[row("a", 1), row("b", 2)]);
        base.flavor = Some(String::new());
        let mut extra = described(&[stated("b", 2, "drivers/x", true), row("c", 3)]);
        extra.flavor = Some("rt".to_owned());
        extra.this_module_size = Some(896);
        base.add(extra).unwrap();
        assert_eq!(base.flavor.as_deref(), Some("rt"));
        assert_eq!(base.this_module_size, Some(896));
        let rows = &base.symvers.rows;
        assert_eq!(rows.len(), 3);
        assert_eq!(
            (rows[1].provider.as_str(), rows[1].gpl),
            ("drivers/x", true)
        );
        assert_eq!(rows[0].provider, UNKNOWN_PROVIDER);
    }

    #[test]
    fn the_same_symbol_in_two_versions_is_refused_and_nothing_is_kept() {
        let known = described(&[stated("a", 1, "vmlinux", false), row("b", 2)]);
        let cases = [
            (
                stated("a", 9, "vmlinux", false),
                "a of vmlinux 0x00000001 against 0x00000009",
            ),
            (row("b", 9), "b of unknown 0x00000002 against 0x00000009"),
            (
                stated("a", 1, "vmlinux", true),
                "a as EXPORT_SYMBOL against EXPORT_SYMBOL_GPL",
            ),
        ];
        for (told, expected) in cases {
            let mut sum = known.clone();
            let error = sum.add(described(&[told, row("new", 5)])).unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert_eq!(sum, known);
        }
        // Two modules may export one name.
        let mut sum = known.clone();
        sum.add(described(&[stated("a", 9, "drivers/x", false)]))
            .unwrap();
        assert_eq!(sum.symvers.rows.len(), 3);
    }

    #[test]
    fn a_long_list_is_counted() {
        let rows = |crc| {
            (0..100)
                .map(|n| row(&format!("s{n}"), crc))
                .collect::<Vec<_>>()
        };
        let mut sum = described(&rows(1));
        let error = sum.add(described(&rows(2))).unwrap_err();
        assert_eq!((error.list.len(), error.total), (TOLD, 100));
        assert!(error.to_string().ends_with("; and 95 more"), "{error}");
    }

    proptest! {
        #[test]
        fn adding_a_part_twice_changes_nothing(rows in proptest::collection::vec(("[a-f]", 1_u32..4), 0..12)) {
            let rows: Vec<Row> = rows.iter().map(|(symbol, crc)| row(symbol, *crc)).collect();
            // A single source may list a symbol in several versions.
            let part = described(&rows);
            let mut sum = Description::default();
            if sum.add(part.clone()).is_ok() {
                let once = sum.clone();
                sum.add(part).unwrap();
                prop_assert_eq!(sum, once);
            }
        }

        #[test]
        fn the_order_of_parts_does_not_matter(
            mine in proptest::collection::btree_map("[a-f]", 1_u32..3, 0..6),
            yours in proptest::collection::btree_map("[a-f]", 1_u32..3, 0..6),
        ) {
            let part = |rows: &std::collections::BTreeMap<String, u32>| {
                described(&rows.iter().map(|(s, crc)| row(s, *crc)).collect::<Vec<_>>())
            };
            let (mut forward, mut backward) = (part(&mine), part(&yours));
            let first = forward.add(part(&yours));
            let second = backward.add(part(&mine));
            prop_assert_eq!(first.is_ok(), second.is_ok());
            if first.is_ok() {
                prop_assert_eq!(forward.symvers.content_hash(), backward.symvers.content_hash());
            }
        }
    }
}
