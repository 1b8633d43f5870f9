//! `/kernels/{id}/gate`: whether a kernel may go out, and why.

use super::{Listing, Moment, Shell, Tone};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "gate.html")]
pub struct GatePage {
    pub shell: Shell,
    pub kernel_href: String,
    /// `uname -r`.
    pub release: String,
    pub product: String,
    pub is_go: bool,
    pub rules: Vec<GateRule>,
    /// Newest first.
    pub reports: Vec<GateReport>,
    /// Where the form that issues a report goes.
    pub action: String,
}

/// One rule's answer.
#[derive(Clone, Debug)]
pub struct GateRule {
    /// As the API spells it.
    pub rule: String,
    pub tone: Tone,
    /// `Passes`, `Fails` …
    pub label: String,
    /// A sentence.
    pub text: String,
    /// Packages, vendors or symbols that speak against it.
    pub against: Listing<String>,
}

/// A report that was issued.
#[derive(Clone, Debug)]
pub struct GateReport {
    pub number: String,
    pub is_go: bool,
    pub issued_by: String,
    pub issued: Moment,
    pub document_href: String,
    pub signature_href: String,
}
