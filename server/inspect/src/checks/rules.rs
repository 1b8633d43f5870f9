//! What is demanded of kernel module packages, rule by rule, and which checks hold packages to it.
//!
//! The rules are those that the distributors' own build macros, installers and checkers live by, with
//! the weight that they give them. The test finds each check's sample and compares the weight.
//!
//! Not here, because they take more than the package: that it loads on a registered kernel and that
//! its kernel is registered (verdicts), that no other package has its name with other content (409)
//! or brings modules of the same name.

use super::CHECKS;
use crate::report::Severity::{self, Note, Reject, Warning};
use crate::samples::{Sample, fine_for, spoil};
use crate::testing::report_signed;
use std::collections::BTreeSet;

/// A rule, and the checks that hold packages to it.
type Rule = (&'static str, &'static [(&'static str, Severity)]);

const RULES: &[Rule] = &[
    (
        "a whole binary package whose digests hold",
        &[
            ("digest-mismatch", Reject),
            ("source-package", Reject),
            ("odd-package", Warning),
        ],
    ),
    (
        "signed over the header by a key registered for the vendor",
        &[("signature", Reject)],
    ),
    (
        "named BASE-kmp-FLAVOR, with the vendor's prefix",
        &[
            ("package-name", Reject),
            ("provider-prefix", Reject),
            ("debug-package", Reject),
        ],
    ),
    (
        "the version names the kernel of the modules",
        &[("package-version", Reject)],
    ),
    (
        "modules, all below one kernel's folder of the package's flavor, where the product looks",
        &[
            ("no-modules", Reject),
            ("several-kernels", Reject),
            ("module-root", Reject),
            ("flavor-mismatch", Reject),
        ],
    ),
    (
        "modules in updates/ or extra/, none of them a link",
        &[
            ("module-directory", Reject),
            ("module-links", Warning),
            ("duplicate-module", Reject),
        ],
    ),
    (
        "modules are sound, for the package's processor and its kernel, and agree",
        &[
            ("unreadable-module", Reject),
            ("arch-mismatch", Reject),
            ("vermagic-mismatch", Reject),
            ("loader-refusal", Reject),
            ("odd-module", Note),
        ],
    ),
    (
        "modules carry symbol versions, and the package requires the sentinel",
        &[
            ("missing-modversions", Reject),
            ("missing-ksym-requires", Reject),
            ("missing-kernel-set", Reject),
        ],
    ),
    (
        "what is required of symbols is what the modules use",
        &[
            ("missing-ksym-requires", Reject),
            ("superfluous-ksym-requires", Reject),
            ("ksym-crc-mismatch", Reject),
            ("ksym-flavor", Reject),
            ("ksym-spelling", Reject),
            ("broken-dependency", Warning),
        ],
    ),
    (
        "what is provided of symbols is what the modules export",
        &[
            ("missing-ksym-provides", Reject),
            ("foreign-ksym-provides", Reject),
            ("ksym-crc-mismatch", Reject),
            ("duplicate-export", Reject),
        ],
    ),
    (
        "modules of one package agree about every symbol",
        &[("symbol-crc-conflict", Reject)],
    ),
    (
        "no hardware pattern takes in a whole bus",
        &[("match-all-alias", Reject)],
    ),
    // The sample is of USB, where it is a warning; of PCI it is refused.
    (
        "claims of hardware are what the modules drive",
        &[
            ("alias-without-supplement", Warning),
            ("supplement-without-alias", Reject),
        ],
    ),
    (
        "claims of hardware are spelled as they are meant",
        &[("supplement-spelling", Warning)],
    ),
    (
        "installing calls weak-modules",
        &[("weak-modules-scriptlet", Reject)],
    ),
    (
        "scriptlets do nothing else",
        &[("scriptlet-content", Warning)],
    ),
    (
        "builds can stand beside each other; the template's tags are there",
        &[("multiversion", Reject), ("template-tags", Warning)],
    ),
    ("the supported flag is true", &[("supported-flag", Reject)]),
    (
        "licences are allowed and allow what is used",
        &[
            ("module-license", Warning),
            ("package-license", Warning),
            ("gpl-only-symbols", Reject),
            ("namespace-not-imported", Reject),
            ("intree-flag", Warning),
        ],
    ),
    (
        "modules are signed by the vendor's published certificate",
        &[
            ("module-signature", Warning),
            ("module-signer", Warning),
            ("broken-module-signature", Reject),
            ("certificate-requires", Warning),
        ],
    ),
    (
        "the vendor is named as registered",
        &[("vendor-tag", Reject)],
    ),
    (
        "companions are in the kit, and are what they are called",
        &[
            ("package-name", Reject),
            ("companion-modules", Reject),
            ("companion-files", Reject),
            ("uefi-certificate", Reject),
            ("firmware-not-included", Note),
        ],
    ),
    (
        "nothing unusual is required, nobody else's name taken",
        &[("unusual-requires", Warning), ("capability-hijack", Reject)],
    ),
    (
        "no dangerous files",
        &[("file-modes", Warning), ("file-places", Warning)],
    ),
    ("sets of symbols are told", &[("symbol-sets", Note)]),
    (
        "what concerns one kernel build or one family's installer is told",
        &[("live-patch", Warning), ("driver-disk", Note)],
    ),
];

/// The worst that a check finds in its sample.
fn worst(id: &str) -> Severity {
    let check = CHECKS.iter().find(|check| check.id == id);
    let check = check.unwrap_or_else(|| panic!("no check is called {id}"));
    let mut sample: Sample = fine_for(check);
    assert!(spoil(id, &mut sample), "{id} has no sample");
    let Sample {
        package,
        signatures,
        policy,
    } = &sample;
    let findings = report_signed(check, package, signatures, policy);
    findings
        .iter()
        .map(|finding| finding.severity)
        .max()
        .expect("it finds its sample")
}

#[test]
fn every_rule_weighs_what_its_makers_give_it() {
    let all = RULES
        .iter()
        .flat_map(|(rule, checks)| checks.iter().map(move |it| (rule, it)));
    let others: Vec<_> = all
        .map(|(rule, (id, severity))| (rule, id, *severity, worst(id)))
        .filter(|(_, _, expected, found)| expected != found)
        .collect();
    assert_eq!(others, []);
}

#[test]
fn every_check_holds_packages_to_a_rule() {
    let named: BTreeSet<&str> = RULES
        .iter()
        .flat_map(|rule| rule.1)
        .map(|check| check.0)
        .collect();
    let all: BTreeSet<&str> = CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(named, all);
}
