//! The version ends in `_k` and the kernel that the modules lie under, every `-` written `_`.
//!
//! Several builds of one driver are told apart by it. Code 10 and 11 write no `k`.

use super::{Check, Context, Report, Scope, Severity};
use crate::{Family, VersionForm};
use kmp::KmpVersion;

pub static CHECK: Check = Check {
    id: "package-version",
    title: "The version does not name the kernel that the modules are for",
    severity: Severity::Reject,
    waivable: true,
    help: "Build with %kernel_module_package against the kernel whose folder the modules lie in; \
           it appends _kKERNEL to the version.",
    source: "kernel-source: kernel-module-subpackage",
    scope: Scope::Only(Family::Suse),
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let (Some(name), version) = (&cx.name, &cx.package.version) else { return };
    for release in cx.kernel_releases() {
        let Some(kernel) = release.strip_suffix(&format!("-{}", name.flavor)) else { continue };
        let mangled = kernel.replace('-', "_");
        if let Some(form) = form(version, &mangled) {
            if let Some(severity) = objection(form, cx.policy.version_form) {
                report.found_as(severity, None, remark(version, form));
            }
        } else if let Some(parsed) = KmpVersion::parse(version) {
            let named = parsed.kernel_version;
            report.found(format!("`{version}` names the kernel {named}, modules are for {kernel}"));
        } else {
            report.found(format!("`{version}` does not end in _k{mangled}"));
        }
    }
}

/// The form in which the version names this kernel, if it does.
fn form(version: &str, mangled: &str) -> Option<VersionForm> {
    let forms = [("_k", VersionForm::K), ("_", VersionForm::Plain)];
    let found = forms.into_iter().find(|(separator, _)| ends_in(version, separator, mangled));
    found.map(|(_, form)| form)
}

fn objection(form: VersionForm, wanted: VersionForm) -> Option<Severity> {
    match wanted {
        VersionForm::Either => (form == VersionForm::Plain).then_some(Severity::Note),
        wanted => (form != wanted).then_some(Severity::Warning),
    }
}

fn remark(version: &str, form: VersionForm) -> String {
    match form {
        VersionForm::Plain => {
            format!("`{version}` names the kernel without a `k`, as Code 11 did")
        }
        _ => format!("`{version}` names the kernel with a `k`, which Code 10 and 11 do not"),
    }
}

/// Old templates write the kernel `2.6.27_1` as `2.6.27.0_1`, so that it sorts.
fn ends_in(version: &str, separator: &str, mangled: &str) -> bool {
    let padded = mangled.replacen('_', ".0_", 1);
    [mangled, &padded].into_iter().any(|kernel| {
        let driver = version.strip_suffix(kernel).and_then(|rest| rest.strip_suffix(separator));
        driver.is_some_and(|driver| !driver.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes};

    fn version(version: &'static str) -> impl Fn(&mut kmp::Package) {
        move |package| package.version = version.to_owned()
    }

    #[test]
    fn another_kernel_is_found() {
        assert_finds(
            &CHECK,
            version("1.0_k6.4.0_150600.23"),
            Severity::Reject,
            "`1.0_k6.4.0_150600.23` names the kernel 6.4.0-150600.23, modules are for \
             6.4.0-150600.21",
        );
    }

    #[test]
    fn other_forms_are_remarked() {
        let detail = "`1.0_6.4.0_150600.21` names the kernel without a `k`, as Code 11 did";
        assert_finds(&CHECK, version("1.0_6.4.0_150600.21"), Severity::Note, detail);
        let detail = "`git` does not end in _k6.4.0_150600.21";
        assert_finds(&CHECK, version("git"), Severity::Reject, detail);
    }

    #[test]
    fn the_product_says_which_form_is_its_own() {
        use crate::testing::{changed, policy, report_with};
        let cases = [
            ("1.0_k6.4.0_150600.21", VersionForm::K, None),
            ("1.0_k6.4.0_150600.21", VersionForm::Plain, Some(Severity::Warning)),
            ("1.0_6.4.0_150600.21", VersionForm::Plain, None),
            ("1.0_6.4.0_150600.21", VersionForm::K, Some(Severity::Warning)),
        ];
        for (text, version_form, expected) in cases {
            let policy = crate::Policy { version_form, ..policy() };
            let findings = report_with(&CHECK, &changed(version(text)), &policy);
            assert_eq!(findings.first().map(|f| f.severity), expected, "{text} {version_form:?}");
        }
    }

    #[test]
    fn releases_of_all_kinds_pass() {
        let cases = [
            ("2.6.27-1-default", "1.0_2.6.27.0_1", 1),
            ("2.6.27-1-default", "1.0_k2.6.27_1", 0),
            ("6.12.117+deb12-default", "1.0_k6.12.117+deb12", 0),
        ];
        for (release, version, notes) in cases {
            let package = crate::testing::changed(|package| {
                package.version = version.to_owned();
                package.modules[0].path = format!("/lib/modules/{release}/updates/a.ko");
            });
            let findings = crate::testing::report_of(&CHECK, &package);
            assert_eq!(findings.len(), notes, "{release} {findings:?}");
        }
    }

    #[test]
    fn a_package_without_modules_is_not_judged() {
        assert_passes(&CHECK, |package| {
            package.modules.clear();
            package.version = "1.0".to_owned();
        });
    }
}
