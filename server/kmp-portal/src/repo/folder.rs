//! A repository's folder on disk: what is in `repodata`, and how it is replaced.
//!
//! ```text
//! repodata/<sha256>-primary.xml.gz …   named by content
//! repodata/repomd.xml.key, .asc        the signature and its key, when signed
//! repodata/repomd.xml                  lists the rest
//! .repodata.new                        the next one, until it takes the place of repodata as a whole
//! ```

use super::find::REPODATA;
use anyhow::Context as _;
use repomd::{DataFile, Metadata};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The index, its detached signature, and the key that made it, relative to the repository's root.
pub const REPOMD: &str = "repodata/repomd.xml";
pub const SIGNATURE: &str = "repodata/repomd.xml.asc";
pub const KEY: &str = "repodata/repomd.xml.key";

/// Held while a repository is written, relative to its root.
const LOCK: &str = ".repodata.lock";
/// Where the next `repodata` is written, relative to the root; a run that died leaves one.
pub const NEXT: &str = ".repodata.new";
/// What names of unfinished files in `repodata` began with, before it was exchanged as a whole.
const UNFINISHED: &str = ".new-";
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

/// Makes this metadata the current one of the repository in `root`. Gives why something of the one
/// before stays behind, if it does.
///
/// All of it is written and synced in a folder beside `repodata`, which then takes its place in one
/// step: whoever looks sees the index, the signature and the data files of one and the same run, also
/// after a power cut. Files in `repodata` that are not the repository's come along. Where the file
/// system cannot exchange folders, or `repodata` is none of its own, the files are renamed one by one,
/// `repomd.xml` last; a client that asks in that instant can meet a signature that does not fit yet.
///
/// # Errors
/// The file system refuses; the old metadata is current then.
pub fn publish(
    root: &Path,
    metadata: &Metadata,
    signed: Option<&Signed>,
) -> io::Result<Option<io::Error>> {
    let next = root.join(NEXT);
    remove_folder(&next)?;
    let done = write(&next, metadata, signed).and_then(|()| switch(root, metadata, signed));
    let cleared = remove_folder(&next);
    done?;
    sync_folder(root)?;
    Ok(cleared.err())
}

/// Writes the folder that is to become `repodata`.
fn write(next: &Path, metadata: &Metadata, signed: Option<&Signed>) -> io::Result<()> {
    fs::create_dir(next)?;
    let put = |location: &str, bytes: &[u8]| {
        let name = name_in_repodata(location).ok_or(io::ErrorKind::InvalidInput)?;
        let mut file = File::create_new(next.join(name))?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    for DataFile { location, bytes } in &metadata.files {
        put(location, bytes)?;
    }
    if let Some(signed) = signed {
        put(KEY, signed.key.as_bytes())?;
        put(SIGNATURE, &signed.signature)?;
    }
    put(REPOMD, &metadata.repomd)?;
    sync_folder(next)
}

/// Puts the new folder in the place of `repodata`.
fn switch(root: &Path, metadata: &Metadata, signed: Option<&Signed>) -> io::Result<()> {
    let (next, repodata) = (root.join(NEXT), root.join(REPODATA));
    if fs::symlink_metadata(&repodata).is_err() {
        return fs::rename(next, repodata);
    }
    let replaced = data_files(root);
    let is_whole = bring_along(&repodata, &next, &replaced)?;
    if is_whole && exchange(&next, &repodata)? {
        return Ok(());
    }
    for DataFile { location, .. } in &metadata.files {
        move_over(root, location)?;
    }
    sync_folder(&repodata)?;
    for location in [KEY, SIGNATURE] {
        match signed {
            Some(_) => move_over(root, location)?,
            None => remove(&root.join(location))?,
        }
    }
    move_over(root, REPOMD)?;
    sync_folder(&repodata)?;
    remove_replaced(root, &replaced, metadata)
}

/// Links files that are not the repository's into the new folder, and gives it the owner and mode of
/// the old one. Says whether the new one can take its place: not when the old one holds anything but
/// files, or is a link.
fn bring_along(repodata: &Path, next: &Path, replaced: &BTreeSet<String>) -> io::Result<bool> {
    let old = fs::symlink_metadata(repodata)?;
    let mut foreign = Vec::new();
    for entry in fs::read_dir(repodata)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() {
            return Ok(false);
        }
        let name = entry.file_name();
        if !name.to_str().is_some_and(|name| is_made(name, replaced)) {
            foreign.push(name);
        }
    }
    if !old.is_dir() {
        return Ok(false);
    }
    for name in foreign {
        if fs::hard_link(repodata.join(&name), next.join(&name)).is_err() {
            return Ok(false);
        }
    }
    // Only root can give files away, and he should.
    let _ = std::os::unix::fs::chown(next, Some(old.uid()), Some(old.gid()));
    fs::set_permissions(next, old.permissions())?;
    sync_folder(next)?;
    Ok(true)
}

/// Whether the file system exchanged the two.
fn exchange(one: &Path, other: &Path) -> io::Result<bool> {
    use rustix::io::Errno;
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        // Network file systems and old kernels cannot; a mount point stays where it is.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::BUSY | Errno::XDEV) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Renames a file of the new folder into `repodata`.
fn move_over(root: &Path, location: &str) -> io::Result<()> {
    let name = name_in_repodata(location).ok_or(io::ErrorKind::InvalidInput)?;
    fs::rename(root.join(NEXT).join(name), root.join(location))
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
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
fn remove_replaced(
    root: &Path,
    replaced: &BTreeSet<String>,
    metadata: &Metadata,
) -> io::Result<()> {
    let current: BTreeSet<&str> = metadata
        .files
        .iter()
        .filter_map(|file| name_in_repodata(&file.location))
        .chain(
            [REPOMD, SIGNATURE, KEY]
                .iter()
                .filter_map(|it| name_in_repodata(it)),
        )
        .collect();
    for entry in fs::read_dir(root.join(REPODATA))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().filter(|name| !current.contains(name));
        if name.is_some_and(|name| is_made(name, replaced)) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Whether a file in `repodata` is the repository's: listed by its index, one of the three fixed names,
/// or left by a run that died.
fn is_made(name: &str, listed: &BTreeSet<String>) -> bool {
    let mut fixed = [REPOMD, SIGNATURE, KEY]
        .into_iter()
        .filter_map(name_in_repodata);
    listed.contains(name)
        || fixed.any(|it| it == name)
        || name.starts_with(UNFINISHED)
        || is_ours(name)
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
