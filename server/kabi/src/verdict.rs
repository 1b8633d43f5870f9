//! What the judge says: verdicts and the reasons for them.

use kmod::Crc;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Will it load, from best to worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It will load.
    Compatible,
    /// It will load; the reasons say what deserves a look.
    CompatibleWithWarnings,
    /// It will load once the packages named in the reasons are installed, which load themselves.
    NeedsOtherPackage,
    /// Nothing speaks against it, but something that decides is not known.
    Indeterminate,
    /// Built for another processor or another flavor of the kernel: no kABI change.
    UnloadableFlavor,
    /// The loader refuses it.
    Incompatible,
}

/// Why a verdict is what it is. The first matching rule of the loader comes first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// Stable, kebab-case: `crc-mismatch`, `symbol-missing`, `layout-crc-mismatch` …
    /// ([`crate::codes`] has them all).
    pub code: String,
    /// How much it weighs.
    pub severity: Severity,
    /// The symbol it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// The version the module was built against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Crc>,
    /// The version the kernel (or package) offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Crc>,
    /// Who exports the symbol: `vmlinux`, an in-tree module's path, or a package and its module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// What was found, in words, where symbol and versions do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How much a reason weighs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// It loads, but look at this.
    Warn,
    /// It does not load.
    Fatal,
}

/// One module on one kernel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ModuleVerdict {
    /// The module's name.
    pub module: String,
    /// Will it load.
    pub verdict: Verdict,
    /// Worst first, and among equals in the loader's order. All of them: nothing is cut off.
    pub reasons: Vec<Reason>,
    /// Symbols it needs, `module_layout` included.
    pub needed_total: usize,
    /// Those of them that resolve.
    pub needed_ok: usize,
}

/// The worst of its modules.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PackageVerdict {
    /// Will all its modules load.
    pub verdict: Verdict,
    /// In the package's order.
    pub modules: Vec<ModuleVerdict>,
}

impl Verdict {
    /// Every verdict, from best to worst.
    pub const ALL: [Verdict; 6] = [
        Verdict::Compatible,
        Verdict::CompatibleWithWarnings,
        Verdict::NeedsOtherPackage,
        Verdict::Indeterminate,
        Verdict::UnloadableFlavor,
        Verdict::Incompatible,
    ];

    /// The verdict as JSON and databases spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Compatible => "compatible",
            Verdict::CompatibleWithWarnings => "compatible_with_warnings",
            Verdict::NeedsOtherPackage => "needs_other_package",
            Verdict::Indeterminate => "indeterminate",
            Verdict::UnloadableFlavor => "unloadable_flavor",
            Verdict::Incompatible => "incompatible",
        }
    }

    /// The loader takes it, given the packages it needs.
    pub fn loads(self) -> bool {
        self <= Verdict::NeedsOtherPackage
    }
}

impl Reason {
    pub(crate) fn fatal(code: &str) -> Reason {
        Reason::new(code, Severity::Fatal)
    }

    pub(crate) fn warn(code: &str) -> Reason {
        Reason::new(code, Severity::Warn)
    }

    pub(crate) fn info(code: &str) -> Reason {
        Reason::new(code, Severity::Info)
    }

    fn new(code: &str, severity: Severity) -> Reason {
        Reason {
            code: code.to_owned(),
            severity,
            symbol: None,
            expected: None,
            found: None,
            provider: None,
            detail: None,
        }
    }

    pub(crate) fn symbol(mut self, symbol: &str) -> Reason {
        self.symbol = Some(symbol.to_owned());
        self
    }

    pub(crate) fn expected(mut self, crc: impl Into<Option<Crc>>) -> Reason {
        self.expected = crc.into();
        self
    }

    pub(crate) fn found(mut self, crc: impl Into<Option<Crc>>) -> Reason {
        self.found = crc.into();
        self
    }

    pub(crate) fn provider(mut self, provider: impl Into<String>) -> Reason {
        self.provider = Some(provider.into());
        self
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Reason {
        self.detail = Some(detail.into());
        self
    }
}

/// One line for people: the code's meaning, then what was found.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::codes::meaning(&self.code).unwrap_or(&self.code))?;
        let mut separator = ": ";
        let mut part = |f: &mut fmt::Formatter<'_>, text: fmt::Arguments<'_>| {
            let written = write!(f, "{separator}{text}");
            separator = ", ";
            written
        };
        if let Some(symbol) = &self.symbol {
            part(f, format_args!("`{symbol}`"))?;
        }
        if let Some(crc) = self.expected {
            part(f, format_args!("built against {crc}"))?;
        }
        if let Some(crc) = self.found {
            part(f, format_args!("found {crc}"))?;
        }
        if let Some(provider) = &self.provider {
            part(f, format_args!("from {provider}"))?;
        }
        if let Some(detail) = &self.detail {
            part(f, format_args!("{detail}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn a_reason_reads_as_one_line() {
        let reason = Reason::fatal(codes::CRC_MISMATCH)
            .symbol("_dev_err")
            .expected(Crc(0x1))
            .found(Crc(0xbb4f_4766))
            .provider("vmlinux");
        assert_eq!(
            reason.to_string(),
            "The symbol has another version here: `_dev_err`, built against 0x00000001, \
             found 0xbb4f4766, from vmlinux"
        );
    }

    #[test]
    fn the_order_of_verdicts_is_best_to_worst() {
        assert!(Verdict::Compatible < Verdict::CompatibleWithWarnings);
        assert!(Verdict::NeedsOtherPackage.loads());
        assert!(!Verdict::Indeterminate.loads());
        assert!(Verdict::UnloadableFlavor < Verdict::Incompatible);
    }
}
