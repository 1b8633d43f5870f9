//! Writes and reads yum repository metadata: primary, filelists, other and `repomd.xml`, field for
//! field what `createrepo_c` (0.17.3) writes, and SUSE's susedata.
//!
//! Pure. A package's records are rendered once ([`render`]) and kept; a repository is assembled
//! from kept records ([`assemble`]) or, when only little changed, from kept compressed groups of
//! records ([`Group`], [`Assembler`]). [`check`] reads a finished repository as a client would.

mod assemble;
mod check;
mod compression;
mod dependency;
mod digest;
mod error;
mod group;
mod index;
mod package_reader;
mod pull;
mod read;
mod record;
mod render;
mod susedata;
mod vercmp;
mod xml;

pub use assemble::{Assembled, Assembler, DataFile, Metadata, Options, assemble, assemble_groups};
pub use check::{Checked, CheckedPackage, Supported, check, check_within};
pub use compression::{Compression, unpack};
pub use dependency::{Evr, split_evr};
pub use error::{Error, Result};
pub use group::{Group, Mark, group_ranges};
pub use index::{Checksum, Data, DistroTag, Repomd, parse_repomd};
pub use read::{
    FilelistsEntry, Limits, OtherEntry, PackageHead, parse_filelists, parse_other, parse_primary,
    read_filelists, read_other, read_primary,
};
pub use record::{ChangelogEntry, Dependency, File, FileKind, Record};
pub use render::{Rendered, render};
pub use susedata::{EULA_LIMIT, Support, SusedataEntry, read_susedata};
pub use vercmp::vercmp;
