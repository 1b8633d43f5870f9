//! One process per data folder, by an flock that the kernel releases whatever way we end.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Error;

/// How long a start waits for a folder in use: long enough to outlast a look at the lock by
/// [`crate::running_url`], short enough not to hide a second server.
const PATIENCE: Duration = Duration::from_millis(500);

/// Held as long as this value lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of `data_dir` and writes our process id into it.
    pub(crate) fn take(data_dir: &Path) -> Result<Lock, Error> {
        let path = path(data_dir);
        let mut file = open(&path).map_err(Error::io("open", &path))?;
        let started = Instant::now();
        while let Err(error) = file.try_lock() {
            match error {
                TryLockError::WouldBlock if started.elapsed() < PATIENCE => {
                    sleep(Duration::from_millis(20));
                }
                TryLockError::WouldBlock => {
                    let data_dir = data_dir.to_owned();
                    return Err(Error::InUse {
                        data_dir,
                        holder: holder(&mut file),
                    });
                }
                TryLockError::Error(source) => return Err(Error::io("lock", &path)(source)),
            }
        }
        write_holder(&mut file).map_err(Error::io("write", &path))?;
        Ok(Lock { _file: file })
    }

    /// Whether some process holds the lock of `data_dir` now.
    pub(crate) fn is_held(data_dir: &Path) -> bool {
        File::open(path(data_dir))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// Path of the lock file.
pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres.lock")
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .custom_flags(crate::log::NO_LINKS)
        .open(path)
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "(unknown)".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_with_the_first_ones_id() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!Lock::is_held(folder.path()));
        let first = Lock::take(folder.path()).unwrap();
        assert!(Lock::is_held(folder.path()));
        let error = Lock::take(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains(&format!("in use by process {}", std::process::id())),
            "{error}"
        );
        drop(first);
        assert!(!Lock::is_held(folder.path()));
        Lock::take(folder.path()).unwrap();
    }
}
