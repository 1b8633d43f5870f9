//! The history of a symbol, and what it tells of a package's future: how often the kernels of one
//! line changed under it. Pure; says facts of the past, no promise.

use crate::history::History;
use kabi::volatility::{self, Risk};
use kabi::{KernelExport, Stablelist};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::kernels::Kernel;
use uuid::Uuid;

/// Kernels of one product, architecture and flavor, oldest registration first: what is built for
/// one is to load on the next.
#[derive(Clone, Debug)]
pub struct Line {
    pub product: String,
    pub arch: String,
    pub flavor: String,
    pub kernels: Vec<Kernel>,
}

/// Sorts kernels into lines, by name.
#[must_use]
pub fn lines(kernels: Vec<Kernel>) -> Vec<Line> {
    let mut lines: BTreeMap<(String, String, String), Vec<Kernel>> = BTreeMap::new();
    for kernel in kernels {
        let key = (
            kernel.product.clone(),
            kernel.arch.clone(),
            kernel.flavor.clone(),
        );
        lines.entry(key).or_default().push(kernel);
    }
    let lines = lines.into_iter();
    lines
        .map(|((product, arch, flavor), mut kernels)| {
            kernels.sort_by_key(|k| (k.created_at, k.id));
            Line {
                product,
                arch,
                flavor,
                kernels,
            }
        })
        .collect()
}

impl Line {
    /// Ids in order.
    #[must_use]
    pub fn ids(&self) -> Vec<Uuid> {
        self.kernels.iter().map(|k| k.id).collect()
    }
}

/// Kernels one after the other that export a symbol in the same way, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Places in the line.
    pub first: usize,
    pub last: usize,
    /// `None`: not exported.
    pub export: Option<Arc<KernelExport>>,
}

/// A symbol over the kernels of one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    pub runs: Vec<Run>,
    /// How often a kernel had other versions than the one before.
    pub changes: usize,
    /// How often a kernel no longer exported it.
    pub removals: usize,
}

/// Puts equal neighbours together and counts what would have broken a module.
#[must_use]
pub fn timeline(exports: &[Option<Arc<KernelExport>>]) -> Timeline {
    let mut timeline = Timeline::default();
    for (place, export) in exports.iter().enumerate() {
        match timeline.runs.last_mut() {
            Some(run) if run.export == *export => run.last = place,
            _ => timeline.runs.push(Run {
                first: place,
                last: place,
                export: export.clone(),
            }),
        }
    }
    for pair in exports.windows(2) {
        match step(pair) {
            Step::Changed => timeline.changes += 1,
            Step::Removed => timeline.removals += 1,
            Step::Fine => {}
        }
    }
    timeline
}

#[derive(PartialEq, Eq)]
enum Step {
    Fine,
    /// No version of the older kernel is one of the newer.
    Changed,
    Removed,
}

/// What a pair of neighbours means for a module built for the older.
fn step(pair: &[Option<Arc<KernelExport>>]) -> Step {
    match pair {
        [Some(old), Some(new)] if old.crcs.iter().any(|crc| new.crcs.contains(crc)) => Step::Fine,
        [Some(_), Some(_)] => Step::Changed,
        [Some(_), None] => Step::Removed,
        _ => Step::Fine,
    }
}

/// What a package has to expect of the next kernel of a line, by the past of the symbols it needs.
#[must_use]
pub fn risk(
    history: &History,
    line: &Line,
    symbols: &[String],
    stablelist: Option<&Stablelist>,
) -> Risk {
    let mut kernels: Vec<kabi::Kernel> = line.kernels.iter().map(without_exports).collect();
    let ids = line.ids();
    for symbol in symbols {
        for (kernel, export) in kernels.iter_mut().zip(history.of_symbol(&ids, symbol)) {
            if let Some(export) = export {
                kernel.exports.insert(symbol.clone(), (*export).clone());
            }
        }
    }
    let past = volatility::History::of(&kernels);
    past.risk(symbols.iter().map(String::as_str), stablelist)
}

/// To hold what a package needs, and no more.
fn without_exports(kernel: &Kernel) -> kabi::Kernel {
    let none = kabi::Symvers::default();
    let mut empty = kabi::Kernel::new(
        kernel.release.as_str(),
        kernel.arch.as_str(),
        kernel.flavor.as_str(),
        &none,
    );
    empty.modversions = kernel.modversions;
    empty
}

#[cfg(test)]
mod tests {
    use super::*;
    use kmod::Crc;

    fn export(crcs: &[u32], gpl: bool) -> Option<Arc<KernelExport>> {
        Some(Arc::new(KernelExport {
            crcs: crcs.iter().map(|n| Crc(*n)).collect(),
            gpl,
            namespace: None,
            provider: "vmlinux".to_owned(),
        }))
    }

    #[test]
    fn runs_are_equal_neighbours() {
        let (a, b, gpl) = (export(&[1], false), export(&[2], false), export(&[2], true));
        let exports = [
            None,
            a.clone(),
            a.clone(),
            b.clone(),
            gpl.clone(),
            None,
            a.clone(),
        ];
        let found = timeline(&exports);
        let places: Vec<_> = found.runs.iter().map(|r| (r.first, r.last)).collect();
        assert_eq!(places, [(0, 0), (1, 2), (3, 3), (4, 4), (5, 5), (6, 6)]);
        assert_eq!((found.changes, found.removals), (1, 1));
        let shown: usize = found.runs.iter().map(|r| r.last - r.first + 1).sum();
        assert_eq!(shown, exports.len());
    }

    #[test]
    fn one_version_in_common_is_no_change() {
        let exports = [
            export(&[1, 2], false),
            export(&[2, 3], false),
            export(&[4], false),
        ];
        assert_eq!(timeline(&exports).changes, 1);
        assert_eq!(timeline(&[]), Timeline::default());
    }
}
