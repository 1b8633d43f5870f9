//! What a kernel does to published packages: which break, by which symbols, and which are mended
//! already by another build of the same KMP.

use kabi::{ModuleVerdict, Severity};
use std::collections::{BTreeMap, BTreeSet};
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
    /// Symbol to the packages and modules it breaks, most modules first.
    pub symbols: Vec<BrokenSymbol>,
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
    let symbols = by_symbol(&bad);
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
        symbols,
    }
}

fn by_symbol(broken: &[OfPackage]) -> Vec<BrokenSymbol> {
    let mut found: BTreeMap<String, BrokenSymbol> = BTreeMap::new();
    for package in broken {
        let mut seen = BTreeSet::new();
        for module in &package.modules {
            for (symbol, code) in fatal_symbols(module) {
                let entry = found
                    .entry(symbol.to_owned())
                    .or_insert_with(|| BrokenSymbol {
                        symbol: symbol.to_owned(),
                        codes: BTreeSet::new(),
                        packages: 0,
                        modules: 0,
                    });
                entry.codes.insert(code.to_owned());
                entry.modules += 1;
                if seen.insert(symbol) {
                    entry.packages += 1;
                }
            }
        }
    }
    let mut symbols: Vec<BrokenSymbol> = found.into_values().collect();
    symbols.sort_by_key(|s| std::cmp::Reverse((s.modules, s.packages)));
    symbols
}

/// Symbol and code of every reason that keeps a module from loading, each symbol once.
pub fn fatal_symbols(module: &ModuleVerdict) -> impl Iterator<Item = (&str, &str)> {
    let mut seen = BTreeSet::new();
    module
        .reasons
        .iter()
        .filter(|r| r.severity == Severity::Fatal)
        .filter_map(move |r| {
            let symbol = r.symbol.as_deref()?;
            seen.insert(symbol).then_some((symbol, r.code.as_str()))
        })
}

/// Verdicts for tests.
#[cfg(test)]
pub mod samples {
    use super::*;
    use kabi::{Reason, Verdict};

    /// Of acme; these symbols keep it from loading, none let it load.
    pub fn package(name: &str, symbols: &[&str]) -> OfPackage {
        let reasons = symbols
            .iter()
            .map(|s| Reason {
                code: "crc-mismatch".to_owned(),
                severity: Severity::Fatal,
                symbol: Some((*s).to_owned()),
                expected: None,
                found: None,
                provider: None,
                detail: None,
            })
            .collect();
        let verdict = if symbols.is_empty() {
            Verdict::Compatible
        } else {
            Verdict::Incompatible
        };
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
            modules: vec![ModuleVerdict {
                module: name.to_owned(),
                verdict,
                reasons,
                needed_total: 3,
                needed_ok: 3 - symbols.len(),
            }],
            loads_elsewhere: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::samples::package;
    use super::*;

    #[test]
    fn a_newer_build_mends_an_older_one() {
        let impact = of_kernel(vec![
            package("acme-net-kmp-default", &["_dev_err"]),
            package("acme-net-kmp-default", &[]),
            package("beta-usb-kmp-default", &["_dev_err", "usb_register"]),
        ]);
        assert_eq!(impact.loads, 1);
        assert_eq!(impact.broken.len(), 2);
        assert!(!impact.broken[0].needs_rebuild());
        assert!(impact.broken[1].needs_rebuild());
        assert_eq!(impact.symbols[0].symbol, "_dev_err");
        assert_eq!(
            (impact.symbols[0].packages, impact.symbols[0].modules),
            (2, 2)
        );
    }
}
