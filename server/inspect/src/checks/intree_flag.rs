//! A module from outside of the kernel's sources does not say that it is from inside.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "intree-flag",
    title: "A module passes itself off as one of the kernel's own",
    severity: Severity::Warning,
    waivable: true,
    help: "Remove MODULE_INFO(intree, \"Y\"). It hides from support that the module is yours.",
    source: "kernel: TAINT_OOT_MODULE",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for module in &cx.modules {
        if module.module.first("intree").is_some() {
            report.found_at(module.path, "it says `intree`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, set_modinfo};

    #[test]
    fn the_flag_is_found() {
        let change = |package: &mut kmp::Package| set_modinfo(package, "intree", &["Y"]);
        assert_finds(&CHECK, change, Severity::Warning, "it says `intree`");
    }
}
