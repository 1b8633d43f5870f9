//! Which client is in the middle of a refresh of which generation, on disk: a client that got a
//! signature just before the server was killed gets the document that belongs to it after the
//! restart. One line per hold, appended and never synced: after a power cut no client waits.
//!
//! ```text
//! <repository> <generation> <address> <program>
//! ```

use crate::served::Client;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The file starts anew beyond this size, in bytes.
const LONGEST: u64 = 1 << 20;

/// The file, open for appending. The default one keeps nothing.
#[derive(Debug, Default)]
pub struct Journal {
    file: Option<Mutex<File>>,
}

/// The last generation each client was held to, by repository.
pub type Recovered = HashMap<i64, HashMap<Client, i64>>;

impl Journal {
    /// Reads what an earlier server left, and goes on from there.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(path: &Path) -> io::Result<(Self, Recovered)> {
        let text = match std::fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut recovered = Recovered::new();
        // A kill may have cut the last line; the others are whole.
        for (repository, number, client) in text.lines().filter_map(parse) {
            recovered
                .entry(repository)
                .or_default()
                .insert(client, number);
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            (&file).write_all(b"\n")?;
        }
        let file = Some(Mutex::new(file));
        Ok((Self { file }, recovered))
    }

    /// Notes that a client is held to a generation. A full disk costs only the note.
    pub fn note(&self, repository: i64, number: i64, (address, program): &Client) {
        let Some(file) = &self.file else { return };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{repository} {number} {address} {program}\n");
        let noted = file.metadata().and_then(|metadata| {
            if metadata.len() > LONGEST {
                file.set_len(0)?;
            }
            file.write_all(line.as_bytes())
        });
        if let Err(error) = noted {
            tracing::debug!(%error, "cannot note which generation a client began with");
        }
    }
}

fn parse(line: &str) -> Option<(i64, i64, Client)> {
    let mut parts = line.splitn(4, ' ');
    let repository = parts.next()?.parse().ok()?;
    let number = parts.next()?.parse().ok()?;
    let address = parts.next()?.parse().ok()?;
    Some((repository, number, (address, parts.next()?.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    #[test]
    fn the_last_generation_of_each_client_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("holds");
        let zypper: Client = (
            IpAddr::from([127, 0, 0, 1]),
            "ZYpp 17.25.7 (curl 7.88.1) ".to_owned(),
        );
        let (journal, recovered) = Journal::open(&path).unwrap();
        assert!(recovered.is_empty());
        journal.note(1, 7, &zypper);
        journal.note(1, 8, &zypper);
        std::fs::write(
            &path,
            [std::fs::read(&path).unwrap(), b"1 9 127.".to_vec()].concat(),
        )
        .unwrap();
        let (_, recovered) = Journal::open(&path).unwrap();
        assert_eq!(recovered[&1][&zypper], 8);
    }
}
