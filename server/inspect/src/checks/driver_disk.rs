//! The package can be used on a driver disk: `Provides: kernel-modules >= …` (Red Hat).

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;

pub static CHECK: Check = Check {
    id: "driver-disk",
    title: "The installer does not take the package from a driver disk",
    severity: Severity::Note,
    waivable: true,
    help: "Build with %kernel_module_package, which adds `Provides: kernel-modules >= KERNEL`.",
    source: "anaconda: dd_list",
    scope: Scope::Only(Family::RedHat),
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let provides = &cx.package.dependencies.provides;
    let is_there = provides.iter().any(|dependency| dependency.name == "kernel-modules");
    if !is_there && !cx.package.modules.is_empty() {
        report.found("it does not provide kernel-modules");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_passes, equal};

    #[test]
    fn it_is_missed() {
        let provide = |package: &mut kmp::Package| {
            package.dependencies.provides.push(equal("kernel-modules", "5.14.0-427.el9"));
        };
        assert_passes(&CHECK, provide);
        let package = crate::testing::honest();
        let findings = crate::testing::report_of(&CHECK, &package);
        assert_eq!(findings[0].detail, "it does not provide kernel-modules");
    }
}
