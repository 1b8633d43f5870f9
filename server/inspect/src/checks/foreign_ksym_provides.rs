//! The package provides only symbols that its own modules export.
//!
//! Another package that needs the symbol would be satisfied by this one, and not load.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "foreign-ksym-provides",
    title: "The package provides a symbol that its modules do not export",
    severity: Severity::Reject,
    waivable: true,
    help: "Remove the Provides from the spec file; the generators write those that are true.",
    source: "find-provides.ksyms",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    if cx.modules.len() < cx.package.modules.len() {
        // A module that cannot be read may be the one that exports it.
        return;
    }
    let exports = cx.own_exports();
    for provided in &cx.provided {
        let symbol = provided.symbol.symbol.as_str();
        if !exports.contains_key(symbol) {
            let detail = format!("no module exports `{symbol}`");
            report.found_at(provided.dependency.to_string(), detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, equal};

    #[test]
    fn a_foreign_symbol_is_found() {
        let change = |package: &mut kmp::Package| {
            package.dependencies.provides.push(equal("ksym(default:_printk)", "92997ed8"));
        };
        assert_finds(&CHECK, change, Severity::Reject, "no module exports `_printk`");
    }
}
