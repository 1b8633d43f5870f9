//! What one package says: the result of [`crate::read`].
//!
//! Plain data, in header order and verbatim where the header holds text. Text that is not UTF-8 was
//! taken as ISO 8859-1, as `createrepo_c` does.

use serde::{Deserialize, Serialize};

use crate::{Dependencies, Dependency, RawSignature};

/// One package, read to its last byte.
#[derive(Clone, Debug)]
pub struct Package {
    /// `RPMTAG_NAME`, never empty; so are version, release and architecture.
    pub name: String,
    /// `None` when the header holds none, which counts as 0 but is published differently.
    pub epoch: Option<u32>,
    /// Of a kernel module package: driver and kernel, see [`crate::KmpVersion`].
    pub version: String,
    /// Counts rebuilds of one version.
    pub release: String,
    /// `RPMTAG_ARCH`; `src` and `nosrc` for source packages.
    pub arch: String,
    /// Whether rpm takes it for a source package: the header does not name one it was built from.
    pub is_source: bool,
    /// Format of the package: 3 (no immutable header region), 4 or 6 (`RPMTAG_RPMFORMAT`).
    pub rpm_format: u8,
    /// One line, in the first language of the header; empty when there is none.
    pub summary: String,
    /// Several lines, likewise.
    pub description: String,
    /// Free text, today an SPDX expression.
    pub license: Option<String>,
    /// Who distributes it. zypper does not let updates change it.
    pub vendor: Option<String>,
    /// Who built it, with an address.
    pub packager: Option<String>,
    /// Obsolete classification (`System/Kernel`).
    pub group: Option<String>,
    /// Where to read more.
    pub url: Option<String>,
    /// Machine it was built on.
    pub build_host: Option<String>,
    /// File name of the source package; `None` exactly for source packages.
    pub source_rpm: Option<String>,
    /// Seconds since 1970; 0 when the package does not say.
    pub build_time: u64,
    /// All dependency lists.
    pub dependencies: Dependencies,
    /// The header's file list, in its order. What is really packed is compared with it.
    pub files: Vec<File>,
    /// Scriptlets, then triggers.
    pub scriptlets: Vec<Scriptlet>,
    /// Newest first, as in the header.
    pub changelog: Vec<ChangelogEntry>,
    /// Files of the payload that [`crate::ModulePath`] knows as modules, in its order.
    pub modules: Vec<PackagedModule>,
    /// Files of the payload in `/etc/uefi/certs`, in its order.
    pub certificates: Vec<PackagedCertificate>,
    /// Name of the payload compressor (`gzip`, `xz`, `lzma`, `bzip2`, `zstd`, `none`).
    pub compressor: String,
    /// Bytes of the whole file.
    pub file_size: u64,
    /// SHA-256 of the whole file.
    pub sha256: [u8; 32],
    /// Position of the main header in the file (`rpm:header-range`).
    pub header_start: u64,
    /// Position behind it, where the payload begins.
    pub header_end: u64,
    /// The signed region: the main header, magic included.
    pub header_bytes: Vec<u8>,
    /// Bytes of the files when installed, as the header says.
    pub installed_size: u64,
    /// Bytes of the unpacked payload, as the package says; counted where it does not say.
    pub archive_size: u64,
    /// Signature packets, none of them looked at.
    pub signatures: Vec<RawSignature>,
    /// Every digest the package carries, recomputed; those over the unpacked payload only where there
    /// are none over the packed one, as rpm does.
    pub digests: Vec<DigestCheck>,
    /// Odd but readable: each becomes a finding, none is an error. Their codes are in
    /// [`crate::ODDITIES`]; of one code at most 20 are told in full, and then how many more.
    pub oddities: Vec<kmod::Oddity>,
}

impl Package {
    /// `[epoch:]version-release`; the epoch only when the header holds one, even 0.
    pub fn evr(&self) -> String {
        match self.epoch {
            Some(epoch) => format!("{epoch}:{}-{}", self.version, self.release),
            None => format!("{}-{}", self.version, self.release),
        }
    }

    /// `name-[epoch:]version-release.arch`; the epoch only when it is not 0.
    pub fn nevra(&self) -> String {
        let epoch = match self.epoch {
            Some(epoch) if epoch != 0 => format!("{epoch}:"),
            _ => String::new(),
        };
        format!(
            "{}-{epoch}{}-{}.{}",
            self.name, self.version, self.release, self.arch
        )
    }

    /// `name-version-release.arch.rpm`, the name rpmbuild gives the file. Never holds an epoch.
    ///
    /// The parts come from the header, where nothing forbids a `/`: ask before using it as a path.
    pub fn file_name(&self) -> String {
        format!(
            "{}-{}-{}.{}.rpm",
            self.name, self.version, self.release, self.arch
        )
    }
}

