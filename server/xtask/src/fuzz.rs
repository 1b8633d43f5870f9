//! `cargo xtask fuzz`: libFuzzer on the targets in `fuzz/`, with the stable compiler.
//!
//! What cargo-fuzz does with a nightly one, without the sanitizers: there is no unsafe code of ours
//! for them to watch.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::packages::{self, Group};
use crate::{sh, test};

/// Instruments all code for libFuzzer.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1 --cfg fuzzing";

/// The largest input tried, bytes.
const LENGTH_MAX: u32 = 64 << 10;
/// Memory at which an input counts as a failure, MiB: decompressors may take 80.
const MEMORY_MAX: u32 = 512;
/// Seconds after which an input counts as a failure.
const SECONDS_MAX: u32 = 10;

/// What is asked for.
pub struct Options {
    /// One target, or all in turn.
    target: Option<String>,
    /// How long each is run.
    seconds: u32,
}

impl Options {
    pub fn parse(words: &[&str]) -> Result<Options> {
        let mut options = Options {
            target: None,
            seconds: 60,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--seconds" => {
                    let number = words.next().context("--seconds wants a number")?;
                    options.seconds = number
                        .parse()
                        .with_context(|| format!("`{number}` is no number of seconds"))?;
                }
                name if !name.starts_with('-') => options.target = Some(name.to_owned()),
                other => bail!("unknown option `{other}`"),
            }
        }
        Ok(options)
    }
}

/// Runs the targets; fails at the first input that one of them does not endure.
pub fn run(project: &Path, options: &Options) -> Result<ExitCode> {
    packages::ensure(&[Group::Build, Group::Fuzz])?;
    let targets = chosen(project, options)?;
    let folder = test::target_folder(project)?.join("fuzz");
    for target in targets {
        println!("{target}: {} s", options.seconds);
        let program = build(project, &folder, &target)?;
        let found = folder.join("corpus").join(&target);
        let failures = folder.join("failures");
        fs::create_dir_all(&found)?;
        fs::create_dir_all(&failures)?;
        // New inputs go into the first folder, the others are only read.
        let mut fuzzer = Command::new(program);
        fuzzer
            .args([&found, &project.join("fuzz/corpus").join(&target)])
            .arg(format!("-artifact_prefix={}/{target}-", failures.display()))
            .arg(format!("-max_total_time={}", options.seconds))
            .arg(format!("-max_len={LENGTH_MAX}"))
            .arg(format!("-rss_limit_mb={MEMORY_MAX}"))
            .arg(format!("-timeout={SECONDS_MAX}"))
            .arg("-print_final_stats=1");
        sh::run_loud(&mut fuzzer)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Names of the targets to run, each a file in `fuzz/fuzz_targets`.
fn chosen(project: &Path, options: &Options) -> Result<Vec<String>> {
    let entries = fs::read_dir(project.join("fuzz/fuzz_targets"))?.flatten();
    let names = entries.filter_map(|e| Some(e.path().file_stem()?.to_str()?.to_owned()));
    let mut all: Vec<String> = names.collect();
    all.sort();
    match &options.target {
        None => Ok(all),
        Some(name) if all.contains(name) => Ok(vec![name.clone()]),
        Some(name) => bail!("no target is called `{name}`; there are {}", all.join(", ")),
    }
}

/// For the named host, because then build scripts and macros are left uninstrumented.
fn build(project: &Path, folder: &Path, target: &str) -> Result<std::path::PathBuf> {
    let version = sh::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc names no host")?;
    let mut cargo = test::cargo(&project.join("fuzz"));
    cargo
        .args(["build", "--release", "--target", host])
        .args(["--bin", target, "--target-dir"])
        .arg(folder)
        .env("RUSTFLAGS", COVERAGE);
    if target != "signature" {
        cargo.arg("--no-default-features");
    }
    sh::run_loud(&mut cargo)?;
    Ok(folder.join(host).join("release").join(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_a_target_and_seconds() {
        let options = Options::parse(&["module", "--seconds", "5"]).unwrap();
        assert_eq!(
            (options.target.as_deref(), options.seconds),
            (Some("module"), 5)
        );
        let options = Options::parse(&[]).unwrap();
        assert_eq!((options.target, options.seconds), (None, 60));
        for bad in [&["--seconds"][..], &["--seconds", "x"], &["--loud"]] {
            assert!(Options::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn targets_are_found_by_their_files() {
        let named = |name: &str| {
            let options = Options::parse(&[name]).unwrap();
            chosen(&crate::project(), &options)
        };
        assert_eq!(named("symvers").unwrap(), ["symvers"]);
        assert!(
            named("nothing")
                .unwrap_err()
                .to_string()
                .contains("modalias, module")
        );
    }
}
