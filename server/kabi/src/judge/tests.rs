use super::*;
use crate::testing::{
    LAYOUT, RELEASE, TAIL, export, import, kernel, module, module_with, set_license,
};
use crate::verdict::Reason;
use kmod::{Btf, Crc, Module, Versions};
use proptest::prelude::*;

mod properties;

/// What the judge says to one package of one module.
fn judge_one(kernel: &Kernel, module: &Module) -> ModuleVerdict {
    let modules = std::slice::from_ref(module);
    let verdicts = judge(
        kernel,
        &[Candidate {
            name: "acme-kmp",
            modules,
        }],
    );
    assert_eq!(verdicts[0].verdict, verdicts[0].modules[0].verdict);
    verdicts[0].modules[0].clone()
}

/// The codes above [`Severity::Info`].
fn codes(verdict: &ModuleVerdict) -> Vec<&str> {
    let heavy = verdict
        .reasons
        .iter()
        .filter(|reason| reason.severity > Severity::Info);
    heavy.map(|reason| reason.code.as_str()).collect()
}

fn infos(verdict: &ModuleVerdict) -> Vec<&str> {
    let light = verdict
        .reasons
        .iter()
        .filter(|reason| reason.severity == Severity::Info);
    light.map(|reason| reason.code.as_str()).collect()
}

/// Says what becomes of one module on one kernel.
#[track_caller]
fn assert_verdict(kernel: &Kernel, module: &Module, verdict: Verdict, expected: &[&str]) {
    let found = judge_one(kernel, module);
    assert_eq!(
        (found.verdict, codes(&found)),
        (verdict, expected.to_vec()),
        "{found:#?}"
    );
}

const KERNEL: &[&str] = &[
    "0x1 printk vmlinux EXPORT_SYMBOL",
    "0x2 gpl_call vmlinux EXPORT_SYMBOL_GPL",
    "0x3 dma_map vmlinux EXPORT_SYMBOL_GPL DMA_BUF",
    "0x4 kvm_x arch/x86/kvm/kvm EXPORT_SYMBOL_GPL module:kvm-amd,acme_*",
    "0x5 nf_hook net/netfilter/nf-core EXPORT_SYMBOL",
    "0x0 asm_memcpy vmlinux EXPORT_SYMBOL",
];

#[test]
fn a_module_whose_symbols_all_fit_loads() {
    let found = judge_one(
        &kernel(KERNEL),
        &module("acme", &[("printk", 1), ("nf_hook", 5)], &[]),
    );
    assert_eq!(found.verdict, Verdict::Compatible);
    assert_eq!((found.needed_total, found.needed_ok), (3, 3));
    assert_eq!(infos(&found), ["vermagic-tail-unknown"]);
}

#[test]
fn processors() {
    let aarch64 = module_with("acme", &[], |m| m.machine.e_machine = 183);
    assert_verdict(
        &kernel(KERNEL),
        &aarch64,
        Verdict::UnloadableFlavor,
        &["arch-mismatch"],
    );
    let mut odd = kernel(KERNEL);
    odd.arch = "noarch".to_owned();
    assert_verdict(
        &odd,
        &module("acme", &[], &[]),
        Verdict::Indeterminate,
        &["arch-unknown"],
    );
}

#[test]
fn flavors() {
    let azure = module_with("acme", &[("printk", 9)], |m| {
        m.vermagic = Some(format!("6.4.0-150600.21-azure {TAIL}"));
    });
    let expected = ["flavor-mismatch", "crc-mismatch"];
    assert_verdict(
        &kernel(KERNEL),
        &azure,
        Verdict::UnloadableFlavor,
        &expected,
    );
}

#[test]
fn the_layout_of_struct_module() {
    let kernel = kernel(KERNEL);
    let other = module_with("acme", &[("printk", 9)], |m| {
        m.imports[1].crc = Some(Crc(0xbad))
    });
    let expected = ["layout-crc-mismatch", "crc-mismatch"];
    assert_verdict(&kernel, &other, Verdict::Incompatible, &expected);
    let found = &judge_one(&kernel, &other).reasons[0];
    assert_eq!(
        (found.expected, found.found),
        (Some(Crc(0xbad)), Some(Crc(LAYOUT)))
    );

    let without = module_with("acme", &[], |m| m.imports.clear());
    let expected = ["symbol-unversioned-in-module"];
    assert_verdict(&kernel, &without, Verdict::Incompatible, &expected);
    let zero = module_with("acme", &[], |m| m.imports[0].crc = Some(Crc(0)));
    assert_verdict(&kernel, &zero, Verdict::Incompatible, &expected);

    let mut partial = kernel.clone();
    partial.exports.remove("module_layout");
    let module = module("acme", &[("printk", 1)], &[]);
    assert_verdict(
        &partial,
        &module,
        Verdict::Indeterminate,
        &["layout-unknown"],
    );
}

