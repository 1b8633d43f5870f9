//! Every digest in the package is that of its bytes.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "digest-mismatch",
    title: "The package is damaged or was changed",
    severity: Severity::Reject,
    waivable: false,
    help: "Compare the file with the one you built, and upload that one again.",
    source: "rpm: `rpm -K`",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for digest in cx.package.digests.iter().filter(|digest| !digest.matches()) {
        report.found_at(
            &digest.what,
            format!(
                "its {} is {}, the package says {}",
                digest.algorithm, digest.found, digest.expected
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes};

    #[test]
    fn another_digest_is_found() {
        assert_finds(
            &CHECK,
            |package| {
                package.digests[1].expected = "AA".to_owned();
                package.digests[1].found = "ab".to_owned();
            },
            Severity::Reject,
            "its sha256 is ab, the package says AA",
        );
    }

    #[test]
    fn the_case_of_digits_does_not_matter() {
        assert_passes(&CHECK, |package| {
            package.digests[1].expected = "AB".to_owned();
            package.digests[1].found = "ab".to_owned();
        });
    }
}
