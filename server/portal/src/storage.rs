//! Files below the data folder. A package's file is named by its content and never changes.
//!
//! ```text
//! incoming/            uploads in progress; whatever lies here at start is left over
//! packages/ab/<sha256>.rpm
//! repositories/<repository>/<generation>/repodata/…
//! repositories/<repository>/groups/<key>  packed parts of the newest generation, for the next one
//! keys/                the repository's signing key
//! holds                which client began its refresh with which generation
//! mail/                mails, when no SMTP server is set
//! unclaimed/           package files that no row of the database knows, set aside at start
//! cluster/, socket/, postgres.*   the private database
//! ```

use crate::error::Error;
use futures_util::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;

/// An upload may pause this long before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The data folder.
#[derive(Clone, Debug)]
pub struct Storage {
    root: PathBuf,
}

/// An upload whose bytes are all on disk, under a name that vanishes unless it is kept.
#[derive(Debug)]
pub struct Received {
    pub sha256: [u8; 32],
    pub size: u64,
    file: NamedTempFile,
}

impl Received {
    /// Where it lies until it is kept or dropped.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

impl Storage {
    /// Makes the folders.
    ///
    /// # Errors
    /// A folder cannot be made.
    pub fn open(root: &Path) -> io::Result<Self> {
        for folder in ["incoming", "packages", "repositories", "keys"] {
            fs::create_dir_all(root.join(folder))?;
        }
        Ok(Self {
            root: root.canonicalize()?,
        })
    }

    /// Removes uploads on which nothing was written for this long: they were interrupted.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn sweep_incoming(&self, untouched: Duration) -> io::Result<usize> {
        let mut removed = 0;
        for entry in fs::read_dir(self.root.join("incoming"))? {
            let entry = entry?;
            let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
            if age >= untouched {
                fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Sets a package file aside: the database does not know it, and perhaps that is the one
    /// that is wrong.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn set_aside(&self, sha256: &[u8]) -> io::Result<()> {
        let place = self.root.join("unclaimed");
        fs::create_dir_all(&place)?;
        fs::rename(
            self.package(sha256),
            place.join(format!("{}.rpm", hex::encode(sha256))),
        )
    }

    /// Where files lie that are on their way.
    #[must_use]
    pub fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// Note of the clients in the middle of a refresh.
    #[must_use]
    pub fn holds(&self) -> PathBuf {
        self.root.join("holds")
    }

    /// Where the bytes of a package lie.
    #[must_use]
    pub fn package(&self, sha256: &[u8]) -> PathBuf {
        let name = hex::encode(sha256);
        let shelf = name.get(..2).unwrap_or("00");
        self.root
            .join("packages")
            .join(shelf)
            .join(format!("{name}.rpm"))
    }

    /// Where the generations of a repository lie, each in a folder with its number.
    #[must_use]
    pub fn generations(&self, repository: i64) -> PathBuf {
        self.root.join("repositories").join(repository.to_string())
    }

    /// Where the files of a repository generation lie.
    #[must_use]
    pub fn generation(&self, repository: i64, number: i64) -> PathBuf {
        self.generations(repository).join(number.to_string())
    }

    /// Where a repository's packed groups of packages lie.
    #[must_use]
    pub fn groups(&self, repository: i64) -> PathBuf {
        self.generations(repository).join("groups")
    }

    /// Writes a body to disk while hashing it.
    ///
    /// # Errors
    /// 413 beyond `limit` bytes, 400 when the client breaks off, 507 when the disk is full.
    /// Nothing is left behind.
    pub async fn receive<S, E>(&self, body: S, limit: u64) -> Result<Received, Error>
    where
        S: Stream<Item = Result<bytes::Bytes, E>>,
        E: std::fmt::Display,
    {
        let file = NamedTempFile::new_in(self.root.join("incoming")).map_err(storage_error)?;
        let mut writer = tokio::fs::File::from_std(file.reopen().map_err(storage_error)?);
        let mut hash = Sha256::new();
        let mut size = 0_u64;
        let mut body = std::pin::pin!(body);
        loop {
            let chunk = match tokio::time::timeout(PATIENCE, body.next()).await {
                Err(_) => return Err(broken_off(size, "nothing came for a minute")),
                Ok(None) => break,
                Ok(Some(Err(error))) => return Err(broken_off(size, &error.to_string())),
                Ok(Some(Ok(chunk))) => chunk,
            };
            size += chunk.len() as u64;
            if size > limit {
                return Err(over_limit(limit));
            }
            hash.update(&chunk);
            writer.write_all(&chunk).await.map_err(storage_error)?;
        }
        writer.flush().await.map_err(storage_error)?;
        writer.sync_all().await.map_err(storage_error)?;
        Ok(Received {
            sha256: hash.finalize().into(),
            size,
            file,
        })
    }

    /// Gives an upload its lasting name. Once this returns, the bytes survive a power cut.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn keep(&self, received: Received) -> io::Result<()> {
        let place = self.package(&received.sha256);
        let shelf = place.parent().unwrap_or(&self.root);
        fs::create_dir_all(shelf)?;
        received.file.persist(&place).map_err(|e| e.error)?;
        sync_folder(shelf)?;
        sync_folder(&self.root.join("packages"))
    }

