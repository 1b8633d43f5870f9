//! Why a source cannot be read.

use std::io;

/// Why a source cannot be read. `place` is a file inside the source, or the source itself; the texts
/// are written for the distributor who sent it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// None of the kinds that are known.
    #[error(
        "{place} is nothing that tells of a kernel: send a Module.symvers (plain, gz, xz, zst, bz2), \
         an RPM or Debian package of the kernel, a repository's primary.xml, a vmlinux, or a tar \
         archive of modules"
    )]
    UnknownKind {
        /// What was looked at.
        place: String,
    },
    /// Reading or unpacking failed.
    #[error("{place} cannot be read: {source}; send it again")]
    Input {
        /// Where it failed.
        place: String,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// Beyond [`crate::Limits`].
    #[error("{place}: {what} are more than the limit of {limit}")]
    TooLarge {
        /// Where.
        place: String,
        /// What is counted.
        what: &'static str,
        /// How many there may be.
        limit: u64,
    },
    /// A symvers file that is none.
    #[error("{place}: {source}")]
    Symvers {
        /// Which file.
        place: String,
        /// What is wrong with it.
        source: kabi::symvers::Error,
    },
    /// A broken RPM.
    #[error("{place} cannot be read as an RPM: {source}")]
    Rpm {
        /// Which file.
        place: String,
        /// What is wrong with it.
        source: Box<kmp::Error>,
    },
    /// A broken archive.
    #[error("{place} is not a sound {format} archive at byte {at}: {why}; build or pack it again")]
    Archive {
        /// Which file.
        place: String,
        /// `ar`, `tar`, `Debian`.
        format: &'static str,
        /// Bytes from the archive's start.
        at: u64,
        /// What was found.
        why: &'static str,
    },
    /// A kernel image without the tables of its exports, or with odd ones.
    #[error("{place}: {why}; send the Module.symvers of the same build instead")]
    Image {
        /// Which file.
        place: String,
        /// What was found.
        why: &'static str,
    },
    /// A module that cannot be read.
    #[error("{place}: {source}")]
    Module {
        /// Which file.
        place: String,
        /// What is wrong with it.
        source: kmod::Error,
    },
    /// Broken repository metadata.
    #[error("{place}: {source}")]
    Metadata {
        /// Which file.
        place: String,
        /// What is wrong with it.
        source: Box<repomd::Error>,
    },
    /// A driver package where a kernel belongs.
    #[error(
        "{place} is the driver package {name}, not a part of a kernel: upload it under \
         /api/v1/packages/"
    )]
    DriverPackage {
        /// Which file.
        place: String,
        /// The package's name.
        name: String,
    },
    /// One package provides symbols of several kernels.
    #[error(
        "{place} provides symbols of several flavors ({flavors}): send the packages of one kernel at \
         a time"
    )]
    SeveralFlavors {
        /// Which file.
        place: String,
        /// Their names.
        flavors: String,
    },
    /// Files of one source that do not fit each other.
    #[error("{place}: its files contradict each other: {source}")]
    Contradictions {
        /// Which source.
        place: String,
        /// In what.
        source: crate::Contradictions,
    },
    /// Read well, and no kernel in it.
    #[error(
        "{place} tells of no kernel: there is no symvers file, no `ksym(…) = …` or `kernel(…) = …` \
         among its Provides, no kernel image and no module in it"
    )]
    NoKernel {
        /// Which source.
        place: String,
    },
}

impl Error {
    /// Wraps what a reader said; a limit that was met inside of it keeps its own words.
    pub(crate) fn input(place: &str, source: io::Error) -> Error {
        let place = place.to_owned();
        match source.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(&OverUnpacked { limit }) => Error::TooLarge {
                place,
                what: "unpacked bytes",
                limit,
            },
            None => Error::Input { place, source },
        }
    }
}

/// Travels inside an [`io::Error`] from the decompressor to whoever reads.
#[derive(Debug, thiserror::Error)]
#[error("more than {limit} unpacked bytes")]
pub(crate) struct OverUnpacked {
    /// Bytes allowed.
    pub limit: u64,
}
