//! Modules lie under the folder where the product's kernels look for them.
//!
//! Systems with a merged `/usr` want `/usr/lib/modules`, older ones `/lib/modules`; `weak-modules2`
//! of the former does not see modules that are listed under the latter.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "module-root",
    title: "A module lies where the product's kernels do not look",
    severity: Severity::Reject,
    waivable: true,
    help: "Install modules below %{kernel_module_directory}, built on the product itself.",
    source: "weak-modules2 (boo#1214428)",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let roots = &cx.policy.module_roots;
    for module in &cx.modules {
        match &module.place {
            Some(place) if roots.contains(&place.root) => {}
            Some(place) => {
                let detail = format!("it lies below {}, not {}", place.root, roots.join(" or "));
                report.found_at(module.path, detail);
            }
            None => {
                let detail = "it lies in no kernel's folder, and no kernel loads it from there";
                report.found_as(Severity::Warning, Some(module.path), detail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{MODULE, assert_finds, honest, policy, report_with};

    #[test]
    fn the_product_says_where() {
        let merged = Policy { module_roots: vec!["/usr/lib/modules".to_owned()], ..policy() };
        let findings = report_with(&CHECK, &honest(), &merged);
        assert_eq!(findings[0].detail, "it lies below /lib/modules, not /usr/lib/modules");
        assert_eq!(findings[0].place.as_deref(), Some(MODULE));
        assert_eq!(findings[0].severity, Severity::Reject);
    }

    #[test]
    fn elsewhere_is_remarked() {
        assert_finds(
            &CHECK,
            |package| package.modules[0].path = "/opt/acme/acme.ko".to_owned(),
            Severity::Warning,
            "it lies in no kernel's folder, and no kernel loads it from there",
        );
    }
}
