//! The running cluster as the system shows it: `postmaster.pid` and `/proc`.
//!
//! `postmaster.pid`, one value a line (PostgreSQL's `src/include/utils/pidfile.h`): process id, data
//! folder, start time, port, socket folder, listen address, shared memory key, status.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Error;

/// How often we look whether something has changed.
pub(crate) const GLANCE: Duration = Duration::from_millis(10);

/// Time for an orderly end, which includes writing a checkpoint, before it is cut short.
pub(crate) const ORDERLY_END: Duration = Duration::from_secs(60);

/// Time for an immediate end before the kernel ends it.
pub(crate) const IMMEDIATE_END: Duration = Duration::from_secs(10);

/// What `postmaster.pid` says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PidFile {
    pub pid: i32,
    pub socket_folder: PathBuf,
    /// Connections are accepted.
    pub ready: bool,
}

impl PidFile {
    /// Of the cluster in the folder; none when it is not there or not complete yet.
    pub(crate) fn read(cluster: &Path) -> Option<PidFile> {
        PidFile::parse(&fs::read_to_string(cluster.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<PidFile> {
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        let pid = lines.first()?.parse().ok().filter(|pid| *pid > 0)?;
        let socket_folder = PathBuf::from(lines.get(4).copied().unwrap_or_default());
        Some(PidFile {
            pid,
            socket_folder,
            ready: lines.get(7) == Some(&"ready"),
        })
    }
}

/// Whether `pid` is a PostgreSQL process that works in the folder `cluster` (absolute, links resolved).
/// PostgreSQL makes its data folder its working folder; only where that may not be read (another
/// user's process) does the command line have to do.
pub(crate) fn works_in(pid: i32, cluster: &Path) -> bool {
    let Ok(command_line) = fs::read(format!("/proc/{pid}/cmdline")) else {
        return false;
    };
    let mut words = command_line.split(|byte| *byte == 0);
    if !words.next().is_some_and(is_postgres) {
        return false;
    }
    match fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(folder) => folder == cluster,
        Err(_) => words.any(|word| word == cluster.as_os_str().as_bytes()),
    }
}

/// `/usr/lib/postgresql/15/bin/postgres`, or `postgres: checkpointer ` of its children.
fn is_postgres(first_word: &[u8]) -> bool {
    let name = first_word
        .rsplit(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    name == b"postgres" || name == b"postmaster" || first_word.starts_with(b"postgres: ")
}

/// Ends whatever still works in the cluster's folder. The caller holds the lock, so no living server
/// wants these processes: their starter was killed, or the postmaster was and left children behind.
pub(crate) fn end_orphans(cluster: &Path) -> Result<(), Error> {
    let steps = [
        (Signal::INT, ORDERLY_END),
        (Signal::QUIT, IMMEDIATE_END),
        (Signal::KILL, IMMEDIATE_END),
    ];
    for (signal, patience) in steps {
        let orphans = processes_in(cluster);
        if orphans.is_empty() {
            return Ok(());
        }
        let postmaster = PidFile::read(cluster)
            .map(|file| file.pid)
            .filter(|pid| orphans.contains(pid));
        for pid in &orphans {
            // With a living postmaster only that one is told, and ends its children in order.
            if postmaster.is_none_or(|postmaster| postmaster == *pid) {
                send(*pid, signal);
            }
        }
        if wait_until(patience, || processes_in(cluster).is_empty()) {
            return Ok(());
        }
    }
    match processes_in(cluster).first() {
        Some(&pid) => Err(Error::Stubborn {
            pid,
            cluster: cluster.to_owned(),
        }),
        None => Ok(()),
    }
}

fn processes_in(cluster: &Path) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| works_in(*pid, cluster))
        .collect()
}

/// Sends a signal; a process that has just ended is as good.
pub(crate) fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

/// Whether `done` came true within `patience`.
pub(crate) fn wait_until(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if done() {
            return true;
        }
        if started.elapsed() > patience {
            return false;
        }
        sleep(GLANCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_pid_file_in_every_stage() {
        let full = "4711\n/data/cluster\n1700000000\n5432\n/data/socket\n\n  123  456\nready   \n";
        let expected = PidFile {
            pid: 4711,
            socket_folder: "/data/socket".into(),
            ready: true,
        };
        assert_eq!(PidFile::parse(full), Some(expected.clone()));
        let starting = full.replace("ready   ", "starting");
        assert_eq!(
            PidFile::parse(&starting),
            Some(PidFile {
                ready: false,
                ..expected
            })
        );
        let first_lines = PidFile {
            pid: 4711,
            socket_folder: PathBuf::new(),
            ready: false,
        };
        assert_eq!(PidFile::parse("4711\n/data/cluster\n"), Some(first_lines));
        for broken in ["", "\n", "x\n", "-4711\n", "0\n", "99999999999999\n"] {
            assert_eq!(PidFile::parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn tells_postgres_from_others() {
        for (word, expected) in [
            ("/usr/lib/postgresql/15/bin/postgres", true),
            ("postgres", true),
            ("postgres: checkpointer ", true),
            ("postgres_exporter", false),
            ("/bin/psql", false),
            ("", false),
        ] {
            assert_eq!(is_postgres(word.as_bytes()), expected, "{word}");
        }
        assert!(!works_in(
            i32::try_from(std::process::id()).unwrap(),
            &std::env::current_dir().unwrap()
        ));
    }
}
