//! The package provides every symbol that its modules export, for other packages to require.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;
use std::collections::HashSet;

pub static CHECK: Check = Check {
    id: "missing-ksym-provides",
    title: "A module exports a symbol that the package does not provide",
    severity: Severity::Reject,
    waivable: true,
    help: "Packages that use the symbol cannot be installed. Do not strip the modules, and build \
           with generators that know your kernel's modules.",
    source: "find-provides.ksyms",
    scope: Scope::Only(Family::Suse),
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let provided: HashSet<&str> =
        cx.provided.iter().map(|provided| provided.symbol.symbol.as_str()).collect();
    for module in &cx.modules {
        // Symbols without a version get no dependency.
        for export in module.module.exports.iter().filter(|export| export.crc.is_some()) {
            if !provided.contains(export.symbol.as_str()) {
                let detail = format!("it exports `{}`, which is not provided", export.symbol);
                report.found_at(module.path, detail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, export, module_of};

    #[test]
    fn an_export_is_missed() {
        let change = |package: &mut kmp::Package| module_of(package).exports.push(export("x", 1));
        assert_finds(&CHECK, change, Severity::Reject, "it exports `x`, which is not provided");
    }

    #[test]
    fn exports_without_a_version_need_none() {
        assert_passes(&CHECK, |package| {
            module_of(package).exports.push(kmod::Export { crc: None, ..export("x", 1) });
        });
    }
}