#[test]
fn the_old_name_of_the_layout() {
    let mut old = kernel(&["0x1a10 struct_module vmlinux EXPORT_SYMBOL"]);
    old.exports.remove("module_layout");
    let good = module_with("acme", &[], |m| {
        m.imports[0].symbol = "struct_module".to_owned()
    });
    assert_verdict(&old, &good, Verdict::Compatible, &[]);
}

#[test]
fn the_size_of_struct_module() {
    let module = module("acme", &[], &[]);
    let of = |release: &str, size| {
        let mut kernel = kernel(KERNEL).with_this_module_size(size);
        kernel.release = release.to_owned();
        kernel
    };
    assert_verdict(&of(RELEASE, 896), &module, Verdict::Compatible, &[]);
    let mismatch = ["this-module-size-mismatch"];
    assert_verdict(
        &of(RELEASE, 1280),
        &module,
        Verdict::UnloadableFlavor,
        &mismatch,
    );
    assert_verdict(
        &of("6.3.9-1-default", 1280),
        &module,
        Verdict::Compatible,
        &[],
    );
    let other = module_with("acme", &[], |m| m.imports[0].crc = Some(Crc(0xbad)));
    let expected = ["layout-crc-mismatch", "this-module-size-mismatch"];
    assert_verdict(&of(RELEASE, 1280), &other, Verdict::Incompatible, &expected);
}

#[test]
fn version_magic() {
    let kernel = kernel(KERNEL).with_vermagic_tail(TAIL.to_owned());
    let of = |vermagic: Option<&str>| {
        let vermagic = vermagic.map(str::to_owned);
        module_with("acme", &[], |m| m.vermagic = vermagic)
    };
    let other_release = of(Some(&format!("9.9.9-zz-default {TAIL}")));
    let cases = [
        (
            of(Some(&format!("9.9.9-9-default {TAIL}"))),
            Verdict::Compatible,
            None,
        ),
        (
            other_release,
            Verdict::UnloadableFlavor,
            Some("flavor-mismatch"),
        ),
        (
            of(Some(&format!("{RELEASE} SMP mod_unload modversions "))),
            Verdict::UnloadableFlavor,
            Some("vermagic-mismatch"),
        ),
        (
            of(Some(&format!("{RELEASE} {}", TAIL.trim_end()))),
            Verdict::UnloadableFlavor,
            Some("vermagic-mismatch"),
        ),
        (
            of(Some(RELEASE)),
            Verdict::UnloadableFlavor,
            Some("vermagic-mismatch"),
        ),
        (of(None), Verdict::Incompatible, Some("vermagic-missing")),
    ];
    for (module, verdict, code) in cases {
        assert_verdict(&kernel, &module, verdict, code.as_slice());
    }
}

#[test]
fn an_unknown_tail_still_tells_whether_symbols_are_versioned() {
    let unversioned = module_with("acme", &[], |m| {
        m.vermagic = Some(format!("{RELEASE} SMP preempt mod_unload "));
    });
    assert_verdict(
        &kernel(KERNEL),
        &unversioned,
        Verdict::Incompatible,
        &["vermagic-mismatch"],
    );
}

#[test]
fn modules_without_symbol_versions() {
    let module = module_with("acme", &[("printk", 1), ("gone", 1)], |m| {
        m.versions = Versions::None;
        m.imports.truncate(2);
        m.imports.iter_mut().for_each(|import| import.crc = None);
    });
    let expected = ["modversions-missing-module", "symbol-missing"];
    assert_verdict(&kernel(KERNEL), &module, Verdict::Incompatible, &expected);
}

#[test]
fn kernels_without_symbol_versions() {
    const OWN_TAIL: &str = "SMP preempt mod_unload ";
    let lines = [
        "0x0 printk vmlinux EXPORT_SYMBOL",
        "0x0 module_layout vmlinux EXPORT_SYMBOL",
    ];
    let symvers = crate::symvers::parse(lines.join("\n").as_bytes()).unwrap();
    let unknown = Kernel::new(RELEASE, "x86_64", "default", &symvers);
    let known = unknown.clone().with_vermagic_tail(OWN_TAIL.to_owned());
    let of = |release: &str, tail: &str, symbol: &str| {
        let mut module = module("acme", &[], &[]);
        module.vermagic = Some(format!("{release} {tail}"));
        module.versions = Versions::None;
        module.imports = vec![import(symbol, None)];
        module
    };
    let other = "6.4.0-150600.22-default";
    let cases = [
        (
            &known,
            of(RELEASE, OWN_TAIL, "printk"),
            Verdict::Compatible,
            vec![],
        ),
        (
            &unknown,
            of(RELEASE, OWN_TAIL, "printk"),
            Verdict::Indeterminate,
            vec!["vermagic-tail-unknown"],
        ),
        (
            &known,
            of(other, OWN_TAIL, "printk"),
            Verdict::Incompatible,
            vec!["vermagic-exact-required"],
        ),
        (
            &known,
            of(RELEASE, "SMP ", "printk"),
            Verdict::Incompatible,
            vec!["vermagic-mismatch"],
        ),
        (
            &known,
            of(RELEASE, OWN_TAIL, "gone"),
            Verdict::Incompatible,
            vec!["symbol-missing"],
        ),
        (
            &known,
            of(RELEASE, TAIL, "printk"),
            Verdict::Incompatible,
            vec!["vermagic-mismatch"],
        ),
        (
            &unknown,
            of(RELEASE, TAIL, "printk"),
            Verdict::Incompatible,
            vec!["modversions-missing-kernel"],
        ),
    ];
    for (kernel, module, verdict, expected) in cases {
        assert_verdict(kernel, &module, verdict, &expected);
    }
    let versioned = module("acme", &[("printk", 0)], &[]);
    let found = judge_one(&unknown, &versioned);
    assert_eq!(
        found.verdict,
        Verdict::Incompatible,
        "0 on both sides is no match"
    );
}

