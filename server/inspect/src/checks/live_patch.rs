//! The package brings drivers, not patches of the running kernel.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "live-patch",
    title: "A module is a live patch of one kernel build",
    severity: Severity::Warning,
    waivable: true,
    help: "Live patches fit one kernel build and come from the distributor. Deliver a driver.",
    source: "kernel: Documentation/livepatch",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for module in cx.modules.iter().filter(|module| module.module.livepatch) {
        report.found_at(module.path, "it says `livepatch`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, module_of};

    #[test]
    fn live_patches_are_found() {
        let change = |package: &mut kmp::Package| module_of(package).livepatch = true;
        assert_finds(&CHECK, change, Severity::Warning, "it says `livepatch`");
    }
}
