//! A question that stores nothing: would this package load?

use crate::seed::{ARCH, ASKED, KERNELS};
use crate::server::Server;
use crate::{say, say_times};
use anyhow::ensure;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;
use testkit::RpmBuilder;

/// Bytes of the package, about.
const BYTES: u64 = 100_000;
/// Modules that count as small.
const SMALL: u64 = 40_000;
const TIMES: usize = 9;

/// Asks about one package, on many kernels and on one.
pub async fn measure(server: &Server, modules: &Path) -> anyhow::Result<()> {
    let package = package(modules)?;
    say("check/package_bytes", package.len() as f64);
    let all = format!("/api/v1/check?product={}", ASKED.0);
    let answer: Value = serde_json::from_str(&server.post(&all, package.clone()).await?)?;
    let judged = answer["kernels_judged"].as_u64();
    ensure!(judged == Some(u64::from(ASKED.1)), "judged: {judged:?}");
    let one = format!("/api/v1/check?product={}&kernel=6.1.0-0-amd64", KERNELS.0);
    server.post(&one, package.clone()).await?;
    let mut times: [Vec<f64>; 2] = Default::default();
    for _ in 0..TIMES {
        // By turns, so that what else happens on the machine meets both.
        for (path, times) in [&all, &one].into_iter().zip(&mut times) {
            let begun = Instant::now();
            server.post(path, package.clone()).await?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    let [all, one] = times;
    let beyond = all.iter().zip(&one).map(|(all, one)| all - one);
    say_times("check/beyond", beyond.collect());
    say_times("check/all", all);
    say_times("check/reading", one);
    Ok(())
}

/// A package of small real modules.
fn package(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let mut found = Vec::new();
    small(folder, &mut found)?;
    found.sort();
    let mut package = RpmBuilder::new("acme-kmp-amd64", "1", "1", ARCH);
    let mut size = 0;
    for path in found.iter().step_by(7) {
        let bytes = fs::read(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        size += bytes.len() as u64;
        package = package.file(&format!("/lib/modules/6.1.0-1-amd64/updates/{name}"), bytes);
        if size >= BYTES {
            break;
        }
    }
    Ok(package.build())
}

fn small(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        let kind = entry.file_type()?;
        let path = entry.path();
        if kind.is_dir() {
            small(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "ko") && entry.metadata()?.len() < SMALL {
            found.push(path);
        }
    }
    Ok(())
}
