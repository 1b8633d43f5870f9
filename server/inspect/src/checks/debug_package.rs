//! The package is a driver, not the debugging symbols of one.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "debug-package",
    title: "This package holds debugging symbols",
    severity: Severity::Reject,
    waivable: true,
    help: "Upload the driver packages only; repositories of drivers offer no debugging symbols.",
    source: "rpm: find-debuginfo; soliddriver-checks leaves such packages out",
    scope: Scope::All,
    run,
};

const ENDS: [&str; 2] = ["-debuginfo", "-debugsource"];

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let name = &cx.package.name;
    if let Some(end) = ENDS.iter().find(|end| name.ends_with(*end)) {
        report.found(format!("`{name}` ends in `{end}`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_finds;

    #[test]
    fn they_are_told_by_their_name() {
        let change =
            |package: &mut kmp::Package| package.name = "acme-kmp-default-debuginfo".to_owned();
        let detail = "`acme-kmp-default-debuginfo` ends in `-debuginfo`";
        assert_finds(&CHECK, change, Severity::Reject, detail);
    }
}
