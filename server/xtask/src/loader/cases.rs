//! The cases: for each rule of the loader a module built for it, and where it is tried.
//!
//! What is to come of it stands in the judge's test (`server/kabi/tests/loader_cases.rs`) and, for
//! real, in the kernel's answer.

/// One module to be loaded, and all that makes the case.
pub struct Case {
    pub name: &'static str,
    /// Which of the loader's rules it is about.
    pub rule: &'static str,
    /// Below the folder of the kernel it is built for: `users/case_plain`.
    pub module: &'static str,
    pub built_for: BuiltFor,
    pub change: Change,
    /// What is loaded before it.
    pub before: Before,
}

/// The kernel a module is built for, seen from the one it is tried on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum BuiltFor {
    /// The very same.
    Same,
    /// The next of its series, with the same `struct module` and other symbols.
    Neighbour,
    /// One of another series.
    OtherSeries,
}

/// What is done to the file that the kernel's build system made.
#[derive(Clone, Copy)]
pub enum Change {
    None,
    /// Each of these bytes, wherever they stand, by others of the same length.
    Replace(&'static str, &'static str),
    /// The same, of the name in a record of `__versions`.
    ReplaceVersioned(&'static str, &'static str),
    /// `strip --strip-all`.
    Strip,
    /// Signed by a key that no kernel knows.
    Sign,
    /// A signature's trailer that says more bytes than there are.
    SignBadly,
}

/// What else is there.
#[derive(Clone, Copy)]
pub enum Before {
    Nothing,
    /// A module of the same package.
    Own(&'static str),
    /// A module of another package.
    Other(&'static str),
    /// One of the kernel's own, by its path below `kernel/`.
    InTree(&'static str),
}

use Before::{InTree, Nothing, Other, Own};
use BuiltFor::{Neighbour, OtherSeries, Same};
use Change::{Replace, ReplaceVersioned, Sign, SignBadly, Strip};

const PLAIN: &str = "users/case_plain";
const USER: &str = "users/case_user";

const fn case(name: &'static str, rule: &'static str, module: &'static str) -> Case {
    Case {
        name,
        rule,
        module,
        built_for: Same,
        change: Change::None,
        before: Nothing,
    }
}

impl Case {
    const fn for_kernel(self, built_for: BuiltFor) -> Case {
        Case { built_for, ..self }
    }

    const fn with(self, change: Change) -> Case {
        Case { change, ..self }
    }

    const fn after(self, before: Before) -> Case {
        Case { before, ..self }
    }
}

/// All of them. Names are those in the judge's test.
#[rustfmt::skip]
pub static CASES: [Case; 38] = [
    case("plain", "all in order", PLAIN),
    case("signed-by-a-stranger", "signature", PLAIN).with(Sign),
    case("signature-malformed", "signature", PLAIN).with(SignBadly),
    case("stripped", "ELF", PLAIN).with(Strip),
    case("common-symbol", "ELF", "users/case_common"),
    case("other-series", "layout of struct module", PLAIN).for_kernel(OtherSeries),
    case("no-modversions", "no modversions", "users-unversioned/case_plain"),
    case("vermagic-release", "vermagic", PLAIN).with(Replace("vermagic=6.", "vermagic=9.")),
    case("vermagic-tail", "vermagic tail", PLAIN).with(Replace(" mod_unload ", " mod_unlOad ")),
    case("vermagic-missing", "vermagic", PLAIN).with(Replace("\0vermagic=", "\0vermagiX=")),
    case("no-modversions-elsewhere", "vermagic without modversions", "users-unversioned/case_plain")
        .for_kernel(Neighbour),
    case("livepatch", "live patches", PLAIN)
        .with(Replace("description=Uses next to nothing\0", "livepatch=Y\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")),
    case("crc", "CRC", "users/case_kernel").for_kernel(Neighbour),
    case("crc-same", "CRC", PLAIN).for_kernel(Neighbour),
    case("symbol-unversioned", "CRC", PLAIN).with(ReplaceVersioned("_printk", "_printq")),
    case("missing", "missing symbol", "users/case_missing"),
    case("weak", "weak symbol", "users/case_weak"),
    case("weak-crc", "weak symbol", "users/case_weak_kernel").for_kernel(Neighbour),
    case("gpl-only", "GPL-only", "users/case_gpl"),
    case("gpl-only-proprietary", "GPL-only", "users/case_gpl").with(Replace("license=GPL\0", "license=Own\0")),
    case("gpl-only-unspecified", "GPL-only", "users/case_gpl").with(Replace("license=GPL\0", "licence=GPL\0")),
    case("namespace", "namespace", "users/case_namespace"),
    case("namespace-not-imported", "namespace", "users/case_namespace")
        .with(Replace("import_ns=DMA_BUF\0", "import_ns=DMA_BUG\0")),
    case("duplicate-export", "duplicate export", "users/case_duplicate").after(InTree("lib/crc-itu-t")),
    case("exports-unversioned", "unversioned exports", "provider-unversioned/case_provider"),
    case("unversioned-provider", "unversioned provider", "users-of-unversioned/case_user")
        .after(Own("provider-unversioned/case_provider")),
    case("unversioned-export", "unversioned exports", "provider/case_provider"),
    case("unversioned-symbol", "unversioned provider", "users/case_user_asm").after(Own("provider/case_provider")),
    case("dependency-absent", "inter-module dependency", USER),
    case("dependency", "inter-module dependency", USER).after(Own("provider/case_provider")),
    case("dependency-elsewhere", "inter-module dependency", USER).after(Other("provider/case_provider")),
    case("dependency-changed", "inter-module dependency, CRC", USER).after(Own("provider-changed/case_provider")),
    case("dependency-changed-elsewhere", "inter-module dependency, CRC", USER)
        .after(Other("provider-changed/case_provider")),
    case("dependency-gpl", "inter-module dependency, GPL-only", "users/case_user_own")
        .after(Own("provider-gpl/case_provider")),
    case("dependency-proprietary", "inter-module dependency, GPL-only", "users/case_user_own")
        .after(Own("provider/case_provider")),
    case("dependency-namespace", "inter-module dependency, namespace", USER)
        .after(Own("provider-namespace/case_provider")),
    case("taint", "taint of a proprietary module", USER).after(Own("provider-proprietary/case_provider")),
    case("taint-and-gpl-only", "taint of a proprietary module", "users/case_user_both")
        .after(Own("provider-proprietary/case_provider")),
];
