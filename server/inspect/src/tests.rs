//! Whole inspections: an honest package passes, a changed one does not, nothing panics.

use super::*;
use crate::testing::{changed, honest, module_of, policy, signed};
use proptest::prelude::*;

fn checks_of(inspection: &Inspection, severity: Severity) -> Vec<&str> {
    let of_severity = inspection
        .findings
        .iter()
        .filter(|f| f.severity == severity);
    of_severity.map(|finding| finding.check.as_str()).collect()
}

#[test]
fn an_honest_package_of_modules_that_are_not_signed_is_accepted() {
    let inspection = inspect(&honest(), &signed(), &policy());
    assert_eq!(inspection.decision, Decision::Accept);
    assert_eq!(checks_of(&inspection, Severity::Reject), [""; 0]);
    assert_eq!(
        checks_of(&inspection, Severity::Warning),
        ["module-signature"]
    );
    assert_eq!(checks_of(&inspection, Severity::Note), ["supported-flag"]);
}

#[test]
fn one_rejecting_finding_rejects_and_stands_first() {
    let package = changed(|package| package.modules[0].module = Err("damaged".to_owned()));
    let inspection = inspect(&package, &signed(), &policy());
    assert_eq!(inspection.decision, Decision::Reject);
    assert_eq!(inspection.findings[0].check, "unreadable-module");
    assert!(
        inspection
            .findings
            .is_sorted_by_key(|finding| Reverse(finding.severity))
    );
}

#[test]
fn a_check_that_panics_is_a_finding() {
    static BROKEN: Check = Check {
        id: "broken",
        title: "Something",
        severity: Severity::Reject,
        waivable: true,
        help: "Nothing to do.",
        source: "this test",
        scope: Scope::All,
        run: |_, report| {
            report.found("found before");
            panic!("on purpose");
        },
    };
    let (package, signatures, policy) = (honest(), signed(), policy());
    let findings = run(&BROKEN, &Context::new(&package, &signatures, &policy));
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].check, "check-crashed");
    assert_eq!(
        findings[0].detail,
        "the check `broken` stopped in the middle"
    );
    assert_eq!(Decision::of(&findings), Decision::Reject);
}

#[test]
fn the_policy_changes_severities_but_does_not_lower_what_cannot_be_waived() {
    let package = changed(|package| {
        package.license = None;
        package.digests[0].found = "other".to_owned();
    });
    let mut strict = policy();
    strict
        .severities
        .insert("package-license".to_owned(), Weight::Reject);
    strict
        .severities
        .insert("digest-mismatch".to_owned(), Weight::Off);
    let inspection = inspect(&package, &signed(), &strict);
    let rejected = checks_of(&inspection, Severity::Reject);
    assert_eq!(rejected, ["digest-mismatch", "package-license"]);
}

#[test]
fn every_check_that_looked_found_something_or_passed() {
    let mut lenient = policy();
    lenient
        .severities
        .insert("supported-flag".to_owned(), Weight::Off);
    let inspection = inspect(&honest(), &signed(), &lenient);
    assert_eq!(
        checks_of(&inspection, Severity::Warning),
        ["module-signature"]
    );
    let looked = CHECKS
        .iter()
        .filter(|check| check.scope.covers(Family::Suse));
    let expected: Vec<_> = looked
        .map(|check| check.id)
        .filter(|id| !["supported-flag", "module-signature"].contains(id))
        .collect();
    assert_eq!(inspection.passed, expected);
}

#[test]
fn findings_of_one_check_are_bounded() {
    let package = changed(|package| {
        let imports = &mut module_of(package).imports;
        imports.extend((0..500).map(|n| crate::testing::import(&format!("symbol_{n}"), 1)));
    });
    let inspection = inspect(&package, &signed(), &policy());
    let told: Vec<_> = inspection
        .findings
        .iter()
        .filter(|finding| finding.check == "missing-ksym-requires")
        .collect();
    assert_eq!(told.len(), 21);
    assert_eq!(told[20].detail, "and 480 more of this kind");
}

#[test]
fn checks_of_the_other_family_do_not_look() {
    let package = changed(|package| package.name = "kmod-acme-net".to_owned());
    let red_hat = Policy::for_family(Family::RedHat);
    let inspection = inspect(&package, &signed(), &red_hat);
    let families: Vec<_> = inspection
        .findings
        .iter()
        .filter_map(|finding| CHECKS.iter().find(|check| check.id == finding.check))
        .filter(|check| check.scope == Scope::Only(Family::Suse))
        .collect();
    assert!(families.is_empty(), "{families:?}");
    assert_eq!(
        inspection.decision,
        Decision::Accept,
        "{:?}",
        inspection.findings
    );
}

#[test]
fn findings_and_checks_travel_as_json() {
    let inspection = inspect(&honest(), &Default::default(), &policy());
    let text = serde_json::to_string(&inspection).unwrap();
    assert_eq!(
        serde_json::from_str::<Inspection>(&text).unwrap(),
        inspection
    );
    let check = serde_json::to_value(CHECKS[0]).unwrap();
    assert_eq!(check["id"], "signature");
    assert_eq!(check["severity"], "reject");
    assert_eq!(check["scope"], "all");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Texts come from the package: none makes a check panic.
    #[test]
    fn no_text_makes_a_check_crash(
        name in "\\PC{0,20}(-kmp-)?\\PC{0,10}",
        version in "\\PC{0,20}_?k?\\PC{0,10}",
        path in "(/usr)?/lib/modules/\\PC{0,12}/(updates|\\PC{0,6})/\\PC{0,8}.ko",
        dependency in "(ksym|modalias|kernel)?\\(?\\PC{0,20}\\)?",
        crc in "[0-9a-fA-Fx]{0,10}",
        modinfo in proptest::collection::vec(("[a-z]{1,9}", "\\PC{0,20}"), 0..6),
        red_hat: bool,
    ) {
        let package = changed(|package| {
            (package.name, package.version) = (name, version);
            package.modules[0].path.clone_from(&path);
            package.files[2].path = path;
            let dependency = testing::equal(&dependency, &crc);
            let lists = &mut package.dependencies;
            for list in [&mut lists.provides, &mut lists.requires, &mut lists.supplements] {
                list.push(dependency.clone());
            }
            module_of(package).modinfo.extend(modinfo);
        });
        let family = if red_hat { Family::RedHat } else { Family::Suse };
        let inspection = inspect(&package, &signed(), &Policy::for_family(family));
        let crashed = |finding: &Finding| finding.check == "check-crashed";
        prop_assert!(!inspection.findings.iter().any(crashed), "{:?}", inspection.findings);
    }
}
