//! What is kept of a verdict on a package: the word, the counts and the first reasons. Bounded,
//! whatever the package; all reasons of one package are [`super::Index::explain`]'s matter.

use crate::verdict::{ModuleVerdict, PackageVerdict, Reason, Severity, Verdict};

/// A verdict on a package in short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Brief {
    /// Will all its modules load.
    pub verdict: Verdict,
    /// How many modules it has.
    pub modules_total: usize,
    /// Those of them that load.
    pub modules_load: usize,
    /// Reasons of all modules, listed or not; none are counted where the package is compatible.
    pub reasons_total: usize,
    /// Modules with reasons, worst first, with as many reasons in all as were asked for. None where
    /// the package is compatible.
    pub modules: Vec<ModuleVerdict>,
}

impl Brief {
    /// Of a package all of whose modules load, with nothing to say about them.
    #[must_use]
    pub fn compatible(modules: usize) -> Brief {
        Brief {
            verdict: Verdict::Compatible,
            modules_total: modules,
            modules_load: modules,
            reasons_total: 0,
            modules: Vec::new(),
        }
    }

    /// Of a verdict in full, with so many reasons.
    #[must_use]
    pub fn of(whole: PackageVerdict, keep: usize) -> Brief {
        let PackageVerdict { verdict, modules } = whole;
        if verdict == Verdict::Compatible {
            return Brief::compatible(modules.len());
        }
        Brief {
            verdict,
            modules_total: modules.len(),
            modules_load: modules.iter().filter(|m| m.verdict.loads()).count(),
            reasons_total: modules.iter().map(|m| m.reasons.len()).sum(),
            modules: first_reasons(modules, keep),
        }
    }
}

/// Those modules first that decide, and of each the reasons that decide.
fn first_reasons(mut modules: Vec<ModuleVerdict>, keep: usize) -> Vec<ModuleVerdict> {
    modules.retain(|module| !module.reasons.is_empty());
    modules.sort_by_key(|module| std::cmp::Reverse(module.verdict));
    let mut room = keep;
    for module in &mut modules {
        let is_light = |reason: &Reason| reason.severity == Severity::Info;
        module.reasons.sort_by_key(is_light);
        module.reasons.truncate(room);
        room -= module.reasons.len();
    }
    modules.retain(|module| !module.reasons.is_empty());
    modules
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    fn module(name: &str, verdict: Verdict, reasons: usize) -> ModuleVerdict {
        let reason = |n| Reason::fatal(codes::CRC_MISMATCH).symbol(&format!("s{n}"));
        ModuleVerdict {
            module: name.to_owned(),
            verdict,
            reasons: (0..reasons).map(reason).collect(),
            needed_total: 9,
            needed_ok: 0,
        }
    }

    #[test]
    fn the_worst_modules_are_kept_and_everything_is_counted() {
        let modules = vec![
            module("fine", Verdict::Compatible, 0),
            module("warned", Verdict::CompatibleWithWarnings, 3),
            module("first", Verdict::Incompatible, 15),
            module("second", Verdict::Incompatible, 1_000),
        ];
        let whole = PackageVerdict {
            verdict: Verdict::Incompatible,
            modules,
        };
        let brief = Brief::of(whole, 20);
        let kept = brief.modules.iter();
        let kept = kept.map(|m| (m.module.as_str(), m.reasons.len()));
        assert_eq!(kept.collect::<Vec<_>>(), [("first", 15), ("second", 5)]);
        let counts = (brief.modules_total, brief.modules_load, brief.reasons_total);
        assert_eq!(counts, (4, 2, 1_018));
    }
}
