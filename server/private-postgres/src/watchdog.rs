//! Ends the cluster when we are killed: a shell that waits for our end of a pipe to close.
//!
//! The kernel could send the signal by itself (`PR_SET_PDEATHSIG`), but it does so when the *thread*
//! that started the child ends, and pooled threads come and go.

use std::path::Path;
use std::process::{Child, Stdio};

use crate::Durability;
use crate::owner::Owner;

/// `$1` the postmaster, `$2` the signal. The name is compared in case the number was given to another
/// process meanwhile.
const SCRIPT: &str = r#"
read -r line
read -r name < "/proc/$1/comm" && [ "$name" = postgres ] && kill -s "$2" "$1"
"#;

/// The waiting shell. Dropping it calls the watch off.
#[derive(Debug)]
pub(crate) struct Watchdog {
    child: Child,
}

impl Watchdog {
    /// Starts it for the postmaster `pid`. None when there is no shell: then the next start clears up.
    pub(crate) fn start(owner: &Owner, pid: u32, durability: Durability) -> Option<Watchdog> {
        let signal = match durability {
            Durability::Full => "INT",
            Durability::Throwaway => "QUIT",
        };
        let mut command = owner.command(Path::new("/bin/sh"));
        command.args(["-c", SCRIPT, "postgres-watchdog", &pid.to_string(), signal]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Some(Watchdog {
            child: command.spawn().ok()?,
        })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Killed before `child` is dropped and the pipe closes with it, or it would do its work.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
