//! The process that looks at an upload: what `kmp-portal inspect-upload` does.
//!
//! It begins as one of ours and reads its request; it opens the package; then it takes all rights away
//! from itself, and only then reads the first byte of the package.

use super::modules::Modules;
use super::task::{Answer, Task};
use confine::{Bounds, Deed, Protections};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What the parent asks for, on standard input.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    /// Process id of the parent.
    pub parent: u32,
    pub bounds: Bounds,
    pub work: Work,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Work {
    /// Look at this package.
    Inspect(PathBuf, Box<Task>),
    /// Read the modules of this package, or this module, of that name.
    Read(PathBuf, String, kmp::Limits),
    /// Try whether the walls hold.
    TryWalls,
}

/// What the parent is told, on standard output.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    Inspected(Answer),
    Modules(Modules),
    Walls(Walls),
}

/// How well a process is confined on this system.
#[derive(Debug, Serialize, Deserialize)]
pub struct Walls {
    pub protections: Protections,
    /// What it could do in spite of them.
    pub still_possible: Vec<Deed>,
}

/// Answers one request. Anything that is not the package's fault is an answer, too.
pub fn main() -> ExitCode {
    let done = answer().and_then(|reply| {
        let mut out = BufWriter::new(io::stdout().lock());
        serde_json::to_writer(&mut out, &reply)?;
        out.flush()
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn answer() -> io::Result<Reply> {
    let mut request = Vec::new();
    io::stdin().read_to_end(&mut request)?;
    let request: Request = serde_json::from_slice(&request)?;
    if !confine::die_with_parent(request.parent)? {
        return Err(io::Error::other("nobody waits for the answer"));
    }
    let bounds = &request.bounds;
    Ok(match request.work {
        Work::Inspect(path, task) => Reply::Inspected(
            inspect(&path, &task, bounds)
                .unwrap_or_else(|error| Answer::Trouble(error.to_string())),
        ),
        Work::Read(path, name, limits) => Reply::Modules(
            read(&path, &name, &limits, bounds)
                .unwrap_or_else(|error| Modules::Trouble(error.to_string())),
        ),
        Work::TryWalls => Reply::Walls(Walls {
            protections: confine::restrict(bounds)?,
            still_possible: confine::still_possible(bounds),
        }),
    })
}

fn read(path: &Path, name: &str, limits: &kmp::Limits, bounds: &Bounds) -> io::Result<Modules> {
    let file = File::open(path)
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    confine::restrict(bounds)?;
    Ok(Modules::read(file, name, limits))
}

fn inspect(path: &Path, task: &Task, bounds: &Bounds) -> io::Result<Answer> {
    let package = File::open(path)
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    confine::restrict(bounds)?;
    Ok(task.perform(package))
}
