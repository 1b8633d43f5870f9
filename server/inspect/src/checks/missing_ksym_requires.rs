//! The package requires every symbol that its modules use and do not export themselves:
//! `ksym(FLAVOR:SYMBOL) = CRC`.
//!
//! Without them the package is installed where it does not load.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;
use kmod::Import;
use std::collections::{BTreeMap, HashSet};

pub static CHECK: Check = Check {
    id: "missing-ksym-requires",
    title: "A module uses a symbol that the package does not require",
    severity: Severity::Reject,
    waivable: true,
    help: "Build with the distribution's dependency generators for kernel modules (SUSE: \
           suse-kernel-rpm-scriptlets and kernel-syms, Red Hat: kernel-rpm-macros) and without \
           `AutoReq: no`.",
    source: "find-requires.ksyms; driver-check.sh",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    if cx.requires_symbol_sets() {
        // They stand for all symbols of the kernel's directories: only a kernel can say which.
        return;
    }
    let missing = missing(cx);
    let used = cx.used_symbols().len();
    if cx.required.is_empty() && !missing.is_empty() {
        report.found(format!("its modules use {used} symbols, and it requires none at all"));
        return;
    }
    for (symbol, path) in missing {
        let dependency = match (cx.policy.family, cx.flavor()) {
            (Family::Suse, Some(flavor)) => format!("ksym({flavor}:{symbol})"),
            _ => format!("kernel({symbol}) or ksym({symbol})"),
        };
        report.found_at(path, format!("it uses `{symbol}`; {dependency} is not required"));
    }
}

/// Symbols that are used and neither required nor exported by the package, each with a module.
fn missing<'a>(cx: &Context<'a>) -> BTreeMap<&'a str, &'a str> {
    let exports = cx.own_exports();
    let required: HashSet<&str> =
        cx.required.iter().map(|required| required.symbol.symbol.as_str()).collect();
    let mut missing = BTreeMap::new();
    for module in &cx.modules {
        for import in module.module.imports.iter().filter(|import| is_listed(import)) {
            let symbol = import.symbol.as_str();
            if !required.contains(symbol) && !exports.contains_key(symbol) {
                missing.entry(symbol).or_insert(module.path);
            }
        }
    }
    missing
}

/// `modprobe --dump-modversions`, which the generators read, knows the basic version table only:
/// it has no room for longer names.
fn is_listed(import: &Import) -> bool {
    const LONGEST_NAME: usize = 55;
    import.crc.is_some() && import.symbol.len() <= LONGEST_NAME
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{add_module, assert_finds, assert_passes, equal};
    use crate::testing::{import, module_of, other_module};

    #[test]
    fn a_symbol_is_named() {
        let change = |package: &mut kmp::Package| {
            module_of(package).imports.push(import("_printk", 0x9299_7ed8));
        };
        let detail = "it uses `_printk`; ksym(default:_printk) is not required";
        assert_finds(&CHECK, change, Severity::Reject, detail);
    }

    #[test]
    fn no_requirement_at_all_is_one_finding() {
        let change = |package: &mut kmp::Package| package.dependencies.requires.clear();
        let detail = "its modules use 2 symbols, and it requires none at all";
        assert_finds(&CHECK, change, Severity::Reject, detail);
    }

    #[test]
    fn own_exports_need_not_be_required() {
        assert_passes(&CHECK, |package| {
            let mut user = other_module("user");
            user.imports.push(import("acme_reset", 0x000a_11ce));
            add_module(package, "user.ko", user);
        });
    }

    #[test]
    fn names_that_generators_cannot_list_are_not_demanded() {
        assert_passes(&CHECK, |package| {
            module_of(package).imports.push(import(&"_RNv".repeat(20), 1));
        });
    }

    #[test]
    fn symbol_sets_stand_for_symbols() {
        assert_passes(&CHECK, |package| {
            package.dependencies.requires =
                vec![equal("kernel(default:kernel_printk)", "f06347de1657cfa8")];
        });
    }
}
