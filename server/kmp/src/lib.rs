//! Reads one RPM package: header, dependencies, files, scriptlets, signatures, and the kernel
//! modules in its payload.
//!
//! Pure: bytes in, facts out. The input is hostile until proven otherwise: every count, offset and
//! length is checked against [`Limits`] before memory is taken.
//!
//! The way in is [`read`]. The other public functions read the small grammars that kernel module
//! packages use in names, versions, paths and dependencies; each takes text and needs no package.
//!
//! Three kinds of answers are kept apart. An [`Error`] means that the file cannot be read on: it is
//! no RPM, it is cut short, rpm itself would refuse its structure, or it is over a limit. An oddity
//! ([`Package::oddities`]) is something unusual that did not stop the reading. A [`DigestCheck`]
//! whose two sides differ says that bytes are not the ones the package was built from; `read`
//! reports it and leaves the judgement to the caller.

mod dependency;
mod digest;
mod error;
mod evr;
mod expectations;
mod files;
mod header;
mod identity;
mod ksym;
mod lead;
mod limits;
mod names;
mod oddities;
mod package;
mod payload;
mod read;
mod scriptlet;
mod signature;
mod source;
mod tag;
mod text;

pub use dependency::{Dependencies, Dependency, sense};
pub use error::{ArchiveProblem, EntryProblem, Error, Part};
pub use evr::{Evr, rpmvercmp};
pub use ksym::{KsymDependency, SymsetDependency};
pub use limits::Limits;
pub use names::{KmpName, KmpVersion, ModulePath};
pub use oddities::ODDITIES;
pub use package::{
    ChangelogEntry, DigestCheck, File, Keep, KeptFile, Package, PackagedCertificate,
    PackagedModule, Scriptlet, file_flag,
};
pub use read::{read, read_headers, read_keeping, read_sealed};
pub use signature::{
    Covers, JudgedModule, JudgedSignature, ModuleVerdict, RawSignature, SignatureReport,
    SignatureVerdict,
};
