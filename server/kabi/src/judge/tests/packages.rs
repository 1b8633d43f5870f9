//! Several packages on one kernel: who provides what to whom.

use super::*;

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

/// A symbol of assembler code that has no prototype: zero in both tables, and nothing else fits.
#[test]
fn an_export_without_a_version_fits_a_need_of_none() {
    let core = module_with("core", &[], |m| {
        m.exports = vec![export("core", Some(0)), export("other", Some(7))];
    });
    let user = |crc| module_with("user", &[], |m| m.imports.push(import("core", crc)));
    let cases: [(Option<u32>, Verdict, &[&str]); 3] = [
        (Some(0), Verdict::Compatible, &[]),
        (
            Some(7),
            Verdict::Incompatible,
            &["ksym-provider-crc-differs"],
        ),
        (
            None,
            Verdict::Incompatible,
            &["symbol-unversioned-in-module"],
        ),
    ];
    for (crc, verdict, expected) in cases {
        let judged = &judge_all(&[("a", vec![user(crc), core.clone()])])[0];
        let user = &judged.modules[0];
        assert_eq!((user.verdict, codes(user)), (verdict, expected.to_vec()));
        assert_eq!(codes(&judged.modules[1]), ["export-unversioned"]);
    }
}
