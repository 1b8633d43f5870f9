//! `cargo xtask`: automation of this project. `cargo xtask help` lists what it does.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use xtask::packages::{self, Group};
use xtask::{bench, demo, fixtures, fuzz, loader, probe, sqlx, test, tidy};

const HELP: &str = "\
usage: cargo xtask COMMAND

  demo [--fresh] [--check] [--listen ADDRESS] [--data DIR] [--program FILE]
                         starts the portal with a real example to look at; with --check, goes
                         through all of it unattended and stops; --fresh forgets an earlier one
  test [--filter NAME]   installs what tests need, builds the fixtures and runs all tests,
                         or those whose name contains NAME
  loader-truth           boots real kernels under qemu, has them load a module for each of the
                         loader's rules, and compares with the judge
  endure                 has damaged packages and modules read, as `test` does at its end
  bench inspect          times the reading of modules and packages beside other tools; fails when
                         a goal is missed
  bench kabi             the same for judging a kernel against all packages, beside PostgreSQL
  bench repository       the same for publishing, beside createrepo_c
  bench lookup           the same for finding drivers by hardware, beside libkmod
  fuzz [TARGET] [--seconds N]
                         runs libFuzzer on one target, or on all in turn, 60 seconds each
  fixtures [--refresh]   builds the real inputs of tests and demo into target/fixtures;
                         with --refresh, looks for newer kernels
  packages [GROUP…]      installs system packages: build, fixtures, clients, tests, fuzz, bench,
                         truth (all of them when none is named)
  sqlx [--check]         writes .sqlx anew after SQL was changed; with --check, only compares
  tidy                   checks habits: SQL in one crate, dependencies in one direction, …
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<ExitCode> {
    let project = xtask::project();
    match arguments {
        ["demo", options @ ..] => return demo::run(&project, &demo::Options::parse(options)?),
        ["test"] => return test::run(&project, None),
        ["test", "--filter", name] => return test::run(&project, Some(name)),
        ["loader-truth"] => return loader::truth(&project),
        ["endure"] => probe::endure(&project)?,
        ["bench", "inspect"] => return bench::inspect(&project),
        ["bench", "kabi"] => return bench::kabi(&project),
        ["bench", "repository"] => return bench::repository(&project),
        ["bench", "lookup"] => return bench::lookup(&project),
        ["fuzz", options @ ..] => return fuzz::run(&project, &fuzz::Options::parse(options)?),
        ["fixtures"] => build_fixtures(&project, false)?,
        ["fixtures", "--refresh"] => build_fixtures(&project, true)?,
        ["packages", groups @ ..] => packages::ensure(&parse_groups(groups)?)?,
        ["sqlx"] => sqlx::run(&project, false)?,
        ["sqlx", "--check"] => sqlx::run(&project, true)?,
        ["tidy"] => tidy::run(&project)?,
        ["help" | "--help" | "-h"] | [] => print!("{HELP}"),
        other => bail!("unknown command `{}`\n\n{HELP}", other.join(" ")),
    }
    Ok(ExitCode::SUCCESS)
}

fn build_fixtures(project: &Path, refresh: bool) -> Result<()> {
    packages::ensure(&[Group::Fixtures])?;
    let manifest = fixtures::build(project, refresh)?;
    let file = fixtures::Folders::of(project).manifest();
    println!(
        "{} packages described in {}",
        manifest.packages.len(),
        file.display()
    );
    Ok(())
}

fn parse_groups(words: &[&str]) -> Result<Vec<Group>> {
    if words.is_empty() {
        return Ok(Group::ALL.to_vec());
    }
    let parse = |word: &&str| {
        Group::parse(word).with_context(|| format!("no group of packages is called `{word}`"))
    };
    words.iter().map(parse).collect()
}