#[test]
fn extended_versions() {
    let on = |release: &str| {
        let mut kernel = kernel(KERNEL).with_vermagic_tail(TAIL.to_owned());
        kernel.release = release.to_owned();
        kernel
    };
    let (old, new) = (on("6.13.0-1-default"), on("6.14.0-1-default"));
    let of = |versions, symbol: &str, crc| {
        let mut module = module("acme", &[], &[]);
        module.vermagic = Some(format!("6.14.0-1-default {TAIL}"));
        module.versions = versions;
        module.imports.push(import(symbol, crc));
        module
    };
    let only = of(Versions::Extended, "printk", Some(1));
    assert_verdict(&new, &only, Verdict::Compatible, &[]);
    let missing = of(Versions::Both, "printk", None);
    let expected = ["ext-version-missing-name"];
    assert_verdict(&new, &missing, Verdict::CompatibleWithWarnings, &expected);
    let expected = ["symbol-unversioned-in-module"];
    assert_verdict(&old, &missing, Verdict::Incompatible, &expected);
    let basic = of(Versions::Basic, "printk", None);
    assert_verdict(&new, &basic, Verdict::Incompatible, &expected);
    let expected = ["ext-version-only", "vermagic-exact-required"];
    assert_verdict(&old, &only, Verdict::Incompatible, &expected);
    let elsewhere = on("6.15.0-1-default");
    assert_verdict(
        &elsewhere,
        &only,
        Verdict::Incompatible,
        &["vermagic-exact-required"],
    );
}

#[test]
fn long_names_stand_in_extended_versions_only() {
    let long = "_RNvNtCs".repeat(8);
    let line = format!("0x7 {long} vmlinux EXPORT_SYMBOL");
    let mut kernel = kernel(&[&line]);
    let module = module_with("acme", &[(&long, 7)], |m| m.versions = Versions::Both);
    let expected = ["symbol-unversioned-in-module"];
    assert_verdict(&kernel, &module, Verdict::Incompatible, &expected);
    kernel.release = "6.14.0-1-default".to_owned();
    assert_verdict(&kernel, &module, Verdict::Compatible, &[]);
}

#[test]
fn the_room_for_names_depends_on_the_processor() {
    for (bits, longest) in [(64, 55), (32, 59)] {
        for length in [longest, longest + 1] {
            let name = "x".repeat(length);
            let mut kernel = kernel(&[&format!("0x7 {name} vmlinux EXPORT_SYMBOL")]);
            let mut module = module("acme", &[(&name, 7)], &[]);
            if bits == 32 {
                kernel.arch = "i686".to_owned();
                (module.machine.e_machine, module.machine.is_64) = (3, false);
            }
            let found = judge_one(&kernel, &module);
            assert_eq!(
                found.verdict == Verdict::Compatible,
                length == longest,
                "{bits} {length}"
            );
        }
    }
}

#[test]
fn symbols() {
    let kernel = kernel(KERNEL);
    let cases: [(&str, Option<u32>, Verdict, &[&str]); 8] = [
        ("printk", Some(1), Verdict::Compatible, &[]),
        ("printk", Some(2), Verdict::Incompatible, &["crc-mismatch"]),
        (
            "printk",
            Some(0),
            Verdict::Incompatible,
            &["symbol-unversioned-in-module"],
        ),
        (
            "printk",
            None,
            Verdict::Incompatible,
            &["symbol-unversioned-in-module"],
        ),
        ("gone", Some(1), Verdict::Incompatible, &["symbol-missing"]),
        (
            "asm_memcpy",
            Some(7),
            Verdict::Indeterminate,
            &["symbol-provider-unversioned"],
        ),
        (
            "asm_memcpy",
            Some(0),
            Verdict::CompatibleWithWarnings,
            &["symbol-provider-unversioned"],
        ),
        (
            "asm_memcpy",
            None,
            Verdict::CompatibleWithWarnings,
            &["symbol-provider-unversioned"],
        ),
    ];
    for (symbol, crc, verdict, expected) in cases {
        let module = module_with("acme", &[], |m| m.imports.push(import(symbol, crc)));
        assert_verdict(&kernel, &module, verdict, expected);
    }
}

