//! No two module files of the package have the same name.

use super::{Check, Context, Report, Scope, Severity};
use std::collections::HashMap;

pub static CHECK: Check = Check {
    id: "duplicate-module",
    title: "Two files of the package are modules of the same name",
    severity: Severity::Reject,
    waivable: true,
    help: "depmod takes one of them, and weak-modules2 refuses the package. Remove one.",
    source: "weak-modules2: basenames_are_unique",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let mut first: HashMap<(&str, String), &str> = HashMap::new();
    for module in &cx.modules {
        let Some(place) = &module.place else { continue };
        let file = place.file.rsplit('/').next().unwrap_or(&place.file);
        let name = file.split(".ko").next().unwrap_or(file).replace('-', "_");
        let other = *first.entry((&place.kernel_release, name)).or_insert(module.path);
        if other != module.path {
            report.found_at(module.path, format!("{other} has the same name"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MODULE, add_module, assert_finds, assert_passes, other_module};

    #[test]
    fn hyphens_and_packing_make_no_difference() {
        for file in ["net/acme-net.ko", "acme_net.ko", "acme-net.ko.xz"] {
            let change =
                |package: &mut kmp::Package| add_module(package, file, other_module("acme_net"));
            let detail = format!("{MODULE} has the same name");
            assert_finds(&CHECK, change, Severity::Reject, &detail);
        }
        assert_passes(&CHECK, |package| add_module(package, "b.ko", other_module("b")));
    }
}
