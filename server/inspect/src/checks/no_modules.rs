//! The package holds at least one kernel module, or is known to belong to the vendor's kit.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "no-modules",
    title: "The package holds no kernel module",
    severity: Severity::Reject,
    waivable: true,
    help: "Upload the package that holds the .ko files. Firmware, user space and certificates are \
           taken when the distributor has listed them in your kit.",
    source: "weak-modules2: \"does not contain any kernel modules\"",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let package = cx.package;
    if package.modules.is_empty() && !package.is_source && !cx.policy.is_companion(&package.name) {
        let files = package.files.len();
        report.found(format!("none of its {files} files is a .ko file"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{assert_finds, changed, policy, report_with};

    #[test]
    fn a_package_without_modules_is_found() {
        let detail = "none of its 3 files is a .ko file";
        assert_finds(&CHECK, |package| package.modules.clear(), Severity::Reject, detail);
    }

    #[test]
    fn the_kit_may_hold_it() {
        let kit = Policy { companions: vec!["acme-*".to_owned()], ..policy() };
        let package = changed(|package| package.modules.clear());
        assert_eq!(report_with(&CHECK, &package, &kit), []);
    }
}
