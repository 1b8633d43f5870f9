//! What the metadata says of one package: the input of the writer and the output of the reader.

/// Everything the metadata says of one package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Name and version; an absent epoch is 0.
    pub name: String,
    pub epoch: u32,
    pub version: String,
    pub release: String,
    /// `x86_64`, `noarch`, …; `src` for source packages.
    pub arch: String,
    /// SHA-256 of the file, lower-case hex: the `pkgid`.
    pub pkgid: String,
    /// Texts for people, verbatim; empty when the package has none.
    pub summary: String,
    pub description: String,
    pub packager: String,
    pub url: String,
    /// Modification time of the file and time of the build, seconds since 1970.
    pub file_time: u64,
    pub build_time: u64,
    /// Bytes of the file, of the installed files, and of the unpacked payload.
    pub size_package: u64,
    pub size_installed: u64,
    pub size_archive: u64,
    /// Relative to the repository's root.
    pub location: String,
    /// rpm's own fields, empty when the package has none.
    pub license: String,
    pub vendor: String,
    pub group: String,
    pub build_host: String,
    /// File name of the source package; empty for source packages themselves.
    pub source_rpm: String,
    /// Byte range of the main header in the file, end exclusive.
    pub header_start: u64,
    pub header_end: u64,
    /// Dependencies as the header lists them, none left out: the writer knows which to drop.
    pub provides: Vec<Dependency>,
    pub requires: Vec<Dependency>,
    pub conflicts: Vec<Dependency>,
    pub obsoletes: Vec<Dependency>,
    pub suggests: Vec<Dependency>,
    pub enhances: Vec<Dependency>,
    pub recommends: Vec<Dependency>,
    pub supplements: Vec<Dependency>,
    /// All files; the writer picks those that primary lists.
    pub files: Vec<File>,
    /// Newest first, as in the RPM header; the writer keeps ten and turns them round.
    pub changelog: Vec<ChangelogEntry>,
}

/// One dependency as in the RPM header: `flags` are `RPMSENSE_*` bits, `version` is the header's
/// text (`[epoch:]version[-release]`, empty when there is none).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependency {
    /// A package, a capability, a path, or a boolean expression.
    pub name: String,
    pub flags: u32,
    pub version: String,
}

/// One entry of the package's file list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Absolute path.
    pub path: String,
    pub kind: FileKind,
}

/// How a file is marked in the metadata. A ghost directory is a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    File,
    Dir,
    Ghost,
}

/// One entry of the package's changelog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangelogEntry {
    /// Seconds since 1970.
    pub time: i64,
    /// Usually `Name <address> - version`.
    pub author: String,
    /// What was changed, verbatim.
    pub text: String,
}
