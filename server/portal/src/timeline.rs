//! The history of a symbol, and what it tells of a package's future: how often the kernels of one
//! line changed under it. Pure; says facts of the past, no promise.

use crate::history::History;
use kabi::KernelExport;
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

/// What the past of its symbols says of a package on one line of kernels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Risk {
    /// Pairs of neighbouring kernels looked at.
    pub steps: usize,
    /// Those at which some symbol that the package needs changed or went.
    pub broken_steps: usize,
    /// Symbols that did, the most restless first.
    pub avoid: Vec<Restless>,
}

/// A symbol that a package needs and that did not stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restless {
    pub symbol: String,
    pub changes: usize,
    pub removals: usize,
}

impl Risk {
    /// Of a hundred steps from one kernel to the next, how many would have broken the package;
    /// `None` where there was no step yet.
    #[must_use]
    pub fn score(&self) -> Option<u8> {
        let percent = (self.broken_steps * 100).div_ceil(self.steps.max(1));
        (self.steps > 0).then(|| u8::try_from(percent).unwrap_or(100))
    }
}

/// Looks at what a package needs over one line of kernels.
#[must_use]
pub fn risk(history: &History, line: &Line, symbols: &[String]) -> Risk {
    let ids = line.ids();
    let steps = ids.len().saturating_sub(1);
    let mut broken = vec![false; steps];
    let mut avoid = Vec::new();
    for symbol in symbols {
        let exports = history.of_symbol(&ids, symbol);
        let found = timeline(&exports);
        if found.changes + found.removals == 0 {
            continue;
        }
        for (place, pair) in exports.windows(2).enumerate() {
            broken[place] |= step(pair) != Step::Fine;
        }
        avoid.push(Restless {
            symbol: symbol.clone(),
            changes: found.changes,
            removals: found.removals,
        });
    }
    avoid.sort_by_key(|r| (std::cmp::Reverse(r.changes + r.removals), r.symbol.clone()));
    Risk {
        steps,
        broken_steps: broken.into_iter().filter(|b| *b).count(),
        avoid,
    }
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

    #[test]
    fn the_score_is_a_share_of_the_steps() {
        let risk = |steps, broken_steps| Risk {
            steps,
            broken_steps,
            avoid: Vec::new(),
        };
        for (found, score) in [
            (risk(0, 0), None),
            (risk(4, 0), Some(0)),
            (risk(4, 1), Some(25)),
            (risk(300, 1), Some(1)),
            (risk(3, 3), Some(100)),
        ] {
            assert_eq!(found.score(), score, "{found:?}");
        }
    }
}
