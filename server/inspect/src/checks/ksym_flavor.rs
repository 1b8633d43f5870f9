//! Symbol dependencies are for the flavor of the package.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;

pub static CHECK: Check = Check {
    id: "ksym-flavor",
    title: "A symbol dependency is for another flavor than the package",
    severity: Severity::Reject,
    waivable: true,
    help: "Build one package for each flavor with %kernel_module_package, and leave symbol \
           dependencies to the generators.",
    source: "find-requires.ksyms: one package, one flavor",
    scope: Scope::Only(Family::Suse),
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let Some(flavor) = cx.flavor() else { return };
    for symbol in cx.required.iter().chain(&cx.provided) {
        if let Some(other) = symbol.symbol.flavor.as_deref()
            && other != flavor
        {
            let detail = format!("it is for `{other}`, the package for `{flavor}`");
            report.found_at(symbol.dependency.to_string(), detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, equal};

    #[test]
    fn another_flavor_is_found() {
        let change = |package: &mut kmp::Package| {
            package.dependencies.requires.push(equal("ksym(azure:kfree)", "1"));
        };
        let detail = "it is for `azure`, the package for `default`";
        assert_finds(&CHECK, change, Severity::Reject, detail);
    }

    #[test]
    fn dependencies_without_a_flavor_pass() {
        assert_passes(&CHECK, |package| {
            package.dependencies.requires.push(equal("ksym(kfree)", "0x00000001"));
        });
    }
}
