//! Which test shows what: every reason code, and every trap that a checker of kABI falls into when
//! it is written without care.
//!
//! The tests themselves are elsewhere; here it is made sure that they exist, that no code is without
//! one, and that what the judge does not say is said by somebody else, for a reason.

use std::fs;
use std::path::Path;

/// A test: the file below `server/`, and its name.
type Shown = (&'static str, &'static str);

const ONE: &str = "kabi/src/judge/tests.rs";
const EXPORTS: &str = "kabi/src/judge/tests/exports.rs";
const PACKAGES: &str = "kabi/src/judge/tests/packages.rs";
const LOADER: &str = "kabi/tests/loader_cases.rs";
const LOADER_CASE: &str = "each_loader_case_is_judged_by_its_rule";

/// Every code of the judge, with the test that makes it give it.
const CODES: &[(&str, Shown)] = &[
    ("signature-malformed", (LOADER, LOADER_CASE)),
    ("elf-stripped-symtab", (LOADER, LOADER_CASE)),
    ("elf-invalid", (LOADER, LOADER_CASE)),
    ("arch-mismatch", (ONE, "processors")),
    ("arch-unknown", (ONE, "processors")),
    ("flavor-mismatch", (ONE, "flavors")),
    (
        "this-module-size-mismatch",
        (ONE, "the_size_of_struct_module"),
    ),
    ("modversions-missing-module", (LOADER, LOADER_CASE)),
    (
        "modversions-missing-kernel",
        (ONE, "kernels_without_symbol_versions"),
    ),
    ("ext-version-only", (ONE, "extended_versions")),
    ("layout-crc-mismatch", (LOADER, LOADER_CASE)),
    ("layout-unknown", (ONE, "the_layout_of_struct_module")),
    ("vermagic-missing", (LOADER, LOADER_CASE)),
    ("vermagic-mismatch", (LOADER, LOADER_CASE)),
    (
        "vermagic-exact-required",
        (ONE, "kernels_without_symbol_versions"),
    ),
    (
        "vermagic-tail-unknown",
        (ONE, "kernels_without_symbol_versions"),
    ),
    ("livepatch", (LOADER, LOADER_CASE)),
    ("license-unspecified", (ONE, "licences")),
    ("license-not-gpl", (LOADER, LOADER_CASE)),
    (
        "kernel-symbols-unknown",
        (ONE, "a_kernel_without_symbols_tells_nothing"),
    ),
    ("symbol-missing", (LOADER, LOADER_CASE)),
    ("symbol-weak-unresolved", (LOADER, LOADER_CASE)),
    ("symbol-gpl-only", (LOADER, LOADER_CASE)),
    (
        "symbol-gpl-unknown",
        (ONE, "three_columns_do_not_say_what_is_gpl_only"),
    ),
    ("gpl-taint-inherited", (LOADER, LOADER_CASE)),
    ("symbol-unversioned-in-module", (LOADER, LOADER_CASE)),
    ("ext-version-missing-name", (ONE, "extended_versions")),
    ("symbol-provider-unversioned", (ONE, "symbols")),
    ("crc-mismatch", (LOADER, LOADER_CASE)),
    ("ksym-provider-crc-differs", (LOADER, LOADER_CASE)),
    ("namespace-not-imported", (LOADER, LOADER_CASE)),
    ("namespace-module-restricted", (ONE, "namespaces")),
    ("symbol-from-other-package", (LOADER, LOADER_CASE)),
    ("provider-not-loadable", (LOADER, LOADER_CASE)),
    (
        "provider-indeterminate",
        (PACKAGES, "symbols_of_another_package"),
    ),
    (
        "depends-cycle",
        (PACKAGES, "modules_that_need_each_other_first_never_load"),
    ),
    ("export-duplicate", (LOADER, LOADER_CASE)),
    ("export-unversioned", (LOADER, LOADER_CASE)),
    ("replaced-export-changed", (EXPORTS, "exports")),
    ("replaced-export-missing", (EXPORTS, "exports")),
    ("module-shadowed", (EXPORTS, "exports")),
    ("btf-mismatch-risk", (ONE, "type_information")),
];

/// What else can be wrong with a module, why the judge does not say it, and who does.
const NOT_JUDGED: &[(&str, &str, Shown)] = &[
    (
        "packing that cannot be read",
        "there is no module to judge then: the package is refused",
        ("inspect/src/checks/unreadable_module.rs", "run"),
    ),
    (
        "no signature, or one by a key that no kernel knows",
        "kernels load such modules unless told otherwise when they boot, which no list of symbols says",
        ("inspect/src/checks/module_signature.rs", "run"),
    ),
    (
        "a signature that does not fit the module",
        "only who knows the certificate can tell; no kernel takes it that does",
        ("inspect/src/checks/module_signer.rs", "run"),
    ),
    (
        "a module of `depends=` that is nowhere",
        "the loader does not read it and modprobe goes by symbols: a missing one is told as such",
        (ONE, "symbols"),
    ),
    (
        "a symbol that another module exports now",
        "it loads all the same; the comparison of two kernels tells it",
        ("kabi/src/diff.rs", "every_kind_of_change_has_its_list"),
    ),
    (
        "a symbol outside the stablelist",
        "it loads all the same; the package's risk tells it",
        ("kabi/src/volatility.rs", "stable_alternatives"),
    ),
    (
        "`__ksymtab_gpl`, which kernels with `__kflagstab` do not read",
        "the tables changed together with `struct module`, whose version is told",
        (LOADER, LOADER_CASE),
    ),
    (
        "versions by another tool (genksyms, gendwarfksyms)",
        "all of them differ then, that of `module_layout` first",
        (ONE, "the_layout_of_struct_module"),
    ),
    (
        "firmware that is nowhere",
        "it loads all the same, and has no kernel to do with",
        ("inspect/src/checks/firmware_not_included.rs", "run"),
    ),
    (
        "a folder of another kernel than the version magic's",
        "it has no kernel to do with that it is judged on",
        ("inspect/src/checks/vermagic_mismatch.rs", "run"),
    ),
    (
        "dependencies of the package that its modules do not bear out",
        "the judge goes by the modules alone",
        ("inspect/src/checks/ksym_crc_mismatch.rs", "run"),
    ),
];

