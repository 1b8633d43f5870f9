//! Modules whose very file every loader refuses.

use super::*;

#[test]
fn files_that_no_loader_takes() {
    let odd = |codes: &[&str]| {
        let oddity = |code: &&str| kmod::Oddity {
            code: (*code).to_owned(),
            detail: "it is odd".to_owned(),
        };
        let oddities = codes.iter().map(oddity).collect();
        module_with("acme", &[], |m| m.oddities = oddities)
    };
    let cases: [(&[&str], &[&str]); 5] = [
        (&["signature-malformed"], &["signature-malformed"]),
        (&["symtab-missing"], &["elf-stripped-symtab"]),
        (&["common-symbol"], &["elf-invalid"]),
        (&["ext-versions-incomplete"], &["elf-invalid"]),
        (
            &["common-symbol", "ext-versions-incomplete", "symtab-missing"],
            &["elf-stripped-symtab", "elf-invalid"],
        ),
    ];
    for (oddities, expected) in cases {
        assert_verdict(
            &kernel(KERNEL),
            &odd(oddities),
            Verdict::Incompatible,
            expected,
        );
    }
    let harmless = odd(&["version-without-import", "module-name-differs"]);
    assert_verdict(&kernel(KERNEL), &harmless, Verdict::Compatible, &[]);
}
