//! Describes kernels from whatever a distributor has of them: a symvers file, packages of the kernel
//! in either format, a repository's primary.xml, the image and the modules themselves.
//!
//! Pure: bytes in, facts out, no network and no database. What a source does not tell is said to be
//! unknown ([`Description::unknown`]), never guessed. The input is hostile until proven otherwise:
//! every count and length is held against [`Limits`].
//!
//! | file | what |
//! |---|---|
//! | `read` | tells by the first bytes what a source is |
//! | `rpm`, `deb`, `tar` | packages and archives |
//! | `primary` | all kernels of a repository, without their packages |
//! | `image`, `boot_image` | vmlinux, and vmlinuz around it |
//! | [`Tree`] | files of one or several kernels, however they came |
//! | `merge` | parts of one kernel add up, or contradict each other |
//! | [`location`] | what the place of a file tells of its kernel |

mod boot_image;
mod config;
mod deb;
mod description;
mod error;
mod image;
mod limits;
pub mod location;
mod merge;
mod primary;
mod read;
mod rpm;
mod tar;
#[cfg(test)]
mod testing;
mod tree;
mod unpack;

pub use description::{Description, Kind, Part, TreeModule, UNKNOWN_PROVIDER, Unknown};
pub use error::Error;
pub use limits::Limits;
pub use merge::{Contradiction, Contradictions};
pub use primary::{KernelsOfRepository, read_primary};
pub use read::{Found, read};
pub use tree::Tree;
pub use unpack::unpacked;
