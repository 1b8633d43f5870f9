//! From what a repository was made last, so that `--update` sees at once that nothing changed.
//!
//! ```text
//! .repodata.state   SHA-256 of packages and options, a blank, SHA-256 of repomd.xml
//! ```
//!
//! Only a short cut: without the file, or with another, everything is looked at.

use super::build::Build;
use super::find::Found;
use super::folder::{REPOMD, SIGNATURE, read_file};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io;
use std::path::Path;

/// Relative to the repository's root.
pub const STATE: &str = ".repodata.state";

/// Says what a repository is to be made of: hex.
pub fn wanted(order: &Build, signed_by: Option<&str>, found: &[Found]) -> String {
    let mut hash = Sha256::new();
    let revision = order.revision.as_deref().unwrap_or_default();
    let signed_by = signed_by.unwrap_or_default();
    hash.update(format!(
        "1\n{:?}\n{revision}\n{signed_by}\n",
        order.compress
    ));
    for found in found {
        // Locations hold no line breaks.
        hash.update(format!(
            "{} {} {}\n",
            found.size, found.time, found.location
        ));
    }
    hex::encode(hash.finalize())
}

/// Whether the repository is there as it was made, and from what is wanted.
pub fn is_current(root: &Path, wanted: &str, is_signed: bool) -> bool {
    let Ok(repomd) = read_file(&root.join(REPOMD)) else {
        return false;
    };
    let stated = fs::read_to_string(root.join(STATE)).unwrap_or_default();
    stated == line(wanted, &repomd)
        && root.join(SIGNATURE).exists() == is_signed
        && data_is_whole(root, &repomd)
}

fn data_is_whole(root: &Path, repomd: &[u8]) -> bool {
    let Ok(repomd) = repomd::parse_repomd(repomd) else {
        return false;
    };
    repomd.data.iter().all(|data| {
        let bytes = read_file(&root.join(&data.location));
        bytes.is_ok_and(|bytes| hex::encode(Sha256::digest(bytes)) == data.checksum.value)
    })
}

/// Notes what the repository was made of.
///
/// # Errors
/// The file cannot be written.
pub fn note(root: &Path, wanted: &str, repomd: &[u8]) -> io::Result<()> {
    fs::write(root.join(STATE), line(wanted, repomd))
}

fn line(wanted: &str, repomd: &[u8]) -> String {
    format!("{wanted} {}\n", hex::encode(Sha256::digest(repomd)))
}
