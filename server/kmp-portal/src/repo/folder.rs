//! A repository's folder on disk: what is in `repodata`, and how it is replaced.
//!
//! ```text
//! repodata/<sha256>-primary.xml.gz …   named by content, never changed, written first
//! repodata/repomd.xml.key, .asc        the signature and its key, when signed
//! repodata/repomd.xml                  renamed into place last: this makes the rest current
//! ```

use super::find::REPODATA;
use anyhow::Context as _;
use repomd::{DataFile, Metadata};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The index, its detached signature, and the key that made it, relative to the repository's root.
pub const REPOMD: &str = "repodata/repomd.xml";
pub const SIGNATURE: &str = "repodata/repomd.xml.asc";
pub const KEY: &str = "repodata/repomd.xml.key";

/// Held while a repository is written, relative to its root.
const LOCK: &str = ".repodata.lock";
/// What names of unfinished files begin with; a run that died leaves some.
const UNFINISHED: &str = ".new-";
/// Before the umask.
const MODE: u32 = 0o666;
/// Characters of a SHA-256 in a file name.
const DIGEST_LENGTH: usize = 64;
/// The largest file of `repodata` that is read, in bytes: it is held in memory.
const DATA_LIMIT: u64 = 4 << 30;

/// Keeps a second run out of the repository until dropped. The kernel frees the lock of a process
/// that died.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// # Errors
    /// Another run holds the lock, or the folder cannot be written.
    pub fn take(root: &Path) -> anyhow::Result<Self> {
        let path = root.join(LOCK);
        loop {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .with_context(|| path.display().to_string())?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => anyhow::bail!(
                    "another run is writing this repository (it holds {}); wait for its end",
                    path.display()
                ),
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| path.display().to_string());
                }
            }
            // Who held it before may have removed the file after we opened it: then we hold a lock
            // that nobody else can see.
            let current = fs::metadata(&path).map(|metadata| metadata.ino()).ok();
            if current == Some(file.metadata()?.ino()) {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A lock file that stays does no harm: the lock is on it, not in its being there.
        let _ = fs::remove_file(&self.path);
    }
}

/// The signature over `repomd.xml` and the public key that belongs to it, both armored.
#[derive(Debug)]
pub struct Signed {
    pub signature: Vec<u8>,
    pub key: String,
}

/// Makes this metadata the current one of the repository in `root`, and gives the names in
/// `repodata` that the one before listed, for [`remove_replaced`].
///
/// Everything is written and synced before the first of the three fixed names changes, so that a
/// full disk spoils nothing. `repomd.xml` comes last and lists only files that are there. A client
/// that asks in the instant between the renames can meet a signature that does not fit yet: it
/// refuses and asks again. No order of three names in a plain folder avoids that.
///
/// # Errors
/// The file system refuses; the old `repomd.xml` is current then.
pub fn publish(
    root: &Path,
    metadata: &Metadata,
    signed: Option<&Signed>,
) -> io::Result<BTreeSet<String>> {
    let repodata = root.join(REPODATA);
    fs::create_dir_all(&repodata)?;
    let replaced = data_files(root);
    for DataFile { location, bytes } in &metadata.files {
        rename(stage(&repodata, bytes)?, &root.join(location))?;
    }
    let repomd = stage(&repodata, &metadata.repomd)?;
    if let Some(signed) = signed {
        let key = stage(&repodata, signed.key.as_bytes())?;
        let signature = stage(&repodata, &signed.signature)?;
        sync_folder(&repodata)?;
        rename(key, &root.join(KEY))?;
        rename(signature, &root.join(SIGNATURE))?;
    } else {
        sync_folder(&repodata)?;
        remove(&root.join(SIGNATURE))?;
        remove(&root.join(KEY))?;
    }
    rename(repomd, &root.join(REPOMD))?;
    sync_folder(&repodata)?;
    sync_folder(root)?;
    Ok(replaced)
}

fn stage(folder: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(Permissions::from_mode(MODE))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn rename(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.persist(path)?;
    Ok(())
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Names in `repodata` that the current `repomd.xml` lists; none when there is no readable one.
fn data_files(root: &Path) -> BTreeSet<String> {
    let repomd = read_file(&root.join(REPOMD))
        .ok()
        .and_then(|bytes| repomd::parse_repomd(&bytes).ok());
    let data = repomd.map(|repomd| repomd.data).unwrap_or_default();
    data.iter()
        .filter_map(|data| name_in_repodata(&data.location))
        .map(str::to_owned)
        .collect()
}

/// The file name in a location directly below `repodata`; others are not ours to touch.
fn name_in_repodata(location: &str) -> Option<&str> {
    let name = location.strip_prefix(REPODATA)?.strip_prefix('/')?;
    let plain = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
    plain.then_some(name)
}

/// Removes data files that were `replaced`, and what runs that died left behind.
///
/// # Errors
/// The file system refuses; the repository is whole with such files, too.
pub fn remove_replaced(
    root: &Path,
    replaced: &BTreeSet<String>,
    metadata: &Metadata,
) -> io::Result<()> {
    let current: BTreeSet<&str> = metadata
        .files
        .iter()
        .filter_map(|file| name_in_repodata(&file.location))
        .collect();
    for entry in fs::read_dir(root.join(REPODATA))? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !current.contains(name)) else {
            continue;
        };
        if replaced.contains(name) || name.starts_with(UNFINISHED) || is_ours(name) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// `<sha256>-primary.xml…` and so on: a run that died before its `repomd.xml` leaves some.
fn is_ours(name: &str) -> bool {
    let Some((digest, rest)) = name.split_once('-') else {
        return false;
    };
    digest.len() == DIGEST_LENGTH
        && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
        && ["primary.xml", "filelists.xml", "other.xml"]
            .iter()
            .any(|kind| rest.starts_with(kind))
}

/// Reads a regular file of a size that fits into memory.
///
/// # Errors
/// It is not there, no regular file, or too large.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // Looked at before it is opened: opening a pipe would wait forever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(DATA_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > DATA_LIMIT {
        return Err(io::Error::other(format!(
            "it has more than {DATA_LIMIT} bytes"
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_exclude_each_other() {
        let work = tempfile::tempdir().unwrap();
        let first = Lock::take(work.path()).unwrap();
        let refused = Lock::take(work.path()).unwrap_err().to_string();
        assert!(refused.contains("another run"), "{refused}");
        drop(first);
        assert!(!work.path().join(LOCK).exists());
        // What a run that died leaves does not bar the next.
        fs::write(work.path().join(LOCK), "").unwrap();
        Lock::take(work.path()).unwrap();
    }

    #[test]
    fn only_files_below_repodata_are_removed() {
        let cases = [
            ("repodata/a-primary.xml.gz", Some("a-primary.xml.gz")),
            ("repodata/../driver.rpm", None),
            ("repodata/..", None),
            ("repodata/", None),
            ("repodata", None),
            ("driver.rpm", None),
            ("/repodata/a", None),
        ];
        for (location, expected) in cases {
            assert_eq!(name_in_repodata(location), expected, "{location}");
        }
    }

    #[test]
    fn leftovers_are_known_by_their_names() {
        let digest = "0a".repeat(32);
        for (name, ours) in [
            (format!("{digest}-primary.xml.gz"), true),
            (format!("{digest}-other.xml.zst"), true),
            (format!("{digest}-updateinfo.xml.gz"), false),
            ("primary.xml.gz".to_owned(), false),
            ("repomd.xml".to_owned(), false),
        ] {
            assert_eq!(is_ours(&name), ours, "{name}");
        }
    }
}
