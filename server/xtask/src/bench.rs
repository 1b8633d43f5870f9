//! `cargo xtask bench`: our work and that of the usual tools on the same real inputs, side by side in
//! one run, with the goals we set ourselves. `inspect` reads modules and packages, `kabi` judges, `repository`
//! publishes.
//!
//! Each is measured several times and the best counts: what others do on the machine only ever adds.

mod kabi;
mod modules;
mod package;
mod repository;

pub use kabi::kabi;
pub use repository::repository;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::kernels::images;
use crate::packages::{self, Group};
use crate::probe::Features;
use crate::{fixtures, probe, sh, test};

/// How often each is measured.
const TIMES: usize = 5;

/// What all benchmarks work with.
struct Bench {
    /// The program `probe`.
    probe: PathBuf,
    /// For what is built once and kept.
    folder: PathBuf,
    /// Modules of a whole kernel, not packed.
    modules: PathBuf,
}

/// One line of the table.
struct Row {
    what: String,
    ours: String,
    peer: String,
    /// How the two relate, in the words of the goal.
    ratio: f64,
    goal: Option<Goal>,
}

/// What a ratio is to be.
#[derive(Clone, Copy)]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn is_met(self, ratio: f64) -> bool {
        match self {
            Goal::AtLeast(goal) => ratio >= goal,
            Goal::AtMost(goal) => ratio <= goal,
        }
    }
}

/// Measures, prints the table; the exit code is 1 when a goal is missed.
pub fn inspect(project: &Path) -> Result<ExitCode> {
    packages::ensure(&[Group::Build, Group::Fixtures, Group::Bench])?;
    let manifest = fixtures::build(project, false)?;
    let images = images::all(&fixtures::Folders::of(project).whole_kernels())?;
    let plain = images
        .iter()
        .find(|image| image.every == 1 && !is_packed(&image.modules));
    let modules = plain
        .context("no kernel with unpacked modules is at hand")?
        .modules
        .clone();
    let folder = test::target_folder(project)?.join("bench");
    std::fs::create_dir_all(&folder)?;
    let probe = probe::build(project, Features::All)?;
    let bench = Bench {
        probe,
        folder,
        modules,
    };

    let mut rows = modules::measure(&bench)?;
    for payload in package::PAYLOADS {
        rows.extend(package::whole_kernel(&bench, payload)?);
    }
    rows.extend(package::small(&bench, &manifest)?);
    let missed = print(&rows);
    Ok(ExitCode::from(u8::from(missed > 0)))
}

/// Prints the table; gives how many goals were missed.
fn print(rows: &[Row]) -> usize {
    println!(
        "\n{:<56} {:>12} {:>12} {:>8}  goal",
        "", "ours", "peer", "ratio"
    );
    let mut missed = 0;
    for row in rows {
        let (goal, mark) = match row.goal {
            None => (String::new(), ""),
            Some(goal) => {
                let text = match goal {
                    Goal::AtLeast(number) => format!(">= {number}"),
                    Goal::AtMost(number) => format!("<= {number}"),
                };
                missed += usize::from(!goal.is_met(row.ratio));
                (
                    text,
                    if goal.is_met(row.ratio) {
                        "met"
                    } else {
                        "MISSED"
                    },
                )
            }
        };
        let Row {
            what,
            ours,
            peer,
            ratio,
            ..
        } = row;
        println!("{what:<56} {ours:>12} {peer:>12} {ratio:>8.2}  {goal:<8} {mark}");
    }
    missed
}

/// Whether the first module found is compressed.
fn is_packed(folder: &Path) -> bool {
    let files = modules::files(folder).unwrap_or_default();
    files
        .first()
        .is_some_and(|file| file.extension().is_none_or(|end| end != "ko"))
}

/// What `probe` prints; which members there are depends on what it did.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Answer {
    modules: usize,
    bytes: f64,
    good_signatures: usize,
    /// Seconds within the reader alone.
    parsing: f64,
    /// Seconds from first to last.
    wall: f64,
    /// Seconds of processor time.
    cpu: f64,
    /// Most memory of the process, bytes.
    peak: f64,
}

impl Bench {
    /// Runs `probe` and takes what it says.
    fn ask(&self, arguments: &[&str]) -> Result<Answer> {
        let text = sh::output(Command::new(&self.probe).args(arguments))?;
        serde_json::from_str(&text).with_context(|| format!("probe said {text}"))
    }
}

/// The best of several runs by what one of them took.
fn best<T: Copy>(mut run: impl FnMut() -> Result<T>, took: impl Fn(T) -> f64) -> Result<T> {
    let mut best = run()?;
    for _ in 1..TIMES {
        let next = run()?;
        if took(next) < took(best) {
            best = next;
        }
    }
    Ok(best)
}

/// Runs a command, its output thrown away, and gives how long it took.
fn time(command: &mut Command) -> Result<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let begun = Instant::now();
    let status = command
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed with {status}");
    }
    Ok(begun.elapsed())
}

fn seconds(seconds: f64) -> String {
    if seconds < 0.1 {
        format!("{:.2} ms", seconds * 1000.0)
    } else {
        format!("{seconds:.3} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_bounds() {
        assert!(Goal::AtLeast(10.0).is_met(10.0) && !Goal::AtLeast(10.0).is_met(9.9));
        assert!(Goal::AtMost(1.3).is_met(1.3) && !Goal::AtMost(1.3).is_met(1.31));
    }

    #[test]
    fn the_best_run_counts() {
        let mut runs = [3.0, 1.0, 2.0, 5.0, 4.0].into_iter();
        let best = best(|| Ok(runs.next().unwrap()), |took| took).unwrap();
        assert_eq!(best, 1.0);
    }

    #[test]
    fn times_are_readable() {
        assert_eq!(seconds(0.0012), "1.20 ms");
        assert_eq!(seconds(1.5), "1.500 s");
    }
}