    /// Removes the bytes of a package that was rejected.
    ///
    /// # Errors
    /// The file system refuses; a file that is gone already is fine.
    pub fn discard_package(&self, sha256: &[u8]) -> io::Result<()> {
        match fs::remove_file(self.package(sha256)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// Hashes of all package files on disk.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn packages(&self) -> io::Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        for shelf in fs::read_dir(self.root.join("packages"))? {
            for file in fs::read_dir(shelf?.path())? {
                let name = file?.file_name();
                let name = name.to_string_lossy();
                if let Some(sha256) = name.strip_suffix(".rpm").and_then(|n| hex::decode(n).ok()) {
                    found.push(sha256);
                }
            }
        }
        Ok(found)
    }
}

impl Received {
    /// Opens the bytes for reading, from their start.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn open(&self) -> io::Result<fs::File> {
        self.file.reopen()
    }
}

/// Writes a new file and makes it lasting.
///
/// # Errors
/// The file system refuses.
pub fn write_lasting(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the names in a folder lasting.
///
/// # Errors
/// The file system refuses.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// The 413.
#[must_use]
pub fn over_limit(limit: u64) -> Error {
    Error::too_large(format!(
        "Uploads to this portal may have at most {limit} bytes. Leave out debug information \
         (`strip --strip-debug`, -debuginfo packages), or ask the operator to raise \
         `max-package-bytes`."
    ))
}

fn broken_off(size: u64, why: &str) -> Error {
    Error::bad_request(format!(
        "The upload broke off after {size} bytes: {why}. Nothing was kept; send it again."
    ))
}

fn storage_error(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            tracing::error!(%error, "the data folder's disk is full");
            Error::disk_full()
        }
        _ => Error::Internal(anyhow::Error::new(error).context("writing an upload")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    fn storage() -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path()).unwrap();
        (folder, storage)
    }

    fn body(chunks: &[&'static str]) -> impl Stream<Item = Result<bytes::Bytes, String>> {
        stream::iter(chunks.iter().map(|c| Ok((*c).into())).collect::<Vec<_>>())
    }

    #[tokio::test]
    async fn an_upload_is_kept_under_its_hash() {
        let (_folder, storage) = storage();
        let received = storage.receive(body(&["ab", "c"]), 3).await.unwrap();
        let sha256 = received.sha256;
        assert_eq!(sha256[..], Sha256::digest("abc")[..]);
        storage.keep(received).unwrap();
        assert_eq!(fs::read(storage.package(&sha256)).unwrap(), b"abc");
        assert_eq!(storage.packages().unwrap(), vec![sha256.to_vec()]);
        assert_eq!(storage.sweep_incoming(Duration::ZERO).unwrap(), 0);
        storage.set_aside(&sha256).unwrap();
        assert!(storage.packages().unwrap().is_empty());
    }

    #[tokio::test]
    async fn too_large_or_broken_uploads_leave_nothing() {
        let (folder, storage) = storage();
        assert!(storage.receive(body(&["ab", "cd"]), 3).await.is_err());
        let broken = stream::iter([Ok("ab".into()), Err("connection reset")]);
        let error = storage.receive(broken, 3).await.unwrap_err();
        assert!(error.to_string().contains("connection reset"), "{error}");
        assert_eq!(
            fs::read_dir(folder.path().join("incoming"))
                .unwrap()
                .count(),
            0
        );
    }
}
