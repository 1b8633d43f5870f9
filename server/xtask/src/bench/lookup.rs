//! `cargo xtask bench lookup`: the index of hardware patterns beside libkmod, on what the modules of a
//! real kernel list and on many more patterns like these.

mod http;
mod load;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use super::{Goal, Row};
use crate::kernels::images;
use crate::packages::{self, Group};
use crate::{fixtures, sh, test};

/// As the program that measures calls its kernel with 100,000 patterns.
const GROWN_RELEASE: &str = "6.0.0-grown";
/// How often libkmod is asked for all devices; the best counts.
const REAL_TIMES: &str = "5";
/// With many patterns it takes seconds.
const GROWN_TIMES: &str = "1";

/// Our own figures: name, what it is, the most that it may be, unit.
const GOALS: [(&str, &str, f64, &str); 5] = [
    ("100000/machine", "150 devices, 100,000 patterns", 0.3, "ms"),
    (
        "1000000/machine",
        "150 devices, 1,000,000 patterns",
        0.5,
        "ms",
    ),
    (
        "real/bytes_per_pattern",
        "memory per pattern, real ones",
        200.0,
        "bytes",
    ),
    ("100000/bytes_per_pattern", "  of 100,000", 200.0, "bytes"),
    (
        "1000000/bytes_per_pattern",
        "  of 1,000,000",
        200.0,
        "bytes",
    ),
];

/// Measures, prints the table; the exit code is 1 when a goal is missed.
pub fn lookup(project: &Path) -> Result<ExitCode> {
    packages::ensure(&[Group::Build, Group::Fixtures, Group::Bench])?;
    let folder = test::target_folder(project)?.join("bench-lookup");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let images = images::all(&fixtures::Folders::of(project).whole_kernels())?;
    let kernel = images.first().context("no whole kernel is at hand")?;
    let program = build(project)?;
    let mut prepare = Command::new(&program);
    prepare
        .arg("prepare")
        .arg(&kernel.modules)
        .arg(&kernel.release);
    sh::run(prepare.arg(&folder))?;
    let mut measure = Command::new(&program);
    let figures = sh::output(measure.arg("measure").arg(&folder).arg(&kernel.release))?;
    let figures: BTreeMap<String, f64> = figures
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect();
    let mut rows = rows(
        &figures,
        &Libkmod::compile(project, &folder)?,
        &kernel.release,
    )?;
    let alone = || {
        let mut rate = Command::new(&program);
        let rate = sh::output(rate.arg("rate").arg(&folder))?;
        rate.trim().parse().context("lookup_speed told no rate")
    };
    rows.extend(http::measure(project, &folder, alone)?);
    println!("\nCPU time of one thread; where there is no peer, it is the most that it may be");
    let missed = super::print(&rows);
    Ok(ExitCode::from(u8::from(missed > 0)))
}

fn build(project: &Path) -> Result<PathBuf> {
    let mut build = test::cargo(project);
    build.args(["build", "--release", "--package", "modalias"]);
    sh::run_loud(build.args(["--example", "lookup_speed"]))?;
    Ok(test::target_folder(project)?.join("release/examples/lookup_speed"))
}

fn rows(figures: &BTreeMap<String, f64>, libkmod: &Libkmod, release: &str) -> Result<Vec<Row>> {
    let figure = |name: &str| {
        let figure = figures.get(name).copied();
        figure.with_context(|| format!("lookup_speed did not measure {name}"))
    };
    let mut rows = Vec::new();
    for (what, name, release, list, times, goal) in [
        (
            "all devices, real patterns",
            "real/alias",
            release,
            "machines",
            REAL_TIMES,
            15.0,
        ),
        (
            "pci alone, real patterns",
            "real/pci",
            release,
            "pci",
            REAL_TIMES,
            5.0,
        ),
        (
            "all devices, 100,000 patterns",
            "100000/alias",
            GROWN_RELEASE,
            "machines",
            GROWN_TIMES,
            200.0,
        ),
    ] {
        let ours = figure(name)?;
        let theirs = libkmod.microseconds(release, list, times)?;
        rows.push(Row {
            what: format!("{what}: libkmod, for one device"),
            ours: format!("{ours:.2} us"),
            peer: format!("{theirs:.1} us"),
            ratio: theirs / ours,
            goal: Some(Goal::AtLeast(goal)),
        });
    }
    for (name, what, most, unit) in GOALS {
        let measured = figure(name)?;
        rows.push(Row {
            what: what.to_owned(),
            ours: format!("{measured:.3} {unit}"),
            peer: format!("{most} {unit}"),
            ratio: measured / most,
            goal: Some(Goal::AtMost(1.0)),
        });
    }
    Ok(rows)
}

/// The peer, compiled.
struct Libkmod {
    program: PathBuf,
    folder: PathBuf,
}

impl Libkmod {
    fn compile(project: &Path, folder: &Path) -> Result<Self> {
        let program = folder.join("libkmod_lookup");
        let mut cc = sh::command("cc");
        cc.args(["-O2", "-o"]).arg(&program);
        cc.arg(project.join("server/modalias/tests/peers/libkmod_lookup.c"));
        sh::run(cc.arg("-lkmod"))?;
        Ok(Self {
            program,
            folder: folder.to_owned(),
        })
    }

    /// Processor time for one device of a list.
    fn microseconds(&self, release: &str, list: &str, times: &str) -> Result<f64> {
        let devices = File::open(self.folder.join(list))?;
        let mut ask = Command::new(&self.program);
        ask.arg(self.folder.join("lib/modules").join(release))
            .arg(times);
        let told = ask.stdin(Stdio::from(devices)).output()?;
        ensure!(told.status.success(), "libkmod failed with {}", told.status);
        let told = String::from_utf8_lossy(&told.stdout);
        let last = told.lines().last().and_then(|line| line.split_once(' '));
        let (count, seconds) = last.context("libkmod told nothing")?;
        ensure!(count != "0", "libkmod was asked for nothing");
        Ok(seconds.parse::<f64>()? * 1e6 / count.parse::<f64>()?)
    }
}
