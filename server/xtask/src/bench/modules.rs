//! All unpacked modules of one kernel: against libkmod in one process, and against a process each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::{Answer, Bench, Cost, Goal, Row, TIMES, seconds, time};
use crate::sh;

/// Every so many-th module is given to a `modprobe` of its own; the rest is reckoned.
const MODPROBE_EVERY: usize = 8;

/// Rows of reading and parsing, and of parsing alone.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let files = files(&bench.modules)?;
    let folder = bench.modules.to_string_lossy();
    let libkmod_loop = build_libkmod_loop(bench, &files)?;
    let mut ours = Answer {
        cost: Cost::MAX,
        parsing: f64::MAX,
        ..Answer::default()
    };
    let mut libkmod = Cost::MAX;
    for _ in 0..TIMES {
        let run = bench.ask(&["read-modules", &folder])?;
        ours = Answer {
            parsing: run.parsing.min(ours.parsing),
            cost: run.cost.min(ours.cost),
            ..run
        };
        libkmod = libkmod.min(libkmod_loop.run(files.len())?);
    }
    ensure!(
        ours.modules == files.len(),
        "probe read {} modules of {}",
        ours.modules,
        files.len()
    );
    let modprobe = modprobe(&files)?;
    let (modules, megabytes) = (ours.modules as f64, ours.bytes / 1e6);
    println!(
        "{modules} modules, {megabytes:.0} MB: parsed {:.0} modules/s, {:.0} MB/s; read and parsed \
         {:.0} modules/s, {:.0} MB/s",
        modules / ours.parsing,
        megabytes / ours.parsing,
        modules / ours.cost.wall,
        megabytes / ours.cost.wall
    );
    let row = |what: &str, ours: f64, peer: f64, ratio: f64, goal: Option<Goal>| Row {
        what: format!("{modules} modules, {what}"),
        ours: seconds(ours),
        peer: seconds(peer),
        ratio,
        goal,
    };
    let times_faster = |ours: f64, peer: f64| peer / ours;
    let at_least_50 = Some(Goal::AtLeast(50.0));
    let cpu = ours.cost.cpu;
    Ok(vec![
        row(
            "parsed : modprobe for each",
            ours.parsing,
            modprobe.wall,
            times_faster(ours.parsing, modprobe.wall),
            at_least_50,
        ),
        row(
            "the same, CPU",
            ours.parsing,
            modprobe.cpu,
            times_faster(ours.parsing, modprobe.cpu),
            at_least_50,
        ),
        row(
            "read and parsed : libkmod",
            ours.cost.wall,
            libkmod.wall,
            ours.cost.wall / libkmod.wall,
            Some(Goal::AtMost(1.0)),
        ),
        row(
            "the same, CPU",
            cpu,
            libkmod.cpu,
            cpu / libkmod.cpu,
            Some(Goal::AtMost(1.0)),
        ),
    ])
}

/// All plain and packed modules below a folder.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().contains(".ko") {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A program that reads all modules with libkmod, and the list of them.
struct LibkmodLoop {
    program: PathBuf,
    list: PathBuf,
}

fn build_libkmod_loop(bench: &Bench, files: &[PathBuf]) -> Result<LibkmodLoop> {
    let source = bench.folder.join("libkmod_loop.c");
    let program = bench.folder.join("libkmod_loop");
    fs::write(&source, include_str!("libkmod_loop.c"))?;
    sh::run(
        Command::new("cc")
            .args(["-O2", "-o"])
            .args([&program, &source])
            .arg("-lkmod"),
    )?;
    let list = bench.folder.join("modules.txt");
    let names: String = files
        .iter()
        .map(|file| format!("{}\n", file.display()))
        .collect();
    fs::write(&list, names)?;
    Ok(LibkmodLoop { program, list })
}

impl LibkmodLoop {
    /// What one process takes for all modules, its start not counted.
    fn run(&self, expected: usize) -> Result<Cost> {
        let input = fs::File::open(&self.list)?;
        let mut run = Command::new(&self.program);
        let done = run.stdin(input).stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        let [modules, _records, wall, cpu] = text.split_whitespace().collect::<Vec<_>>()[..] else {
            bail!("libkmod's loop said `{text}`");
        };
        ensure!(
            modules.parse() == Ok(expected),
            "libkmod read {modules} modules of {expected}"
        );
        let (wall, cpu) = (wall.parse()?, cpu.parse()?);
        Ok(Cost { wall, cpu })
    }
}

/// What `modprobe --dump-modversions` takes for all modules, a process each.
fn modprobe(files: &[PathBuf]) -> Result<Cost> {
    let chosen: Vec<_> = files.iter().step_by(MODPROBE_EVERY).collect();
    let share = files.len() as f64 / chosen.len() as f64;
    let (mut wall, mut cpu) = (0.0, 0.0);
    for file in chosen {
        let mut run = sh::command("modprobe");
        let took = time(run.arg("--dump-modversions").arg(file))?;
        wall += took.wall * share;
        cpu += took.cpu * share;
    }
    Ok(Cost { wall, cpu })
}
