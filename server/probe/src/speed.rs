//! Our side of `cargo xtask bench inspect`: the same work that the peers are given, with its cost.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kmod::Module;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Reads every `.ko` below a folder, each from its file. What the reader alone takes is told apart.
///
/// # Errors
/// A file cannot be read, or is no module.
pub fn modules(folder: &Path) -> Result<Value> {
    let mut files = Vec::new();
    find_modules(folder, &mut files)?;
    files.sort();
    ensure!(!files.is_empty(), "no module below {}", folder.display());
    let (mut bytes, mut records, mut parsing) = (0_u64, 0_usize, Duration::ZERO);
    let limits = kmod::Limits::default();
    let (started, cpu) = (Instant::now(), cpu_time());
    for file in &files {
        let content = fs::read(file).with_context(|| file.display().to_string())?;
        let begun = cpu_time();
        let module = Module::read(&content, &file.to_string_lossy(), &limits)
            .with_context(|| file.display().to_string())?;
        parsing += cpu_time() - begun;
        bytes += content.len() as u64;
        records += module.imports.len();
    }
    Ok(json!({
        "modules": files.len(),
        "bytes": bytes,
        "imports": records,
        "parsing": parsing.as_secs_f64(),
        "wall": started.elapsed().as_secs_f64(),
        "cpu": (cpu_time() - cpu).as_secs_f64(),
    }))
}

/// Reads a package `times` over, all digests checked, and judges its signatures.
///
/// # Errors
/// The package cannot be read, or a digest does not match.
#[cfg(feature = "signatures")]
pub fn package(file: &Path, certificate: Option<&Path>, times: u32) -> Result<Value> {
    let certificates = match certificate {
        Some(file) => keyring::Certificate::parse_all(&fs::read(file)?)?,
        None => Vec::new(),
    };
    let at = written(file)?;
    let (started, cpu) = (Instant::now(), cpu_time());
    let (mut modules, mut good, mut payload) = (0, 0, 0);
    for _ in 0..times {
        let package = kmp::read(fs::File::open(file)?, &kmp::Limits::default())?;
        let wrong = package.digests.iter().find(|digest| !digest.matches());
        ensure!(wrong.is_none(), "a digest differs: {wrong:?}");
        modules = package.modules.iter().filter(|m| m.module.is_ok()).count();
        payload = package.archive_size;
        let report = keyring::judge(&package, &certificates, &keyring::Policy::default(), at);
        let is_good =
            |s: &&kmp::JudgedSignature| matches!(s.verdict, kmp::SignatureVerdict::Good { .. });
        good = report.signatures.iter().filter(is_good).count();
    }
    let each = f64::from(times.max(1));
    Ok(json!({
        "modules": modules,
        "good_signatures": good,
        "payload": payload,
        "wall": started.elapsed().as_secs_f64() / each,
        "cpu": (cpu_time() - cpu).as_secs_f64() / each,
        "peak": peak_memory()?,
    }))
}

/// Hashes so many bytes once, by SHA-256 and nothing else: what no reader can do without.
#[must_use]
pub fn hash(bytes: u64) -> Value {
    let piece = vec![0x5a; 256 << 10];
    let (started, cpu) = (Instant::now(), cpu_time());
    let mut hasher = Sha256::new();
    let mut left = bytes;
    while left > 0 {
        let count = left.min(piece.len() as u64);
        hasher.update(&piece[..count as usize]);
        left -= count;
    }
    let digest = std::hint::black_box(hasher.finalize());
    json!({
        "digest": format!("{digest:x}"),
        "wall": started.elapsed().as_secs_f64(),
        "cpu": (cpu_time() - cpu).as_secs_f64(),
    })
}

/// Most memory that this process ever had, bytes.
#[cfg(feature = "signatures")]
fn peak_memory() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = number
        .context("the kernel tells no peak of memory")?
        .parse()?;
    Ok(kib << 10)
}

/// When the file was written, in seconds since 1970: its signatures were made before, and are judged
/// as of then.
#[cfg(feature = "signatures")]
fn written(file: &Path) -> Result<u64> {
    let time = fs::metadata(file)?.modified()?;
    let since = time.duration_since(std::time::UNIX_EPOCH)?;
    Ok(since.as_secs() + 1)
}

/// Processor time of this process so far, all threads together.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

fn find_modules(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            find_modules(&entry.path(), found)?;
        } else if name.to_string_lossy().contains(".ko") {
            found.push(entry.path());
        }
    }
    Ok(())
}
