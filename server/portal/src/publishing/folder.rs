//! A generation's folder: its data files are written under names that say nothing, synced, and get
//! their names, which are their digests, last.

use super::groups::{KeptGroups, Part};
use crate::storage::sync_folder;
use anyhow::Context as _;
use bytes::Bytes;
use repomd::{Assembler, Data, Options};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

/// What names of unfinished files begin with.
const UNFINISHED: &str = ".new-";

pub enum Outcome {
    Written(Written),
    /// These groups are not what they were; nothing was finished.
    Damaged(Vec<Part>),
}

/// Data files that are on the disk for good.
pub struct Written {
    pub repomd: Vec<u8>,
    /// Of the data files, below the repository's root.
    pub locations: Vec<String>,
}

/// Writes the data files of these groups. What is in the folder already was left by a publisher that
/// died before its commit.
///
/// # Errors
/// The disk is full, or fails.
pub fn write(
    folder: &Path,
    kept: &KeptGroups,
    parts: &[Part],
    options: &Options,
) -> io::Result<Outcome> {
    remove(folder)?;
    let repodata = folder.join("repodata");
    fs::create_dir_all(&repodata)?;
    let packages = parts.iter().map(|part| part.range.len()).sum();
    let unfinished = |kind: &str| repodata.join(format!("{UNFINISHED}{kind}"));
    let mut assembler = Assembler::new(packages, options, &mut |kind| {
        File::create(unfinished(kind)).map(BufWriter::new)
    })?;
    let mut damaged = Vec::new();
    let mut memory = Vec::new();
    for part in parts {
        let Some(group) = kept.read(part, memory)? else {
            damaged.push(part.clone());
            memory = Vec::new();
            continue;
        };
        assembler.add(&group)?;
        memory = group.into_bytes();
    }
    if !damaged.is_empty() {
        return Ok(Outcome::Damaged(damaged));
    }
    let assembled = assembler.finish()?;
    let mut locations = Vec::new();
    for (data, file) in assembled.files {
        file.get_ref().sync_all()?;
        fs::rename(unfinished(&data.kind), folder.join(&data.location))?;
        locations.push(data.location);
    }
    sync_folder(&repodata)?;
    sync_folder(folder)?;
    folder.parent().map_or(Ok(()), sync_folder)?;
    Ok(Outcome::Written(Written {
        repomd: assembled.repomd,
        locations,
    }))
}

/// Reads a data file, which must be as `repomd.xml` says.
///
/// # Errors
/// It is missing, or another.
pub fn data_file(folder: &Path, data: &Data) -> anyhow::Result<Bytes> {
    let path = folder.join(&data.location);
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    let digest = hex::encode(Sha256::digest(&bytes));
    anyhow::ensure!(
        digest == data.checksum.value,
        "{} was altered on the disk: its {} bytes have the SHA-256 {digest}",
        path.display(),
        bytes.len()
    );
    Ok(bytes.into())
}

/// Removes a folder, if it is there.
///
/// # Errors
/// The file system refuses.
pub fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
