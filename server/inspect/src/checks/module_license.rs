//! Modules state a licence that the kernel knows as compatible with the GPL.
//!
//! Another one taints the kernel and hides every symbol that is exported for GPL modules.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "module-license",
    title: "A module's licence is not compatible with the GPL",
    severity: Severity::Warning,
    waivable: true,
    help: "If the source is under the GPL, say MODULE_LICENSE(\"GPL\"). The kernel knows exactly: \
           GPL, GPL v2, GPL and additional rights, Dual BSD/GPL, Dual MIT/GPL, Dual MPL/GPL.",
    source: "kernel: license_is_gpl_compatible()",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for module in &cx.modules {
        let licenses: Vec<&str> = module.module.licenses().collect();
        match licenses.as_slice() {
            [] => report.found_at(module.path, "it states no licence and counts as proprietary"),
            [first, ..] if !kmod::is_gpl_compatible(first) => {
                report.found_at(module.path, format!("`{first}` counts as proprietary"));
            }
            [first, others @ ..] => {
                for other in others.iter().filter(|other| !kmod::is_gpl_compatible(other)) {
                    let detail = format!("it states `{first}` and `{other}`; the first counts");
                    report.found_as(Severity::Note, Some(module.path), detail);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, set_modinfo};

    fn licenses(texts: &'static [&str]) -> impl Fn(&mut kmp::Package) {
        move |package| set_modinfo(package, "license", texts)
    }

    #[test]
    fn licences() {
        let detail = "it states no licence and counts as proprietary";
        assert_finds(&CHECK, licenses(&[]), Severity::Warning, detail);
        let detail = "`GPL v2+` counts as proprietary";
        assert_finds(&CHECK, licenses(&["GPL v2+"]), Severity::Warning, detail);
        let detail = "it states `GPL` and `BSD`; the first counts";
        assert_finds(&CHECK, licenses(&["GPL", "BSD"]), Severity::Note, detail);
        assert_passes(&CHECK, licenses(&["Dual BSD/GPL", "GPL"]));
    }
}
