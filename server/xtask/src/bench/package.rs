//! Packages: one that holds a whole kernel, packed in three ways, and one small one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Bench, Goal, Row, best, seconds, time};
use crate::fixtures::manifest::{Kind, Manifest};
use crate::sh;

/// How a payload is packed: rpm's name of it, and whether the goals are about it.
pub struct Payload {
    name: &'static str,
    rpm: &'static str,
    has_goals: bool,
}

/// zstd is what distributions pack with today. The others are told for comparison: xz at a low level, as only
/// unpacking is measured.
pub const PAYLOADS: [Payload; 3] = [
    Payload {
        name: "zstd",
        rpm: "w7.zstdio",
        has_goals: true,
    },
    Payload {
        name: "xz",
        rpm: "w2.xzdio",
        has_goals: false,
    },
    Payload {
        name: "gzip",
        rpm: "w6.gzdio",
        has_goals: false,
    },
];

/// Memory for a package of any size, MiB.
const PEAK_MAX: f64 = 64.0;
/// Processor time for a small package, milliseconds.
const SMALL_MAX: f64 = 5.0;
/// How often a small package is read for one measurement.
const SMALL_TIMES: &str = "200";

/// A whole kernel's modules against `rpm2cpio`, alone and with what follows it in a shell.
pub fn whole_kernel(bench: &Bench, payload: Payload) -> Result<Vec<Row>> {
    let file = build(bench, &payload)?;
    let path = file.to_string_lossy();
    let size = fs::metadata(&file)?.len() as f64 / 1e6;
    let mut answers = Vec::new();
    let ours = best(
        || {
            answers.push(bench.ask(&["read-package", &path, "1"])?);
            Ok(answers[answers.len() - 1].wall)
        },
        |took| took,
    )?;
    let peak = answers.iter().map(|answer| answer.peak).fold(0.0, f64::max) / f64::from(1 << 20);
    let cpu = answers
        .iter()
        .map(|answer| answer.cpu)
        .fold(f64::MAX, f64::min);
    let bare = best(
        || Ok(time(Command::new("rpm2cpio").arg(&file))?.as_secs_f64()),
        |took| took,
    )?;
    let shell = pipeline(bench, &file)?;
    println!(
        "{} package, {size:.0} MB: {cpu:.2} s of processor time",
        payload.name
    );
    let row = |what: &str, ours: String, peer: String, ratio: f64, goal: Goal| Row {
        what: format!("{} package of {size:.0} MB : {what}", payload.name),
        ours,
        peer,
        ratio,
        goal: payload.has_goals.then_some(goal),
    };
    Ok(vec![
        row(
            "rpm2cpio | cpio | modprobe",
            seconds(ours),
            seconds(shell),
            shell / ours,
            Goal::AtLeast(10.0),
        ),
        row(
            "rpm2cpio",
            seconds(ours),
            seconds(bare),
            ours / bare,
            Goal::AtMost(1.3),
        ),
        Row {
            goal: Some(Goal::AtMost(1.0)),
            ..row(
                "memory limit",
                format!("{peak:.1} MiB"),
                format!("{PEAK_MAX} MiB"),
                peak / PEAK_MAX,
                Goal::AtMost(1.0),
            )
        },
    ])
}

/// The largest signed package of the fixtures.
pub fn small(bench: &Bench, manifest: &Manifest) -> Result<Vec<Row>> {
    let good = manifest
        .packages
        .iter()
        .filter(|package| package.kind == Kind::Good);
    let size = |file: &Path| fs::metadata(file).map_or(0, |data| data.len());
    let package = good
        .max_by_key(|package| size(&package.path))
        .context("no good package")?;
    let key = manifest
        .keys
        .get(&package.vendor)
        .context("its vendor has no key")?;
    let (file, key) = (package.path.to_string_lossy(), key.public.to_string_lossy());
    let ours = best(
        || bench.ask(&["read-package", &file, SMALL_TIMES, &key]),
        |ours| ours.cpu,
    )?;
    ensure!(ours.good_signatures == 1, "{file} has no good signature");
    let cpu = ours.cpu * 1e3;
    Ok(vec![Row {
        what: format!(
            "package of {} KB with signature, CPU : limit",
            size(&package.path) / 1000
        ),
        ours: format!("{cpu:.2} ms"),
        peer: format!("{SMALL_MAX} ms"),
        ratio: cpu / SMALL_MAX,
        goal: Some(Goal::AtMost(1.0)),
    }])
}

/// Builds the package unless it is there from last time.
fn build(bench: &Bench, payload: &Payload) -> Result<PathBuf> {
    let release = bench
        .modules
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let file = bench.folder.join(format!("{release}-{}.rpm", payload.name));
    if file.exists() {
        return Ok(file);
    }
    println!(
        "building a package with all modules of {release}, {}",
        payload.name
    );
    let spec = bench.folder.join("whole-kernel.spec");
    fs::write(&spec, include_str!("whole-kernel.spec"))?;
    let top = bench.folder.join("rpmbuild");
    let define = |name: &str, value: &str| ["--define".to_owned(), format!("{name} {value}")];
    let mut rpmbuild = Command::new("rpmbuild");
    rpmbuild
        .args(["-bb", "--quiet"])
        .args(define("_topdir", &top.to_string_lossy()))
        .args(define("payload", payload.rpm))
        .args(define("modules", &bench.modules.to_string_lossy()))
        .arg(&spec);
    sh::run(&mut rpmbuild)?;
    let arch = std::env::consts::ARCH;
    let built = top.join(format!(
        "RPMS/{arch}/whole-kernel-kmp-default-1.0-1.{arch}.rpm"
    ));
    fs::rename(built, &file)?;
    fs::remove_dir_all(&top)?;
    Ok(file)
}

/// Seconds that people's way to the same facts takes: unpacking to a folder, and a `modprobe` for
/// each module.
fn pipeline(bench: &Bench, file: &Path) -> Result<f64> {
    const SCRIPT: &str = "rpm2cpio \"$0\" | cpio -idm --quiet && \
        find . -name '*.ko*' -exec modprobe --dump-modversions {} \\;";
    let folder = bench.folder.join("unpacked");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir(&folder)?;
    let mut shell = sh::command("sh");
    let took = time(shell.args(["-c", SCRIPT]).arg(file).current_dir(&folder))?;
    fs::remove_dir_all(&folder)?;
    Ok(took.as_secs_f64())
}
