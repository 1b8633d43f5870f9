//! What is kept of a verdict: the word, the counts and the first reasons. Bounded, whatever the
//! package: the engine gives all reasons of one package on one kernel when somebody asks.

use kabi::{ModuleVerdict, PackageVerdict, Reason, Severity, Verdict};

/// Reasons that are kept, of all modules together.
pub const KEPT_REASONS: usize = 20;
/// Longest text kept in a reason, in bytes: names that kernels know are shorter.
const LONGEST_TEXT: usize = 512;

/// How much there was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    pub modules: i32,
    /// Those of them that load.
    pub modules_load: i32,
    /// Reasons of all modules, be they kept or not.
    pub reasons: i32,
}

/// A verdict as it is kept.
#[derive(Clone, PartialEq, Debug)]
pub struct Brief {
    pub verdict: Verdict,
    pub totals: Totals,
    /// Modules with reasons, worst first, with at most [`KEPT_REASONS`] reasons in all. None where
    /// the package is compatible.
    pub modules: Vec<ModuleVerdict>,
}

impl Brief {
    /// Of a package all of whose modules load, with nothing to say about them.
    #[must_use]
    pub fn compatible(modules: usize) -> Self {
        Self {
            verdict: Verdict::Compatible,
            totals: Totals {
                modules: count(modules),
                modules_load: count(modules),
                reasons: 0,
            },
            modules: Vec::new(),
        }
    }
}

impl From<PackageVerdict> for Brief {
    fn from(whole: PackageVerdict) -> Self {
        let PackageVerdict { verdict, modules } = whole;
        if verdict == Verdict::Compatible {
            return Self::compatible(modules.len());
        }
        let totals = Totals {
            modules: count(modules.len()),
            modules_load: count(modules.iter().filter(|m| m.verdict.loads()).count()),
            reasons: count(modules.iter().map(|m| m.reasons.len()).sum()),
        };
        Self {
            verdict,
            totals,
            modules: first_reasons(modules),
        }
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Those modules first that decide, and of each the reasons that decide.
fn first_reasons(mut modules: Vec<ModuleVerdict>) -> Vec<ModuleVerdict> {
    modules.retain(|module| !module.reasons.is_empty());
    modules.sort_by_key(|module| std::cmp::Reverse(module.verdict));
    let mut room = KEPT_REASONS;
    for module in &mut modules {
        let is_light = |reason: &Reason| reason.severity == Severity::Info;
        module.reasons.sort_by_key(is_light);
        module.reasons.truncate(room);
        room -= module.reasons.len();
        cut(&mut module.module);
        module.reasons.iter_mut().for_each(shorten);
    }
    modules.retain(|module| !module.reasons.is_empty());
    modules
}

fn shorten(reason: &mut Reason) {
    let texts = [&mut reason.symbol, &mut reason.provider, &mut reason.detail];
    texts.into_iter().flatten().for_each(cut);
}

fn cut(text: &mut String) {
    text.truncate(text.floor_char_boundary(LONGEST_TEXT));
}

#[cfg(test)]
mod tests {
    use super::*;
    use kabi::codes;

    fn reason(symbol: &str) -> Reason {
        Reason {
            code: codes::CRC_MISMATCH.to_owned(),
            severity: Severity::Fatal,
            symbol: Some(symbol.to_owned()),
            expected: None,
            found: None,
            provider: None,
            detail: None,
        }
    }

    fn module(name: &str, verdict: Verdict, reasons: usize) -> ModuleVerdict {
        ModuleVerdict {
            module: name.to_owned(),
            verdict,
            reasons: (0..reasons).map(|n| reason(&format!("s{n}"))).collect(),
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
        let brief = Brief::from(PackageVerdict {
            verdict: Verdict::Incompatible,
            modules,
        });
        let kept = brief
            .modules
            .iter()
            .map(|m| (m.module.as_str(), m.reasons.len()));
        assert_eq!(kept.collect::<Vec<_>>(), [("first", 15), ("second", 5)]);
        let Totals {
            modules,
            modules_load,
            reasons,
        } = brief.totals;
        assert_eq!((modules, modules_load, reasons), (4, 2, 1_018));
    }

    #[test]
    fn no_text_is_long() {
        let mut long = module("m", Verdict::Incompatible, 1);
        long.reasons[0].symbol = Some("é".repeat(4_000));
        let brief = Brief::from(PackageVerdict {
            verdict: Verdict::Incompatible,
            modules: vec![long],
        });
        let kept = brief.modules[0].reasons[0].symbol.as_ref().unwrap();
        assert_eq!(kept.len(), LONGEST_TEXT);
    }
}
