//! `/help/checks`: what is checked in a package, and how to mend what is found.

use super::{Severity, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "checks.html")]
pub struct ChecksPage {
    pub shell: Shell,
    /// In the order in which they run.
    pub checks: Vec<CheckRow>,
}

/// One check; the id is the anchor that findings link to.
#[derive(Clone, Debug)]
pub struct CheckRow {
    pub id: String,
    pub severity: Severity,
    /// What it looks at, a sentence.
    pub title: String,
    /// What to do about a finding.
    pub help: String,
    /// Whether an administrator may let a finding pass.
    pub is_waivable: bool,
}
