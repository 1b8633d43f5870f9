//! Reads one Linux kernel module (`.ko`): the symbols it needs and exports, with their versions,
//! the hardware it drives, and everything else its `.modinfo` says.
//!
//! Pure: bytes in, facts out. Nothing here opens a file or trusts a length. What stops the reading
//! is an [`Error`]; what is merely odd is an [`Oddity`] of the [`Module`].

mod certificate;
mod crc;
mod der;
mod elf;
mod error;
mod exports;
mod imports;
mod license;
mod limits;
mod modinfo;
mod module;
mod names;
mod oddities;
mod read;
mod seal;
mod signature;
#[cfg(test)]
mod testing;
mod unpack;
mod versions;

pub use certificate::{Certificate, CertificateError, Curve, PublicKey};
pub use crc::{Crc, ParseCrcError};
pub use error::{Compression, Error};
pub use license::is_gpl_compatible;
pub use limits::Limits;
pub use module::{Btf, Export, Import, Machine, Module, ModuleSignature, Oddity, Versions};
pub use seal::Seal;
pub use unpack::{compression, unpack};
