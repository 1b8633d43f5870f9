//! A package that requires sets of symbols requires the kernel's own: `kernel(FLAVOR:kernel…)`.
//!
//! Every module uses `module_layout`, which is in it; without it the package is installed beside any
//! kernel.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;
use kmp::SymsetDependency;

pub static CHECK: Check = Check {
    id: "missing-kernel-set",
    title: "The package requires sets of symbols, but not the kernel's own",
    severity: Severity::Reject,
    waivable: true,
    help: "Build with the symbol sets of the kernel's own packages (kernel-syms) installed.",
    source: "driver-check.sh; kernel-source: symsets.pl",
    scope: Scope::Only(Family::Suse),
    run,
};

/// What the oldest and the newer kernels call the symbol that stands for all of them.
const LAYOUTS: [&str; 2] = ["module_layout", "struct_module"];

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let requires = cx.package.dependencies.requires.iter();
    let sets: Vec<SymsetDependency> =
        requires.filter_map(|it| SymsetDependency::parse(it)?.ok()).collect();
    let has_set = sets.iter().any(|it| it.set.starts_with("kernel"));
    let has_symbol = || cx.required.iter().any(|it| LAYOUTS.contains(&it.symbol.symbol.as_str()));
    if !sets.is_empty() && !cx.modules.is_empty() && !has_set && !has_symbol() {
        report.found(format!("of the {} sets it requires none is `kernel…`", sets.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, equal};

    fn sets(names: &'static [&'static str]) -> impl Fn(&mut kmp::Package) {
        move |package| {
            let requires = &mut package.dependencies.requires;
            requires.retain(|it| !it.name.starts_with("ksym("));
            requires.extend(names.iter().map(|name| equal(name, "f06347de1657cfa8")));
        }
    }

    #[test]
    fn the_kernels_own_set_is_missed() {
        let detail = "of the 1 sets it requires none is `kernel…`";
        assert_finds(&CHECK, sets(&["kernel(default:drivers_net)"]), Severity::Reject, detail);
        assert_passes(&CHECK, sets(&["kernel(default:drivers_net)", "kernel(default:kernel_module)"]));
    }
}
