//! `cargo xtask`: automation of this project. `cargo xtask help` lists what it does.

mod fixtures;
mod kernels;
mod sh;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
usage: cargo xtask COMMAND

  fixtures [--refresh]  builds the real inputs of tests and demo into target/fixtures;
                        with --refresh, looks for newer kernels
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    let project = project();
    match arguments {
        ["fixtures"] => show(&fixtures::build(&project, false)?, &project),
        ["fixtures", "--refresh"] => show(&fixtures::build(&project, true)?, &project),
        ["help" | "--help" | "-h"] | [] => print!("{HELP}"),
        other => bail!("unknown command `{}`\n\n{HELP}", other.join(" ")),
    }
    Ok(())
}

fn show(manifest: &fixtures::manifest::Manifest, project: &Path) {
    let file = fixtures::Folders::of(project).manifest();
    println!(
        "{} packages described in {}",
        manifest.packages.len(),
        file.display()
    );
}

/// The folder with the workspace's Cargo.toml.
fn project() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("server/xtask is two folders deep")
        .to_path_buf()
}
