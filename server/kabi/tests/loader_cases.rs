//! A module built for each of the loader's rules, by the real kernels' own build system: what the
//! judge says to it. `cargo xtask loader-truth` has real kernels load the very same modules.

#[path = "../examples/loader_cases/judged.rs"]
mod judged;

use kabi::Verdict::{
    self, Compatible, CompatibleWithWarnings, Incompatible, NeedsOtherPackage, UnloadableFlavor,
};
use std::collections::BTreeSet;

/// The case, its verdict, and the reasons that weigh most: on every kernel it is tried on.
const EXPECTED: [(&str, Verdict, &[&str]); 38] = [
    ("plain", Compatible, &[]),
    ("signed-by-a-stranger", Compatible, &[]),
    (
        "signature-malformed",
        Incompatible,
        &["signature-malformed"],
    ),
    ("stripped", Incompatible, &["elf-stripped-symtab"]),
    ("common-symbol", Incompatible, &["elf-invalid"]),
    ("other-series", Incompatible, &["layout-crc-mismatch"]),
    (
        "no-modversions",
        Incompatible,
        &["modversions-missing-module"],
    ),
    ("vermagic-release", Compatible, &[]),
    ("vermagic-tail", UnloadableFlavor, &["vermagic-mismatch"]),
    ("vermagic-missing", Incompatible, &["vermagic-missing"]),
    (
        "no-modversions-elsewhere",
        Incompatible,
        &["modversions-missing-module"],
    ),
    ("livepatch", CompatibleWithWarnings, &["livepatch"]),
    ("crc", Incompatible, &["crc-mismatch"]),
    ("crc-same", Compatible, &[]),
    (
        "symbol-unversioned",
        Incompatible,
        &["symbol-unversioned-in-module"],
    ),
    ("missing", Incompatible, &["symbol-missing"]),
    ("weak", Compatible, &["symbol-weak-unresolved"]),
    ("weak-crc", Incompatible, &["crc-mismatch"]),
    ("gpl-only", Compatible, &[]),
    ("gpl-only-proprietary", Incompatible, &["symbol-gpl-only"]),
    ("gpl-only-unspecified", Incompatible, &["symbol-gpl-only"]),
    ("namespace", Compatible, &[]),
    (
        "namespace-not-imported",
        Incompatible,
        &["namespace-not-imported"],
    ),
    ("duplicate-export", Incompatible, &["export-duplicate"]),
    (
        "exports-unversioned",
        Incompatible,
        &["modversions-missing-module", "export-unversioned"],
    ),
    (
        "unversioned-provider",
        Incompatible,
        &["provider-not-loadable"],
    ),
    (
        "unversioned-export",
        CompatibleWithWarnings,
        &["export-unversioned"],
    ),
    ("unversioned-symbol", Compatible, &[]),
    ("dependency-absent", Incompatible, &["symbol-missing"]),
    ("dependency", Compatible, &[]),
    (
        "dependency-elsewhere",
        NeedsOtherPackage,
        &["symbol-from-other-package"],
    ),
    (
        "dependency-changed",
        Incompatible,
        &["ksym-provider-crc-differs"],
    ),
    (
        "dependency-changed-elsewhere",
        Incompatible,
        &["ksym-provider-crc-differs"],
    ),
    ("dependency-gpl", Incompatible, &["symbol-gpl-only"]),
    ("dependency-proprietary", Compatible, &["license-not-gpl"]),
    (
        "dependency-namespace",
        Incompatible,
        &["namespace-not-imported"],
    ),
    ("taint", Compatible, &[]),
    ("taint-and-gpl-only", Incompatible, &["gpl-taint-inherited"]),
];

#[test]
fn each_loader_case_is_judged_by_its_rule() {
    let list = std::env::var_os("KMP_PORTAL_LOADER_CASES").expect("run `cargo xtask test`");
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in judged::all(list.as_ref()) {
        let expected = EXPECTED.iter().find(|(name, ..)| *name == case.name);
        let (name, verdict, codes) = expected.expect(&case.name);
        seen.insert(*name);
        let found = (case.module.verdict, case.heaviest());
        if found.0 != *verdict || !codes.iter().all(|code| found.1.contains(code)) {
            wrong.push(format!(
                "{} on {}: {:?}",
                case.name, case.kernel, case.module
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let missing: Vec<_> = EXPECTED
        .iter()
        .filter(|(name, ..)| !seen.contains(name))
        .collect();
    assert!(missing.is_empty(), "not built: {missing:?}");
}
