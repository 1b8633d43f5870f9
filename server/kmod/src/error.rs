//! Why a module cannot be read at all. What can be read but is odd becomes an [`Oddity`] instead.
//!
//! [`Oddity`]: crate::Oddity

use std::fmt;

/// Why a module cannot be read at all.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The (unpacked) bytes do not start with the ELF magic.
    #[error(
        "not an ELF file (it starts with {start:02x?}): a kernel module is ELF, plain or packed by \
         gzip, xz, zstd or bzip2"
    )]
    NotElf {
        /// The first bytes, at most four.
        start: Vec<u8>,
    },
    /// ELF, but of a class, byte order or header layout that no kernel loads.
    #[error("the ELF header is damaged: {what}; build the module again")]
    BadHeader {
        /// What is wrong with it.
        what: &'static str,
    },
    /// ELF, but a program, a shared library or a core dump.
    #[error(
        "an ELF file of type {e_type}, but a kernel module is a relocatable object (type 1): \
         pack the .ko file that kbuild made"
    )]
    NotRelocatable {
        /// `e_type` as found.
        e_type: u16,
    },
    /// A table reaches beyond the end of the file.
    #[error(
        "{what} at byte {offset} with {length} bytes reaches beyond the end of the file \
         ({file_length} bytes): the file was cut short or damaged"
    )]
    Truncated {
        /// Which table: `section headers`, `.modinfo` …
        what: String,
        /// Where it starts in the unpacked file.
        offset: u64,
        /// How many bytes it claims.
        length: u64,
        /// Bytes of the unpacked file, its signature not counted.
        file_length: u64,
    },
    /// More than the [`Limits`](crate::Limits) allow.
    #[error("{what} exceed the limit of {limit}{}", named(*.name))]
    TooLarge {
        /// What there is too much of, in the plural: `unpacked bytes`, `symbols` …
        what: &'static str,
        /// The limit that was passed.
        limit: u64,
        /// What a portal's setting for it is called; `None`: it is fixed.
        name: Option<&'static str>,
    },
    /// The packed file cannot be unpacked.
    #[error("cannot unpack the {format} file ({reason}): pack the module again")]
    BadCompression {
        /// How it is packed, by its magic.
        format: Compression,
        /// What the decompressor said.
        reason: String,
    },
}

/// How a message names a limit that can be set.
fn named(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!(" (`{name}`)"))
}

/// How a module file is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// `.ko.gz`
    Gzip,
    /// `.ko.xz`
    Xz,
    /// `.ko.zst`
    Zstd,
    /// `.ko.bz2`
    Bzip2,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compression::Gzip => "gzip",
            Compression::Xz => "xz",
            Compression::Zstd => "zstd",
            Compression::Bzip2 => "bzip2",
        })
    }
}
