//! What holds for all kernels and packages, on a small world of symbols where everything collides.

use super::*;
use crate::kernel::KernelExport;
use std::collections::BTreeMap;

const SYMBOLS: [&str; 6] = ["s0", "s1", "s2", "s3", "s4", "s5"];

fn any_symbol() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&SYMBOLS)
}

fn any_module() -> impl Strategy<Value = Module> {
    let imports = proptest::collection::btree_map(any_symbol(), (0u32..3, 0u8..8), 0..4);
    let exports = proptest::collection::btree_map(any_symbol(), (0u32..3, 0u8..8), 0..3);
    let name = proptest::sample::select(&["m0", "m1", "m2", "m3", "m4"]);
    (name, imports, exports, 0u8..16).prop_map(|(name, imports, exports, odd)| {
        let mut module = module(name, &[], &[]);
        for (symbol, (crc, odd)) in imports {
            let mut import = import(symbol, Some(crc + u32::from(odd > 0)));
            import.weak = odd == 1;
            module.imports.push(import);
        }
        for (symbol, (crc, odd)) in exports {
            let mut export = export(symbol, Some(crc + u32::from(odd > 0)));
            export.gpl = odd == 1;
            module.exports.push(export);
        }
        match odd {
            0 => set_license(&mut module, None),
            1 => module.versions = Versions::None,
            2 => module.vermagic = None,
            3 => module.imports[0].crc = Some(Crc(0xbad)),
            _ => {}
        }
        module
    })
}

fn any_packages() -> impl Strategy<Value = Vec<(String, Vec<Module>)>> {
    let modules = proptest::collection::vec(any_module(), 0..4);
    let names = proptest::sample::select(&["p0", "p1", "p2", "p3"]);
    proptest::collection::vec((names.prop_map(str::to_owned), modules), 0..6)
}

fn any_kernel() -> impl Strategy<Value = Kernel> {
    let exports = proptest::collection::btree_map(any_symbol(), (0u32..3, 0u8..8), 0..4);
    exports.prop_map(|exports: BTreeMap<&str, (u32, u8)>| {
        let mut kernel = kernel(&[]);
        for (symbol, (crc, odd)) in exports {
            let export = KernelExport {
                crcs: vec![Crc(crc)],
                gpl: odd == 0,
                namespace: (odd == 1).then(|| "NS".to_owned()),
                provider: if odd == 2 {
                    "fs/m0".to_owned()
                } else {
                    "vmlinux".to_owned()
                },
            };
            kernel.exports.insert(symbol.to_owned(), export);
        }
        kernel
    })
}

fn judge_these(kernel: &Kernel, packages: &[(String, Vec<Module>)]) -> Vec<PackageVerdict> {
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

    /// A symbol that no package exports itself, and that no module does without, breaks nothing
    /// when the kernel comes to export it; nor does one more valid version of a versioned symbol.
    #[test]
    fn more_exports_never_break(
        kernel in any_kernel(),
        packages in any_packages(),
        symbol in any_symbol(),
        crc in 1u32..4,
    ) {
        let mut more = kernel.clone();
        let modules = || packages.iter().flat_map(|(_, modules)| modules);
        let is_exported = modules().any(|m| m.exports.iter().any(|e| e.symbol == symbol));
        let is_weak = modules().any(|m| m.imports.iter().any(|i| i.symbol == symbol && i.weak));
        match more.exports.get_mut(symbol) {
            Some(export) if export.versions().next().is_some() => export.crcs.push(Crc(crc)),
            None if !is_exported && !is_weak => {
                let export = KernelExport {
                    crcs: vec![Crc(crc)],
                    gpl: false,
                    namespace: None,
                    provider: "vmlinux".to_owned(),
                };
                more.exports.insert(symbol.to_owned(), export);
            }
            _ => {}
        }
        let before = judge_these(&kernel, &packages);
        let after = judge_these(&more, &packages);
        for (before, after) in before.iter().zip(&after) {
            if before.verdict.loads() {
                prop_assert!(after.verdict.loads(), "{:#?} became {:#?}", before, after);
            }
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
                    prop_assert!(is_offered(&kernel, &packages, &verdicts, import));
                }
            }
        }
    }
}

/// By the kernel, or by a module that loads; a kernel's symbol without a version takes any.
fn is_offered(
    kernel: &Kernel,
    packages: &[(String, Vec<Module>)],
    verdicts: &[PackageVerdict],
    import: &kmod::Import,
) -> bool {
    let by_kernel = kernel.exports.get(&import.symbol).is_some_and(|export| {
        export.versions().next().is_none()
            || import.crc.is_some_and(|crc| export.crcs.contains(&crc))
    });
    let exports = |module: &Module| {
        module
            .exports
            .iter()
            .any(|e| e.symbol == import.symbol && e.crc == import.crc)
    };
    by_kernel
        || packages
            .iter()
            .zip(verdicts)
            .any(|((_, modules), verdict)| {
                let mut judged = modules.iter().zip(&verdict.modules);
                judged.any(|(module, judged)| judged.verdict.loads() && exports(module))
            })
}
