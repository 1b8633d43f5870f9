//! Which symbols of a kernel keep packages from loading, as far as somebody may know.

use crate::app::App;
use crate::auth::{Caller, Role};
use crate::error::Result;
use crate::judging::Index;
use std::collections::{BTreeSet, HashSet};
use store::PgConnection;
use store::judging::Group;
use store::kernels::Kernel;
use uuid::Uuid;

/// A symbol that keeps modules from loading.
#[derive(Clone, Debug)]
pub struct BrokenSymbol {
    pub symbol: String,
    /// Codes of the reasons, e.g. `crc-mismatch`.
    pub codes: BTreeSet<String>,
    pub packages: usize,
    pub modules: usize,
}

/// The first of these symbols, and how many there are.
#[derive(Clone, Debug, Default)]
pub struct BrokenSymbols {
    pub total: usize,
    pub first: Vec<BrokenSymbol>,
}

/// The symbols that keep modules from loading on a kernel, most modules first, over the packages whose
/// verdicts the caller is shown.
///
/// # Errors
/// The database fails, or what it holds cannot be read.
pub async fn symbols(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    kernel: &Kernel,
    most: usize,
) -> Result<BrokenSymbols> {
    let (id, viewer) = (kernel.id, caller.viewer());
    let shown = match caller.role {
        // Everything that was judged, which is what the index holds.
        Role::Distributor => None,
        _ => Some(store::verdicts::ids_of_broken_on(conn, viewer, id).await?),
    };
    if shown.as_ref().is_some_and(Vec::is_empty) {
        return Ok(BrokenSymbols::default());
    }
    let shown = shown.map(|ids| ids.into_iter().collect::<HashSet<Uuid>>());
    let seen = app.judging.look(conn, &Group::of(kernel), &[id]).await?;
    let count = move |index: &Index| by_symbol(index, id, shown.as_ref(), most);
    Ok(seen.work(count).await?.1)
}

/// `shown`: of these packages; `None`: of all.
fn by_symbol(
    index: &Index,
    kernel: Uuid,
    shown: Option<&HashSet<Uuid>>,
    most: usize,
) -> BrokenSymbols {
    let Some(broken) = index.broken(&kernel, usize::MAX) else {
        return BrokenSymbols::default();
    };
    let symbols = broken.by_symbol(|id| shown.is_none_or(|shown| shown.contains(id)));
    BrokenSymbols {
        total: symbols.len(),
        first: symbols
            .into_iter()
            .take(most)
            .map(|one| BrokenSymbol {
                symbol: one.symbol.to_owned(),
                codes: one.codes,
                packages: one.packages,
                modules: one.modules,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_counted_for_those_who_may_see_them() {
        let symvers = |crc: u32| {
            let text = format!("{crc:#x}\t_dev_err\tvmlinux\tEXPORT_SYMBOL\t\n");
            kabi::symvers::parse(text.as_bytes()).unwrap()
        };
        let kernel = Uuid::now_v7();
        let mut index = Index::default();
        let registered = kabi::Kernel::new("6.4.0-1-default", "x86_64", "default", &symvers(2));
        index.add_kernel(kernel, &registered);
        let module = |name: &str| {
            let bytes = testkit::ModuleBuilder::new(name)
                .imports("_dev_err", 1)
                .build();
            kmod::Module::read(&bytes, name, &kmod::Limits::default()).unwrap()
        };
        let packed = index.pack(&[module("one"), module("two")]);
        let (own, other) = (Uuid::now_v7(), Uuid::now_v7());
        index.add_package(own, "own-kmp", &packed).unwrap();
        index.add_package(other, "other-kmp", &packed).unwrap();
        for (visible, packages, modules) in [(Some(vec![own]), 1, 2), (None, 2, 4)] {
            let visible = visible.map(HashSet::from_iter);
            let symbols = by_symbol(&index, kernel, visible.as_ref(), 9);
            assert_eq!((symbols.total, symbols.first.len()), (1, 1));
            let first = &symbols.first[0];
            assert_eq!(first.symbol, "_dev_err");
            assert!(first.codes.contains(kabi::codes::CRC_MISMATCH));
            assert_eq!((first.packages, first.modules), (packages, modules));
        }
        let few = by_symbol(&index, kernel, None, 0);
        assert_eq!((few.total, few.first.len()), (1, 0));
    }
}
