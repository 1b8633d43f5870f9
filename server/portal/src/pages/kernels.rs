//! `/kernels`: all registered kernels.

use super::{Choice, KernelStatus, Moment, Paging, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "kernels.html")]
pub struct KernelsPage {
    pub shell: Shell,
    pub filters: KernelFilters,
    pub rows: Vec<KernelRow>,
    /// The visitor is a distributor, who finds the form for another one.
    pub may_register: bool,
    pub paging: Paging,
}

/// The form above the list; a GET form with the fields `q`, `product`, `status`. The first
/// choice of each select has the value "" and stands for all.
#[derive(Clone, Debug, Default)]
pub struct KernelFilters {
    pub query: String,
    pub products: Vec<Choice>,
    pub statuses: Vec<Choice>,
    /// Whether any filter is set: offers to clear them.
    pub is_set: bool,
}

/// One kernel in the table.
#[derive(Clone, Debug)]
pub struct KernelRow {
    pub href: String,
    /// `uname -r`.
    pub release: String,
    pub product: String,
    pub flavor: String,
    pub arch: String,
    pub status: KernelStatus,
    /// Day of the release, past or announced.
    pub release_date: Option<Moment>,
    /// Number of exported symbols, with groups of digits; `None` where it is not for the visitor.
    pub symbols: Option<String>,
    /// Published packages that load.
    pub loads: u64,
    /// Published packages that break.
    pub breaks: u64,
    /// Verdicts are still being computed.
    pub is_pending: bool,
    /// `revision 2`, `superseded`; `None` for the only revision of a release.
    pub revision: Option<String>,
}
