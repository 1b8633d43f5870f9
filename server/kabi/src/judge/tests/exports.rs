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