#[test]
fn a_mismatch_names_symbol_versions_and_provider() {
    let found = judge_one(&kernel(KERNEL), &module("acme", &[("nf_hook", 9)], &[]));
    let expected = Reason::fatal("crc-mismatch")
        .symbol("nf_hook")
        .expected(Crc(9))
        .found(Crc(5))
        .provider("net/netfilter/nf-core");
    assert_eq!(found.reasons[0], expected);
    assert_eq!((found.needed_total, found.needed_ok), (2, 1));
}

#[test]
fn all_bad_symbols_are_listed() {
    let names: Vec<String> = (0..300).map(|n| format!("gone_{n:03}")).collect();
    let imports: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let found = judge_one(&kernel(KERNEL), &module("acme", &imports, &[]));
    assert_eq!(codes(&found), ["symbol-missing"; 300]);
    assert_eq!(found.reasons[299].symbol.as_deref(), Some("gone_299"));
}

#[test]
fn one_of_several_versions_is_enough() {
    let lines = ["0x1 a vmlinux EXPORT_SYMBOL", "0x2 a vmlinux EXPORT_SYMBOL"];
    let kernel = kernel(&lines);
    for crc in [1, 2] {
        assert_verdict(
            &kernel,
            &module("acme", &[("a", crc)], &[]),
            Verdict::Compatible,
            &[],
        );
    }
    let other = module("acme", &[("a", 3)], &[]);
    assert_verdict(&kernel, &other, Verdict::Incompatible, &["crc-mismatch"]);
}

#[test]
fn records_of_symbols_that_are_not_used_do_not_matter() {
    let module = module_with("acme", &[("gone", 1)], |m| m.imports[0].undefined = false);
    assert_verdict(&kernel(KERNEL), &module, Verdict::Compatible, &[]);
}

#[test]
fn weak_symbols() {
    let kernel = kernel(KERNEL);
    let weak =
        |symbol: &str, crc| module_with("acme", &[(symbol, crc)], |m| m.imports[0].weak = true);
    let found = judge_one(&kernel, &weak("gone", 1));
    assert_eq!(found.verdict, Verdict::Compatible);
    assert_eq!(
        infos(&found),
        ["vermagic-tail-unknown", "symbol-weak-unresolved"]
    );
    assert_verdict(
        &kernel,
        &weak("printk", 9),
        Verdict::Incompatible,
        &["crc-mismatch"],
    );
    let mut hidden = weak("gpl_call", 2);
    set_license(&mut hidden, Some("Proprietary"));
    assert_verdict(&kernel, &hidden, Verdict::Compatible, &[]);
}

#[test]
fn licences() {
    let kernel = kernel(KERNEL);
    let of =
        |symbol, crc, license| module_with("acme", &[(symbol, crc)], |m| set_license(m, license));
    let cases: [(Module, Verdict, &[&str]); 6] = [
        (of("gpl_call", 2, Some("GPL")), Verdict::Compatible, &[]),
        (
            of("gpl_call", 2, Some("Dual MIT/GPL")),
            Verdict::Compatible,
            &[],
        ),
        (
            of("gpl_call", 2, Some("GPL v2+")),
            Verdict::Incompatible,
            &["symbol-gpl-only"],
        ),
        (
            of("gpl_call", 2, None),
            Verdict::Incompatible,
            &["symbol-gpl-only"],
        ),
        (
            of("printk", 1, Some("Proprietary")),
            Verdict::Compatible,
            &[],
        ),
        (
            of("gpl_call", 9, Some("Proprietary")),
            Verdict::Incompatible,
            &["symbol-gpl-only"],
        ),
    ];
    for (module, verdict, expected) in cases {
        assert_verdict(&kernel, &module, verdict, expected);
    }
    let found = judge_one(&kernel, &of("printk", 1, None));
    assert_eq!(
        infos(&found),
        ["vermagic-tail-unknown", "license-unspecified"]
    );
    let found = judge_one(&kernel, &of("printk", 1, Some("BSD")));
    assert_eq!(infos(&found), ["vermagic-tail-unknown", "license-not-gpl"]);
}

#[test]
fn three_columns_do_not_say_what_is_gpl_only() {
    let kernel = kernel(&["0x1 printk vmlinux"]);
    assert!(!kernel.gpl_known);
    let module = module("acme", &[("printk", 1)], &[]);
    assert_verdict(&kernel, &module, Verdict::Compatible, &[]);
    let proprietary = module_with("acme", &[("printk", 1)], |m| set_license(m, None));
    assert_verdict(
        &kernel,
        &proprietary,
        Verdict::Indeterminate,
        &["symbol-gpl-unknown"],
    );
}

