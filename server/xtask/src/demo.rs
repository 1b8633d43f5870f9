//! `cargo xtask demo`: the product doing its main job on real input, for people to look at, or with
//! `--check` unattended.
//!
//! Installs what is missing, builds, starts the portal with a private PostgreSQL, fills it through
//! its own command line and API, and says what to try. What it made stays for the next time.

pub mod api;
pub mod clients;
mod guide;
pub mod mail;
pub mod portal;
pub mod root;
pub mod story;
pub mod tour;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::fixtures::{self, manifest::Manifest};
use crate::packages::{self, Group};
use crate::{sh, test};
use portal::Portal;
use story::Story;
use tour::Tour;

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub struct Options {
    /// Throw away what an earlier demo made.
    pub fresh: bool,
    /// Go through everything unattended and stop.
    pub check: bool,
    pub listen: String,
    /// Data folder; a default is found when none is given.
    pub data: Option<PathBuf>,
    /// Run this program instead of building one.
    pub program: Option<PathBuf>,
}

/// Where the demo listens unless told otherwise.
const LISTEN: &str = "127.0.0.1:8080";

/// Data folder for a root whose checkout no other user can reach: PostgreSQL never runs as root.
const ROOTS_DATA: &str = "/var/lib/kmp-portal-demo";

impl Options {
    pub fn parse(arguments: &[&str]) -> Result<Options> {
        let mut options = Options {
            fresh: false,
            check: false,
            listen: LISTEN.into(),
            data: None,
            program: None,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || {
                rest.next()
                    .copied()
                    .with_context(|| format!("{argument} needs a value"))
            };
            match *argument {
                "--fresh" => options.fresh = true,
                "--check" => options.check = true,
                "--listen" => options.listen = value()?.into(),
                "--data" => options.data = Some(value()?.into()),
                "--program" => options.program = Some(value()?.into()),
                other => bail!("`cargo xtask demo` knows no `{other}`"),
            }
        }
        Ok(options)
    }
}

pub fn run(project: &Path, options: &Options) -> Result<ExitCode> {
    println!("1/5 system packages");
    let groups = [Group::Build, Group::Fixtures, Group::Clients];
    packages::ensure(if options.check { &groups } else { &groups[..2] })?;
    println!("2/5 real kernels, modules and packages");
    let fixtures = fixtures::build(project, false)?;
    println!("3/5 the portal, in release (a few minutes the first time)");
    let program = match &options.program {
        Some(program) => program.clone(),
        None => build(project)?,
    };
    let data = data_folder(project, options, &fixtures)?;
    println!(
        "4/5 starting it on http://{} with its data in {}",
        options.listen,
        data.display()
    );
    let mut portal = Portal::start(&program, &options.listen, &data)?;
    println!("5/5 a vendor, its key, kernels and packages");
    let outcome = show(&mut portal, &fixtures, &data, options);
    let stopped = portal.stop();
    let code = outcome?;
    stopped?;
    println!("stopped");
    Ok(code)
}

/// Everything while the portal runs.
fn show(
    portal: &mut Portal,
    fixtures: &Manifest,
    data: &Path,
    options: &Options,
) -> Result<ExitCode> {
    let (story, is_new) = Story::tell(portal, fixtures, data)?;
    let mut tour = Tour::default();
    if is_new || options.check {
        println!();
        tour::api(&mut tour, portal, fixtures, &story);
    }
    if options.check {
        clients::visit(&mut tour, portal, fixtures, data);
        return Ok(tour.end());
    }
    guide::print(portal, fixtures, &story);
    portal.wait_for_the_end()?;
    Ok(ExitCode::SUCCESS)
}

fn build(project: &Path) -> Result<PathBuf> {
    let mut build = test::cargo(project);
    sh::run_loud(build.args(["build", "--release", "--package", "kmp-portal"]))?;
    Ok(test::target_folder(project)?.join("release/kmp-portal"))
}

/// Makes the data folder; empties it if asked to, or if what is in it would contradict the
/// packages: those of today, under the names of those of then, are refused.
fn data_folder(project: &Path, options: &Options, fixtures: &Manifest) -> Result<PathBuf> {
    let folder = match &options.data {
        Some(folder) => std::path::absolute(folder)?,
        None => default_folder(project)?,
    };
    if private_postgres::running_url(&folder, "postgres").is_some() {
        bail!(
            "a portal is running on the data in {}: stop it first",
            folder.display()
        );
    }
    let is_outdated = Story::is_outdated(&folder, fixtures);
    if is_outdated {
        println!("  packages or keys were built anew since the last demo: its data is dropped");
    }
    if (options.fresh || is_outdated) && folder.exists() {
        // The file says that a demo made the folder; anything else is not ours to remove.
        if !folder.join(story::RECORD).exists() && fs::read_dir(&folder)?.next().is_some() {
            bail!(
                "{} was not made by this demo: remove it yourself",
                folder.display()
            );
        }
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Story::begin(&folder)?;
    Ok(folder)
}

fn default_folder(project: &Path) -> Result<PathBuf> {
    let is_root = rustix::process::geteuid().is_root();
    if is_root && !others_can_reach(project)? {
        return Ok(ROOTS_DATA.into());
    }
    Ok(project.join("target/demo"))
}

/// Whether all folders on the way may be passed by everybody.
fn others_can_reach(folder: &Path) -> Result<bool> {
    const OTHERS_MAY_PASS: u32 = 0o001;
    for part in folder.ancestors() {
        if fs::metadata(part)?.permissions().mode() & OTHERS_MAY_PASS == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_folder_on_the_way_is_noticed() {
        let home = tempfile::tempdir().unwrap();
        let project = home.path().join("project");
        fs::create_dir(&project).unwrap();
        for (mode, expected) in [(0o700, false), (0o711, true)] {
            fs::set_permissions(home.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(others_can_reach(&project).unwrap(), expected, "{mode:o}");
        }
    }

    #[test]
    fn options_are_read() {
        let options = Options::parse(&["--check", "--data", "/x", "--listen", "[::1]:1"]).unwrap();
        let expected = Options {
            fresh: false,
            check: true,
            listen: "[::1]:1".into(),
            data: Some("/x".into()),
            program: None,
        };
        assert_eq!(options, expected);
        for bad in [&["--data"][..], &["--chekc"], &["here"]] {
            assert!(Options::parse(bad).is_err(), "{bad:?}");
        }
    }
}
