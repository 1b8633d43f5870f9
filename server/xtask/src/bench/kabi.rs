//! `cargo xtask bench kabi`: the index of packages and kernels on real symbols, the way a database
//! would say the same, over the same interned numbers, and the whole service over HTTP.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use private_postgres::Cluster;

mod pair;

use super::{Goal, Row};
use crate::kernels::{flavors, images};
use crate::packages::{self, Group};
use crate::{fixtures, sh, test};
use pair::Pair;

/// The needs of packages that a kernel does not satisfy.
const ANTI_JOIN: &str = "SELECT count(*), count(DISTINCT kmp) FROM requires r \
     WHERE NOT EXISTS (SELECT FROM offers o WHERE o.need = r.need)";

/// The rows that it works on.
const LOAD: [&str; 6] = [
    "CREATE TABLE requires (kmp integer NOT NULL, need integer NOT NULL)",
    "CREATE TABLE offers (need integer PRIMARY KEY)",
    "\\copy requires from 'requires.tsv'",
    "\\copy offers from 'offers.tsv'",
    "ANALYZE requires",
    "ANALYZE offers",
];

/// One process, as our figures are of one thread, and no time spent on compiling the query.
const ALONE: [&str; 2] = ["SET max_parallel_workers_per_gather = 0", "SET jit = off"];

/// How often the anti-join is timed; the best counts.
const TIMES: usize = 3;

/// The database is to take so many times as long as the verdicts.
const RATIO: f64 = 100.0;

/// What is measured: figure, what it is, the most that it may be, unit. *Few*: 40 symbols changed;
/// *real*: another real kernel ([`Pair`]), where nearly everything breaks.
const GOALS: [(&str, &str, f64, &str); 11] = [
    (
        "10000/few/verdicts",
        "10,000 KMPs, few changes: verdicts",
        5.0,
        "ms",
    ),
    ("10000/few/broken", "  every broken symbol", 15.0, "ms"),
    (
        "10000/real/verdicts",
        "10,000 KMPs, real change: verdicts",
        5.0,
        "ms",
    ),
    ("10000/real/broken", "  every broken symbol", 15.0, "ms"),
    (
        "100000/few/verdicts",
        "100,000 KMPs, few changes: verdicts",
        50.0,
        "ms",
    ),
    ("100000/few/broken", "  every broken symbol", 250.0, "ms"),
    (
        "100000/real/verdicts",
        "100,000 KMPs, real change: verdicts",
        50.0,
        "ms",
    ),
    ("100000/real/broken", "  every broken symbol", 250.0, "ms"),
    (
        "100000/bytes_per_package",
        "memory per KMP",
        1024.0,
        "bytes",
    ),
    (
        "kernels/new_package",
        "a new KMP on 1,000 kernels",
        50.0,
        "ms",
    ),
    (
        "kernels/what_if_200",
        "what if, with reasons, 200 kernels",
        20.0,
        "ms",
    ),
];

/// The same of the whole service: by the clock, from the request to the answer.
const SERVICE_GOALS: [(&str, &str, f64, &str); 5] = [
    (
        "kernel/few",
        "POST a kernel, few changes: 10,000 stored verdicts, mails",
        2_000.0,
        "ms",
    ),
    (
        "kernel/real",
        "POST a kernel, everything breaks: the same",
        2_000.0,
        "ms",
    ),
    (
        "kernel/cold",
        "POST a kernel, few changes: just started",
        2_000.0,
        "ms",
    ),
    (
        "package/new",
        "a new KMP on 1,000 kernels, stored",
        50.0,
        "ms",
    ),
    (
        "check/beyond",
        "POST check on 200 kernels, beyond reading",
        20.0,
        "ms",
    ),
];

