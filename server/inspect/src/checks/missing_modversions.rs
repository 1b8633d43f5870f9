//! Modules carry the versions of the symbols they use, `module_layout` first of all.
//!
//! Without them a module loads on the very kernel it is built for, or not at all.

use super::{Check, Context, Report, Scope, Severity};
use kmod::{Module, Versions};

pub static CHECK: Check = Check {
    id: "missing-modversions",
    title: "A module carries no symbol versions",
    severity: Severity::Reject,
    waivable: true,
    help: "Build against the kernel's prepared sources with their Module.symvers (package \
           kernel-syms or kernel-devel), and do not strip the modules.",
    source: "driver-check.sh; kernel: check_modstruct_version()",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for module in &cx.modules {
        if module.module.versions == Versions::None {
            if says_modversions(module.module) {
                let detail = "its kernel demands symbol versions, and it has none";
                report.found_at(module.path, detail);
            } else {
                let detail = "built for a kernel without symbol versions, it loads on that one only";
                report.found_as(Severity::Warning, Some(module.path), detail);
            }
        } else if !has_layout(module.module) {
            report.found_at(module.path, "it has no version of `module_layout`");
        }
    }
}

fn says_modversions(module: &Module) -> bool {
    module.vermagic_tail().unwrap_or_default().split(' ').any(|word| word == "modversions")
}

/// `struct_module` is its name before 2.6.30.
fn has_layout(module: &Module) -> bool {
    let is_layout = |symbol: &str| symbol == "module_layout" || symbol == "struct_module";
    module.imports.iter().any(|import| is_layout(&import.symbol) && import.crc.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, module_of};

    #[test]
    fn missing_versions_are_found() {
        let detail = "its kernel demands symbol versions, and it has none";
        let none = |package: &mut kmp::Package| module_of(package).versions = Versions::None;
        assert_finds(&CHECK, none, Severity::Reject, detail);
        let detail = "it has no version of `module_layout`";
        let other = |package: &mut kmp::Package| {
            module_of(package).imports.retain(|import| import.symbol != "module_layout");
        };
        assert_finds(&CHECK, other, Severity::Reject, detail);
    }

    #[test]
    fn kernels_without_versions_make_modules_without() {
        let change = |package: &mut kmp::Package| {
            let module = module_of(package);
            module.versions = Versions::None;
            module.vermagic = Some("6.4.0-150600.21-default SMP preempt mod_unload ".to_owned());
        };
        let detail = "built for a kernel without symbol versions, it loads on that one only";
        assert_finds(&CHECK, change, Severity::Warning, detail);
    }

    #[test]
    fn the_old_name_is_known() {
        assert_passes(&CHECK, |package| {
            for import in &mut module_of(package).imports {
                import.symbol = import.symbol.replace("module_layout", "struct_module");
            }
        });
    }
}
