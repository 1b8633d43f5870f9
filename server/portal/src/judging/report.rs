//! Verdicts as they are stored, from the index.

use super::cache::Index;
use store::verdicts::{Brief, Judged, KEPT_REASONS};
use uuid::Uuid;

/// The verdicts of all packages on one kernel.
pub fn on_kernel(index: &Index, kernel_id: Uuid) -> Vec<Judged> {
    let briefs = index.briefs(&kernel_id, KEPT_REASONS).unwrap_or_default();
    let judged = |(package_id, brief): (&Uuid, _)| Judged {
        package_id: *package_id,
        kernel_id,
        brief: Brief::from(brief),
    };
    briefs.into_iter().map(judged).collect()
}

/// The verdicts of some packages on all kernels.
pub fn of_packages(index: &Index, packages: &[Uuid]) -> Vec<Judged> {
    let briefs = index.briefs_of(packages, KEPT_REASONS).into_iter();
    let judged = |(package_id, kernel_id, brief): (&Uuid, &Uuid, _)| Judged {
        package_id: *package_id,
        kernel_id: *kernel_id,
        brief: Brief::from(brief),
    };
    briefs.map(judged).collect()
}
