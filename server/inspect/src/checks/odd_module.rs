//! Nothing in a module is odd: its tables are whole and agree with each other.

use super::{Check, Context, Report, Scope, Severity, loader_refusal};

pub static CHECK: Check = Check {
    id: "odd-module",
    title: "Something in a module is odd",
    severity: Severity::Note,
    waivable: true,
    help: "The module can be read, but is not as kernel builds make them. Build it again with the \
           kernel's own build system, and do not strip it.",
    source: "kernel: modpost",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for module in &cx.modules {
        for oddity in &module.module.oddities {
            if !loader_refusal::ALWAYS.contains(&oddity.code.as_str()) {
                report.found_at(module.path, format!("{} ({})", oddity.detail, oddity.code));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, module_of};

    #[test]
    fn what_the_reader_found_odd_is_told() {
        let change = |package: &mut kmp::Package| {
            let (code, detail) = ("version-without-import".to_owned(), "a record too many".to_owned());
            module_of(package).oddities.push(kmod::Oddity { code, detail });
        };
        assert_finds(&CHECK, change, Severity::Note, "a record too many (version-without-import)");
    }
}
