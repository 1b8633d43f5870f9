//! The modules' `supported` flag says who supports them: `external` for vendors under a joint
//! agreement, never `yes`.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;

pub static CHECK: Check = Check {
    id: "supported-flag",
    title: "A module does not say truly who supports it",
    severity: Severity::Reject,
    waivable: true,
    help: "With a joint support agreement list the module as `external` in Module.supported; \
           without one leave the flag away. `yes` stands for the distributor's own modules.",
    source: "kernel-source: supported-flag patch; soliddriver-checks",
    scope: Scope::Only(Family::Suse),
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for module in &cx.modules {
        let flags: Vec<&str> = module.module.all("supported").collect();
        match flags.as_slice() {
            ["external"] => {}
            flags if flags.contains(&"yes") => {
                let detail = "it says `yes`, which stands for the distributor's own modules";
                report.found_at(module.path, detail);
            }
            flags if cx.policy.supported_flag_required => {
                report.found_at(module.path, format!("it must say `external` once, {}", said(flags)));
            }
            [] => report.found_as(
                Severity::Note,
                Some(module.path),
                "it has no `supported` flag and marks the kernel as unsupported",
            ),
            flags => {
                let detail = format!("it should say `external` or nothing, {}", said(flags));
                report.found_as(Severity::Warning, Some(module.path), detail);
            }
        }
    }
}

fn said(flags: &[&str]) -> String {
    match flags {
        [] => "and says nothing".to_owned(),
        flags => format!("and says `{}`", flags.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{changed, policy, report_with, set_modinfo};

    #[test]
    fn flags() {
        let cases: [(&[&str], bool, Option<Severity>); 9] = [
            (&["external"], false, None),
            (&["external"], true, None),
            (&[], false, Some(Severity::Note)),
            (&[], true, Some(Severity::Reject)),
            (&["no"], false, Some(Severity::Warning)),
            (&["no"], true, Some(Severity::Reject)),
            (&["external", "external"], false, Some(Severity::Warning)),
            (&["yes"], false, Some(Severity::Reject)),
            (&["external", "yes"], true, Some(Severity::Reject)),
        ];
        for (flags, supported_flag_required, expected) in cases {
            let package = changed(|package| set_modinfo(package, "supported", flags));
            let policy = Policy { supported_flag_required, ..policy() };
            let findings = report_with(&CHECK, &package, &policy);
            assert_eq!(findings.first().map(|f| f.severity), expected, "{flags:?}");
        }
    }
}
