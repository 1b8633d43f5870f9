//! The package has the tags of SUSE's template, which keep its builds in order.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;

pub static CHECK: Check = Check {
    id: "template-tags",
    title: "The package lacks tags of the distribution's template",
    severity: Severity::Warning,
    waivable: true,
    help: "Build with %kernel_module_package and its own template.",
    source: "kernel-source: kernel-module-subpackage",
    scope: Scope::Only(Family::Suse),
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let Some(name) = &cx.name else { return };
    let dependencies = &cx.package.dependencies;
    let has = |list: &[kmp::Dependency], name: &str| list.iter().any(|d| d.name == name);
    let kernel = format!("kernel-{}", name.flavor);
    if !has(&dependencies.enhances, &kernel) {
        report.found(format!("`Enhances: {kernel}` is missing"));
    }
    let all = format!("{}-kmp", name.base);
    if !has(&dependencies.provides, &all) {
        report.found(format!("`Provides: {all}` is missing"));
    }
    let build = format!("{}-k", cx.package.name);
    let is_build = |dependency: &kmp::Dependency| dependency.name.starts_with(&build);
    if !dependencies.conflicts.iter().any(is_build) {
        let detail = format!("`Conflicts: {build}…` is missing, which allows one build a kernel");
        report.found(detail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_finds;

    #[test]
    fn each_tag_is_missed() {
        let detail = "`Enhances: kernel-default` is missing";
        let change = |package: &mut kmp::Package| package.dependencies.enhances.clear();
        assert_finds(&CHECK, change, Severity::Warning, detail);
        let detail = "`Provides: acme-net-kmp` is missing";
        let change = |package: &mut kmp::Package| {
            package.dependencies.provides.retain(|d| d.name != "acme-net-kmp");
        };
        assert_finds(&CHECK, change, Severity::Warning, detail);
        let detail =
            "`Conflicts: acme-net-kmp-default-k…` is missing, which allows one build a kernel";
        let change = |package: &mut kmp::Package| package.dependencies.conflicts.clear();
        assert_finds(&CHECK, change, Severity::Warning, detail);
    }
}
