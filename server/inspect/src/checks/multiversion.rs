//! Several builds of the package can be installed beside each other: `multiversion(kernel)`.
//!
//! Otherwise an update takes away the modules of the kernel that still runs.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;

pub static CHECK: Check = Check {
    id: "multiversion",
    title: "An update of the package removes the modules of older kernels",
    severity: Severity::Warning,
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
        report.found("it does not provide multiversion(kernel)");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_finds;

    #[test]
    fn it_is_missed() {
        let change = |package: &mut kmp::Package| package.dependencies.provides.truncate(7);
        let detail = "it does not provide multiversion(kernel)";
        assert_finds(&CHECK, change, Severity::Warning, detail);
    }
}
