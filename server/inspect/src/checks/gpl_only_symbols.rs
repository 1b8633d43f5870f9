//! A proprietary module does not use symbols that the package's own modules export for GPL modules.
//!
//! Which of the kernel's symbols are for GPL modules, only a kernel can say: the verdicts do.

use super::{Check, Context, Report, Scope, Severity};
use std::collections::HashSet;

pub static CHECK: Check = Check {
    id: "gpl-only-symbols",
    title: "A proprietary module uses symbols for GPL modules",
    severity: Severity::Reject,
    waivable: false,
    help: "It never loads. Put the module under a GPL-compatible licence, or do without the symbol.",
    source: "kernel: find_symbol()",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let exports = cx.modules.iter().flat_map(|module| &module.module.exports);
    let gpl_only: HashSet<&str> =
        exports.filter(|export| export.gpl).map(|export| export.symbol.as_str()).collect();
    for module in cx.modules.iter().filter(|module| !module.module.is_gpl_compatible()) {
        for import in &module.module.imports {
            if import.undefined && !import.weak && gpl_only.contains(import.symbol.as_str()) {
                report.found_at(module.path, format!("it uses `{}`", import.symbol));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{add_module, assert_finds, assert_passes, import, module_of, other_module};

    fn user(license: &'static str) -> impl Fn(&mut kmp::Package) {
        move |package| {
            module_of(package).exports[0].gpl = true;
            let mut user = other_module("user");
            user.imports.push(import("acme_reset", 0x000a_11ce));
            user.modinfo = vec![("license".to_owned(), license.to_owned())];
            add_module(package, "user.ko", user);
        }
    }

    #[test]
    fn the_licence_decides() {
        assert_finds(&CHECK, user("Proprietary"), Severity::Reject, "it uses `acme_reset`");
        assert_passes(&CHECK, user("GPL"));
    }
}
