//! The package requires no symbol that its modules do not use.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "superfluous-ksym-requires",
    title: "The package requires a symbol that none of its modules uses",
    severity: Severity::Reject,
    waivable: true,
    help: "Leave symbol dependencies to the generators. One that is written by hand, or left over \
           from a module no longer in the package, keeps kernels out for nothing.",
    source: "find-requires.ksyms",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let used = cx.used_symbols();
    if cx.modules.len() < cx.package.modules.len() {
        // A module that cannot be read may be the one that uses it.
        return;
    }
    for required in &cx.required {
        let symbol = required.symbol.symbol.as_str();
        if !used.contains_key(symbol) {
            let detail = format!("no module uses `{symbol}`");
            report.found_at(required.dependency.to_string(), detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, equal};

    fn require(package: &mut kmp::Package) {
        package.dependencies.requires.push(equal("ksym(default:kfree)", "1"));
    }

    #[test]
    fn an_unused_symbol_is_found() {
        assert_finds(&CHECK, require, Severity::Reject, "no module uses `kfree`");
    }

    #[test]
    fn an_unreadable_module_may_use_it() {
        assert_passes(&CHECK, |package| {
            require(package);
            package.modules[0].module = Err("damaged".to_owned());
        });
    }
}
