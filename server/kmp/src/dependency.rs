//! The dependency lists of a header.

use serde::{Deserialize, Serialize};

/// The dependency lists of the header, in header order, text verbatim.
///
/// The weak dependencies of rpm 4.4 to 4.11 on SUSE (tags 1156 to 1161) are sorted into the four
/// modern lists after the modern entries.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dependencies {
    pub provides: Vec<Dependency>,
    pub requires: Vec<Dependency>,
    pub conflicts: Vec<Dependency>,
    pub obsoletes: Vec<Dependency>,
    pub recommends: Vec<Dependency>,
    pub suggests: Vec<Dependency>,
    pub supplements: Vec<Dependency>,
    pub enhances: Vec<Dependency>,
    pub order_with_requires: Vec<Dependency>,
}

/// One dependency: name, comparison, version.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Dependency {
    /// `ksym(default:printk)`, `/bin/sh`, `(a and b)` …
    pub name: String,
    /// `RPMSENSE_*` bits as in the header (2 less, 4 greater, 8 equal; 0x40, 0x100 … scriptlet).
    pub flags: u32,
    /// Version text as in the header, empty when there is none.
    pub version: String,
}

impl Dependency {
    /// The comparison as rpm prints it: `<`, `<=`, `=`, `>=`, `>`, or nothing.
    pub fn comparison(&self) -> &'static str {
        const LESS: u32 = sense::LESS;
        const LESS_EQUAL: u32 = sense::LESS | sense::EQUAL;
        const EQUAL: u32 = sense::EQUAL;
        const GREATER_EQUAL: u32 = sense::GREATER | sense::EQUAL;
        const GREATER: u32 = sense::GREATER;
        match self.flags & sense::COMPARISON {
            LESS => "<",
            LESS_EQUAL => "<=",
            EQUAL => "=",
            GREATER_EQUAL => ">=",
            GREATER => ">",
            _ => "",
        }
    }
}

/// `name = version`, as `rpm -qp --requires` prints it.
impl std::fmt::Display for Dependency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        let comparison = self.comparison();
        if !comparison.is_empty() {
            write!(f, " {comparison} {}", self.version)?;
        }
        Ok(())
    }
}

/// Bits of [`Dependency::flags`] (`RPMSENSE_*` of rpm's `rpmds.h`).
pub mod sense {
    pub const LESS: u32 = 1 << 1;
    pub const GREATER: u32 = 1 << 2;
    pub const EQUAL: u32 = 1 << 3;
    /// The three bits that compare versions.
    pub const COMPARISON: u32 = LESS | GREATER | EQUAL;
    /// Needed by `%posttrans`.
    pub const POSTTRANS: u32 = 1 << 5;
    /// Must be installed before (`PreReq:` of old).
    pub const PREREQ: u32 = 1 << 6;
    /// Needed by `%pretrans`.
    pub const PRETRANS: u32 = 1 << 7;
    /// The interpreter of a scriptlet.
    pub const INTERP: u32 = 1 << 8;
    /// Needed by `%pre`.
    pub const SCRIPT_PRE: u32 = 1 << 9;
    /// Needed by `%post`.
    pub const SCRIPT_POST: u32 = 1 << 10;
    /// Needed by `%preun`.
    pub const SCRIPT_PREUN: u32 = 1 << 11;
    /// Needed by `%postun`.
    pub const SCRIPT_POSTUN: u32 = 1 << 12;
    /// Needed by `%verifyscript`.
    pub const SCRIPT_VERIFY: u32 = 1 << 13;
    /// Found by a generator, not written by hand.
    pub const FIND_REQUIRES: u32 = 1 << 14;
    pub const FIND_PROVIDES: u32 = 1 << 15;
    /// A trigger's occasion.
    pub const TRIGGERIN: u32 = 1 << 16;
    pub const TRIGGERUN: u32 = 1 << 17;
    pub const TRIGGERPOSTUN: u32 = 1 << 18;
    /// `rpmlib(…)`: a feature of rpm itself.
    pub const RPMLIB: u32 = 1 << 24;
    pub const TRIGGERPREIN: u32 = 1 << 25;
    /// Strong form of an old weak dependency (tags 1156 to 1161): recommends, supplements.
    pub const STRONG: u32 = 1 << 27;
    /// `config(…)`.
    pub const CONFIG: u32 = 1 << 28;
}
