//! A process takes its own rights away.

use crate::files;
use rustix::process::{Pid, Resource, Rlimit, Signal};
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Duration;

/// What a confined process may use.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bounds {
    /// Bytes of address space beside those of the program itself.
    pub memory: u64,
    /// Time of a processor, in whole seconds.
    pub cpu: Duration,
    /// Time by the clock. Longer than `cpu`: a busy machine is not the package's fault.
    pub wall: Duration,
    /// Bytes of its answer.
    pub answer: usize,
}

/// Which protections the kernel granted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Protections {
    /// No files but those that are open, no TCP, no signals to others.
    pub landlock: Hold,
    /// No system calls but those that computing takes.
    pub seccomp: Hold,
}

/// How far a protection holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    Full,
    /// The kernel knows a part of it only.
    Partial,
    /// Not at all, and why.
    Missing(String),
}

impl std::fmt::Display for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Hold::Full => f.write_str("full"),
            Hold::Partial => f.write_str("partial"),
            Hold::Missing(why) => write!(f, "missing ({why})"),
        }
    }
}

/// Has the kernel end this process when its parent ends. Says whether the parent is still there.
///
/// # Errors
/// The kernel refuses.
pub fn die_with_parent(parent: u32) -> io::Result<bool> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended before.
    let now = rustix::process::getppid().map(Pid::as_raw_nonzero);
    Ok(now.is_some_and(|now| u32::try_from(now.get()) == Ok(parent)))
}

/// Takes everything from this process that computing does not take. It cannot be undone, and holds
/// for threads started later; there should be no others yet.
///
/// # Errors
/// A limit of the process cannot be set. Landlock and seccomp are used where there are.
pub fn restrict(bounds: &Bounds) -> io::Result<Protections> {
    let cpu = bounds.cpu.as_secs().max(1);
    let memory = address_space()?.saturating_add(bounds.memory);
    limit(Resource::As, memory, memory)?;
    // At the first the kernel says by its signal what it was, at the second it just kills.
    limit(Resource::Cpu, cpu, cpu.saturating_add(1))?;
    limit(Resource::Fsize, 0, 0)?;
    limit(Resource::Core, 0, 0)?;
    let landlock = files::none();
    let seccomp = few_calls();
    if seccomp != Hold::Full {
        // Counted by user, so that no number but none makes sense; it forbids threads as well.
        limit(Resource::Nproc, 0, 0)?;
    }
    Ok(Protections { landlock, seccomp })
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let most = rustix::process::getrlimit(resource).maximum;
    let least = |value: u64| Some(most.map_or(value, |most| value.min(most)));
    let lowered = Rlimit {
        current: least(current),
        maximum: least(maximum),
    };
    Ok(rustix::process::setrlimit(resource, lowered)?)
}

/// Bytes of address space in use: mostly the program and its libraries.
fn address_space() -> io::Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split(' ').next().and_then(|first| first.parse().ok());
    let pages: u64 = pages.ok_or_else(|| io::Error::other("/proc/self/statm is not readable"))?;
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}

#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
))]
fn few_calls() -> Hold {
    match crate::calls::few() {
        Ok(()) => Hold::Full,
        Err(error) => Hold::Missing(error.to_string()),
    }
}

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
)))]
fn few_calls() -> Hold {
    Hold::Missing("no filter for this processor".to_owned())
}
