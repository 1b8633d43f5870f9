//! `/`: what this is, how it stands, what is new, and how to use it.

use super::{KernelStatus, Moment, PackageRow, RepositoryBox, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "front.html")]
pub struct FrontPage {
    pub shell: Shell,
    /// Packages, kernels, vendors, products, in this order.
    pub figures: Vec<Figure>,
    /// Newest first, some ten.
    pub recent: Vec<PackageRow>,
    /// Kernels in preview, nearest release first.
    pub upcoming: Vec<UpcomingKernel>,
    /// One per product and channel.
    pub repositories: Vec<RepositoryBox>,
}

/// A number with what it counts.
#[derive(Clone, Debug)]
pub struct Figure {
    pub value: String,
    pub label: String,
    pub href: Option<String>,
}

/// A kernel that is about to be released, and what it will break.
#[derive(Clone, Debug)]
pub struct UpcomingKernel {
    pub href: String,
    pub release: String,
    pub product: String,
    /// `default · x86_64`.
    pub flavor_arch: String,
    pub status: KernelStatus,
    /// Day of the release, if announced.
    pub release_date: Option<Moment>,
    /// Counted: `12 of 214 packages break`; says so when the judging still runs.
    pub impact: String,
    /// Number of packages that break; 0 shows the calm badge.
    pub breaking: u64,
    /// Counted: `3 vendors`; empty when nothing breaks.
    pub vendors: String,
}
