//! Everything that can be said about one package: findings and a decision.

use serde::{Deserialize, Serialize};

/// One thing a check has to say about a package.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Id of the check, kebab-case.
    pub check: String,
    pub severity: Severity,
    pub title: String,
    /// What was found, with the values.
    pub detail: String,
    /// Module path, symbol or header field.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<String>,
    /// What to do about it.
    pub help: String,
}

/// How much a finding weighs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Note,
    Warning,
    Reject,
}
