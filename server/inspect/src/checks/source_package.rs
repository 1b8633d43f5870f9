//! The package is a binary package, not the source of one.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "source-package",
    title: "This is a source package",
    severity: Severity::Reject,
    waivable: false,
    help: "Build it with `rpmbuild --rebuild` and upload the binary packages.",
    source: "rpm: RPMTAG_SOURCEPACKAGE, architectures src and nosrc",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let package = cx.package;
    if package.is_source || matches!(package.arch.as_str(), "src" | "nosrc") {
        report.found(format!("{} holds sources and a spec file", package.file_name()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_finds;

    #[test]
    fn sources_are_found() {
        let detail = "acme-net-kmp-default-1.0_k6.4.0_150600.21-1.src.rpm holds sources and a spec file";
        assert_finds(&CHECK, |package| package.arch = "src".to_owned(), Severity::Reject, detail);
        let detail =
            "acme-net-kmp-default-1.0_k6.4.0_150600.21-1.x86_64.rpm holds sources and a spec file";
        assert_finds(&CHECK, |package| package.is_source = true, Severity::Reject, detail);
    }
}
