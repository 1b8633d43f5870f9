//! The cluster's log file: appended to, started anew at a start when it has grown large.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::Error;

/// Size beyond which a start begins an empty log.
const LARGEST: u64 = 10 << 20;

/// How much of the log's end an error message shows.
const SHOWN_BYTES: u64 = 2048;
const SHOWN_LINES: usize = 8;

/// As root we open files in a folder that may belong to somebody else: a link there must not lead us
/// astray.
#[expect(
    clippy::cast_possible_wrap,
    reason = "one low bit, given as u32 by rustix and wanted as i32 by std"
)]
pub(crate) const NO_LINKS: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// An open log, and where this start's part of it begins.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    path: PathBuf,
    begin: u64,
}

impl Log {
    /// Opens `DATA/postgres.log`.
    pub(crate) fn open(data_dir: &Path) -> Result<Log, Error> {
        let path = data_dir.join("postgres.log");
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(NO_LINKS)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        let mut begin = file.metadata().map_err(Error::io("look at", &path))?.len();
        if begin > LARGEST {
            file.set_len(0).map_err(Error::io("empty", &path))?;
            begin = 0;
        }
        Ok(Log { file, path, begin })
    }

    /// A second handle, to be a program's output.
    pub(crate) fn output(&self) -> Result<File, Error> {
        self.file.try_clone().map_err(Error::io("open", &self.path))
    }

    /// The last lines written since this start.
    pub(crate) fn tail(&self) -> String {
        self.read_tail()
            .unwrap_or_else(|error| format!("cannot read {}: {error}", self.path.display()))
    }

    fn read_tail(&self) -> std::io::Result<String> {
        let mut file = &self.file;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(
            self.begin.max(end.saturating_sub(SHOWN_BYTES)),
        ))?;
        let mut bytes = Vec::new();
        file.take(SHOWN_BYTES).read_to_end(&mut bytes)?;
        Ok(last_lines(&String::from_utf8_lossy(&bytes)))
    }
}

/// The last few lines of a program's output, as one text.
pub(crate) fn last_lines(output: &str) -> String {
    let lines: Vec<&str> = output.trim().lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    #[test]
    fn shows_only_what_this_start_wrote_and_forgets_a_large_past() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("postgres.log"), "yesterday\n").unwrap();
        let log = Log::open(folder.path()).unwrap();
        writeln!(log.output().unwrap(), "today").unwrap();
        assert_eq!(log.tail(), "today");

        let large = vec![b'x'; usize::try_from(LARGEST).unwrap() + 1];
        fs::write(folder.path().join("postgres.log"), large).unwrap();
        let log = Log::open(folder.path()).unwrap();
        assert_eq!(
            fs::metadata(folder.path().join("postgres.log"))
                .unwrap()
                .len(),
            0
        );
        assert_eq!(log.tail(), "");
    }

    #[test]
    fn does_not_follow_a_link() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("postgres.log")).unwrap();
        assert!(matches!(Log::open(folder.path()), Err(Error::Io { .. })));
    }
}
