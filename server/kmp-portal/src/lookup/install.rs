//! Has rpm, zypper and dnf install what the plan says.

use super::answer::{Plan, PlannedKey};
use anyhow::{Context as _, bail};
use keyring::Certificate;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which program installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Client {
    Zypper,
    Dnf,
}

/// A system to install into.
pub struct System {
    root: PathBuf,
    client: Client,
}

impl System {
    /// The system in a folder, with the client asked for or the one that is there.
    pub fn at(root: &Path, client: Option<Client>) -> anyhow::Result<Self> {
        let client = match client {
            Some(client) => client,
            None if is_there("zypper") => Client::Zypper,
            None if is_there("dnf") => Client::Dnf,
            None => bail!("there is neither zypper nor dnf"),
        };
        Ok(Self {
            root: root.to_owned(),
            client,
        })
    }

    /// Has rpm trust the keys of an armored text, if they are those that were announced.
    pub fn trust(&self, armored: &str, key: &PlannedKey) -> anyhow::Result<()> {
        let found = Certificate::parse_all(armored.as_bytes())
            .with_context(|| format!("{} holds no keys", key.url))?;
        if let Some(other) = found
            .iter()
            .map(Certificate::fingerprint)
            .find(|it| !key.fingerprints.contains(it))
        {
            bail!("{} holds the key {other}, which was not announced", key.url);
        }
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(armored.as_bytes())?;
        let mut rpm = self.rooted("rpm", "--root");
        run(rpm.arg("--import").arg(file.path()))
    }

    /// Puts the repositories in place.
    pub fn add(&self, repo_file: &str, plan: &Plan) -> anyhow::Result<()> {
        let folder = self.root.join(match self.client {
            Client::Zypper => "etc/zypp/repos.d",
            Client::Dnf => "etc/yum.repos.d",
        });
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let alias = plan.repositories.first().map_or("drivers", |it| &it.alias);
        if alias.contains('/') || alias.starts_with('.') {
            bail!("`{alias}` is no name for a repository");
        }
        let file = folder.join(format!("{alias}.repo"));
        fs::write(&file, repo_file).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Installs packages by their names.
    pub fn install(&self, packages: &[String]) -> anyhow::Result<()> {
        match self.client {
            Client::Zypper => {
                let zypper = || {
                    let mut zypper = self.rooted("zypper", "--root");
                    zypper.arg("--non-interactive");
                    zypper
                };
                run(zypper().arg("refresh"))?;
                run(zypper().args(["install", "--"]).args(packages))
            }
            Client::Dnf => {
                let mut dnf = self.rooted("dnf", "--installroot");
                run(dnf.args(["--assumeyes", "install", "--"]).args(packages))
            }
        }
    }

    /// A program on this system, which may be another than the running one.
    fn rooted(&self, program: &str, option: &str) -> Command {
        let mut command = Command::new(program);
        if self.root != Path::new("/") {
            command.arg(option).arg(&self.root);
        }
        command
    }
}

fn is_there(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{} failed: {status}", command.get_program().display());
    }
    Ok(())
}
