//! Hardware identification patterns: grammar, matching, index.
//!
//! A device names itself by an alias (`pci:v00008086d00001502sv…`); a driver says by a pattern
//! (`pci:v00008086d00001502sv*sd*bc*sc*i*`) which devices it serves. Matching is `fnmatch(3)` in
//! the C locale, which is what depmod, libkmod and libzypp use. Pure: no I/O.

mod alias;
mod crowd;
mod fnmatch;
mod hash;
mod index;
mod layer;
mod pattern;
mod supplement;

pub use alias::{ALIAS_MAX, normalise};
pub use fnmatch::fnmatch;
pub use index::{Index, PATTERN_MAX};
pub use pattern::specificity;
pub use supplement::{DEPENDENCY_MAX, Supplement, Warning, parse_supplement};
