//! Why a package cannot be read on.

use std::{fmt, io};

use crate::DigestCheck;

/// Why a package cannot be read on.
///
/// In all variants `part` is the stretch of the file, `at` a position in bytes from the file's start
/// (except where it says otherwise), `found` what is there and `limit` what may be. The texts are
/// written for the person who uploaded the package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first four bytes are not those of an RPM.
    #[error(
        "this is not an RPM package: it begins with {found:02x?}, an RPM with [ed, ab, ee, db]; \
         upload the .rpm file that rpmbuild wrote"
    )]
    NotAnRpm { found: Vec<u8> },

    /// The bytes end too early.
    #[error(
        "the file ends at byte {at}, inside the {part}{}: it was cut short, upload it again",
        expected_size(*.expected)
    )]
    Truncated {
        part: Part,
        at: u64,
        /// Size the package should have, where it says so.
        expected: Option<u64>,
    },

    /// The input itself failed.
    #[error("reading failed at byte {at}: {source}")]
    Input { at: u64, source: io::Error },

    /// A header is not where one has to be.
    #[error(
        "at byte {at} the {part} should begin with 8e ad e8 01 00 00 00 00 and does not; \
         build the package again"
    )]
    HeaderMagic { part: Part, at: u64 },

    /// An entry of a header's index that rpm refuses, too.
    #[error("{part}, index entry at byte {at}, tag {tag}: {problem}; build the package again")]
    HeaderEntry {
        part: Part,
        at: u64,
        tag: u32,
        problem: EntryProblem,
    },

    /// The package does not say who it is.
    #[error("the header lacks its {name} (tag {tag}); build the package with rpmbuild")]
    MissingTag { name: &'static str, tag: u32 },

    /// Something is larger than [`crate::Limits`] allow.
    #[error("{what}: {found} is more than the limit of {limit}{}", named(*.name))]
    OverLimit {
        what: &'static str,
        found: u64,
        limit: u64,
        /// What a portal's setting for it is called; `None`: it is fixed.
        name: Option<&'static str>,
    },

    /// The payload is no cpio archive.
    #[error(
        "the payload has the format `{format}`, and only `cpio` can be read; upload a full package"
    )]
    PayloadFormat { format: String },

    /// The payload's compressor is not one of rpm's.
    #[error(
        "the payload's compressor `{name}` is unknown; build with gzip, bzip2, xz, lzma or zstd"
    )]
    UnknownCompressor { name: String },

    /// The compressed payload is not a whole, sound stream.
    #[error(
        "the payload, packed with {compressor}, is broken at byte {at}; build the package again"
    )]
    BrokenPayload { compressor: &'static str, at: u64 },

    /// Unpacking would take more memory than [`crate::Limits::decoder_memory`].
    #[error(
        "unpacking the payload, packed with {compressor}, takes more than {limit} bytes of memory (`decoder-memory`); build with a lower level"
    )]
    TooMuchMemory {
        compressor: &'static str,
        limit: u64,
    },

    /// The unpacked payload is not a sound archive. `at` counts unpacked bytes.
    #[error("byte {at} of the unpacked payload: {problem}; build the package again")]
    Archive { at: u64, problem: ArchiveProblem },

    /// The payload is broken and a digest tells that this happened after the package was built.
    /// `reason` is what was met while reading.
    #[error(
        "the payload cannot be unpacked, and the {} of its {} is {} where the package says {}: the \
         file was changed after it was built, upload the original",
        .check.algorithm, .check.what, .check.found, .check.expected
    )]
    Damaged {
        #[source]
        reason: Box<Error>,
        check: Box<DigestCheck>,
    },
}

impl Error {
    /// What a portal's setting for the limit is called that the package is over; `None`: it is not
    /// over any, or over one that is fixed.
    pub fn limit(&self) -> Option<&'static str> {
        match self {
            Error::OverLimit { name, .. } => *name,
            Error::TooMuchMemory { .. } => Some("decoder-memory"),
            _ => None,
        }
    }

    /// The payload's bytes are at fault, so a digest may tell when they went wrong.
    pub(crate) fn is_about_content(&self) -> bool {
        matches!(
            self,
            Error::Truncated { .. }
                | Error::BrokenPayload { .. }
                | Error::Archive { .. }
                | Error::TooMuchMemory { .. }
        )
    }

    /// Says more, now that the whole file was read: that it is too short, or was changed.
    pub(crate) fn explained(
        self,
        file_size: u64,
        expected: Option<u64>,
        digests: &[DigestCheck],
    ) -> Error {
        if expected.is_some_and(|expected| file_size < expected) {
            return Error::Truncated {
                part: Part::Payload,
                at: file_size,
                expected,
            };
        }
        match digests.iter().find(|check| !check.matches()) {
            Some(check) => Error::Damaged {
                reason: Box::new(self),
                check: Box::new(check.clone()),
            },
            None => self,
        }
    }
}

fn named(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!(" (`{name}`)"))
}

fn expected_size(expected: Option<u64>) -> String {
    expected.map_or(String::new(), |size| {
        format!(" ({size} bytes would be whole)")
    })
}

/// A stretch of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The first 96 bytes.
    Lead,
    /// Raw signatures and digests.
    SignatureHeader,
    /// The main header.
    Header,
    /// All the rest.
    Payload,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Lead => "lead",
            Part::SignatureHeader => "signature header",
            Part::Header => "header",
            Part::Payload => "payload",
        })
    }
}

/// What is wrong with an index entry of a header; the texts say it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EntryProblem {
    #[error("its type is none of 1 to 9")]
    UnknownType,
    #[error("it holds nothing")]
    Empty,
    #[error("a single string counts more than one")]
    ManyStrings,
    #[error("its data is not aligned to its type")]
    Unaligned,
    #[error("its data reaches beyond the header's data")]
    OutOfBounds,
    #[error("its data overlaps that of the entry before")]
    Overlap,
    #[error("the tag is there twice")]
    Duplicate,
    #[error(
        "the region it opens does not span exactly this header, so part of it would be unsigned"
    )]
    Region,
}

/// What is wrong with the cpio archive; the texts say it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ArchiveProblem {
    #[error("no cpio entry begins here")]
    UnknownMagic,
    #[error("a cpio header holds something other than hexadecimal digits")]
    NotHexadecimal,
    #[error("a name in the archive does not end with its length")]
    UnterminatedName,
    #[error("an entry points behind the end of the header's file list")]
    NoSuchFile,
    #[error("the archive ends in the middle of an entry")]
    EndsEarly,
}
