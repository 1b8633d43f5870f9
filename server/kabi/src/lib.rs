//! Judges modules against kernels by the rules of the kernel's own loader, in the loader's order.
//!
//! "Will load", never "will work". Pure and total: every input has a verdict. The rules are those
//! of `kernel/module/main.c` and `kernel/module/version.c` (`load_module`, `check_version`,
//! `check_modinfo`, `resolve_symbol`, `verify_exported_symbols`), read at 6.1, 6.12 and 7.3.
//!
//! | file | what |
//! |---|---|
//! | [`symvers`] | reads what a kernel exports: `Module.symvers` in all its forms |
//! | `kernel` | one kernel as modules see it |
//! | `judge` | all packages against one kernel, to a fixpoint |
//! | [`index`] | the same for very many packages and kernels, kept in memory |
//! | [`codes`] | every reason a verdict can give, with its meaning |
//! | [`reasons`] | reasons as bytes, for databases |
//! | `diff` | one kernel against another, and what the distributor's rules say to it |
//! | [`volatility`] | how often symbols changed, and what that means for a package |
//! | [`arch`], [`flavor`] | names of processors and kernel flavors |

pub mod arch;
mod bytes;
pub mod codes;
mod diff;
pub mod flavor;
pub mod index;
mod judge;
mod kernel;
pub mod reasons;
pub mod symvers;
#[cfg(test)]
mod testing;
mod verdict;
pub mod volatility;

pub use bytes::Damaged;
pub use diff::{
    Change, ChangeKind, Diff, MAX_RULES_BYTES, Ruled, RuledChange, RulesError, Ruling, Severities,
    SeverityRule, Stablelist, Subject, diff,
};
pub use judge::judge;
pub use kernel::{Candidate, Kernel, KernelExport};
pub use symvers::Symvers;
pub use verdict::{ModuleVerdict, PackageVerdict, Reason, Severity, Verdict};
