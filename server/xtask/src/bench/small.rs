//! One small package, as vendors upload most: one real driver with the dependencies of rpm's
//! generators, signed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{Answer, Bench, Cost, Goal, Row, TIMES, modules};
use crate::fixtures::manifest::{Key, Manifest};
use crate::fixtures::{Folders, rpm};
use crate::{sh, test};

/// Bytes of the driver: packed they become some 100 KB.
const DRIVER_SIZE: u64 = 420_000;
/// Bytes that count as some 100 KB.
const SIZES: std::ops::Range<u64> = 80_000..140_000;
/// Processor time for it, milliseconds.
const CPU_MAX: f64 = 5.0;
/// How often it is read for one measurement.
const EACH: &str = "200";

/// In the process of the benchmark, and in one of its own as the portal starts it.
pub fn measure(project: &Path, bench: &Bench, manifest: &Manifest) -> Result<Vec<Row>> {
    let key = manifest.keys.get("acme").context("acme has no key")?;
    let file = build(project, bench, key)?;
    let size = fs::metadata(&file)?.len();
    ensure!(SIZES.contains(&size), "the small package has {size} bytes");
    let (path, public) = (file.to_string_lossy(), key.public.to_string_lossy());
    let row = |what: &str, cost: Cost| Row {
        what: format!("package of {} KB, signed, {what} : limit", size / 1000),
        ours: format!("{:.2} ms", cost.cpu * 1e3),
        peer: format!("{CPU_MAX} ms"),
        ratio: cost.cpu * 1e3 / CPU_MAX,
        goal: Some(Goal::AtMost(1.0)),
    };
    let mut here = Cost::MAX;
    for _ in 0..TIMES {
        let answer = bench.ask(&["read-package", &path, EACH, &public])?;
        ensure!(answer.good_signatures == 1, "{path} has no good signature");
        here = here.min(answer.cost);
    }
    let confined = confined(project, &file, key)?;
    Ok(vec![
        row("CPU", here),
        row("CPU of a confined process", confined),
    ])
}

/// What the portal's process for uploads takes, from its start to its end: the benchmark `confined`
/// of `kmp-portal`.
fn confined(project: &Path, file: &Path, key: &Key) -> Result<Cost> {
    let mut cargo = test::cargo(project);
    cargo
        .args(["bench", "--quiet", "--package", "kmp-portal"])
        .args(["--bench", "confined", "--"])
        .args([file, &key.public]);
    let text = sh::output(&mut cargo)?;
    let last = text.lines().last().unwrap_or_default();
    let answer: Answer =
        serde_json::from_str(last).with_context(|| format!("the benchmark said {text}"))?;
    Ok(answer.cost)
}

/// Builds and signs the package unless it is there from last time.
fn build(project: &Path, bench: &Bench, key: &Key) -> Result<PathBuf> {
    let folder = bench.folder.join("small");
    if folder.is_dir() {
        return rpm::only_rpm(&folder);
    }
    let driver = driver(&bench.modules)?;
    let release = bench.modules.file_name().unwrap_or_default();
    let release = release.to_string_lossy();
    let (version, flavor) = release
        .rsplit_once('-')
        .context("the kernel's release names no flavor")?;
    let defines = [
        ("kmp_base", "acme-bench"),
        ("kmp_flavor", flavor),
        ("kmp_driver_version", "1.0"),
        ("kmp_release", "1"),
        ("kmp_vendor", "Acme Devices"),
        ("kmp_summary", "One driver"),
        ("kmp_note", "%{nil}"),
        ("kmp_kernel", &version.replace('-', "_")),
        ("kmp_kernel_release", &release),
        ("kmp_modules", &parent(&driver)),
        ("kmp_files", &name(&driver)),
        ("_binary_payload", "w19.zstdio"),
    ];
    let unsigned = bench.folder.join("small-unsigned");
    fs::create_dir_all(&unsigned)?;
    let file = rpm::rpmbuild(&Folders::of(project), "kmp.spec", &defines, &unsigned)?;
    rpm::sign(&file, key)?;
    fs::rename(&unsigned, &folder)?;
    rpm::only_rpm(&folder)
}

/// The module whose size is nearest to what is wanted.
fn driver(folder: &Path) -> Result<PathBuf> {
    let size = |file: &PathBuf| fs::metadata(file).map_or(0, |data| data.len());
    let files = modules::files(folder)?.into_iter();
    let nearest = files.min_by_key(|file| size(file).abs_diff(DRIVER_SIZE));
    nearest.context("the kernel has no modules")
}

fn parent(file: &Path) -> String {
    let folder = file.parent().unwrap_or(Path::new("/"));
    folder.to_string_lossy().into_owned()
}

fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
