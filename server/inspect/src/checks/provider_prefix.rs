//! The name begins with a prefix that is registered for the vendor, so that names never clash.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "provider-prefix",
    title: "The name does not begin with the vendor's prefix",
    severity: Severity::Reject,
    waivable: true,
    help: "Name the package PREFIX-DRIVER with a prefix that is registered for you, or ask the \
           distributor to register another one.",
    source: "KMP manual: provider prefix",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let prefixes = &cx.policy.provider_prefixes;
    let name = &cx.package.name;
    let driver = name.strip_prefix("kmod-").unwrap_or(name);
    let begins_with = |prefix: &String| {
        driver.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('-'))
    };
    if !prefixes.is_empty() && !prefixes.iter().any(begins_with) {
        let prefixes = prefixes.join("-, ");
        report.found(format!("`{name}` does not begin with {prefixes}-"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{changed, honest, policy, report_of, report_with};

    #[test]
    fn the_prefix_is_a_whole_word() {
        let of = |prefixes: &[&str]| {
            let provider_prefixes = prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
            Policy { provider_prefixes, ..policy() }
        };
        assert_eq!(report_of(&CHECK, &honest()), [], "no prefix is registered");
        assert_eq!(report_with(&CHECK, &honest(), &of(&["beta", "acme"])), []);
        let findings = report_with(&CHECK, &honest(), &of(&["beta", "ac"]));
        assert_eq!(findings[0].detail, "`acme-net-kmp-default` does not begin with beta-, ac-");
        assert_eq!(findings[0].severity, Severity::Reject);
        let package = changed(|package| package.name = "kmod-acme-net".to_owned());
        assert_eq!(report_with(&CHECK, &package, &of(&["acme"])), []);
    }
}
