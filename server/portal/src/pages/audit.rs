//! `/audit`: who did what to what, and when.

use super::{Choice, Moment, Paging, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    pub shell: Shell,
    /// Kinds of actions, first "" for all.
    pub actions: Vec<Choice>,
    /// Newest first.
    pub rows: Vec<AuditRow>,
    pub paging: Paging,
}

/// Something that somebody did.
#[derive(Clone, Debug)]
pub struct AuditRow {
    pub at: Moment,
    /// `alice (distributor)`.
    pub actor: String,
    /// `waiver.granted`.
    pub action: String,
    /// `waiver 12`.
    pub subject: String,
    /// The vendor whom it concerns.
    pub vendor: Option<String>,
    pub detail: String,
}
