//! `/help/checks`: what is checked in a package, and how to mend what is found.

use super::{Choice, Severity, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "checks.html")]
pub struct ChecksPage {
    pub shell: Shell,
    /// First "" for the checks as they are without a product.
    pub products: Vec<Choice>,
    /// In the order in which they run.
    pub checks: Vec<CheckRow>,
}

/// One check; the id is the anchor that findings link to.
#[derive(Clone, Debug)]
pub struct CheckRow {
    pub id: String,
    /// How much its findings weigh here; `None`: it does not look.
    pub severity: Option<Severity>,
    /// How much they weigh elsewhere, if that differs.
    pub usual: Option<Severity>,
    /// What it looks at, a sentence.
    pub title: String,
    /// What to do about a finding.
    pub help: String,
    /// Whether a distributor may let a finding pass.
    pub is_waivable: bool,
}