/// The traps, and the test that would fall into each.
const TRAPS: &[(&str, Shown)] = &[
    ("the release says nothing", (LOADER, LOADER_CASE)),
    (
        "the blank at the end of a version magic counts",
        (ONE, "version_magic"),
    ),
    ("a CRC of zero never matches", (ONE, "symbols")),
    (
        "big-endian CRCs and names of 56 or 60 bytes",
        (
            "kmod/src/versions.rs",
            "every_table_on_every_machine_reads_the_same",
        ),
    ),
    (
        "CRCs of exports are in a section or absolute",
        (
            "kmod/src/exports.rs",
            "every_layout_on_every_machine_reads_the_same",
        ),
    ),
    (
        "the package's dependencies are not the modules'",
        ("inspect/src/checks/missing_ksym_requires.rs", "run"),
    ),
    (
        "needs without a version",
        ("kmod/src/imports.rs", "what_does_not_fit_together_is_odd"),
    ),
    ("weak needs", (LOADER, LOADER_CASE)),
    (
        "symbols that architecture code resolves",
        (
            "kmod/src/imports.rs",
            "symbols_that_architecture_code_resolves_are_no_needs",
        ),
    ),
    (
        "`module_layout` is no missing symbol",
        (ONE, "the_layout_of_struct_module"),
    ),
    (
        "who exports a symbol does not matter",
        (
            "kabi/tests/whole_kernels.rs",
            "whole_kernels_are_judged_as_depmod_does",
        ),
    ),
    (
        "the list of licences is exact",
        ("kmod/src/license.rs", "the_list_is_exact"),
    ),
    (
        "the first licence counts",
        ("kmod/src/module.rs", "the_first_licence_decides"),
    ),
    (
        "namespaces that list modules, with globs",
        (ONE, "namespaces"),
    ),
    (
        "a signature is no part of the module",
        (
            "kmod/src/signature.rs",
            "the_signature_is_no_part_of_the_module",
        ),
    ),
    (
        "a signature longer than the file",
        (
            "kmod/src/signature.rs",
            "a_trailer_that_makes_no_sense_is_odd",
        ),
    ),
    ("hyphen and underscore in names", (ONE, "namespaces")),
    (
        "two who export one symbol",
        (PACKAGES, "the_same_export_in_two_modules"),
    ),
    (
        "packages that need each other, to a fixpoint",
        (PACKAGES, "chains_of_packages"),
    ),
    (
        "two versions of one package with other CRCs",
        (
            PACKAGES,
            "two_versions_of_one_package_are_told_apart_by_symbol_version",
        ),
    ),
    (
        "a module instead of one of the kernel's own, and the kernel's users of that one",
        (EXPORTS, "users_of_a_module_that_is_replaced"),
    ),
    (
        "32-bit modules of the same family",
        ("kabi/src/arch.rs", "architectures_and_machines"),
    ),
    (
        "every form of a symvers file",
        ("kabi/src/symvers/tests.rs", "every_form_of_a_line_is_read"),
    ),
    (
        "packed symvers files",
        (
            "kabi/src/symvers/tests.rs",
            "compressed_files_are_read_by_their_first_bytes",
        ),
    ),
    (
        "flavors of one release",
        (
            "kabi/tests/whole_kernels.rs",
            "whole_kernels_are_judged_as_depmod_does",
        ),
    ),
    (
        "a rebuild with the same symbols is the same",
        (
            "kabi/src/symvers/tests.rs",
            "the_hash_tells_abis_apart_and_nothing_else",
        ),
    ),
    (
        "the order of arrival does not matter",
        ("kabi/src/index/tests.rs", "history_does_not_matter"),
    ),
    (
        "only extended versions, on an older kernel",
        (ONE, "extended_versions"),
    ),
    (
        "names too long for the basic table",
        (ONE, "long_names_stand_in_extended_versions_only"),
    ),
    (
        "all bad symbols are listed",
        (ONE, "all_bad_symbols_are_listed"),
    ),
];

#[test]
fn every_code_has_a_test_that_names_it() {
    let listed: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
    let all: Vec<&str> = kabi::codes::ALL.iter().map(|(code, _)| *code).collect();
    assert_eq!(listed, all, "in the loader's order");
    for (code, shown) in CODES {
        let text = read(*shown);
        assert!(
            text.contains(&format!("\"{code}\"")),
            "{shown:?} does not name {code}"
        );
    }
}

#[test]
fn what_is_not_judged_is_told_elsewhere() {
    for (what, why, shown) in NOT_JUDGED {
        assert!(!what.is_empty() && !why.is_empty());
        read(*shown);
    }
}

#[test]
fn every_trap_has_a_test() {
    for (trap, shown) in TRAPS {
        assert!(!trap.is_empty());
        read(*shown);
    }
}

/// The text of a file that has that function.
fn read((file, function): Shown) -> String {
    let server = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(server.join(file)).expect(file);
    assert!(
        text.contains(&format!("fn {function}(")),
        "{file} has no {function}"
    );
    text
}
