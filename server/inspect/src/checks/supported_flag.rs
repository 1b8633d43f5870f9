//! The modules' `supported` flag says who supports them: `external` for vendors under a joint
//! agreement, never `yes`, and once.
//!
//! Vendors without an agreement have nothing to put there, so that none is refused only where the
//! product demands it.

use super::{Check, Context, Report, Scope, Severity};
use crate::{Family, SupportedFlag};

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
    if cx.policy.supported_flag == SupportedFlag::Ignored {
        return;
    }
    for module in &cx.modules {
        let flags: Vec<&str> = module.module.all("supported").collect();
        match flags.as_slice() {
            ["external"] => {}
            flags if flags.contains(&"yes") => {
                let detail = "it says `yes`, which stands for the distributor's own modules";
                report.found_at(module.path, detail);
            }
            flags if cx.policy.supported_flag == SupportedFlag::External || flags.len() > 1 => {
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
        use SupportedFlag::{External, Ignored, Optional};
        let cases: [(&[&str], SupportedFlag, Option<Severity>); 11] = [
            (&["external"], Optional, None),
            (&["external"], External, None),
            (&[], Optional, Some(Severity::Note)),
            (&[], External, Some(Severity::Reject)),
            (&["no"], Optional, Some(Severity::Warning)),
            (&["no"], External, Some(Severity::Reject)),
            (&["external", "external"], Optional, Some(Severity::Reject)),
            (&["yes"], Optional, Some(Severity::Reject)),
            (&["external", "yes"], External, Some(Severity::Reject)),
            (&["yes"], Ignored, None),
            (&[], Ignored, None),
        ];
        for (flags, supported_flag, expected) in cases {
            let package = changed(|package| set_modinfo(package, "supported", flags));
            let policy = Policy { supported_flag, ..policy() };
            let findings = report_with(&CHECK, &package, &policy);
            assert_eq!(findings.first().map(|f| f.severity), expected, "{flags:?}");
        }
    }
}
