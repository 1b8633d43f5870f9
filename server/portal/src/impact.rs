//! What a kernel does to published packages: which break, by which symbols, and which are mended
//! already by another build of the same KMP.

use crate::judging::{Index, Judging};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use store::PgConnection;
use store::judging::Group;
use store::kernels::Kernel;
use store::verdicts::OfPackage;
use uuid::Uuid;

/// A package that does not load on the kernel.
#[derive(Clone, Debug)]
pub struct Broken {
    pub package: OfPackage,
    /// Another build of the same name that does load there.
    pub fixed_by: Option<Uuid>,
}

impl Broken {
    /// The vendor has to act: it loads elsewhere today, and nothing replaces it on this kernel.
    #[must_use]
    pub fn needs_rebuild(&self) -> bool {
        self.fixed_by.is_none() && self.package.loads_elsewhere
    }
}

/// A kernel's effect on all packages that were judged on it.
#[derive(Clone, Debug, Default)]
pub struct Impact {
    pub loads: usize,
    /// In the order of vendor and name.
    pub broken: Vec<Broken>,
}

/// A symbol that keeps modules from loading.
#[derive(Clone, Debug)]
pub struct BrokenSymbol {
    pub symbol: String,
    /// Codes of the reasons, e.g. `crc-mismatch`.
    pub codes: BTreeSet<String>,
    pub packages: usize,
    pub modules: usize,
}

/// Sums up the verdicts on one kernel.
#[must_use]
pub fn of_kernel(verdicts: Vec<OfPackage>) -> Impact {
    let mut good: BTreeMap<String, Uuid> = BTreeMap::new();
    for package in verdicts.iter().filter(|p| p.verdict.loads()) {
        good.insert(package.name.clone(), package.package_id);
    }
    let (fine, bad): (Vec<_>, Vec<_>) = verdicts.into_iter().partition(|p| p.verdict.loads());
    let broken = bad
        .into_iter()
        .map(|package| Broken {
            fixed_by: good.get(&package.name).copied(),
            package,
        })
        .collect();
    Impact {
        loads: fine.len(),
        broken,
    }
}

/// The symbols that keep modules of these packages from loading on a kernel, most modules first.
///
/// # Errors
/// The database fails, or what it holds cannot be read.
pub async fn symbols(
    judging: &Judging,
    conn: &mut PgConnection,
    kernel: &Kernel,
    broken: &[Broken],
) -> anyhow::Result<Vec<BrokenSymbol>> {
    if broken.is_empty() {
        return Ok(Vec::new());
    }
    let kernel_id = kernel.id;
    let seen = judging.look(conn, &Group::of(kernel), &[kernel_id]).await?;
    let packages: HashSet<Uuid> = broken.iter().map(|b| b.package.package_id).collect();
    let count = move |index: &Index| by_symbol(index, kernel_id, &packages);
    Ok(seen.work(count).await?.1)
}

fn by_symbol(index: &Index, kernel: Uuid, packages: &HashSet<Uuid>) -> Vec<BrokenSymbol> {
    let mut found: HashMap<String, BrokenSymbol> = HashMap::new();
    let broken = index.broken(&kernel, usize::MAX);
    for package in broken.iter().flat_map(|b| b.packages()) {
        if !packages.contains(package.key) {
            continue;
        }
        let mut seen = HashSet::new();
        for one in package.symbols() {
            let Some(symbol) = one.reason.symbol else {
                continue;
            };
            let entry = found
                .entry(symbol)
                .or_insert_with_key(|symbol| BrokenSymbol {
                    symbol: symbol.clone(),
                    codes: BTreeSet::new(),
                    packages: 0,
                    modules: 0,
                });
            if !entry.codes.contains(&one.reason.code) {
                entry.codes.insert(one.reason.code);
            }
            entry.modules += 1;
            if seen.insert(entry.symbol.clone()) {
                entry.packages += 1;
            }
        }
    }
    let mut symbols: Vec<BrokenSymbol> = found.into_values().collect();
    symbols.sort_by(|a, b| {
        let most = (b.modules, b.packages).cmp(&(a.modules, a.packages));
        most.then_with(|| a.symbol.cmp(&b.symbol))
    });
    symbols
}

/// Verdicts for tests.
#[cfg(test)]
pub mod samples {
    use super::*;
    use kabi::Verdict;
    use store::verdicts::Totals;

    /// Of acme.
    pub fn package(name: &str, verdict: Verdict) -> OfPackage {
        OfPackage {
            package_id: Uuid::now_v7(),
            vendor_id: 1,
            vendor: "acme".to_owned(),
            vendor_display_name: "Acme".to_owned(),
            vendor_email: "kernel@acme.example".to_owned(),
            name: name.to_owned(),
            epoch: None,
            version: "1".to_owned(),
            release: "1".to_owned(),
            arch: "x86_64".to_owned(),
            verdict,
            totals: Totals::default(),
            loads_elsewhere: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::samples::package;
    use super::*;
    use kabi::Verdict;

    #[test]
    fn a_newer_build_mends_an_older_one() {
        let impact = of_kernel(vec![
            package("acme-net-kmp-default", Verdict::Incompatible),
            package("acme-net-kmp-default", Verdict::Compatible),
            package("beta-usb-kmp-default", Verdict::Incompatible),
        ]);
        assert_eq!(impact.loads, 1);
        assert_eq!(impact.broken.len(), 2);
        assert!(!impact.broken[0].needs_rebuild());
        assert!(impact.broken[1].needs_rebuild());
    }

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
        for (visible, packages, modules) in [(vec![own], 1, 2), (vec![own, other], 2, 4)] {
            let symbols = by_symbol(&index, kernel, &visible.into_iter().collect());
            assert_eq!(symbols.len(), 1);
            assert_eq!(symbols[0].symbol, "_dev_err");
            assert!(symbols[0].codes.contains(kabi::codes::CRC_MISMATCH));
            assert_eq!(
                (symbols[0].packages, symbols[0].modules),
                (packages, modules)
            );
        }
    }
}
