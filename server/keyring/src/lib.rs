//! OpenPGP: judges the signatures of packages by a vendor's certificates, and signs our metadata. And
//! CMS, as far as modules carry it.
//!
//! Pure but for the randomness that making keys and signatures takes: the clock is always given, keys
//! are bytes that the caller keeps. Whether a verdict suffices for a package is not decided here.
//!
//! - [`Certificate`] is a public key with its subkeys, user ids and self-signatures.
//! - [`judge`] and [`judge_stream`] say of every signature of a package whether it is good, and if
//!   not, why, in a sentence for the vendor.
//! - [`judge_modules`] says of the modules' own signatures whether they fit.
//! - [`SigningKey`] is ours: it signs `repomd.xml`, and headers of packages.

mod armor;
mod certificate;
mod detached;
mod error;
mod judge;
mod modules;
mod objection;
mod packets;
mod policy;
mod signing;
mod validity;
mod verify;
mod when;
mod words;

pub use certificate::Certificate;
pub use detached::verify_detached;
pub use error::Error;
pub use judge::{judge, judge_stream};
pub use modules::{judge_module, judge_modules};
pub use policy::Policy;
pub use signing::{KeyAlgorithm, SigningKey};
