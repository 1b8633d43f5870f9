//! One module on one kernel: a table for each rule of the loader.

use super::*;
use crate::testing::{
    LAYOUT, RELEASE, TAIL, export, import, kernel, module, module_with, set_license,
};
use crate::verdict::Reason;
use kmod::{Btf, Crc, Module, Versions};
use proptest::prelude::*;

mod exports;
mod files;
mod packages;
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
            Verdict::Indeterminate,
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
