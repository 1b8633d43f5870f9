//! What a distributor's own lists say of the changes from one kernel to the next: `kabi/severities` as
//! `kabi.pl` reads it, and the list of stable symbols as `check-kabi` does.

use kabi::{ChangeKind, Kernel, Ruled, Ruling, Severities, Stablelist};
use store::kernel_parts::Lists;

/// What each list says; `None` where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rulings {
    pub severities: Option<Ruled>,
    pub stablelist: Option<Ruled>,
}

impl Rulings {
    /// By the newer kernel's lists, and the older one's where it brings none.
    ///
    /// # Errors
    /// A stored list cannot be read, though it could when it was stored.
    pub fn of(newer: Lists, older: Lists, old: &Kernel, new: &Kernel) -> anyhow::Result<Self> {
        let severities = newer.severities.or(older.severities);
        let severities = severities.map(|text| Severities::parse(text.as_bytes()));
        let stablelist = newer.stablelist.or(older.stablelist);
        let stablelist = stablelist.map(|text| Stablelist::parse(text.as_bytes()));
        Ok(Self {
            severities: severities.transpose()?.map(|list| list.rule(old, new)),
            stablelist: stablelist.transpose()?.map(|list| list.rule(old, new)),
        })
    }
}

/// What a list says of one change, and by which of its rules.
pub fn of_change<'r>(
    ruled: &'r Ruled,
    symbol: &str,
    kind: ChangeKind,
) -> Option<(Ruling, Option<&'r str>)> {
    // Sorted by symbol, then by kind.
    let order =
        |change: &kabi::RuledChange| (change.symbol.as_str(), change.kind).cmp(&(symbol, kind));
    let at = ruled.changes.binary_search_by(order).ok()?;
    let change = &ruled.changes[at];
    Some((change.ruling, change.rule.as_deref()))
}

/// Symbols at whose change the distributor's tool would end with an error, each once.
pub fn failing(ruled: &Ruled) -> Vec<String> {
    let failing = ruled
        .changes
        .iter()
        .filter(|c| c.ruling > Ruling::Tolerated);
    let mut symbols: Vec<String> = failing.map(|c| c.symbol.clone()).collect();
    symbols.dedup();
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(text: &str) -> Kernel {
        let symvers = kabi::symvers::parse(text.as_bytes()).unwrap();
        Kernel::new("6.4.0-1-default", "x86_64", "default", &symvers)
    }

    fn lists(severities: Option<&str>, stablelist: Option<&str>) -> Lists {
        Lists {
            severities: severities.map(str::to_owned),
            stablelist: stablelist.map(str::to_owned),
        }
    }

    #[test]
    fn the_newer_lists_rule() {
        let old = kernel("0x1 a vmlinux EXPORT_SYMBOL\n0x2 b vmlinux EXPORT_SYMBOL\n");
        let new = kernel("0x9 a vmlinux EXPORT_SYMBOL\n0x8 b vmlinux EXPORT_SYMBOL\n");
        let newer = lists(Some("a PASS\n"), None);
        let older = lists(Some("b PASS\n"), Some("b\n"));
        let rulings = Rulings::of(newer, older, &old, &new).unwrap();
        let (severities, stablelist) = (rulings.severities.unwrap(), rulings.stablelist.unwrap());
        assert_eq!(failing(&severities), ["b"]);
        assert_eq!(failing(&stablelist), ["b"]);
        let a = of_change(&severities, "a", ChangeKind::CrcChanged);
        assert_eq!(a, Some((Ruling::Tolerated, Some("a"))));
        assert_eq!(of_change(&severities, "a", ChangeKind::Removed), None);
        assert_eq!(
            Rulings::of(lists(None, None), lists(None, None), &old, &new).unwrap(),
            Rulings::default()
        );
    }
}
