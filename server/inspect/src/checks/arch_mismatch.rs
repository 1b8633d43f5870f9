//! Modules, package and product are for the same processor.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "arch-mismatch",
    title: "Package, modules and product are not for the same processor",
    severity: Severity::Reject,
    waivable: false,
    help: "Build the package for the product's architecture, on it or with its cross compiler.",
    source: "kernel: elf_check_arch(); rpm architecture names",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let arch = &cx.package.arch;
    for module in &cx.modules {
        let built_for = kabi::arch::name(module.module.machine);
        if kabi::arch::runs(arch, module.module.machine) != Some(true) {
            let detail = format!("the module is for {built_for}, the package for {arch}");
            report.found_at(module.path, detail);
        }
    }
    let offered = &cx.policy.arches;
    let is_offered = offered.is_empty() || offered.iter().any(|it| kabi::arch::is_same(it, arch));
    let is_for_all = arch == "noarch" && cx.package.modules.is_empty();
    if !is_offered && !is_for_all {
        let offered = offered.join(", ");
        report.found(format!("the package is for {arch}, the product for {offered}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{assert_finds, changed, honest, module_of, policy, report_with};

    #[test]
    fn another_processor_is_found() {
        let detail = "the module is for aarch64, the package for x86_64";
        let change = |package: &mut kmp::Package| module_of(package).machine.e_machine = 183;
        assert_finds(&CHECK, change, Severity::Reject, detail);
        let detail = "the module is for x86_64, the package for noarch";
        let change = |package: &mut kmp::Package| package.arch = "noarch".to_owned();
        assert_finds(&CHECK, change, Severity::Reject, detail);
    }

    #[test]
    fn the_product_has_one() {
        let of = |arch: &str| Policy { arches: vec![arch.to_owned()], ..policy() };
        assert_eq!(report_with(&CHECK, &honest(), &of("x86_64")), []);
        let findings = report_with(&CHECK, &honest(), &of("aarch64"));
        assert_eq!(findings[0].detail, "the package is for x86_64, the product for aarch64");
    }

    #[test]
    fn packages_for_i586_serve_kernels_for_i686() {
        let package = changed(|package| {
            package.arch = "i586".to_owned();
            let machine = &mut module_of(package).machine;
            (machine.e_machine, machine.is_64) = (3, false);
        });
        let product = Policy { arches: vec!["i686".to_owned()], ..policy() };
        assert_eq!(report_with(&CHECK, &package, &product), []);
    }
}
