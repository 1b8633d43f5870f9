//! Dependencies can be read: none is empty, cut short or holds control characters.
//!
//! Generators have written `ksym(default:` and nothing more into packages that were shipped.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "broken-dependency",
    title: "A dependency is malformed",
    severity: Severity::Warning,
    waivable: true,
    help: "Nothing matches such a dependency. Look at it with `rpm -qp --provides --requires`, and \
           build again with current generators.",
    source: "rpm: RPMTAG_PROVIDENAME, RPMTAG_REQUIRENAME; seen in shipped packages",
    scope: Scope::All,
    run,
};

/// Codes that `kmp` gives such oddities.
pub(super) const ODDITIES: [&str; 3] =
    ["broken-symbol-dependency", "odd-dependency", "dependency-lengths"];

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for oddity in &cx.package.oddities {
        if ODDITIES.contains(&oddity.code.as_str()) {
            report.found(&oddity.detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes};

    fn oddity(code: &str) -> kmod::Oddity {
        kmod::Oddity { code: code.to_owned(), detail: "`ksym(default:` is cut short".to_owned() }
    }

    #[test]
    fn what_the_reader_found_odd_is_told() {
        for code in ODDITIES {
            let change = |package: &mut kmp::Package| package.oddities.push(oddity(code));
            assert_finds(&CHECK, change, Severity::Warning, "`ksym(default:` is cut short");
        }
        assert_passes(&CHECK, |package| package.oddities.push(oddity("lead-differs")));
    }
}
