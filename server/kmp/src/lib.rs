//! Reads one RPM package: header, dependencies, files, scriptlets, signatures, and the kernel
//! modules in its payload.
//!
//! Pure: bytes in, facts out. The input is hostile until proven otherwise: every count, offset and
//! length is checked against [`Limits`] before memory is taken.

use serde::{Deserialize, Serialize};

/// One package, read to its last byte.
#[derive(Clone, Debug)]
pub struct Package {
    pub name: String,
    pub epoch: Option<u32>,
    pub version: String,
    pub release: String,
    /// `RPMTAG_ARCH`; `src` and `nosrc` for source packages.
    pub arch: String,
    pub is_source: bool,
    pub summary: String,
    pub description: String,
    pub license: Option<String>,
    pub vendor: Option<String>,
    pub packager: Option<String>,
    pub group: Option<String>,
    pub url: Option<String>,
    pub build_host: Option<String>,
    pub source_rpm: Option<String>,
    /// Seconds since 1970; 0 when the package does not say.
    pub build_time: u64,
    pub dependencies: Dependencies,
    pub files: Vec<File>,
    pub scriptlets: Vec<Scriptlet>,
    /// Newest first, as in the header.
    pub changelog: Vec<ChangelogEntry>,
    pub modules: Vec<PackagedModule>,
    /// Name of the payload compressor (`gzip`, `xz`, `lzma`, `bzip2`, `zstd`, `none`).
    pub compressor: String,
    /// Whole file, bytes and SHA-256.
    pub file_size: u64,
    pub sha256: [u8; 32],
    /// Byte range of the main header in the file (`rpm:header-range`).
    pub header_start: u64,
    pub header_end: u64,
    /// The signed region: the main header, magic included.
    pub header_bytes: Vec<u8>,
    /// `rpm:size installed` and `archive`.
    pub installed_size: u64,
    pub archive_size: u64,
    pub signatures: Vec<RawSignature>,
    /// Every digest the package carries, recomputed.
    pub digests: Vec<DigestCheck>,
    /// Odd but readable: each becomes a finding, none is an error.
    pub oddities: Vec<kmod::Oddity>,
}

/// The dependency lists of the header, in header order, text verbatim.
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

/// One entry of the file list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    pub path: String,
    /// `st_mode`: type and permissions.
    pub mode: u16,
    pub size: u64,
    /// `RPMFILE_*` bits (1 config, 64 ghost …).
    pub flags: u32,
    pub digest: Option<String>,
    pub link_target: Option<String>,
    pub user: String,
    pub group: String,
}

/// A program that rpm runs at installation or removal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scriptlet {
    /// `pre`, `post`, `preun`, `postun`, `pretrans`, `posttrans`, `trigger…`, `verify`.
    pub kind: &'static str,
    pub interpreter: Vec<String>,
    pub body: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangelogEntry {
    pub time: i64,
    pub author: String,
    pub text: String,
}

/// A `.ko` in the payload: where, its bytes on disk, and what it says, or why it could not be read.
#[derive(Clone, Debug)]
pub struct PackagedModule {
    pub path: String,
    pub size: u64,
    pub module: Result<kmod::Module, String>,
}

/// A signature packet as found, to be judged by `keyring`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawSignature {
    /// Signature header tag (267 DSA, 268 RSA, 278 OpenPGP, 1002, 1005 legacy).
    pub tag: u32,
    pub covers: Covers,
    /// One binary OpenPGP signature packet.
    pub packet: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Covers {
    /// The main header, which holds the payload's digest.
    Header,
    /// Main header and payload as one stream (rpm 3 and 4 legacy).
    HeaderAndPayload,
}

/// A digest carried by the package, and what its bytes really give.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DigestCheck {
    /// `header`, `header+payload`, `payload`, or the path of a file.
    pub what: String,
    pub algorithm: String,
    pub expected: String,
    pub found: String,
}

/// What `keyring` found out about a package's signatures. Defined here so that checks need no OpenPGP.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignatureReport {
    pub signatures: Vec<JudgedSignature>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JudgedSignature {
    pub covers: Covers,
    /// Fingerprint or key id of the issuer as the signature names it, upper-case hex.
    pub issuer: Option<String>,
    /// When it says it was made, seconds since 1970.
    pub created: Option<u64>,
    pub verdict: SignatureVerdict,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SignatureVerdict {
    /// Made over these bytes by a key of this certificate (primary fingerprint), which was valid then.
    Good { certificate: String, user_id: String },
    /// No registered certificate holds the key.
    UnknownKey,
    /// The bytes are not what was signed.
    Bad,
    /// The key or the algorithm is not acceptable: the rule that fired, in a sentence.
    Refused { why: String },
    /// Not a signature packet we can read.
    Malformed { why: String },
}

/// Upper bounds while reading one package.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Index entries of one header (rpm itself: 65,535).
    pub header_entries: u32,
    /// Bytes of one header's data (kernel packages carry some 1.6 MB).
    pub header_bytes: u32,
    pub files: usize,
    pub path_length: usize,
    /// Unpacked payload bytes, and unpacked per packed byte.
    pub payload: u64,
    pub ratio: u64,
    pub modules: usize,
    pub module: kmod::Limits,
}