/// Measures, prints the table; the exit code is 1 when a goal is missed.
pub fn kabi(project: &Path) -> Result<ExitCode> {
    packages::ensure(&Group::FOR_TESTS)?;
    let folder = test::target_folder(project)?.join("bench-kabi");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let kernels = fixtures::Folders::of(project).whole_kernels();
    let images = images::all(&kernels)?;
    let pair = Pair::of(&images, &flavors::remembered(&kernels).unwrap_or_default())?;
    let figures = measure(project, &folder, &pair)?;
    let figure = |name: &str| {
        let figure = figures.get(name).copied();
        figure.with_context(|| format!("index_speed did not measure {name}"))
    };
    let mut rows = Vec::new();
    for (name, what, most, unit) in GOALS {
        rows.push(row(what, figure(name)?, most, unit));
    }
    // The rows that the database has are those of the real change.
    let verdicts = figure("10000/real/verdicts")?;
    let database = anti_join(&folder)?;
    rows.push(Row {
        what: "10,000 KMPs, real change: PostgreSQL's anti-join".to_owned(),
        ours: format!("{verdicts:.1} ms"),
        peer: format!("{database:.0} ms"),
        ratio: database / verdicts,
        goal: Some(Goal::AtLeast(RATIO)),
    });
    println!("\nreal change: {}", pair.text);
    println!("CPU time of one thread; the peer is the most that it may be");
    let mut missed = super::print(&rows);
    let service = service(project, &folder, &pair)?;
    let rows = SERVICE_GOALS.map(|(name, what, most, unit)| {
        let figure = service.get(name).copied();
        let figure = figure.with_context(|| format!("service_speed did not measure {name}"))?;
        Ok(row(what, figure, most, unit))
    });
    println!("\nby the clock, the built program with its PostgreSQL");
    missed += super::print(&rows.into_iter().collect::<Result<Vec<Row>>>()?);
    Ok(ExitCode::from(u8::from(missed > 0)))
}

fn row(what: &str, measured: f64, most: f64, unit: &str) -> Row {
    Row {
        what: what.to_owned(),
        ours: format!("{measured:.1} {unit}"),
        peer: format!("{most:.0} {unit}"),
        ratio: measured / most,
        goal: Some(Goal::AtMost(1.0)),
    }
}

/// Builds and runs the program that measures; its figures by name.
fn measure(project: &Path, folder: &Path, pair: &Pair) -> Result<BTreeMap<String, f64>> {
    let mut build = test::cargo(project);
    build.args(["build", "--release", "--package", "kabi"]);
    sh::run_loud(build.args(["--example", "index_speed"]))?;
    let program = test::target_folder(project)?.join("release/examples/index_speed");
    let mut run = Command::new(program);
    pair.tell(&mut run);
    run.arg("--copy").arg(folder);
    run.args(["--packages", "10000", "--packages", "100000"]);
    Ok(figures(&sh::output(&mut run)?))
}

/// The same for the program that asks the whole service.
fn service(project: &Path, folder: &Path, pair: &Pair) -> Result<BTreeMap<String, f64>> {
    // Both at once: one after the other would build what they share twice, with other features.
    let mut build = test::cargo(project);
    build.args(["build", "--release"]);
    build.args(["--package", "kmp-portal", "--bin", "kmp-portal"]);
    build.args(["--package", "portal", "--example", "service_speed"]);
    sh::run_loud(&mut build)?;
    let target = test::target_folder(project)?.join("release");
    let mut run = Command::new(target.join("examples/service_speed"));
    run.arg("--program").arg(target.join("kmp-portal"));
    pair.tell(&mut run);
    run.arg("--folder").arg(folder);
    Ok(figures(&sh::output(&mut run)?))
}

/// What lines `NAME VALUE` say.
fn figures(text: &str) -> BTreeMap<String, f64> {
    let figure = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    text.lines().filter_map(figure).collect()
}

/// Milliseconds of the anti-join over the rows in that folder, as `psql` tells them.
fn anti_join(folder: &Path) -> Result<f64> {
    let mut cluster = Cluster::throwaway().context("cannot start a PostgreSQL to compare with")?;
    let psql = |commands: &[&str]| {
        let mut psql = sh::command("psql");
        psql.current_dir(folder);
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]);
        for command in commands {
            psql.args(["--command", command]);
        }
        sh::output(psql.arg(cluster.url("postgres")))
    };
    psql(&LOAD)?;
    let mut best = f64::INFINITY;
    for _ in 0..TIMES {
        let told = psql(&[&ALONE[..], &["\\timing on", ANTI_JOIN]].concat())?;
        let time = told.lines().find_map(|line| line.strip_prefix("Time: "));
        let time = time.and_then(|time| time.split(' ').next()?.parse::<f64>().ok());
        best = best.min(time.context("psql told no time")?);
    }
    cluster.stop()?;
    Ok(best)
}
