//! What holds for all kernels and packages, on random worlds where everything meets everything.

use super::*;
use crate::kernel::KernelExport;
use crate::testing::worlds::{
    Package, any_kernel, any_kernel_export, any_module, any_packages, any_symbol,
};
use kmod::Import;

fn judge_these(kernel: &Kernel, packages: &[Package]) -> Vec<PackageVerdict> {
    let candidates: Vec<Candidate<'_>> = packages
        .iter()
        .map(|(name, modules)| Candidate { name, modules })
        .collect();
    judge(kernel, &candidates)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_package_and_module_has_a_verdict_with_a_reason(
        kernel in any_kernel(),
        packages in any_packages(),
    ) {
        let verdicts = judge_these(&kernel, &packages);
        prop_assert_eq!(verdicts.len(), packages.len());
        for (verdict, (_, modules)) in verdicts.iter().zip(&packages) {
            prop_assert_eq!(verdict.modules.len(), modules.len());
            for (judged, module) in verdict.modules.iter().zip(modules) {
                prop_assert_eq!(&judged.module, &module.name);
                prop_assert!(judged.needed_ok <= judged.needed_total);
                prop_assert!(verdict.verdict >= judged.verdict);
                let worst = judged.reasons.iter().map(|reason| reason.severity).max();
                let refused = judged.verdict > Verdict::Indeterminate;
                prop_assert_eq!(refused, worst == Some(Severity::Fatal), "{:?}", judged);
                prop_assert_eq!(judged.verdict == Verdict::Compatible, worst <= Some(Severity::Info));
                let unknown = judged.verdict == Verdict::Indeterminate;
                prop_assert!(!unknown || worst == Some(Severity::Warn), "{:?}", judged);
                for reason in &judged.reasons {
                    prop_assert!(crate::codes::meaning(&reason.code).is_some(), "{}", reason.code);
                }
            }
        }
    }

    #[test]
    fn the_order_of_packages_does_not_matter(
        kernel in any_kernel(),
        packages in any_packages(),
        seed in any::<u64>(),
    ) {
        let mut order: Vec<usize> = (0..packages.len()).collect();
        order.sort_by_key(|&place| (place as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
        let shuffled: Vec<_> = order.iter().map(|&place| packages[place].clone()).collect();
        let straight = judge_these(&kernel, &packages);
        let verdicts = judge_these(&kernel, &shuffled);
        for (verdict, place) in verdicts.iter().zip(order) {
            prop_assert_eq!(verdict, &straight[place]);
        }
    }

    /// Symbols that no package exports itself, and that no module does without, break nothing when
    /// the kernel comes to export them, however restricted; nor do further valid versions of a
    /// versioned symbol, nor the end of a restriction.
    #[test]
    fn more_exports_never_break(
        kernel in any_kernel(),
        packages in any_packages(),
        others in proptest::collection::vec((any_symbol(), any_kernel_export()), 1..8),
    ) {
        let mut more = kernel.clone();
        for (symbol, other) in others {
            add(&mut more, &packages, symbol, other);
        }
        let before = judge_these(&kernel, &packages);
        let after = judge_these(&more, &packages);
        for (before, after) in before.iter().zip(&after) {
            if before.verdict.loads() {
                prop_assert!(after.verdict.loads(), "{:#?} became {:#?}", before, after);
            }
        }
    }

    /// Fewer exports never mend: the same from the other side, and no symbol is spared.
    #[test]
    fn fewer_exports_never_mend(kernel in any_kernel(), packages in any_packages(), symbol in any_symbol()) {
        let mut fewer = kernel.clone();
        let is_own = |m: &Module| m.exports.iter().any(|e| e.symbol == symbol);
        let does_without = |m: &Module| m.imports.iter().any(|i| i.symbol == symbol && i.weak);
        let modules = || packages.iter().flat_map(|(_, modules)| modules);
        if modules().any(|m| is_own(m) || does_without(m)) || fewer.exports.len() < 2 {
            return Ok(());
        }
        fewer.exports.remove(symbol);
        let before = judge_these(&kernel, &packages);
        for (before, after) in before.iter().zip(judge_these(&fewer, &packages)) {
            prop_assert!(before.verdict.loads() || !after.verdict.loads(), "{:#?} became {:#?}", before, after);
        }
    }

    /// What a package offers can only help others.
    #[test]
    fn more_packages_never_break(
        kernel in any_kernel(),
        packages in any_packages(),
        another in proptest::collection::vec(any_module(), 1..3),
    ) {
        let before = judge_these(&kernel, &packages);
        let mut more = packages.clone();
        more.push(("p9".to_owned(), another));
        let after = judge_these(&kernel, &more);
        for (before, after) in before.iter().zip(&after) {
            if before.verdict.loads() {
                prop_assert!(after.verdict.loads(), "{:#?} became {:#?}", before, after);
            }
        }
    }

    /// A module that loads finds every symbol it needs, in its version, with somebody who loads.
    #[test]
    fn what_loads_is_satisfied(kernel in any_kernel(), packages in any_packages()) {
        let verdicts = judge_these(&kernel, &packages);
        for ((_, modules), verdict) in packages.iter().zip(&verdicts) {
            for (module, judged) in modules.iter().zip(&verdict.modules) {
                if !judged.verdict.loads() {
                    continue;
                }
                prop_assert_eq!(judged.needed_ok, judged.needed_total);
                for import in module.imports.iter().filter(|i| i.undefined && !i.weak) {
                    prop_assert!(is_offered(&kernel, &packages, &verdicts, module, import));
                }
            }
        }
    }
}

/// One more export of a kernel, or what is less strict of it, where that can break nothing.
fn add(kernel: &mut Kernel, packages: &[Package], symbol: &str, other: KernelExport) {
    let modules = || packages.iter().flat_map(|(_, modules)| modules);
    let is_exported = modules().any(|m| m.exports.iter().any(|e| e.symbol == symbol));
    let is_weak = modules().any(|m| m.imports.iter().any(|i| i.symbol == symbol && i.weak));
    let is_empty = kernel.exports.is_empty();
    match kernel.exports.get_mut(symbol) {
        Some(export) => {
            if export.versions().next().is_some() {
                export.crcs.extend(other.crcs);
            }
            // A weak symbol that was hidden from a proprietary module counted as not there.
            export.gpl &= other.gpl || is_weak;
            if other.namespace.is_none() {
                export.namespace = None;
            }
        }
        // A kernel of which nothing is known stays so.
        None if !is_exported && !is_weak && !is_empty => {
            kernel.exports.insert(symbol.to_owned(), other);
        }
        None => {}
    }
}

/// By the kernel, or by a module that loads; a kernel's symbol without a version takes any.
fn is_offered(
    kernel: &Kernel,
    packages: &[Package],
    verdicts: &[PackageVerdict],
    module: &Module,
    import: &Import,
) -> bool {
    // Newer loaders only warn of a symbol without a version.
    let is_lenient = !kernel.modversions
        || (kernel.version() >= Some((6, 14))
            && matches!(module.versions, Versions::Extended | Versions::Both));
    let is_unversioned = import.crc.is_none_or(|crc| !crc.is_versioned());
    let fits = |crcs: &[Crc]| {
        !kernel.modversions
            || (is_lenient && is_unversioned)
            || import.crc.is_some_and(|crc| crcs.contains(&crc))
    };
    let by_kernel = kernel
        .exports
        .get(&import.symbol)
        .is_some_and(|export| export.versions().next().is_none() || fits(&export.crcs));
    let exports = |module: &Module| {
        let mut named = module.exports.iter().filter(|e| e.symbol == import.symbol);
        named.any(|e| fits(e.crc.as_slice()))
    };
    let mut all = packages.iter().zip(verdicts);
    by_kernel
        || all.any(|((_, modules), verdict)| {
            let mut judged = modules.iter().zip(&verdict.modules);
            judged.any(|(module, judged)| judged.verdict.loads() && exports(module))
        })
}
