//! The name says what the package is: `NAME-kmp-FLAVOR` (SUSE) or `kmod-NAME` (Red Hat).
//!
//! `weak-modules2` and the generators cut flavor and driver out of the name.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;

pub static CHECK: Check = Check {
    id: "package-name",
    title: "The name is not that of a kernel module package",
    severity: Severity::Reject,
    waivable: true,
    help: "Build the package with %kernel_module_package, which makes NAME-kmp-FLAVOR (SUSE) or \
           kmod-NAME (Red Hat) of your package's name.",
    source: "KMP manual, naming; weak-modules2: ${name%-kmp-*}; kmodtool",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let name = &cx.package.name;
    if cx.name.is_some() || cx.policy.is_companion(name) {
        return;
    }
    match cx.policy.family {
        Family::Suse => report.found(format!("`{name}` is not NAME-kmp-FLAVOR")),
        Family::RedHat if name.starts_with("kmod-") => {}
        Family::RedHat => {
            report.found_as(Severity::Warning, None, format!("`{name}` is not kmod-NAME"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{assert_finds, changed, policy, report_with};

    #[test]
    fn other_names_are_found() {
        for name in ["acme-net", "acme-net-kmp-default-debuginfo", "acme-net-kmp-", "kmod-acme"] {
            let detail = format!("`{name}` is not NAME-kmp-FLAVOR");
            let change = |package: &mut kmp::Package| package.name = name.to_owned();
            assert_finds(&CHECK, change, Severity::Reject, &detail);
        }
    }

    #[test]
    fn red_hat_only_warns() {
        let red_hat = Policy::for_family(Family::RedHat);
        let findings = |name: &str| {
            let package = changed(|package| package.name = name.to_owned());
            report_with(&CHECK, &package, &red_hat)
        };
        assert_eq!(findings("kmod-acme-net"), []);
        assert_eq!(findings("acme-net")[0].severity, Severity::Warning);
    }

    #[test]
    fn companions_are_known_by_name() {
        let kit = Policy { companions: vec!["acme-firmware".to_owned()], ..policy() };
        let package = changed(|package| package.name = "acme-firmware".to_owned());
        assert_eq!(report_with(&CHECK, &package, &kit), []);
    }
}