#[test]
fn namespaces() {
    let kernel = kernel(KERNEL);
    let of = |name: &str, symbol, crc, namespace: &str| {
        module_with(name, &[(symbol, crc)], |m| {
            m.modinfo
                .push(("import_ns".to_owned(), namespace.to_owned()));
        })
    };
    let fine = of("acme", "dma_map", 3, "DMA_BUF");
    assert_verdict(&kernel, &fine, Verdict::Compatible, &[]);
    let other = of("acme", "dma_map", 3, "dma_buf");
    assert_verdict(
        &kernel,
        &other,
        Verdict::Incompatible,
        &["namespace-not-imported"],
    );
    let both = of("acme", "dma_map", 4, "X");
    assert_verdict(&kernel, &both, Verdict::Incompatible, &["crc-mismatch"]);
    for (name, is_listed) in [
        ("kvm_amd", true),
        ("acme_net", true),
        ("acme_", true),
        ("acme", false),
        ("kvm_amd2", false),
    ] {
        let module = of(name, "kvm_x", 4, "module:kvm-amd,acme_*");
        let found = judge_one(&kernel, &module);
        assert_eq!(found.verdict == Verdict::Compatible, is_listed, "{name}");
        assert_eq!(
            codes(&found).contains(&"namespace-module-restricted"),
            !is_listed,
            "{name}"
        );
    }
}

#[test]
fn live_patches() {
    let same = module_with("acme", &[], |m| m.livepatch = true);
    assert_verdict(
        &kernel(KERNEL),
        &same,
        Verdict::CompatibleWithWarnings,
        &["livepatch"],
    );
    let mut next = kernel(KERNEL);
    next.release = "6.4.0-150600.22-default".to_owned();
    assert_verdict(&next, &same, Verdict::Incompatible, &["livepatch"]);
}

#[test]
fn type_information() {
    let mut next = kernel(KERNEL);
    next.release = "6.4.0-150600.22-default".to_owned();
    let of = |btf| module_with("acme", &[], |m| m.btf = btf);
    assert_verdict(&kernel(KERNEL), &of(Btf::Split), Verdict::Compatible, &[]);
    let risk = ["btf-mismatch-risk"];
    assert_verdict(
        &next,
        &of(Btf::Split),
        Verdict::CompatibleWithWarnings,
        &risk,
    );
    assert_verdict(&next, &of(Btf::Distilled), Verdict::Compatible, &[]);
}

#[test]
fn exports() {
    let kernel = kernel(KERNEL);
    let of = |name, symbol, crc| module(name, &[], &[(symbol, crc)]);
    assert_verdict(&kernel, &of("acme", "own", 1), Verdict::Compatible, &[]);
    let duplicate = ["export-duplicate"];
    assert_verdict(
        &kernel,
        &of("acme", "printk", 1),
        Verdict::Incompatible,
        &duplicate,
    );
    assert_verdict(
        &kernel,
        &of("acme", "nf_hook", 5),
        Verdict::Incompatible,
        &duplicate,
    );
    let replacing = judge_one(&kernel, &of("nf_core", "nf_hook", 5));
    assert_eq!(replacing.verdict, Verdict::Compatible);
    assert_eq!(
        infos(&replacing),
        ["vermagic-tail-unknown", "module-shadowed"]
    );
    let changed = of("nf_core", "nf_hook", 6);
    let expected = ["replaced-export-changed"];
    assert_verdict(
        &kernel,
        &changed,
        Verdict::CompatibleWithWarnings,
        &expected,
    );
    let missing = of("nf_core", "other", 6);
    let expected = ["replaced-export-missing"];
    assert_verdict(
        &kernel,
        &missing,
        Verdict::CompatibleWithWarnings,
        &expected,
    );
}

#[test]
fn exports_need_a_version_table() {
    let of = |crcs: &[Option<u32>]| {
        module_with("acme", &[], |m| {
            m.exports = crcs
                .iter()
                .map(|crc| export(&format!("own_{crc:?}"), *crc))
                .collect();
        })
    };
    let kernel = kernel(KERNEL);
    let expected = ["export-unversioned"];
    assert_verdict(&kernel, &of(&[None]), Verdict::Incompatible, &expected);
    assert_verdict(&kernel, &of(&[Some(0)]), Verdict::Incompatible, &expected);
    assert_verdict(&kernel, &of(&[None, Some(1)]), Verdict::Compatible, &[]);
}

#[test]
fn a_kernel_without_symbols_tells_nothing() {
    let mut empty = kernel(KERNEL);
    empty.exports.clear();
    let module = module("acme", &[("printk", 1)], &[]);
    assert_verdict(
        &empty,
        &module,
        Verdict::Indeterminate,
        &["kernel-symbols-unknown"],
    );
    let aarch64 = module_with("acme", &[], |m| m.machine.e_machine = 183);
    let expected = ["arch-mismatch", "kernel-symbols-unknown"];
    assert_verdict(&empty, &aarch64, Verdict::UnloadableFlavor, &expected);
}

