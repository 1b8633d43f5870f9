//! `/help/problems`: what the API's problem types mean, and what to do.

use super::Shell;
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "problems.html")]
pub struct ProblemsPage {
    pub shell: Shell,
    pub problems: Vec<ProblemRow>,
}

/// One kind of problem; the id is the anchor that answers point to.
#[derive(Clone, Debug)]
pub struct ProblemRow {
    pub id: String,
    /// HTTP status.
    pub status: u16,
    /// What it means and what to do.
    pub help: String,
}
