//! Findings, and the only way for a check to say something.

use crate::check::Check;
use crate::policy::Policy;
use crate::waiver::Waived;
use serde::{Deserialize, Serialize};

/// What was found out about one package.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Inspection {
    /// Worst first.
    pub findings: Vec<Finding>,
    /// Ids of the checks that looked and found nothing, in the order in which they looked.
    pub passed: Vec<String>,
    /// What follows from them.
    pub decision: Decision,
}

/// One thing that a check found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Id of the check.
    pub check: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What the check says, as a sentence without its full stop.
    pub title: String,
    /// What was found, with the values.
    pub detail: String,
    /// Module path, file, dependency or scriptlet; `None`: the package as a whole.
    pub place: Option<String>,
    /// What to do about it.
    pub help: String,
    /// It would reject, but a distributor lets it pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<Waived>,
}

/// How much a finding weighs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Should be mended.
    Warning,
    /// The package is not taken.
    Reject,
}

/// What becomes of the package.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// No finding rejects.
    Accept,
    /// At least one does.
    Reject,
}

impl Decision {
    /// What follows from these findings.
    pub fn of(findings: &[Finding]) -> Decision {
        if findings
            .iter()
            .any(|finding| finding.severity == Severity::Reject)
        {
            Decision::Reject
        } else {
            Decision::Accept
        }
    }
}

impl Finding {
    /// A check that panicked. Rejects when the check could have: what was not looked at is not
    /// accepted.
    pub(crate) fn crashed(check: &Check) -> Finding {
        Finding {
            check: "check-crashed".to_owned(),
            severity: check.severity,
            title: "A check broke down on this package".to_owned(),
            detail: format!("the check `{}` stopped in the middle", check.id),
            place: None,
            help: "This is a fault of the portal. Tell its operator, and name the package."
                .to_owned(),
            waived: None,
        }
    }
}

/// Findings of one check about one package, at most: a broken generator can break thousands of
/// dependencies in the same way.
const FINDINGS_MAX: usize = 20;
/// Characters of a detail or place: names come from the package and may be of any length.
const TEXT_MAX: usize = 500;

/// Collects what one check finds.
pub(crate) struct Report<'a> {
    check: &'static Check,
    policy: &'a Policy,
    findings: Vec<Finding>,
    /// Found beyond [`FINDINGS_MAX`], and the worst of them.
    more: Option<(usize, Severity)>,
}

impl<'a> Report<'a> {
    pub fn new(check: &'static Check, policy: &'a Policy) -> Report<'a> {
        Report {
            check,
            policy,
            findings: Vec::new(),
            more: None,
        }
    }

    /// Something about the package as a whole, at the check's severity.
    pub fn found(&mut self, detail: impl Into<String>) {
        self.add(self.usual(), None, detail.into());
    }

    /// Something about a module, file, dependency or scriptlet, at the check's severity.
    pub fn found_at(&mut self, place: impl Into<String>, detail: impl Into<String>) {
        self.add(self.usual(), Some(place.into()), detail.into());
    }

    /// The same at another severity, which the policy does not change.
    pub fn found_as(&mut self, severity: Severity, place: Option<&str>, detail: impl Into<String>) {
        self.add(severity, place.map(str::to_owned), detail.into());
    }

    /// All that was found; what was too much is counted in one finding.
    pub fn into_findings(mut self) -> Vec<Finding> {
        if let Some((more, severity)) = self.more.take() {
            let finding = self.finding(severity, None, format!("and {more} more of this kind"));
            self.findings.push(finding);
        }
        self.findings
    }

    /// The check's own severity, or what the policy has instead.
    fn usual(&self) -> Severity {
        self.policy.severity(self.check)
    }

    fn add(&mut self, severity: Severity, place: Option<String>, detail: String) {
        if self.findings.len() >= FINDINGS_MAX {
            let (more, worst) = self.more.unwrap_or((0, severity));
            self.more = Some((more.saturating_add(1), worst.max(severity)));
            return;
        }
        let finding = self.finding(severity, place, detail);
        self.findings.push(finding);
    }

    fn finding(&self, severity: Severity, place: Option<String>, detail: String) -> Finding {
        Finding {
            check: self.check.id.to_owned(),
            severity,
            title: self.check.title.to_owned(),
            detail: printable(&detail),
            place: place.as_deref().map(printable),
            help: self.check.help.to_owned(),
            waived: None,
        }
    }
}

/// Without control characters, and of bounded length.
fn printable(text: &str) -> String {
    let plain = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    let mut short: String = text.chars().take(TEXT_MAX).map(plain).collect();
    if text.chars().nth(TEXT_MAX).is_some() {
        short.push('…');
    }
    short
}
