//! Processes as `/proc` shows them.

use std::fs;

use rustix::process::Pid;

/// A process of this machine.
pub struct Process {
    pub pid: Pid,
    /// `R` running, `Z` ended but not waited for, …
    pub state: char,
    parent: Option<Pid>,
    command_line: String,
}

/// The inspections that a server has started, ended ones that it did not wait for among them: those
/// have no command line any more.
pub fn inspections_of(server: Pid) -> Vec<Process> {
    let mut all = all();
    all.retain(|process| {
        let is_inspection = process.command_line.contains("inspect-upload");
        process.parent == Some(server) && (is_inspection || process.state == 'Z')
    });
    all
}

/// Inspections whoever is their parent.
pub fn is_inspection(pid: Pid) -> bool {
    let mut all = all().into_iter();
    all.any(|process| process.pid == pid && process.command_line.contains("inspect-upload"))
}

fn all() -> Vec<Process> {
    let folders = fs::read_dir("/proc").unwrap();
    let pids = folders.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // One may end while we look.
    pids.filter_map(|pid| look_at(Pid::from_raw(pid)?))
        .collect()
}

fn look_at(pid: Pid) -> Option<Process> {
    let folder = format!("/proc/{}", pid.as_raw_pid());
    let status = fs::read_to_string(format!("{folder}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let (_, rest) = status.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = Pid::from_raw(fields.next()?.parse().ok()?);
    let command_line = fs::read(format!("{folder}/cmdline")).unwrap_or_default();
    Some(Process {
        pid,
        state,
        parent,
        command_line: String::from_utf8_lossy(&command_line).into_owned(),
    })
}

/// Bytes of memory that a process had in use at most since it was started.
pub fn peak_memory(pid: Pid) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.unwrap().parse::<u64>().unwrap() << 10
}
