//! What is kept of a verdict: the word, the counts and the first reasons. Bounded, whatever the
//! package: the engine gives all reasons of one package on one kernel when somebody asks.

use kabi::{ModuleVerdict, PackageVerdict, Reason, Verdict};

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

impl From<kabi::index::Brief> for Brief {
    fn from(brief: kabi::index::Brief) -> Self {
        let mut modules = brief.modules;
        for module in &mut modules {
            cut(&mut module.module);
            module.reasons.iter_mut().for_each(shorten);
        }
        Self {
            verdict: brief.verdict,
            totals: Totals {
                modules: count(brief.modules_total),
                modules_load: count(brief.modules_load),
                reasons: count(brief.reasons_total),
            },
            modules,
        }
    }
}

impl From<PackageVerdict> for Brief {
    fn from(whole: PackageVerdict) -> Self {
        Self::from(kabi::index::Brief::of(whole, KEPT_REASONS))
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
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
    use kabi::{Severity, codes};

    #[test]
    fn no_text_is_long() {
        let reason = Reason {
            code: codes::CRC_MISMATCH.to_owned(),
            severity: Severity::Fatal,
            symbol: Some("é".repeat(4_000)),
            expected: None,
            found: None,
            provider: None,
            detail: None,
        };
        let module = ModuleVerdict {
            module: "m".to_owned(),
            verdict: Verdict::Incompatible,
            reasons: vec![reason],
            needed_total: 9,
            needed_ok: 0,
        };
        let brief = Brief::from(PackageVerdict {
            verdict: Verdict::Incompatible,
            modules: vec![module],
        });
        let kept = brief.modules[0].reasons[0].symbol.as_ref().unwrap();
        assert_eq!(kept.len(), LONGEST_TEXT);
    }
}
