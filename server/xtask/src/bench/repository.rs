//! `cargo xtask bench repository`: publishing one package more, and metadata of a folder, beside
//! `createrepo_c` on the same packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{Cost, Goal, Row, TIMES, seconds};
use crate::packages::{self, Group};
use crate::{fixtures, sh, test};

/// Published packages, and how many milliseconds of processor time one more may take.
const PUBLISHED: [(usize, f64); 2] = [(1_000, 50.0), (10_000, 400.0)];
/// Memory above what there was before, MiB.
const PEAK_MAX: f64 = 64.0;
/// `createrepo_c --update` is to take so many times as long.
const TIMES_FASTER: f64 = 20.0;
/// Packages of the folder that is read anew.
const COLD: usize = 2_000;

/// What `publish_speed add` prints.
#[derive(Clone, Copy, Deserialize)]
struct Added {
    /// Seconds: of the clock, of our processor time, of the database's.
    wall: f64,
    cpu: f64,
    database: f64,
    /// Bytes.
    peak: f64,
}

/// Measures, prints the table; the exit code is 1 when a goal is missed.
pub fn repository(project: &Path) -> Result<ExitCode> {
    packages::ensure(&[Group::Build, Group::Fixtures, Group::Clients, Group::Tests])?;
    let manifest = fixtures::build(project, false)?;
    let symvers = manifest
        .kernels
        .first()
        .context("no kernel")?
        .symvers
        .clone();
    let target = test::target_folder(project)?;
    let folder = target.join("bench/repository");
    fs::create_dir_all(&folder)?;
    let ours = build(project, &target)?;
    let mut rows = Vec::new();
    for (count, most) in PUBLISHED {
        let made = make(&ours, &folder, count, &symvers)?;
        rows.extend(one_more(&ours, &made, count, most)?);
    }
    let made = make(&ours, &folder, COLD, &symvers)?;
    rows.extend(cold(&ours, &made)?);
    let missed = super::print(&rows);
    Ok(ExitCode::from(u8::from(missed > 0)))
}

/// Our programs, optimised.
struct Programs {
    portal: PathBuf,
    publish_speed: PathBuf,
}

fn build(project: &Path, target: &Path) -> Result<Programs> {
    let mut cargo = test::cargo(project);
    // Together: apart, each would have what both use compiled with other features.
    cargo.args([
        "build",
        "--release",
        "--package",
        "portal",
        "--package",
        "kmp-portal",
    ]);
    sh::run_loud(cargo.args(["--example", "publish_speed", "--bin", "kmp-portal"]))?;
    Ok(Programs {
        portal: target.join("release/kmp-portal"),
        publish_speed: target.join("release/examples/publish_speed"),
    })
}

/// A folder with so many packages; it is kept for the next time.
fn make(ours: &Programs, folder: &Path, count: usize, symvers: &Path) -> Result<PathBuf> {
    let made = folder.join(count.to_string());
    if !made.exists() {
        println!("making {count} packages");
        let unfinished = folder.join("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        let mut command = Command::new(&ours.publish_speed);
        command.arg("make").arg(&unfinished).arg(count.to_string());
        sh::run(command.arg(symvers))?;
        fs::rename(&unfinished, &made)?;
    }
    let _ = fs::remove_dir_all(made.join("repodata"));
    Ok(made)
}

/// One package more in a repository of so many.
fn one_more(ours: &Programs, made: &Path, count: usize, most: f64) -> Result<Vec<Row>> {
    let text = sh::output(Command::new(&ours.publish_speed).arg("add").arg(made))?;
    let added: Added = serde_json::from_str(&text).with_context(|| format!("it said {text}"))?;
    let theirs = updated_by_createrepo(made)?;
    println!(
        "{count} published: one more in {} by the clock, {} of them PostgreSQL's processor time",
        seconds(added.wall),
        seconds(added.database),
    );
    let row = |what: &str, ours: String, peer: String, ratio: f64, goal: Goal| Row {
        what: format!("{count} published, one more: {what}"),
        ours,
        peer,
        ratio,
        goal: Some(goal),
    };
    let (cpu, peak) = (added.cpu * 1e3, added.peak / f64::from(1 << 20));
    Ok(vec![
        row(
            "CPU, limit",
            seconds(added.cpu),
            format!("{most} ms"),
            cpu / most,
            Goal::AtMost(1.0),
        ),
        row(
            "CPU, createrepo_c --update",
            seconds(added.cpu),
            seconds(theirs.cpu),
            theirs.cpu / added.cpu,
            Goal::AtLeast(TIMES_FASTER),
        ),
        row(
            "with the database's CPU",
            seconds(added.cpu + added.database),
            seconds(theirs.cpu),
            theirs.cpu / (added.cpu + added.database),
            Goal::AtLeast(TIMES_FASTER),
        ),
        row(
            "memory, limit",
            format!("{peak:.1} MiB"),
            format!("{PEAK_MAX} MiB"),
            peak / PEAK_MAX,
            Goal::AtMost(1.0),
        ),
    ])
}

fn createrepo(folder: &Path, options: &[&str]) -> Result<Cost> {
    let mut command = Command::new("createrepo_c");
    command.args(["--quiet", "--no-database", "--workers", "2"]);
    cost(command.args(options).arg(folder))
}

/// The metadata is there but for the package that came last.
fn updated_by_createrepo(made: &Path) -> Result<Cost> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(made)? {
        files.push(entry?.path());
    }
    files.retain(|path| path.extension().is_some_and(|end| end == "rpm"));
    files.sort();
    let last = files[files.len() / 2].clone();
    let away = last.with_extension("away");
    fs::rename(&last, &away)?;
    let first = createrepo(made, &[]);
    fs::rename(&away, &last)?;
    first?;
    let took = createrepo(made, &["--update"])?;
    fs::remove_dir_all(made.join("repodata"))?;
    Ok(took)
}

