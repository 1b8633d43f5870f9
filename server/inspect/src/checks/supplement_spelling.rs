//! Claims of hardware are spelled so that solvers understand what was meant.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;

pub static CHECK: Check = Check {
    id: "supplement-spelling",
    title: "A claim of hardware does not say what was meant",
    severity: Severity::Warning,
    waivable: true,
    help: "Write Supplements: modalias(kernel-FLAVOR:PATTERN), with every byte other than letters, \
           digits, * and : as % and two hexadecimal digits.",
    source: "libsolv: fix_namespace_dep_norel(); libzypp: str::hexdecode()",
    scope: Scope::Only(Family::Suse),
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for (dependency, supplement) in &cx.supplements {
        for warning in &supplement.warnings {
            report.found_at(&dependency.name, warning.to_string());
        }
        if !supplement.warnings.is_empty() || cx.package.modules.is_empty() {
            continue;
        }
        let Some(flavor) = cx.flavor() else { continue };
        let expected = format!("kernel-{flavor}");
        match supplement.package.as_deref() {
            Some(package) if package == expected => {}
            Some(package) => {
                let detail = format!("it asks for the package `{package}`, not `{expected}`");
                report.found_at(&dependency.name, detail);
            }
            None => {
                let detail = format!("it does not ask for `{expected}` before the pattern");
                report.found_at(&dependency.name, detail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, plain};

    #[test]
    fn misspelled_claims_are_found() {
        let cases = [
            ("modalias(kernel-azure:pci:v1*)", "it asks for the package `kernel-azure`, not `kernel-default`"),
            ("modalias(pci:v1*)", "it does not ask for `kernel-default` before the pattern"),
            (
                "modalias(kernel-default:of:N*Cfoo%2[CD]bar)",
                "`%2[` is no escape (`%` and two hexadecimal digits) and is taken as it stands",
            ),
        ];
        for (text, detail) in cases {
            let change =
                |package: &mut kmp::Package| package.dependencies.supplements.push(plain(text));
            assert_finds(&CHECK, change, Severity::Warning, detail);
        }
    }
}
