//! What the process that looks at an upload costs, from its start to its end: program, walls,
//! package, answer. `cargo bench -p kmp-portal --bench confined -- FILE KEY` prints seconds as JSON.
//!
//! The program that starts it is this one: it is as large as `kmp-portal`, and does the same when it
//! is told the same.

use anyhow::{Context as _, Result, ensure};
use inspect::{Family, Policy};
use portal::inspecting::{Inspector, SUBCOMMAND, Task, child_main};
use portal::limits::Limits;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// How often the package is looked at for one measurement.
const TIMES: u32 = 100;
/// Measurements, of which the least counts.
const ROUNDS: u32 = 5;

fn main() -> Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [SUBCOMMAND] => Ok(child_main()),
        [file, key, ..] if !file.starts_with('-') => measure(file, key),
        // `cargo bench` and `cargo test` of everything name no package.
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn measure(file: &str, key: &str) -> Result<ExitCode> {
    let limits = Limits::default();
    let inspector = Inspector::new(&limits);
    let task = Task {
        limits: limits.package,
        policies: vec![Policy::for_family(Family::Suse)],
        own_keys: vec![std::fs::read_to_string(key)?],
        other_keys: Vec::new(),
        now: now(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (mut wall, mut cpu) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        let (begun, before) = (Instant::now(), cpu_of_children()?);
        for _ in 0..TIMES {
            let looked = runtime.block_on(inspector.look(PathBuf::from(file), task.clone()))?;
            let reading = looked.map_err(|finding| anyhow::anyhow!(finding.detail))?;
            let good = reading.inspections[0]
                .passed
                .iter()
                .any(|id| id == "signature");
            ensure!(good, "the signature was not found good");
        }
        wall = wall.min(begun.elapsed().as_secs_f64() / f64::from(TIMES));
        cpu = cpu.min((cpu_of_children()? - before) / f64::from(TIMES));
    }
    println!("{}", serde_json::json!({"wall": wall, "cpu": cpu}));
    Ok(ExitCode::SUCCESS)
}

/// Seconds of processor time of all children that have ended (`RUSAGE_CHILDREN`).
fn cpu_of_children() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat
        .rsplit_once(") ")
        .context("/proc/self/stat has no name")?;
    let ticks = fields.split(' ').skip(13).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a benchmark's own clock")]
fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
