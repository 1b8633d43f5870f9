//! `cargo xtask test`: everything tests need, then all tests.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use private_postgres::Cluster;

use crate::kernels::{flavors, images};
use crate::packages::{self, Group};
use crate::{fixtures, loader, probe, sh};

/// In the names of the tests that read whole kernels; others do not wait for them to be fetched.
const OF_WHOLE_KERNELS: &str = "whole_kernel";

/// In the names of the tests that judge the loader's cases; others do not wait for their building.
const OF_LOADER_CASES: &str = "loader_case";

/// Runs the tests whose name contains `filter`, or all, and then the damaged inputs; the exit code
/// is that of the tests.
pub fn run(project: &Path, filter: Option<&str>) -> Result<ExitCode> {
    packages::ensure(&Group::FOR_TESTS)?;
    fixtures::build(project, false)?;
    let program = build_program(project)?;
    let mut cluster = Cluster::throwaway().context("cannot start a PostgreSQL for the tests")?;
    let mut tests = cargo(project);
    tests
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(filter);
    tests
        .env("DATABASE_URL", cluster.url("postgres"))
        .env(
            "KMP_PORTAL_FIXTURES",
            fixtures::Folders::of(project).manifest(),
        )
        .env("KMP_PORTAL_PROGRAM", program)
        .env("KMP_PORTAL_XTASK", std::env::current_exe()?);
    if filter.is_none_or(|name| name.contains(OF_WHOLE_KERNELS)) {
        let folder = fixtures::Folders::of(project).whole_kernels();
        tests.env("KMP_PORTAL_KERNELS", images::describe(&folder)?);
        tests.env("KMP_PORTAL_FLAVORS", flavors::record(&folder));
    }
    if filter.is_none_or(|name| name.contains(OF_LOADER_CASES)) {
        tests.env("KMP_PORTAL_LOADER_CASES", loader::describe(project)?);
    }
    let status = tests.status().context("cannot start cargo")?;
    cluster.stop()?;
    if filter.is_none() {
        probe::endure(project)?;
    }
    Ok(ExitCode::from(
        u8::try_from(status.code().unwrap_or(1)).unwrap_or(1),
    ))
}

/// End-to-end tests run the built program; cargo builds no program for another package's tests.
fn build_program(project: &Path) -> Result<std::path::PathBuf> {
    sh::run_loud(cargo(project).args(["build", "--package", "kmp-portal"]))?;
    Ok(target_folder(project)?.join("debug/kmp-portal"))
}

/// Where cargo puts what it builds, by whatever configuration.
pub fn target_folder(project: &Path) -> Result<std::path::PathBuf> {
    let mut metadata = cargo(project);
    metadata.args([
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
        "--offline",
    ]);
    let metadata: serde_json::Value = serde_json::from_str(&sh::output(&mut metadata)?)?;
    let folder = metadata["target_directory"].as_str();
    Ok(folder
        .context("cargo metadata names no target folder")?
        .into())
}

/// The cargo that runs us, in the project's folder.
pub fn cargo(project: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(project);
    command
}
