//! `/packages`: all packages, filtered and page by page; and the row other pages share.

use super::{Choice, Moment, PackageState, Paging, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "packages.html")]
pub struct PackagesPage {
    pub shell: Shell,
    pub filters: PackageFilters,
    pub rows: Vec<PackageRow>,
    pub paging: Paging,
}

/// The form above the list; a GET form with the fields `q`, `vendor`, `product`, `state`,
/// `verdict`. The first choice of each select has the value "" and stands for all.
#[derive(Clone, Debug, Default)]
pub struct PackageFilters {
    pub query: String,
    pub vendors: Vec<Choice>,
    pub products: Vec<Choice>,
    pub states: Vec<Choice>,
    /// Whether any filter is set: offers to clear them.
    pub is_set: bool,
}

/// One package in a table.
#[derive(Clone, Debug)]
pub struct PackageRow {
    pub href: String,
    /// Package name, or the file name before it was inspected.
    pub name: String,
    /// `1.0_k6.4.0_150600.21-1.x86_64`; empty before it was inspected.
    pub version: String,
    pub vendor: String,
    /// `sle15-sp6 / stable`; several joined by commas; empty when not known yet.
    pub products: String,
    pub state: PackageState,
    /// When it reached this state.
    pub changed: Moment,
    /// On how many kernels it loads; `None` before it was judged.
    pub tally: Option<VerdictTally>,
}

/// The verdicts of one package over all its kernels, counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerdictTally {
    pub loads: usize,
    /// Only kernels that refuse it; what cannot be told and other flavors are in neither.
    pub breaks: usize,
    /// All kernels of its products, flavor and architecture, retired ones left out.
    pub kernels: usize,
}
