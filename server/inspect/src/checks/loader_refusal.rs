//! Nothing in a module's tables makes every kernel's loader refuse it.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "loader-refusal",
    title: "No kernel loads a module",
    severity: Severity::Reject,
    waivable: true,
    help: "Build the module again with the kernel's own build system. Do not strip it with \
           `strip --strip-all`, and sign it as the last step.",
    source: "kernel: elf_validity_check(), verify_exported_symbols(), mod_verify_sig()",
    scope: Scope::All,
    run,
};

/// Codes of oddities for which loaders of all ages refuse a module.
pub(super) const ALWAYS: [&str; 5] = [
    "symtab-missing",
    "common-symbol",
    "ext-versions-incomplete",
    "export-duplicate",
    "signature-malformed",
];

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for module in &cx.modules {
        for oddity in &module.module.oddities {
            if ALWAYS.contains(&oddity.code.as_str()) {
                report.found_at(module.path, format!("{} ({})", oddity.detail, oddity.code));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, module_of};

    fn odd(code: &'static str) -> impl Fn(&mut kmp::Package) {
        move |package| {
            let (code, detail) = (code.to_owned(), "it is odd".to_owned());
            module_of(package).oddities = vec![kmod::Oddity { code, detail }];
        }
    }

    #[test]
    fn what_stops_the_loader_is_found() {
        let detail = "it is odd (symtab-missing)";
        assert_finds(&CHECK, odd("symtab-missing"), Severity::Reject, detail);
        assert_passes(&CHECK, odd("version-without-import"));
    }
}
