//! The parts of a kernel's page beside its impact: ways to other views, and who knows of it.

use super::{Choice, Moment};

/// Ways from a kernel to other views, and what vendors said.
#[derive(Clone, Debug, Default)]
pub struct KernelRelated {
    /// This kernel in the matrix; more of the query can be added to it.
    pub matrix_href: String,
    /// For distributors.
    pub gate_href: Option<String>,
    /// Where the form for a comparison goes.
    pub compare_action: String,
    /// Kernels to compare with, nearest first.
    pub compare: Vec<Choice>,
    /// For distributors.
    pub change: Option<ChangeKernelForm>,
    /// For a vendor whose packages break.
    pub form: Option<AcknowledgeForm>,
    /// For distributors, by vendor.
    pub acknowledged: Vec<AcknowledgedBy>,
}

/// With it, a distributor says when the kernel is released, and for whom it is until then.
#[derive(Clone, Debug)]
pub struct ChangeKernelForm {
    pub action: String,
    pub statuses: Vec<Choice>,
    /// `2026-12-01`, or empty.
    pub release_date: String,
    /// `acme, beta`, or `all`.
    pub vendors: String,
    /// It is not for everybody yet.
    pub is_embargoed: bool,
}

/// With it, a vendor says that it knows.
#[derive(Clone, Debug)]
pub struct AcknowledgeForm {
    pub action: String,
    /// When it said so already.
    pub said: Option<Moment>,
    pub note: String,
    /// `2026-12-01`, or empty.
    pub planned: String,
}

/// A vendor that knows.
#[derive(Clone, Debug)]
pub struct AcknowledgedBy {
    /// Display name.
    pub vendor: String,
    pub account: String,
    pub at: Moment,
    pub planned: Option<Moment>,
    pub note: String,
}
