//! What a visitor sees when something cannot be done, and where to go from there.

use super::{Link, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    pub shell: Shell,
    /// HTTP status.
    pub status: u16,
    /// `There is no such package`.
    pub title: String,
    /// What was found; never the inner cause of a server error.
    pub detail: String,
    /// What to do now, a sentence; may be empty.
    pub next_step: String,
    pub links: Vec<Link>,
    /// For asking the operator.
    pub request_id: Option<String>,
}