/// The metadata of a folder, from nothing and when nothing changed.
fn cold(ours: &Programs, made: &Path) -> Result<Vec<Row>> {
    let build = |options: &[&str]| {
        let mut command = Command::new(&ours.portal);
        cost(command.args(["repo", "build"]).args(options).arg(made))
    };
    let forget = || {
        let _ = fs::remove_dir_all(made.join("repodata"));
        let _ = fs::remove_file(made.join(".repodata.state"));
    };
    let [mut theirs, mut zstd, mut gzip, mut unchanged] = [Cost::MAX; 4];
    for _ in 0..TIMES {
        forget();
        theirs = theirs.min(createrepo(made, &[])?);
        forget();
        zstd = zstd.min(build(&["--compress", "zstd"])?);
        forget();
        gzip = gzip.min(build(&[])?);
        unchanged = unchanged.min(build(&["--update"])?);
    }
    let (packed, stream) = sizes(made)?;
    let row = |what: &str, ours: f64, peer: f64, ratio: f64, goal: Option<Goal>| Row {
        what: format!("{COLD} packages in a folder: {what}"),
        ours: seconds(ours),
        peer: seconds(peer),
        ratio,
        goal,
    };
    let twice = Some(Goal::AtLeast(2.0));
    let tenth = Some(Goal::AtMost(0.1));
    let (cpu, wall) = (theirs.cpu, theirs.wall);
    Ok(vec![
        row("CPU, createrepo_c", gzip.cpu, cpu, cpu / gzip.cpu, twice),
        row(
            "wall, createrepo_c",
            gzip.wall,
            wall,
            wall / gzip.wall,
            twice,
        ),
        row(
            "zstd: CPU, createrepo_c gzip",
            zstd.cpu,
            cpu,
            cpu / zstd.cpu,
            None,
        ),
        row(
            "unchanged: CPU, createrepo_c",
            unchanged.cpu,
            cpu,
            unchanged.cpu / cpu,
            tenth,
        ),
        row(
            "unchanged: CPU, our own",
            unchanged.cpu,
            gzip.cpu,
            unchanged.cpu / gzip.cpu,
            tenth,
        ),
        Row {
            what: "primary in groups : in one gzip stream".into(),
            ours: format!("{:.2} MB", packed / 1e6),
            peer: format!("{:.2} MB", stream / 1e6),
            ratio: packed / stream,
            goal: Some(Goal::AtMost(1.05)),
        },
    ])
}

/// Bytes of our primary, and of the same document packed by gzip in one go.
fn sizes(made: &Path) -> Result<(f64, f64)> {
    let mut shell = sh::command("sh");
    let script = "cd \"$0\" && cat *-primary.xml.gz | wc -c && \
                  gzip -dc *-primary.xml.gz | gzip -6 | wc -c";
    let text = sh::output(shell.args(["-c", script]).arg(made.join("repodata")))?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next().context("wc said nothing");
    Ok((next()??, next()??))
}

/// Runs a command to its end; bash counts the processor time of all its threads.
fn cost(command: &mut Command) -> Result<Cost> {
    let mut bash = sh::command("bash");
    bash.args(["-c", "TIMEFORMAT='%U %S %R'; time \"$0\" \"$@\" >&2"]);
    bash.arg(command.get_program()).args(command.get_args());
    let done = sh::attempt(&mut bash)?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{command:?} failed: {said}");
    let line = said.trim_end().lines().last().unwrap_or_default();
    let times: Vec<f64> = line.split(' ').filter_map(|it| it.parse().ok()).collect();
    let [user, system, wall] = times[..] else {
        anyhow::bail!("bash said {said}");
    };
    Ok(Cost {
        cpu: user + system,
        wall,
    })
}
