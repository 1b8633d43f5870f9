//! `/sources` and `/sources/{id}`: repositories of others whose drivers are offered.

use super::{Choice, Fact, Link, Moment, Shell, SourceState, VerdictTally};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "sources.html")]
pub struct SourcesPage {
    pub shell: Shell,
    pub rows: Vec<SourceRow>,
    /// For those who may register one.
    pub register: Option<RegisterSource>,
}

/// One source in the list, and at the head of its own page.
#[derive(Clone, Debug)]
pub struct SourceRow {
    pub id: String,
    pub url: String,
    pub product: String,
    /// Name of the vendor that answers for it.
    pub vendor: String,
    pub state: SourceState,
    /// A distributor let it in.
    pub is_approved: bool,
    /// Driver packages found in it.
    pub packages: String,
    /// When it was last in order.
    pub good: Option<Moment>,
}

/// The form that registers a source.
#[derive(Clone, Debug)]
pub struct RegisterSource {
    pub products: Vec<Choice>,
    /// Vendors to choose from; empty for a vendor, who registers its own.
    pub vendors: Vec<Choice>,
}

#[derive(Clone, Debug, Template)]
#[template(path = "source.html")]
pub struct SourcePage {
    pub shell: Shell,
    pub source: SourceRow,
    pub facts: Vec<Fact>,
    /// What is wrong.
    pub fault: Option<String>,
    pub packages: Vec<SourcePackage>,
    /// Buttons: value and label of each thing that the visitor may do.
    pub actions: Vec<Choice>,
}

/// A driver package of a source.
#[derive(Clone, Debug)]
pub struct SourcePackage {
    pub nevra: String,
    pub summary: String,
    /// `12 hardware patterns, 208 symbols`.
    pub told: String,
    pub tally: VerdictTally,
    /// Kernels on which it does not load, with what is missing.
    pub breaks: Vec<SourceKernel>,
}

/// A kernel on which a package of a source does not load.
#[derive(Clone, Debug)]
pub struct SourceKernel {
    pub kernel: Link,
    /// `3 symbols: printk, kfree, …`
    pub why: String,
}
