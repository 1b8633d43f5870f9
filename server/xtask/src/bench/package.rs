//! A package that holds a whole kernel, packed in three ways, against rpm's and the shell's way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::{Bench, Cost, Goal, Row, TIMES, seconds, time};
use crate::sh;

/// How a payload is packed: rpm's name of it, and whether reading it is mostly unpacking it.
pub struct Payload {
    name: &'static str,
    rpm: &'static str,
    /// The shell's way is to take ten times as long. It cannot where unpacking alone, which both
    /// ways do, takes more than a tenth of it.
    has_shell_goal: bool,
}

/// zstd is what distributions pack with today; xz at a low level, as only unpacking is measured.
pub const PAYLOADS: [Payload; 3] = [
    Payload {
        name: "zstd",
        rpm: "w7.zstdio",
        has_shell_goal: true,
    },
    Payload {
        name: "xz",
        rpm: "w2.xzdio",
        has_shell_goal: false,
    },
    Payload {
        name: "gzip",
        rpm: "w6.gzdio",
        has_shell_goal: false,
    },
];

/// Memory for a package of any size, MiB.
const PEAK_MAX: f64 = 64.0;

/// A whole kernel's modules against `rpm2cpio`, alone and with what follows it in a shell.
pub fn whole_kernel(bench: &Bench, payload: Payload) -> Result<Vec<Row>> {
    let file = build(bench, &payload)?;
    let path = file.to_string_lossy();
    let size = fs::metadata(&file)?.len();
    let (mut ours, mut bare, mut pass) = (Cost::MAX, Cost::MAX, Cost::MAX);
    let (mut peak, mut unpacked) = (0.0_f64, 0.0);
    for _ in 0..TIMES {
        let answer = bench.ask(&["read-package", &path, "1"])?;
        (ours, unpacked) = (ours.min(answer.cost), answer.payload);
        peak = peak.max(answer.peak / f64::from(1 << 20));
        bare = bare.min(time(Command::new("rpm2cpio").arg(&file))?);
        pass = pass.min(bench.ask(&["hash", &format!("{unpacked:.0}")])?.cost);
    }
    ensure!(unpacked > 0.0, "{path} has no payload");
    let shell = pipeline(bench, &file)?;
    let megabytes = size as f64 / 1e6;
    let row = |what: &str, ours: f64, peer: f64, goal: Option<Goal>| Row {
        what: format!("{} package of {megabytes:.0} MB : {what}", payload.name),
        ours: seconds(ours),
        peer: seconds(peer),
        ratio: match goal {
            Some(Goal::AtLeast(_)) => peer / ours,
            _ => ours / peer,
        },
        goal,
    };
    let shell_goal = Some(Goal::AtLeast(10.0)).filter(|_| payload.has_shell_goal);
    Ok(vec![
        row(
            "rpm2cpio | cpio | modprobe",
            ours.wall,
            shell.wall,
            shell_goal,
        ),
        row("rpm2cpio", ours.wall, bare.wall, Some(Goal::AtMost(1.3))),
        row("rpm2cpio, CPU", ours.cpu, bare.cpu, None),
        row(
            "  of that one SHA-256 over the payload",
            pass.cpu,
            bare.cpu,
            None,
        ),
        Row {
            what: format!(
                "{} package of {megabytes:.0} MB : memory limit",
                payload.name
            ),
            ours: format!("{peak:.1} MiB"),
            peer: format!("{PEAK_MAX} MiB"),
            ratio: peak / PEAK_MAX,
            goal: Some(Goal::AtMost(1.0)),
        },
    ])
}

/// Builds the package unless it is there from last time.
fn build(bench: &Bench, payload: &Payload) -> Result<PathBuf> {
    let release = bench
        .modules
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let file = bench.folder.join(format!("{release}-{}.rpm", payload.name));
    if !file.exists() {
        println!(
            "building a package with all modules of {release}, {}",
            payload.name
        );
        package_of(bench, &bench.modules.join("kernel"), payload.rpm, &file)?;
    }
    Ok(file)
}

/// Has rpmbuild make a package of all modules below a folder, packed as `payload` says.
pub fn package_of(bench: &Bench, modules: &Path, payload: &str, file: &Path) -> Result<()> {
    let spec = bench.folder.join("modules.spec");
    fs::write(&spec, include_str!("modules.spec"))?;
    let top = bench.folder.join("rpmbuild");
    let define = |name: &str, value: &str| ["--define".to_owned(), format!("{name} {value}")];
    let mut rpmbuild = Command::new("rpmbuild");
    rpmbuild
        .args(["-bb", "--quiet"])
        .args(define("_topdir", &top.to_string_lossy()))
        .args(define("payload", payload))
        .args(define("modules", &modules.to_string_lossy()))
        .arg(&spec);
    sh::run(&mut rpmbuild)?;
    let arch = std::env::consts::ARCH;
    let built = top.join(format!("RPMS/{arch}/bench-kmp-default-1.0-1.{arch}.rpm"));
    fs::rename(built, file)?;
    fs::remove_dir_all(&top)?;
    Ok(())
}

/// What people's way to the same facts takes: unpacking to a folder, and a `modprobe` for each
/// module.
fn pipeline(bench: &Bench, file: &Path) -> Result<Cost> {
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
    Ok(took)
}
