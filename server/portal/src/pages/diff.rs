//! `/kernels/{old}/diff/{new}`: one kernel against another, symbol by symbol.

use super::{Choice, Link, Paging, Shell, Tone};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "kernel_diff.html")]
pub struct DiffPage {
    pub shell: Shell,
    pub old: Link,
    pub new: Link,
    /// `sle15-sp6 · default · x86_64`.
    pub line: String,
    /// How many symbols changed in which way.
    pub counts: Vec<DiffCount>,
    /// What the distributor's lists say of all changes.
    pub verdicts: Vec<DiffRuling>,
    /// The form's own address.
    pub path: String,
    /// Part of a symbol's name.
    pub query: String,
    pub kinds: Vec<Choice>,
    pub is_set: bool,
    /// Most used symbols first.
    pub rows: Vec<DiffRow>,
    pub paging: Paging,
    pub csv_href: String,
    /// The other way round.
    pub swap_href: String,
}

/// A kind of change and how often it is.
#[derive(Clone, Debug)]
pub struct DiffCount {
    pub label: String,
    pub count: String,
    /// Shows these only; `None` where there are none.
    pub href: Option<String>,
}

/// What a list of the distributor says.
#[derive(Clone, Debug)]
pub struct DiffRuling {
    pub tone: Tone,
    /// `severities: fails`.
    pub text: String,
}

/// One change of one symbol.
#[derive(Clone, Debug)]
pub struct DiffRow {
    /// The symbol's own page.
    pub href: String,
    pub symbol: String,
    pub kind: String,
    /// What it was: a version, a namespace, a module; empty where it was not exported.
    pub old: String,
    pub new: String,
    /// What the distributor's lists say of it.
    pub rulings: Vec<DiffRuling>,
    /// Published packages that use it.
    pub packages: String,
    pub modules: String,
    /// Some package uses it.
    pub is_used: bool,
}
