//! Nothing in the package's structure is odd: its lists agree with each other and with the payload.

use super::{Check, Context, Report, Scope, Severity, broken_dependency};

pub static CHECK: Check = Check {
    id: "odd-package",
    title: "Something in the package's structure is odd",
    severity: Severity::Note,
    waivable: true,
    help: "The package can be read, but is not as rpmbuild makes them. If a tool changed it after \
           the build, leave that out.",
    source: "rpm: package format",
    scope: Scope::All,
    run,
};

/// Paths that lead elsewhere than they seem to, and files whose bytes are not the listed ones.
const SUSPICIOUS: [&str; 8] = [
    "bytes-after-archive",
    "file-not-listed",
    "file-packed-twice",
    "file-size-differs",
    "link-target-differs",
    "path-listed-twice",
    "path-with-dots",
    "relative-path",
];

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for oddity in &cx.package.oddities {
        let code = oddity.code.as_str();
        let detail = format!("{} ({code})", oddity.detail);
        if SUSPICIOUS.contains(&code) {
            report.found_as(Severity::Warning, None, detail);
        } else if !broken_dependency::ODDITIES.contains(&code) && code != "hard-link" {
            report.found(detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes};

    fn oddity(code: &str) -> impl Fn(&mut kmp::Package) {
        move |package| {
            let (code, detail) = (code.to_owned(), "found".to_owned());
            package.oddities.push(kmod::Oddity { code, detail });
        }
    }

    #[test]
    fn what_the_reader_found_odd_is_told() {
        assert_finds(&CHECK, oddity("lead-differs"), Severity::Note, "found (lead-differs)");
        let detail = "found (path-with-dots)";
        assert_finds(&CHECK, oddity("path-with-dots"), Severity::Warning, detail);
    }

    #[test]
    fn what_other_checks_tell_is_left_to_them() {
        assert_passes(&CHECK, oddity("odd-dependency"));
        assert_passes(&CHECK, oddity("hard-link"));
    }
}
