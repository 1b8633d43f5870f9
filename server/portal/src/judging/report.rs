//! Verdicts as they are stored, from the index: words for all, reasons only where there are some.

use super::cache::Index;
use kabi::Verdict;
use std::collections::HashMap;
use store::verdicts::{Brief, Judged};
use uuid::Uuid;

/// Packages explained at a time: as many as are judged together are held in memory.
const AT_ONCE: usize = 256;

/// The verdicts of all packages on one kernel.
pub fn on_kernel(index: &Index, kernel_id: Uuid) -> Vec<Judged> {
    let words = index.verdicts(&kernel_id).unwrap_or_default();
    let words = words.into_iter().map(|(id, verdict)| (*id, verdict));
    judged(index, kernel_id, words.collect())
}

/// The verdicts of some packages on all kernels.
pub fn of_packages(index: &Index, packages: &[Uuid]) -> Vec<Judged> {
    let mut by_kernel: HashMap<Uuid, Vec<(Uuid, Verdict)>> = HashMap::new();
    for package in packages {
        for (kernel, verdict) in index.package_verdicts(package).unwrap_or_default() {
            by_kernel
                .entry(*kernel)
                .or_default()
                .push((*package, verdict));
        }
    }
    let on = |(kernel, words)| judged(index, kernel, words);
    by_kernel.into_iter().flat_map(on).collect()
}

fn judged(index: &Index, kernel_id: Uuid, words: Vec<(Uuid, Verdict)>) -> Vec<Judged> {
    let judged = |package_id, brief| Judged {
        package_id,
        kernel_id,
        brief,
    };
    let (fine, others): (Vec<_>, Vec<_>) = words
        .into_iter()
        .partition(|(_, word)| *word == Verdict::Compatible);
    let fine = fine.into_iter().map(|(id, _)| {
        let modules = index.modules_of(&id).unwrap_or_default();
        judged(id, Brief::compatible(modules))
    });
    let mut all: Vec<Judged> = fine.collect();
    for some in others.chunks(AT_ONCE) {
        let explained = index.explain(&kernel_id, some.iter().map(|(id, _)| id));
        let explained = explained.unwrap_or_default().into_iter();
        all.extend(explained.map(|(id, whole)| judged(*id, Brief::from(whole))));
    }
    all
}