#[test]
fn a_package_without_modules_is_not_known_to_load() {
    let verdicts = judge(
        &kernel(KERNEL),
        &[Candidate {
            name: "empty",
            modules: &[],
        }],
    );
    assert_eq!(
        verdicts,
        [PackageVerdict {
            verdict: Verdict::Indeterminate,
            modules: vec![]
        }]
    );
    assert_eq!(judge(&kernel(KERNEL), &[]), []);
}

#[test]
fn the_package_is_as_good_as_its_worst_module() {
    let modules = [module("good", &[], &[]), module("bad", &[("gone", 1)], &[])];
    let verdicts = judge(
        &kernel(KERNEL),
        &[Candidate {
            name: "acme-kmp",
            modules: &modules,
        }],
    );
    assert_eq!(verdicts[0].verdict, Verdict::Incompatible);
    assert_eq!(verdicts[0].modules[0].verdict, Verdict::Compatible);
    assert_eq!(verdicts[0].modules[1].verdict, Verdict::Incompatible);
}

/// What the judge says to several packages, each with its modules.
fn judge_all(packages: &[(&str, Vec<Module>)]) -> Vec<PackageVerdict> {
    let candidates: Vec<Candidate<'_>> = packages
        .iter()
        .map(|(name, modules)| Candidate { name, modules })
        .collect();
    judge(&kernel(KERNEL), &candidates)
}

/// Says what becomes of the first package, and of its first module for which reasons.
#[track_caller]
fn assert_first(packages: &[(&str, Vec<Module>)], verdict: Verdict, expected: &[&str]) {
    let found = &judge_all(packages)[0];
    let module = &found.modules[0];
    assert_eq!(
        (found.verdict, codes(module)),
        (verdict, expected.to_vec()),
        "{found:#?}"
    );
}

#[test]
fn symbols_of_the_own_package() {
    let user = module("user", &[("core", 7)], &[]);
    let core = |crc| module("core", &[], &[("core", crc)]);
    assert_first(
        &[("a", vec![user.clone(), core(7)])],
        Verdict::Compatible,
        &[],
    );
    let expected = ["ksym-provider-crc-differs"];
    assert_first(
        &[("a", vec![user.clone(), core(8)])],
        Verdict::Incompatible,
        &expected,
    );
    let broken = module("core", &[("gone", 1)], &[("core", 7)]);
    let expected = ["provider-not-loadable"];
    assert_first(
        &[("a", vec![user.clone(), broken])],
        Verdict::Incompatible,
        &expected,
    );
    // The own one decides, even if another package offers the right version.
    let packages = [("a", vec![user, core(8)]), ("b", vec![core(7)])];
    assert_first(
        &packages,
        Verdict::Incompatible,
        &["ksym-provider-crc-differs"],
    );
}

#[test]
fn symbols_of_another_package() {
    let user = || ("user-kmp", vec![module("user", &[("core", 7)], &[])]);
    let core = |imports: &[(&str, u32)], crc| {
        ("core-kmp", vec![module("core", imports, &[("core", crc)])])
    };
    let packages = [user(), core(&[], 7)];
    assert_first(
        &packages,
        Verdict::NeedsOtherPackage,
        &["symbol-from-other-package"],
    );
    let found = &judge_all(&packages)[0].modules[0];
    assert_eq!(
        found.reasons[0].provider.as_deref(),
        Some("core-kmp (core)")
    );
    assert_eq!((found.needed_total, found.needed_ok), (2, 2));

    let expected = ["ksym-provider-crc-differs"];
    assert_first(&[user(), core(&[], 8)], Verdict::Incompatible, &expected);
    let expected = ["provider-not-loadable"];
    assert_first(
        &[user(), core(&[("gone", 1)], 7)],
        Verdict::Incompatible,
        &expected,
    );
    let unknown = core(&[("asm_memcpy", 9)], 7);
    assert_first(
        &[user(), unknown],
        Verdict::Indeterminate,
        &["provider-indeterminate"],
    );
}

#[test]
fn a_package_with_a_broken_module_provides_nothing_to_others() {
    let core = module("core", &[], &[("core", 7)]);
    let broken = module("extra", &[("gone", 1)], &[]);
    let packages = [
        ("user-kmp", vec![module("user", &[("core", 7)], &[])]),
        ("core-kmp", vec![core, broken]),
    ];
    assert_first(&packages, Verdict::Incompatible, &["provider-not-loadable"]);
    assert_eq!(
        judge_all(&packages)[1].modules[0].verdict,
        Verdict::Compatible
    );
}

#[test]
fn chains_of_packages() {
    let link = |name: &str, needs: &str, offers: &str| module(name, &[(needs, 1)], &[(offers, 1)]);
    let chain = |end: &str| {
        vec![
            ("a", vec![link("a", "sb", "sa")]),
            ("b", vec![link("b", "sc", "sb")]),
            ("c", vec![link("c", end, "sc")]),
        ]
    };
    let verdicts = |end| {
        judge_all(&chain(end))
            .iter()
            .map(|v| v.verdict)
            .collect::<Vec<_>>()
    };
    let needs = Verdict::NeedsOtherPackage;
    assert_eq!(verdicts("printk"), [needs, needs, Verdict::Compatible]);
    assert_eq!(verdicts("gone"), [Verdict::Incompatible; 3]);
}

