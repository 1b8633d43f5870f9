//! `/matrix`: packages × kernels, a mark for each verdict.

use super::{Choice, ImpactBar, KernelStatus, Paging, Shell, Verdict};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "matrix.html")]
pub struct MatrixPage {
    pub shell: Shell,
    pub filters: MatrixFilters,
    /// Kernels, newest first.
    pub columns: Vec<MatrixColumn>,
    pub rows: Vec<MatrixRow>,
    /// What the marks mean.
    pub legend: Vec<Verdict>,
    /// Over packages.
    pub paging: Paging,
    /// Over kernels.
    pub kernels_paging: Paging,
    /// The whole selection as CSV.
    pub csv_href: String,
}

/// The form above the picture. The first choice of a select has the value "" and stands for all.
#[derive(Clone, Debug, Default)]
pub struct MatrixFilters {
    /// Part of the package name.
    pub query: String,
    /// Part of the kernel release.
    pub kernel: String,
    /// Only the newest build of each KMP.
    pub newest: bool,
    pub vendors: Vec<Choice>,
    pub products: Vec<Choice>,
    pub arches: Vec<Choice>,
    pub flavors: Vec<Choice>,
    pub statuses: Vec<Choice>,
    pub verdicts: Vec<Choice>,
    /// How many kernels stand beside each other.
    pub columns: Vec<Choice>,
    /// Whether any filter is set: offers to clear them.
    pub is_set: bool,
}

/// One kernel.
#[derive(Clone, Debug)]
pub struct MatrixColumn {
    pub href: String,
    /// `uname -r`.
    pub release: String,
    /// `sle15-sp6 · default · x86_64`.
    pub place: String,
    pub status: KernelStatus,
    /// Of all packages, not only those in the picture.
    pub bar: ImpactBar,
}

/// One package.
#[derive(Clone, Debug)]
pub struct MatrixRow {
    pub href: String,
    pub name: String,
    /// `1.0_k6.4.0_150600.21-1.x86_64`.
    pub version: String,
    pub vendor: String,
    /// One for each kernel; `None`: it was not judged there, being for another product, processor
    /// or flavor.
    pub cells: Vec<Option<MatrixCell>>,
}

/// The verdict of one package on one kernel.
#[derive(Clone, Debug)]
pub struct MatrixCell {
    pub verdict: Verdict,
    /// Where the reasons are.
    pub href: String,
}
