//! What a module may export: nothing that is there already, and with versions.

use super::*;

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

/// The kernel's other modules were built against its own one. Which of them use it no list of symbols
/// says, so the package is warned; one that brings such a user itself is refused.
#[test]
fn users_of_a_module_that_is_replaced() {
    let kernel = kernel(KERNEL);
    let replacing = |crc| module("nf_core", &[], &[("nf_hook", crc)]);
    let user = || module("nf_user", &[("nf_hook", 5)], &[]);
    let judged = |packages: &[&[Module]]| {
        let candidate = |modules| Candidate {
            name: "acme-kmp",
            modules,
        };
        let candidates: Vec<_> = packages.iter().copied().map(candidate).collect();
        judge(&kernel, &candidates)
    };
    let apart = judged(&[&[replacing(6)], &[user()]]);
    let told = &apart[0].modules[0].reasons[0];
    let expected = Reason::warn("replaced-export-changed")
        .symbol("nf_hook")
        .expected(Crc(5))
        .found(Crc(6))
        .provider("net/netfilter/nf-core");
    assert_eq!(told, &expected);
    // The other package need not be installed.
    assert_eq!(apart[1].verdict, Verdict::Compatible);
    let together = judged(&[&[user(), replacing(6)]]);
    assert_eq!(together[0].verdict, Verdict::Incompatible);
    assert_eq!(
        codes(&together[0].modules[0]),
        ["ksym-provider-crc-differs"]
    );
    let alike = judged(&[&[user(), replacing(5)]]);
    assert_eq!(alike[0].verdict, Verdict::Compatible);
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
    let some = of(&[None, Some(1)]);
    assert_verdict(&kernel, &some, Verdict::CompatibleWithWarnings, &expected);
}
