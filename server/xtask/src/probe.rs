//! Bounded runs of the readers on inputs that nobody vouches for: damaged packages and modules by
//! the hundred thousand, in an optimised program with little memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{sh, test};

/// Damaged packages, and as many damaged modules.
const CASES: u32 = 150_000;

/// Has the damaged inputs read; an error tells which one was not endured.
pub fn endure(project: &Path) -> Result<()> {
    let program = build(project, Features::Few)?;
    let folder = test::target_folder(project)?.join("probe");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for kind in ["package", "module"] {
        let record = folder.join(format!("last-{kind}"));
        let mut run = Command::new(&program);
        run.args(["endure", kind, "0", &CASES.to_string()])
            .arg(&record)
            // One arena for all threads: each reserves address space that is never used.
            .env("MALLOC_ARENA_MAX", "1");
        let done = sh::attempt(&mut run)?;
        if !done.status.success() {
            let case = fs::read_to_string(&record).unwrap_or_default();
            bail!(
                "damaged {kind} {} was not endured: {}\n{}\n\nWrite it to a file by\n\n    {} input \
                 {kind} {} FILE\n",
                case.trim(),
                done.status,
                sh::last_words(&done),
                program.display(),
                case.trim()
            );
        }
        print!(
            "  {CASES} damaged {kind}s: {}",
            String::from_utf8_lossy(&done.stdout)
        );
    }
    Ok(())
}

/// What the program is to be built with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Features {
    /// All of it.
    All,
    /// Without OpenPGP, which takes minutes to compile.
    Few,
}

/// Builds the program `probe`, optimised; gives where it is.
pub fn build(project: &Path, features: Features) -> Result<PathBuf> {
    let mut cargo = test::cargo(project);
    cargo.args(["build", "--release", "--package", "probe"]);
    if features == Features::Few {
        cargo.arg("--no-default-features");
    }
    sh::run_loud(&mut cargo)?;
    Ok(test::target_folder(project)?.join("release/probe"))
}
