//! `/kernels/{id}`: one kernel, and what it does to the packages.

use super::{Fact, ImpactBar, KernelRelated, KernelStatus, Listing, Moment, Paging, Reason, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "kernel.html")]
pub struct KernelPage {
    pub shell: Shell,
    pub id: String,
    /// `uname -r`.
    pub release: String,
    /// Display name.
    pub product: String,
    pub flavor: String,
    pub arch: String,
    pub status: KernelStatus,
    pub release_date: Option<Moment>,
    pub registered: Moment,
    /// Number of exported symbols, with groups of digits; `None` where it is not for the visitor.
    pub symbols: Option<String>,
    /// More facts: symbol versions, vermagic, hash of the symbol set …
    pub facts: Vec<Fact>,
    /// `None` for a kernel that is or was never a secret, as far as the visitor may know.
    pub embargo: Option<EmbargoView>,
    /// `Revision 2 of this release`, `Superseded by a later revision of this release`; `None` for
    /// the only one.
    pub revision: Option<String>,
    /// What nobody told of it, each the end of "Not known: …".
    pub unknown: Vec<String>,
    /// What it was added up from.
    pub parts: Vec<KernelPart>,
    pub impact: Impact,
    pub related: KernelRelated,
}

/// That a kernel is not for everybody yet, and what the distributor wants to know of it.
#[derive(Clone, Debug)]
pub struct EmbargoView {
    /// It was released since.
    pub is_over: bool,
    /// `every vendor`, `acme, beta`; `None` for vendors.
    pub audience: Option<String>,
    /// Latest first; empty for vendors.
    pub accesses: Vec<AccessRow>,
}

/// One account's looks by one way within an hour.
#[derive(Clone, Debug)]
pub struct AccessRow {
    pub vendor: String,
    pub account: String,
    /// `GET /kernels/{id}`.
    pub route: String,
    pub times: String,
    pub last: Moment,
}

/// One source of a kernel.
#[derive(Clone, Debug)]
pub struct KernelPart {
    /// NEVRA or file name.
    pub name: String,
    /// Number of symbols it told of, with groups of digits.
    pub symbols: String,
    /// Number of modules in it, likewise.
    pub modules: String,
    pub added: Moment,
}

/// What becomes of the published packages on this kernel.
#[derive(Clone, Debug, Default)]
pub struct Impact {
    /// Verdicts are still being computed; the figures are of those that are done.
    pub is_pending: bool,
    /// Counted by package.
    pub bar: ImpactBar,
    /// The broken packages of this page, by vendor.
    pub broken: Vec<VendorBreaks>,
    /// Over the broken packages.
    pub paging: Paging,
    /// Symbols that broke most, most modules first.
    pub top_symbols: Vec<TopSymbol>,
    /// Packages that load, for the list at the end.
    pub loading: Listing<PackageRef>,
}

/// The broken packages of one vendor.
#[derive(Clone, Debug)]
pub struct VendorBreaks {
    /// Short name.
    pub id: String,
    /// Display name.
    pub vendor: String,
    /// Broken packages in all, on this page or not.
    pub total: usize,
    /// Of these, how many another build mends.
    pub mended: usize,
    pub packages: Vec<BrokenPackage>,
    /// When the vendor was told: `Mailed 23 Nov 2026, 19:52 UTC`, `Mail is queued`. Visitors
    /// who may not know get `None`.
    pub notified: Option<String>,
}

/// A package that does not load on this kernel.
#[derive(Clone, Debug)]
pub struct BrokenPackage {
    pub href: String,
    pub name: String,
    pub version: String,
    /// Names of its modules that do not load.
    pub modules: Vec<String>,
    /// The symbols to blame, each once.
    pub reasons: Listing<Reason>,
}

/// A package by name.
#[derive(Clone, Debug)]
pub struct PackageRef {
    pub href: String,
    pub name: String,
    pub version: String,
    pub vendor: String,
}

/// A symbol, and how much hangs on it.
#[derive(Clone, Debug)]
pub struct TopSymbol {
    /// Its history.
    pub href: String,
    pub reason: Reason,
    pub modules: u64,
    pub packages: u64,
}
