//! What can go wrong while reading a repository. Writing cannot fail.

use std::io;

use crate::pull::Limit;

/// Why a repository or one of its documents cannot be read. `document` and `location` say where;
/// foreign text in other fields is cut to a line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not well-formed XML, or not UTF-8.
    #[error("{document} is not well-formed XML at byte {position}: {why}; write the metadata anew")]
    Xml {
        document: String,
        position: u64,
        why: String,
    },

    /// Well-formed, but not the document it should be.
    #[error(
        "{document} starts with <{found}> where <{expected}> belongs: this is another document"
    )]
    WrongRoot {
        document: String,
        expected: &'static str,
        found: String,
    },

    /// An element or attribute without which the document is useless.
    #[error("{document} lacks {what} in its record number {record} (counted from 1)")]
    Missing {
        document: String,
        what: &'static str,
        record: usize,
    },

    /// A number, a checksum or a path that is not one.
    #[error("{document} says {what} is `{found}`, which is not {expected}")]
    Malformed {
        document: String,
        what: &'static str,
        found: String,
        expected: &'static str,
    },

    /// A limit of [`Limits`](crate::Limits) was reached; nothing beyond it was read.
    #[error(
        "{document} has more than {limit} {what}: raise the limit if this repository is meant to be so large"
    )]
    TooLarge {
        document: String,
        what: &'static str,
        limit: u64,
    },

    /// A document is longer, unpacked, than it may be.
    #[error("{document} has more than {limit} bytes when unpacked; nothing beyond was read")]
    OpenSize { document: String, limit: u64 },

    /// `repomd.xml` does not list a document that clients need.
    #[error(
        "repomd.xml lists no `{kind}` data: zypper needs primary, dnf needs filelists and, for changelogs, other"
    )]
    NoData { kind: &'static str },

    /// A listed file could not be fetched.
    #[error("{location} is listed in repomd.xml but cannot be read: {source}")]
    Fetch { location: String, source: io::Error },

    /// A listed file's size, packed or open, is not the one in `repomd.xml`.
    #[error(
        "{location} has {found} bytes ({what}) where repomd.xml says {expected}: it was cut, extended or replaced"
    )]
    Size {
        location: String,
        what: &'static str,
        expected: u64,
        found: u64,
    },

    /// A listed file's digest, packed or open, is not the one in `repomd.xml`.
    #[error(
        "{location} has the {algorithm} {what} {found} where repomd.xml says {expected}: its bytes were altered"
    )]
    Digest {
        location: String,
        what: &'static str,
        algorithm: String,
        expected: String,
        found: String,
    },

    /// A digest algorithm that we do not compute.
    #[error(
        "{location} is described by a `{algorithm}` checksum; only sha256 and sha512 are accepted"
    )]
    DigestAlgorithm { location: String, algorithm: String },

    /// Compressed in a way we do not read, or damaged inside.
    #[error("{location} cannot be unpacked: {why}")]
    Unpack { location: String, why: String },

    /// The number in the document's `packages` attribute is not the number of records.
    #[error("{document} announces {announced} packages and holds {found}")]
    Count {
        document: String,
        announced: u64,
        found: u64,
    },

    /// The same package is not in all three documents, or not under the same name.
    #[error(
        "{document} and primary do not describe the same packages: {package} is only in {only_in}"
    )]
    Differs {
        document: String,
        package: String,
        only_in: String,
    },

    /// A document must speak of a package once.
    #[error("{document} describes {package} twice")]
    Twice { document: String, package: String },

    /// A kept group of packages is not what was kept.
    #[error("a kept group of packages is damaged: {what}; pack it anew")]
    KeptGroup { what: &'static str },

    /// Two packages at one place.
    #[error("primary names {location} for two packages")]
    SameLocation { location: String },
}

/// `Result` of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of the reader below a document: a limit, or damage in the packed bytes.
    pub(crate) fn reading(document: &str, error: &io::Error) -> Self {
        let document = shortened(document);
        match Limit::of(error) {
            Some(Limit::Open { bytes }) => Self::OpenSize {
                document,
                limit: bytes,
            },
            _ => Self::Unpack {
                location: document,
                why: shortened(&error.to_string()),
            },
        }
    }
}

/// Foreign text for a message: its beginning, on one line.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 120;
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
