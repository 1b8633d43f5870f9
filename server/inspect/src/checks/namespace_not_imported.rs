//! A module names the namespaces of the symbols that it uses of the package's other modules.
//!
//! Namespaces of the kernel's own symbols, only a kernel can tell: the verdicts do.

use super::{Check, Context, Report, Scope, Severity};
use std::collections::HashMap;

pub static CHECK: Check = Check {
    id: "namespace-not-imported",
    title: "A module does not import the namespace of a symbol it uses",
    severity: Severity::Reject,
    waivable: true,
    help: "Add MODULE_IMPORT_NS(NAMESPACE) to the module's source; `make nsdeps` does it.",
    source: "kernel: verify_namespace_is_imported()",
    scope: Scope::All,
    run,
};

/// Begins a namespace that lists who may import it, which no module names.
const MODULE_LIST: &str = "module:";

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let exports = cx.modules.iter().flat_map(|module| &module.module.exports);
    let guarded: HashMap<&str, &str> = exports
        .filter_map(|export| Some((export.symbol.as_str(), export.namespace.as_deref()?)))
        .filter(|(_, namespace)| !namespace.is_empty() && !namespace.starts_with(MODULE_LIST))
        .collect();
    for module in &cx.modules {
        for import in module.module.imports.iter().filter(|it| it.undefined) {
            let Some(namespace) = guarded.get(import.symbol.as_str()) else { continue };
            if !module.module.import_namespaces().any(|imported| imported == *namespace) {
                let detail = format!("it uses `{}` of the namespace {namespace}", import.symbol);
                report.found_at(module.path, detail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{add_module, assert_finds, assert_passes, import, module_of, other_module};

    fn user(namespaces: &'static [&'static str]) -> impl Fn(&mut kmp::Package) {
        move |package| {
            module_of(package).exports[0].namespace = Some("ACME".to_owned());
            let mut user = other_module("user");
            user.imports.push(import("acme_reset", 0x000a_11ce));
            let named = namespaces.iter().map(|it| ("import_ns".to_owned(), (*it).to_owned()));
            user.modinfo.extend(named);
            add_module(package, "user.ko", user);
        }
    }

    #[test]
    fn the_namespace_must_be_named() {
        let detail = "it uses `acme_reset` of the namespace ACME";
        assert_finds(&CHECK, user(&["OTHER"]), Severity::Reject, detail);
        assert_passes(&CHECK, user(&["ACME"]));
    }
}
