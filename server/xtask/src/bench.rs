//! `cargo xtask bench`: our work and that of the usual tools on the same real inputs, side by side in
//! one run, with the goals we set ourselves. `inspect` reads modules and packages, `kabi` judges,
//! `repository` publishes, `lookup` finds drivers by hardware.
//!
//! Each is measured several times, ours and the peer's by turns, and the best counts: what others do
//! on the machine only ever adds. Beside the time by the clock stands that of the processor (user and
//! system), which a busy machine changes less.

mod kabi;
mod lookup;
mod modules;
mod package;
mod repository;
mod small;

pub use kabi::kabi;
pub use lookup::lookup;
pub use repository::repository;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

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

    let mut missed = print(&modules::measure(&bench)?);
    for payload in package::PAYLOADS {
        missed += print(&package::whole_kernel(&bench, payload)?);
    }
    missed += print(&small::measure(project, &bench, &manifest)?);
    Ok(ExitCode::from(u8::from(missed > 0)))
}

/// Prints the table; gives how many goals were missed. Rows without a goal are told to explain others.
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
    /// Seconds of processor time within the reader alone.
    parsing: f64,
    /// Bytes of the unpacked payload.
    payload: f64,
    /// From first to last.
    #[serde(flatten)]
    cost: Cost,
    /// Most memory of the process, bytes.
    peak: f64,
}

/// What something took, in seconds.
#[derive(Clone, Copy, Default, Debug, Deserialize)]
#[serde(default)]
struct Cost {
    /// By the clock.
    wall: f64,
    /// Of processors, user and system together.
    cpu: f64,
}

impl Cost {
    /// More than any other.
    const MAX: Cost = Cost {
        wall: f64::MAX,
        cpu: f64::MAX,
    };

    /// The least of each.
    fn min(self, other: Cost) -> Cost {
        Cost {
            wall: self.wall.min(other.wall),
            cpu: self.cpu.min(other.cpu),
        }
    }
}

impl Bench {
    /// Runs `probe` and takes what it says.
    fn ask(&self, arguments: &[&str]) -> Result<Answer> {
        let text = sh::output(Command::new(&self.probe).args(arguments))?;
        serde_json::from_str(&text).with_context(|| format!("probe said {text}"))
    }
}

/// Runs a command, its output thrown away, and gives what it and its children took.
fn time(command: &mut Command) -> Result<Cost> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let (begun, cpu) = (Instant::now(), cpu_of_children()?);
    let status = command
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed with {status}");
    }
    Ok(Cost {
        wall: begun.elapsed().as_secs_f64(),
        cpu: cpu_of_children()? - cpu,
    })
}

/// Seconds of processor time of all our children that have ended (`RUSAGE_CHILDREN`).
fn cpu_of_children() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    children_in(&stat).context("the kernel tells no processor time of children")
}

/// `cutime` and `cstime` of `proc(5)`. The name of the program, in brackets, may hold spaces.
fn children_in(stat: &str) -> Option<f64> {
    const BEHIND_NAME: usize = 13;
    /// `USER_HZ`, which has been the same on all our architectures for ever.
    const TICKS: f64 = 100.0;
    let (_, fields) = stat.rsplit_once(") ")?;
    let times = fields.split(' ').skip(BEHIND_NAME).take(2);
    let ticks: Vec<f64> = times.filter_map(|field| field.parse().ok()).collect();
    (ticks.len() == 2).then(|| ticks.iter().sum::<f64>() / TICKS)
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
    fn the_least_of_each_counts() {
        let cost = |wall, cpu| Cost { wall, cpu };
        let best = Cost::MAX.min(cost(3.0, 1.0)).min(cost(2.0, 4.0));
        assert_eq!((best.wall, best.cpu), (2.0, 1.0));
    }

    #[test]
    fn the_time_of_children_is_read() {
        let stat = "1 (a b) c) S 2 3 4 5 6 7 8 9 10 11 12 13 150 25 20 0";
        assert_eq!(children_in(stat), Some(1.75));
        assert_eq!(children_in("1 (a) S 2"), None);
    }

    #[test]
    fn times_are_readable() {
        assert_eq!(seconds(0.0012), "1.20 ms");
        assert_eq!(seconds(1.5), "1.500 s");
    }
}
