//! All modules of one package lie under one kernel.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;

pub static CHECK: Check = Check {
    id: "several-kernels",
    title: "The package holds modules for several kernels",
    severity: Severity::Reject,
    waivable: true,
    help: "Build one package for each kernel.",
    source: "weak-modules2: check_kmp(), \"multiple kernel versions\"",
    scope: Scope::Only(Family::Suse),
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let releases: Vec<String> = cx.kernel_releases().into_iter().collect();
    if releases.len() > 1 {
        report.found(format!("its modules are for {}", releases.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{add_module, assert_finds, assert_passes, other_module};

    #[test]
    fn a_second_kernel_is_found() {
        let change = |package: &mut kmp::Package| {
            add_module(package, "b.ko", other_module("b"));
            package.modules[1].path = "/lib/modules/6.4.0-9-default/updates/b.ko".to_owned();
        };
        let detail = "its modules are for 6.4.0-150600.21-default, 6.4.0-9-default";
        assert_finds(&CHECK, change, Severity::Reject, detail);
    }

    #[test]
    fn two_modules_for_one_kernel_pass() {
        assert_passes(&CHECK, |package| add_module(package, "b.ko", other_module("b")));
    }
}
