//! The package requires sets of symbols by hash, as packages for Code 10 and 11 do.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;
use kmp::SymsetDependency;

pub static CHECK: Check = Check {
    id: "symbol-sets",
    title: "The package requires sets of symbols",
    severity: Severity::Note,
    waivable: true,
    help: "Kernels since SLE 12 provide single symbols: for them build the package anew. For Code \
           10 and 11 nothing needs to be done; its modules are judged by their symbols anyway.",
    source: "kernel-source: symsets.pl",
    scope: Scope::Only(Family::Suse),
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let requires = cx.package.dependencies.requires.iter();
    let sets = requires.filter(|d| SymsetDependency::parse(d).is_some()).count();
    if sets > 0 {
        report.found(format!("it requires {sets} sets, such as kernel(FLAVOR:SET) = HASH"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, equal};

    #[test]
    fn sets_are_remarked() {
        let change = |package: &mut kmp::Package| {
            let set = equal("kernel(default:kernel_printk)", "f06347de1657cfa8");
            package.dependencies.requires.push(set);
        };
        let detail = "it requires 1 sets, such as kernel(FLAVOR:SET) = HASH";
        assert_finds(&CHECK, change, Severity::Note, detail);
    }
}
