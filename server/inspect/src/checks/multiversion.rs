//! Several builds of the package can be installed beside each other: `multiversion(kernel)`.
//!
//! Otherwise an update takes away the modules of the kernel that still runs. Products whose versions
//! name the kernel without a `k` may be of the time before package managers knew it.

use super::{Check, Context, Report, Scope, Severity};
use crate::{Family, VersionForm};

pub static CHECK: Check = Check {
    id: "multiversion",
    title: "An update of the package removes the modules of older kernels",
    severity: Severity::Reject,
    waivable: true,
    help: "Build with %kernel_module_package, or add `Provides: multiversion(kernel)`.",
    source: "zypp.conf: multiversion = provides:multiversion(kernel)",
    scope: Scope::Only(Family::Suse),
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let provides = &cx.package.dependencies.provides;
    let is_multiversion = provides.iter().any(|dependency| dependency.name == "multiversion(kernel)");
    if !is_multiversion && !cx.package.modules.is_empty() {
        let detail = "it does not provide multiversion(kernel)";
        match cx.policy.version_form {
            VersionForm::Plain => report.found_as(Severity::Warning, None, detail),
            VersionForm::K | VersionForm::Either => report.found(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{assert_finds, changed, policy, report_with};

    #[test]
    fn it_is_missed() {
        let change = |package: &mut kmp::Package| package.dependencies.provides.truncate(7);
        let detail = "it does not provide multiversion(kernel)";
        assert_finds(&CHECK, change, Severity::Reject, detail);
        let old = Policy { version_form: VersionForm::Plain, ..policy() };
        let findings = report_with(&CHECK, &changed(change), &old);
        assert_eq!(findings[0].severity, Severity::Warning);
    }
}