#[test]
fn two_versions_of_one_package_are_told_apart_by_symbol_version() {
    let core = |crc| vec![module("core", &[], &[("core", crc)])];
    let packages = |crc| {
        [
            ("user-kmp", vec![module("user", &[("core", crc)], &[])]),
            ("core-kmp-1.0", core(7)),
            ("core-kmp-2.0", core(8)),
        ]
    };
    for (crc, provider) in [(7, "core-kmp-1.0 (core)"), (8, "core-kmp-2.0 (core)")] {
        let found = &judge_all(&packages(crc))[0].modules[0];
        assert_eq!(found.verdict, Verdict::NeedsOtherPackage);
        assert_eq!(found.reasons[0].provider.as_deref(), Some(provider));
    }
    assert_first(
        &packages(9),
        Verdict::Incompatible,
        &["ksym-provider-crc-differs"],
    );
}

#[test]
fn two_builds_of_one_module_are_never_needed_at_once() {
    let core = |one, two| vec![module("core", &[], &[("one", one), ("two", two)])];
    let user = (
        "user-kmp",
        vec![module("user", &[("one", 1), ("two", 2)], &[])],
    );
    let split = [user.clone(), ("core-1", core(1, 1)), ("core-2", core(2, 2))];
    let found = &judge_all(&split)[0].modules[0];
    assert_eq!(found.verdict, Verdict::Incompatible);
    assert_eq!(codes(found)[0], "ksym-provider-crc-differs");
    let whole = [
        user,
        ("core-1", core(1, 1)),
        ("core-2", core(2, 2)),
        ("core-3", core(1, 2)),
    ];
    let found = &judge_all(&whole)[0].modules[0];
    assert_eq!(found.verdict, Verdict::NeedsOtherPackage);
    assert!(
        found
            .reasons
            .iter()
            .all(|r| r.provider.as_deref().is_none_or(|p| p == "core-3 (core)"))
    );
}

#[test]
fn a_build_that_may_not_load_decides_nothing() {
    let core = |imports: &[(&str, u32)], one, two| {
        vec![module("core", imports, &[("one", one), ("two", two)])]
    };
    let packages = [
        (
            "user-kmp",
            vec![module("user", &[("one", 1), ("two", 2)], &[])],
        ),
        ("core-1", core(&[], 1, 1)),
        ("core-2", core(&[], 2, 2)),
        ("core-3", core(&[("asm_memcpy", 9)], 1, 2)),
    ];
    let found = &judge_all(&packages)[0].modules[0];
    assert_eq!(found.verdict, Verdict::Indeterminate);
    assert!(codes(found).contains(&"provider-indeterminate"));
}

#[test]
fn modules_that_need_each_other_first_never_load() {
    let one = |needs: &str, offers: &str| module(offers, &[(needs, 1)], &[(offers, 1)]);
    let cycle = [("p", vec![one("b", "a")]), ("q", vec![one("a", "b")])];
    assert_first(&cycle, Verdict::Incompatible, &["depends-cycle"]);
    let outside = [
        ("o", vec![module("o", &[("a", 1)], &[])]),
        ("p", vec![one("b", "a")]),
        ("q", vec![one("a", "b")]),
    ];
    assert_first(&outside, Verdict::Incompatible, &["provider-not-loadable"]);
    let own = [("p", vec![one("b", "a"), one("a", "b")])];
    assert_first(&own, Verdict::Incompatible, &["depends-cycle"]);
}

#[test]
fn packages_that_need_each_other_load_if_their_modules_do_not_wait_for_each_other() {
    let packages = [
        (
            "p",
            vec![
                module("p1", &[], &[("p1", 1)]),
                module("p2", &[("q1", 1)], &[]),
            ],
        ),
        ("q", vec![module("q1", &[("p1", 1)], &[("q1", 1)])]),
    ];
    let verdicts: Vec<Verdict> = judge_all(&packages).iter().map(|v| v.verdict).collect();
    assert_eq!(verdicts, [Verdict::NeedsOtherPackage; 2]);
}

#[test]
fn a_module_that_replaces_the_kernels_own_serves_modules_built_for_it() {
    let user = ("user-kmp", vec![module("user", &[("nf_hook", 9)], &[])]);
    let replacing = |name| ("core-kmp", vec![module(name, &[], &[("nf_hook", 9)])]);
    let found = [user.clone(), replacing("nf_core")];
    assert_first(
        &found,
        Verdict::NeedsOtherPackage,
        &["symbol-from-other-package"],
    );
    // Under another name it collides with the kernel's own and does not load itself.
    let collides = [user.clone(), replacing("nf_other")];
    assert_first(&collides, Verdict::Incompatible, &["provider-not-loadable"]);
    // Other versions of it leave the mismatch the kernel's.
    let other = ("core-kmp", vec![module("nf_core", &[], &[("nf_hook", 8)])]);
    assert_first(&[user, other], Verdict::Incompatible, &["crc-mismatch"]);
}

