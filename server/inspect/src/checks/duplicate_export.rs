//! No two modules of the package export the same symbol.

use super::{Check, Context, Report, Scope, Severity};
use std::collections::HashMap;

pub static CHECK: Check = Check {
    id: "duplicate-export",
    title: "Two modules of the package export the same symbol",
    severity: Severity::Reject,
    waivable: true,
    help: "The kernel refuses the second one. Export the symbol from one module, or give the \
           symbols different names.",
    source: "kernel: verify_exported_symbols()",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let mut first: HashMap<(&str, &str), &str> = HashMap::new();
    for module in &cx.modules {
        let kernel = module.place.as_ref().map_or("", |place| place.kernel_release.as_str());
        for export in &module.module.exports {
            let other = *first.entry((kernel, &export.symbol)).or_insert(module.path);
            if other != module.path {
                let detail = format!("`{}` is exported by {other} as well", export.symbol);
                report.found_at(module.path, detail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{add_module, assert_finds, export, other_module};

    #[test]
    fn the_second_one_is_found() {
        let change = |package: &mut kmp::Package| {
            let mut other = other_module("other");
            other.exports = vec![export("acme_reset", 0x000a_11ce), export("own", 1)];
            add_module(package, "other.ko", other);
        };
        assert_finds(
            &CHECK,
            change,
            Severity::Reject,
            "`acme_reset` is exported by \
             /lib/modules/6.4.0-150600.21-default/updates/acme-net.ko as well",
        );
    }
}
