//! The package names its vendor, always in the same words.
//!
//! Package managers do not update a package by one of another vendor.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "vendor-tag",
    title: "The package does not name its vendor as registered",
    severity: Severity::Reject,
    waivable: true,
    help: "Set `Vendor:` in the spec file (or %vendor) to the text registered for you, and never \
           change it: zypper does not update from one vendor to another.",
    source: "libzypp: solver.allowVendorChange; SolidDriver guidelines",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let vendor = cx.package.vendor.as_deref().unwrap_or_default();
    match &cx.policy.vendor_string {
        Some(registered) if registered != vendor => {
            report.found(format!("it says `{vendor}`, registered is `{registered}`"));
        }
        None if vendor.trim().is_empty() => report.found("it has no Vendor tag"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{assert_finds, honest, policy, report_with};

    #[test]
    fn it_must_be_there() {
        let change = |package: &mut kmp::Package| package.vendor = None;
        assert_finds(&CHECK, change, Severity::Reject, "it has no Vendor tag");
    }

    #[test]
    fn it_must_be_the_registered_one() {
        let of = |text: &str| Policy { vendor_string: Some(text.to_owned()), ..policy() };
        assert_eq!(report_with(&CHECK, &honest(), &of("Acme Devices, Inc.")), []);
        let findings = report_with(&CHECK, &honest(), &of("Acme"));
        assert_eq!(findings[0].detail, "it says `Acme Devices, Inc.`, registered is `Acme`");
        assert_eq!(findings[0].severity, Severity::Reject);
    }
}
