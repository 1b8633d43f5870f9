//! `/status`: what is published, what went wrong, and what can be done about it.

use super::{Choice, Moment, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "status.html")]
pub struct StatusPage {
    pub shell: Shell,
    pub repositories: Vec<RepositoryRow>,
    /// How many of them have a fault.
    pub faulty: usize,
    /// Waiting or running.
    pub open_jobs: i64,
    /// Newest first.
    pub given_up: Vec<GivenUpRow>,
}

/// A published repository.
#[derive(Clone, Debug)]
pub struct RepositoryRow {
    /// `sle-15/stable/x86_64`.
    pub name: String,
    /// What clients see; `None` before the first.
    pub generation: Option<i64>,
    pub packages: i32,
    pub published: Option<Moment>,
    /// `gzip`, `zstd`.
    pub compression: String,
    /// What went wrong with the last publication.
    pub fault: Option<String>,
    pub fault_since: Option<Moment>,
    pub rolled_back: Option<RolledBack>,
    /// One vendor's packages: it goes back with the repository of all.
    pub is_view: bool,
    /// Generations to go back to.
    pub earlier: Vec<Choice>,
    /// Where its forms go.
    pub action: String,
}

/// Clients see the packages of an earlier generation.
#[derive(Clone, Debug)]
pub struct RolledBack {
    pub number: i64,
    pub reason: String,
    pub by: String,
}

/// A job that was tried often enough.
#[derive(Clone, Debug)]
pub struct GivenUpRow {
    pub id: i64,
    /// `inspect package`.
    pub kind: String,
    /// What it is about, as JSON.
    pub subject: String,
    pub attempts: i32,
    pub at: Moment,
    pub error: String,
    /// Where the form goes that has it tried again.
    pub retry: String,
}
