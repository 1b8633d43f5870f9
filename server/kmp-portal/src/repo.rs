//! `kmp-portal repo …`: repositories in folders, without a server, for driver kits and mirrors.
//! Writes and reads metadata with the same code as the portal.

mod build;
mod find;
mod folder;
mod known;
mod parallel;
mod place;
mod state;
#[cfg(test)]
mod tests;
mod verify;

use clap::Subcommand;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Exit code of a repository that does not hold together.
const FAULTY: u8 = 1;

#[derive(Subcommand)]
pub enum Repo {
    /// Make a folder of RPMs a repository for zypper and dnf: write its `repodata`
    ///
    /// All files named *.rpm below the folder are taken; links are followed to files inside the
    /// folder only. The metadata is complete and was read back before it becomes current; whatever
    /// fails leaves the old one in place. Exits with 0, or with 2 when the repository stays as it
    /// was.
    Build(build::Build),
    /// Check a repository as a client would, and every package in it
    ///
    /// Checks the signature, the metadata with all its checksums, and that each package is there
    /// with the size and SHA-256 that the metadata says. Exits with 0 when everything holds, with 1
    /// when something is wrong, with 2 when it cannot be checked. Behind a URL, all packages are
    /// fetched, unless --metadata-only says otherwise.
    Verify(verify::Verify),
}

/// Does what was asked.
///
/// # Errors
/// It cannot be done; the text says why.
pub fn run(repo: &Repo) -> anyhow::Result<ExitCode> {
    match repo {
        Repo::Build(order) => {
            let built = build::build(order, now())?;
            for note in &built.notes {
                eprintln!("note: {note}");
            }
            println!("{built}");
            Ok(ExitCode::SUCCESS)
        }
        Repo::Verify(order) => {
            let verdict = verify::verify(order, now())?;
            print_lines("note: ", &verdict.notes);
            print_lines("wrong: ", &verdict.faults);
            println!("{verdict}");
            Ok(match verdict.faults.is_empty() {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(FAULTY),
            })
        }
    }
}

fn print_lines(label: &str, lines: &[String]) {
    for line in lines {
        println!("{label}{line}");
    }
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the outermost place; below it the time is a parameter"
)]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
