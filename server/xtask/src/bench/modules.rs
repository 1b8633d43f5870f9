//! All unpacked modules of one kernel: against libkmod in one process, and against a process each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{Bench, Goal, Row, best, seconds, time};
use crate::sh;

/// Every so many-th module is given to a `modprobe` of its own; the rest is reckoned.
const MODPROBE_EVERY: usize = 8;

pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let files = files(&bench.modules)?;
    let folder = bench.modules.to_string_lossy();
    let ours = best(
        || bench.ask(&["read-modules", &folder]),
        |answer| answer.wall,
    )?;
    ensure!(
        ours.modules == files.len(),
        "probe read {} modules of {}",
        ours.modules,
        files.len()
    );
    let libkmod = libkmod(bench, &files)?;
    let modprobe = modprobe(&files)?;
    let rate = ours.modules as f64 / ours.parsing;
    println!(
        "{} modules, {:.0} MB: {rate:.0} modules/s, {:.0} MB/s",
        ours.modules,
        ours.bytes / 1e6,
        ours.bytes / 1e6 / ours.parsing
    );
    let row = |what: &str, ours: f64, peer: f64, ratio: f64, goal: Goal| Row {
        what: format!("{} modules, {what}", files.len()),
        ours: seconds(ours),
        peer: seconds(peer),
        ratio,
        goal: Some(goal),
    };
    Ok(vec![
        row(
            "parsed : modprobe for each",
            ours.parsing,
            modprobe,
            modprobe / ours.parsing,
            Goal::AtLeast(50.0),
        ),
        row(
            "files read and parsed : libkmod",
            ours.wall,
            libkmod,
            ours.wall / libkmod,
            Goal::AtMost(1.0),
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

/// Seconds that one process takes for all modules with libkmod.
fn libkmod(bench: &Bench, files: &[PathBuf]) -> Result<f64> {
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
    best(
        || {
            let input = fs::File::open(&list)?;
            let mut run = Command::new(&program);
            let done = run.stdin(input).stderr(Stdio::inherit()).output()?;
            let text = String::from_utf8_lossy(&done.stdout).into_owned();
            let words: Vec<&str> = text.split_whitespace().collect();
            let read: usize = words
                .first()
                .context("libkmod's loop said nothing")?
                .parse()?;
            ensure!(
                read == files.len(),
                "libkmod read {read} modules of {}",
                files.len()
            );
            Ok(words.last().context("and no time")?.parse::<f64>()?)
        },
        |took| took,
    )
}

/// Seconds that `modprobe --dump-modversions` takes for all modules, a process each.
fn modprobe(files: &[PathBuf]) -> Result<f64> {
    let chosen = files.iter().step_by(MODPROBE_EVERY);
    let (mut total, mut count) = (0.0, 0_usize);
    for file in chosen {
        let mut run = sh::command("modprobe");
        total += time(run.arg("--dump-modversions").arg(file))?.as_secs_f64();
        count += 1;
    }
    Ok(total / count as f64 * files.len() as f64)
}
