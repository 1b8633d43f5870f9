//! Writes and reads yum repository metadata: primary, filelists, other and `repomd.xml`, field for
//! field what `createrepo_c` writes.
//!
//! Pure. A package's records are rendered once ([`render`]) and kept; a repository is assembled
//! from kept records ([`assemble`]).

use serde::{Deserialize, Serialize};

/// Everything the metadata says of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub name: String,
    pub epoch: u32,
    pub version: String,
    pub release: String,
    pub arch: String,
    /// SHA-256 of the file, lower-case hex: the `pkgid`.
    pub pkgid: String,
    pub summary: String,
    pub description: String,
    pub packager: String,
    pub url: String,
    /// Modification time of the file and time of the build, seconds since 1970.
    pub file_time: u64,
    pub build_time: u64,
    pub size_package: u64,
    pub size_installed: u64,
    pub size_archive: u64,
    /// Relative to the repository's root.
    pub location: String,
    pub license: String,
    pub vendor: String,
    pub group: String,
    pub build_host: String,
    pub source_rpm: String,
    pub header_start: u64,
    pub header_end: u64,
    pub provides: Vec<Dependency>,
    pub requires: Vec<Dependency>,
    pub conflicts: Vec<Dependency>,
    pub obsoletes: Vec<Dependency>,
    pub suggests: Vec<Dependency>,
    pub enhances: Vec<Dependency>,
    pub recommends: Vec<Dependency>,
    pub supplements: Vec<Dependency>,
    pub files: Vec<File>,
    /// Newest first, as in the RPM header; the writer keeps ten and turns them round.
    pub changelog: Vec<ChangelogEntry>,
}

/// `flags` are `RPMSENSE_*` bits, `version` is the header's text (`[epoch:]version[-release]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    pub name: String,
    pub flags: u32,
    pub version: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: String,
    pub kind: FileKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    File,
    Dir,
    Ghost,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangelogEntry {
    pub time: i64,
    pub author: String,
    pub text: String,
}

/// The three `<package>` elements of one package, ready to be put between the documents' tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    pub primary: String,
    pub filelists: String,
    pub other: String,
}

/// A whole repository's metadata, not yet signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// `repodata/<sha256>-primary.xml.gz` and so on, named relative to the repository's root.
    pub files: Vec<DataFile>,
    /// Bytes of `repodata/repomd.xml`.
    pub repomd: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    pub location: String,
    pub bytes: Vec<u8>,
}
