//! Runs other programs: quiet while they succeed, with their last words in the error when not.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// Lines of a failed program's output that go into the error.
const LAST_LINES: usize = 25;

/// Folders that hold system programs but are often not in an ordinary user's `PATH`.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/// Runs to the end and returns standard output as text.
pub fn output(command: &mut Command) -> Result<String> {
    let done = finish(command.stdin(Stdio::null()))?;
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Runs to the end, output swallowed.
pub fn run(command: &mut Command) -> Result<()> {
    finish(command.stdin(Stdio::null())).map(drop)
}

/// Runs to the end with our own input and output; for long work whose progress people watch.
pub fn run_loud(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed with {status}");
    }
    Ok(())
}

/// Runs to the end and hands back whatever came of it; only a program that cannot be started is
/// an error.
pub fn attempt(command: &mut Command) -> Result<Output> {
    let shown = shown(command);
    command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{shown}`"))
}

/// A program found in `PATH` or in the system folders beside it.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// A command with the system folders added to its `PATH`.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(resolve(program.as_ref()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SYSTEM_FOLDERS.iter().map(PathBuf::from));
    if let Ok(joined) = std::env::join_paths(folders) {
        command.env("PATH", joined);
    }
    command
}

fn resolve(program: &OsStr) -> PathBuf {
    let plain = Path::new(program);
    if plain.components().count() > 1 {
        return plain.to_path_buf();
    }
    program
        .to_str()
        .and_then(find_program)
        .unwrap_or_else(|| plain.to_path_buf())
}

fn finish(command: &mut Command) -> Result<Output> {
    let shown = shown(command);
    let done = command
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !done.status.success() {
        bail!(
            "`{shown}` failed with {}\n{}",
            done.status,
            last_words(&done)
        );
    }
    Ok(done)
}

/// The end of what a program said, errors last.
pub fn last_words(done: &Output) -> String {
    let mut text = String::from_utf8_lossy(&done.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&done.stderr));
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_the_last_words() {
        let error = run(Command::new("sh").args(["-c", "echo one; echo two >&2; exit 3"]));
        let text = format!("{:#}", error.expect_err("exit 3"));
        assert!(text.contains("exit status: 3"), "{text}");
        assert!(text.ends_with("one\ntwo"), "{text}");
    }

    #[test]
    fn programs_are_found_in_path_only_by_name() {
        assert!(find_program("sh").is_some());
        assert!(find_program("no-such-program-anywhere").is_none());
    }
}
