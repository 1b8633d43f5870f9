//! `/kmps/{name}`: all builds of one KMP, and on which kernels each loads.

use super::{MatrixCell, MatrixColumn, Moment, PackageState, Paging, Shell, Verdict};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "kmp.html")]
pub struct KmpPage {
    pub shell: Shell,
    pub name: String,
    /// Of the newest build.
    pub summary: Option<String>,
    /// Display name.
    pub vendor: String,
    /// The newest kernels on which some build was judged.
    pub columns: Vec<MatrixColumn>,
    /// Newest upload first.
    pub builds: Vec<KmpBuild>,
    pub legend: Vec<Verdict>,
    pub paging: Paging,
    /// The same builds on every kernel.
    pub matrix_href: String,
}

/// One build.
#[derive(Clone, Debug)]
pub struct KmpBuild {
    pub href: String,
    /// `1.0_k6.4.0_150600.21-1.x86_64`.
    pub version: String,
    /// Release of the kernel it was built for.
    pub built_for: Option<String>,
    pub state: PackageState,
    pub uploaded: Moment,
    pub published: Option<Moment>,
    pub withdrawn: Option<Moment>,
    /// One for each kernel; `None`: not judged there.
    pub cells: Vec<Option<MatrixCell>>,
}
