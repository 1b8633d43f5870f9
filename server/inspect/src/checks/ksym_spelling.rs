//! Versions in symbol dependencies are spelled as the kernel's packages spell them.
//!
//! rpm compares them as version texts: `0f6dc4f1` does not match `f6dc4f1`.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "ksym-spelling",
    title: "A symbol's version is spelled so that package managers may not match it",
    severity: Severity::Reject,
    waivable: true,
    help: "Leave symbol dependencies to the generators: SUSE writes lower-case hex without 0x and \
           without zeros in front, Red Hat 0x and eight digits.",
    source: "rpmvercmp; find-requires.ksyms",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for symbol in cx.required.iter().chain(&cx.provided) {
        if !symbol.symbol.canonical {
            let version = &symbol.dependency.version;
            let detail = format!("`{version}` is not how the kernel's packages spell it");
            report.found_at(symbol.dependency.to_string(), detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_finds;

    #[test]
    fn zeros_and_capitals_are_found() {
        for version in ["0f6dc4f1", "0xf6dc4f1", "F6DC4F1"] {
            let change = |package: &mut kmp::Package| {
                package.dependencies.requires[3].version = version.to_owned();
            };
            let detail = format!("`{version}` is not how the kernel's packages spell it");
            assert_finds(&CHECK, change, Severity::Reject, &detail);
        }
    }
}
