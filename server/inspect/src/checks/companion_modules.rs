//! A package of the kit that is no driver package brings no kernel modules.
//!
//! Companions are not judged on kernels as drivers are, so none may slip in with them.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;

pub static CHECK: Check = Check {
    id: "companion-modules",
    title: "A companion package brings kernel modules",
    severity: Severity::Reject,
    waivable: false,
    help: "Put the modules into a package of their own, named NAME-kmp-FLAVOR (SUSE) or kmod-NAME \
           (Red Hat).",
    source: "KMP manual, naming; kernel-source: kernel-cert-subpackage",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let name = &cx.package.name;
    let is_driver = match cx.policy.family {
        Family::Suse => cx.name.is_some(),
        Family::RedHat => cx.name.is_some() || name.starts_with("kmod-"),
    };
    if !is_driver && (cx.policy.is_companion(name) || name.ends_with("-ueficert")) {
        for module in &cx.package.modules {
            report.found_at(&module.path, format!("`{name}` is for other things than modules"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{assert_finds, changed, honest, policy, report_with};

    #[test]
    fn modules_in_a_companion_are_found() {
        let change = |package: &mut kmp::Package| package.name = "acme-ueficert".to_owned();
        let detail = "`acme-ueficert` is for other things than modules";
        assert_finds(&CHECK, change, Severity::Reject, detail);
    }

    #[test]
    fn the_kit_holds_drivers_too() {
        let kit = Policy { companions: vec!["acme-*".to_owned()], ..policy() };
        assert_eq!(report_with(&CHECK, &honest(), &kit), []);
        let tools = |package: &mut kmp::Package| package.name = "acme-tools".to_owned();
        assert_eq!(report_with(&CHECK, &changed(tools), &kit).len(), 1);
        let without = |package: &mut kmp::Package| {
            tools(package);
            package.modules.clear();
        };
        assert_eq!(report_with(&CHECK, &changed(without), &kit), []);
    }
}