/// Which files [`crate::read_keeping`] hands out beside the modules.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Asked with the absolute path of each regular file.
    pub wanted: fn(&str) -> bool,
    /// Most bytes of all of them together.
    pub bytes: usize,
}

impl Keep {
    /// Modules only.
    pub const NOTHING: Keep = Keep {
        wanted: |_| false,
        bytes: 0,
    };
}

/// A file of the payload that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptFile {
    /// Absolute, as in the file list.
    pub path: String,
    /// As packed, not unpacked further.
    pub bytes: Vec<u8>,
}

/// One entry of the file list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Absolute; in source packages a bare name.
    pub path: String,
    /// `st_mode`: type and permissions.
    pub mode: u16,
    /// Bytes, as the header says.
    pub size: u64,
    /// `RPMFILE_*` bits (1 config, 64 ghost …), see [`file_flag`].
    pub flags: u32,
    /// Hex text as in the header; `None` for directories, links and ghosts.
    pub digest: Option<String>,
    /// Where a symbolic link leads.
    pub link_target: Option<String>,
    /// Name of the owner.
    pub user: String,
    /// Name of the owning group.
    pub group: String,
    /// File capabilities in the text form of `cap_to_text(3)`, where there are any.
    pub capabilities: Option<String>,
}

impl File {
    /// A directory by its mode.
    pub fn is_dir(&self) -> bool {
        self.mode & S_IFMT == S_IFDIR
    }

    /// A regular file by its mode.
    pub fn is_regular(&self) -> bool {
        self.mode & S_IFMT == S_IFREG
    }

    /// A symbolic link by its mode.
    pub fn is_symlink(&self) -> bool {
        self.mode & S_IFMT == S_IFLNK
    }

    /// Owned by the package but not part of its payload.
    pub fn is_ghost(&self) -> bool {
        self.flags & file_flag::GHOST != 0
    }
}

/// `stat(2)` file types.
const S_IFMT: u16 = 0o170_000;
const S_IFDIR: u16 = 0o040_000;
const S_IFREG: u16 = 0o100_000;
const S_IFLNK: u16 = 0o120_000;

/// Bits of [`File::flags`] (`RPMFILE_*` of rpm's `rpmfiles.h`).
pub mod file_flag {
    /// A configuration file.
    pub const CONFIG: u32 = 1;
    /// Documentation.
    pub const DOC: u32 = 1 << 1;
    /// Owned but not packed.
    pub const GHOST: u32 = 1 << 6;
    /// A licence text.
    pub const LICENSE: u32 = 1 << 7;
}

/// A program that rpm runs at installation or removal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scriptlet {
    /// `pre`, `post`, `preun`, `postun`, `pretrans`, `posttrans`, `trigger…`, `verify`.
    pub kind: &'static str,
    /// Program and its arguments: `/bin/sh`, `<lua>`.
    pub interpreter: Vec<String>,
    /// Text given to it; may be empty.
    pub body: String,
    /// What sets off a trigger: package conditions, or path prefixes for file triggers. Empty for
    /// ordinary scriptlets.
    pub triggers: Vec<Dependency>,
}

/// One entry of the change log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangelogEntry {
    /// Seconds since 1970.
    pub time: i64,
    /// `Name <address> - version`, free text.
    pub author: String,
    /// Its lines.
    pub text: String,
}

/// A `.ko` in the payload: where, its bytes on disk, and what it says, or why it could not be read.
#[derive(Clone, Debug)]
pub struct PackagedModule {
    /// Path as in the file list.
    pub path: String,
    /// Bytes as packed.
    pub size: u64,
    /// What it says, or a sentence on why that could not be read.
    pub module: Result<kmod::Module, String>,
    /// What verifying its signature takes, where that was asked for ([`crate::read_sealed`]).
    pub seal: Option<kmod::Seal>,
}

/// A certificate in the payload, by which a machine's owner may trust the vendor's modules.
#[derive(Clone, Debug)]
pub struct PackagedCertificate {
    /// Path as in the file list.
    pub path: String,
    /// SHA-1 of the file, upper-case hex: the fingerprint whose beginning names it.
    pub fingerprint: String,
    /// What it says, or a sentence on why that could not be read.
    pub certificate: Result<kmod::Certificate, String>,
}

/// A digest carried by the package, and what its bytes really give.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DigestCheck {
    /// `header`, `header+payload`, `payload`, `payload-unpacked`, or the path of a file.
    pub what: String,
    /// `md5`, `sha1`, `sha224`, `sha256`, `sha384`, `sha512`, `sha3-256`, `sha3-512`.
    pub algorithm: String,
    /// Text as in the package.
    pub expected: String,
    /// Lower-case hex.
    pub found: String,
}

impl DigestCheck {
    /// Both sides are the same number; the case of hex digits does not matter.
    pub fn matches(&self) -> bool {
        self.expected.eq_ignore_ascii_case(&self.found)
    }
}
