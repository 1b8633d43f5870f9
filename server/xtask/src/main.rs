//! `cargo xtask`: automation of this project. `cargo xtask help` lists what it does.

mod fixtures;
mod kernels;
mod sh;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let refresh = std::env::args().any(|argument| argument == "--refresh");
    fixtures::build(&project(), refresh)?;
    Ok(ExitCode::SUCCESS)
}

/// The folder with the workspace's Cargo.toml.
fn project() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("server/xtask is two folders deep")
        .to_path_buf()
}