#[test]
fn the_same_export_in_two_modules() {
    let one = |name: &str| module(name, &[], &[("core", 7)]);
    assert_first(
        &[("p", vec![one("a"), one("b")])],
        Verdict::Incompatible,
        &["export-duplicate"],
    );
    let apart = [("p", vec![one("a")]), ("q", vec![one("b")])];
    assert_first(&apart, Verdict::Compatible, &[]);
    assert!(infos(&judge_all(&apart)[0].modules[0]).contains(&"export-duplicate"));
    let builds = [("p-1", vec![one("a")]), ("p-2", vec![one("a")])];
    assert!(!infos(&judge_all(&builds)[0].modules[0]).contains(&"export-duplicate"));
}

#[test]
fn licence_and_namespace_of_other_packages_symbols() {
    let core = |change: fn(&mut kmod::Export)| {
        let mut core = module("core", &[], &[("core", 7)]);
        change(&mut core.exports[0]);
        ("core-kmp", vec![core])
    };
    let user = |license| {
        (
            "user-kmp",
            vec![module_with("user", &[("core", 7)], |m| {
                set_license(m, Some(license))
            })],
        )
    };
    let gpl = || core(|export| export.gpl = true);
    assert_first(
        &[user("GPL"), gpl()],
        Verdict::NeedsOtherPackage,
        &["symbol-from-other-package"],
    );
    assert_first(
        &[user("BSD"), gpl()],
        Verdict::Incompatible,
        &["symbol-gpl-only"],
    );
    // The kernel's own symbol stays hidden, whoever else exports one of that name.
    let hidden = module_with("user", &[("gpl_call", 2)], |m| set_license(m, Some("BSD")));
    let other = ("core-kmp", vec![module("core", &[], &[("gpl_call", 2)])]);
    assert_first(
        &[("user-kmp", vec![hidden]), other],
        Verdict::Incompatible,
        &["symbol-gpl-only"],
    );
    let spaced = core(|export| export.namespace = Some("ACME".to_owned()));
    assert_first(
        &[user("GPL"), spaced],
        Verdict::Incompatible,
        &["namespace-not-imported"],
    );
}

#[test]
fn a_gpl_module_may_not_use_gpl_only_symbols_and_a_proprietary_module() {
    let blob = {
        let mut blob = module("blob", &[], &[("blob", 7)]);
        set_license(&mut blob, Some("Proprietary"));
        ("blob-kmp", vec![blob])
    };
    let glue = (
        "glue-kmp",
        vec![module("glue", &[("blob", 7)], &[("glue", 8)])],
    );
    let user = |imports: &[(&str, u32)]| ("user-kmp", vec![module("user", imports, &[])]);
    let fine = [user(&[("blob", 7), ("printk", 1)]), blob.clone()];
    assert_first(
        &fine,
        Verdict::NeedsOtherPackage,
        &["symbol-from-other-package"],
    );
    let refused = [user(&[("blob", 7), ("gpl_call", 2)]), blob.clone()];
    assert_first(&refused, Verdict::Incompatible, &["gpl-taint-inherited"]);
    let own_blob = {
        let mut own = blob.1.clone();
        own.insert(0, module("glue", &[("blob", 7)], &[("glue", 8)]));
        ("blob-kmp", own)
    };
    let through_own_glue = [user(&[("glue", 8), ("gpl_call", 2)]), own_blob];
    assert_first(
        &through_own_glue,
        Verdict::Incompatible,
        &["gpl-taint-inherited"],
    );
    let through_glue = [user(&[("glue", 8), ("gpl_call", 2)]), glue, blob];
    assert_first(
        &through_glue,
        Verdict::Incompatible,
        &["gpl-taint-inherited"],
    );
}

#[test]
fn weak_symbols_need_no_package() {
    let user = module_with("user", &[("core", 7)], |m| m.imports[0].weak = true);
    let core = |crc| ("core-kmp", vec![module("core", &[], &[("core", crc)])]);
    for crc in [7, 8] {
        assert_first(
            &[("user-kmp", vec![user.clone()]), core(crc)],
            Verdict::Compatible,
            &[],
        );
    }
}

#[test]
fn unversioned_needs_of_other_packages_symbols() {
    let user = |versions| {
        let user = module_with("user", &[("core", 7)], |m| {
            m.versions = versions;
            m.imports[0].crc = None;
        });
        ("user-kmp", vec![user])
    };
    let core = || ("core-kmp", vec![module("core", &[], &[("core", 7)])]);
    let expected = ["symbol-unversioned-in-module"];
    assert_first(
        &[user(Versions::Basic), core()],
        Verdict::Incompatible,
        &expected,
    );
    let expected = ["modversions-missing-module"];
    assert_first(
        &[user(Versions::None), core()],
        Verdict::Incompatible,
        &expected,
    );
}
