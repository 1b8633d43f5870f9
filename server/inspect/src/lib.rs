//! Everything that can be said about one package: findings and a decision.
//!
//! Pure: a package that was read, what became of its signatures, and the product's policy go in;
//! findings come out, each with what was found, where, and how to mend it. Whether its modules load
//! on some kernel is another question, which `kabi` answers.
//!
//! Each check is one file in [`checks`], and no check knows of another. A check that panics is a
//! finding of its own instead of an outage.

mod check;
pub mod checks;
mod context;
mod demands;
mod glob;
mod policy;
mod report;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod testing;
pub mod waiver;

pub use check::{Check, Scope};
pub use checks::CHECKS;
pub use demands::{Demands, SupportedFlag, VersionForm, Weight};
pub use policy::{Family, KitCertificate, Policy};
pub use report::{Decision, Finding, Inspection, Severity};
pub use waiver::{check_by_id, nearest};

use context::Context;
use kmp::{Package, SignatureReport};
use report::Report;
use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Looks at a package with every check that its product's policy asks for.
///
/// Never fails and never panics. The findings come worst first, and among equals in the order of
/// [`CHECKS`]. The decision follows from them: one that rejects is enough.
pub fn inspect(package: &Package, signatures: &SignatureReport, policy: &Policy) -> Inspection {
    let context = Context::new(package, signatures, policy);
    let (mut findings, mut passed) = (Vec::new(), Vec::new());
    for check in CHECKS.iter().filter(|check| policy.asks_for(check)) {
        let found = run(check, &context);
        if found.is_empty() {
            passed.push(check.id.to_owned());
        }
        findings.extend(found);
    }
    findings.sort_by_key(|finding| Reverse(finding.severity));
    let decision = Decision::of(&findings);
    Inspection {
        findings,
        passed,
        decision,
    }
}

/// What one check finds. A panic becomes a finding, in place of what the check had found till then.
fn run(check: &'static Check, context: &Context<'_>) -> Vec<Finding> {
    let found = catch_unwind(AssertUnwindSafe(|| {
        let mut report = Report::new(check, context.policy);
        (check.run)(context, &mut report);
        report.into_findings()
    }));
    found.unwrap_or_else(|_| vec![Finding::crashed(check)])
}

#[cfg(test)]
mod tests;
