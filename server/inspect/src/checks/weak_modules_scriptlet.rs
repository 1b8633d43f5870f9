//! Installing the package offers its modules to the other kernels of the machine.
//!
//! SUSE's template calls `weak-modules2` or `kernel-scriptlets/kmp-post`, and its checkers refuse
//! packages that do not; Red Hat's calls `weak-modules`, without which a package is of less use.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;

pub static CHECK: Check = Check {
    id: "weak-modules-scriptlet",
    title: "Installing the package does not call weak-modules",
    severity: Severity::Reject,
    waivable: true,
    help: "The modules stay with the one kernel they were built for. Build with \
           %kernel_module_package, whose %post calls the distribution's script.",
    source: "driver-check.sh; soliddriver-checks; kmodtool",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    if cx.package.modules.is_empty() {
        return;
    }
    let calls: &[&str] = match cx.policy.family {
        Family::Suse => &["weak-modules2", "kernel-scriptlets/kmp-post"],
        Family::RedHat => &["weak-modules", "kernel-scriptlets/kmp-post"],
    };
    let after_installing = |kind: &str| kind == "post" || kind == "posttrans";
    let mut bodies = cx
        .package
        .scriptlets
        .iter()
        .filter(|scriptlet| after_installing(scriptlet.kind))
        .map(|scriptlet| &scriptlet.body);
    if !bodies.any(|body| calls.iter().any(|call| body.contains(call))) {
        let detail = format!("neither %post nor %posttrans calls {}", calls.join(" or "));
        match cx.policy.family {
            Family::Suse => report.found(detail),
            Family::RedHat => report.found_as(Severity::Warning, None, detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{assert_finds, assert_passes, changed, report_with};

    #[test]
    fn the_call_is_missed() {
        let detail =
            "neither %post nor %posttrans calls weak-modules2 or kernel-scriptlets/kmp-post";
        let change = |package: &mut kmp::Package| package.scriptlets.clear();
        assert_finds(&CHECK, change, Severity::Reject, detail);
        let policy = Policy::for_family(Family::RedHat);
        let findings = report_with(&CHECK, &changed(change), &policy);
        assert_eq!(findings[0].severity, Severity::Warning);
    }

    #[test]
    fn the_older_template_passes() {
        assert_passes(&CHECK, |package| {
            package.scriptlets[1].body =
                "wm2=/usr/lib/module-init-tools/weak-modules2\n$wm2 --add-kmp".to_owned();
        });
    }
}
