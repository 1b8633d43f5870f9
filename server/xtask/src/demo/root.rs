//! A root folder that zypper, dnf and rpm install into: nothing of this machine is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::fixtures::stage;
use crate::sh;

/// Folder below dnf's cache of a repository that is gpg's home for the repository's keys.
const DNF_KEYRING: &str = "pubring";

/// An isolated system, empty at first.
pub struct Root {
    path: PathBuf,
}

impl Root {
    /// Makes the folder anew.
    pub fn empty(path: impl Into<PathBuf>) -> Result<Root> {
        let root = Root { path: path.into() };
        stage::remove(&root.path)?;
        fs::create_dir_all(root.dnf_repositories())
            .with_context(|| format!("cannot make {}", root.path.display()))?;
        fs::write(root.dnf_configuration(), root.dnf_settings())?;
        Ok(root)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// zypper that asks nothing: what needs an answer is declined.
    pub fn zypper(&self) -> Command {
        let mut command = rooted("zypper");
        command.arg("--root").arg(&self.path);
        command.arg("--non-interactive");
        command
    }

    /// dnf that says yes to everything.
    pub fn dnf(&self) -> Command {
        let mut command = rooted("dnf");
        command.args([
            "--assumeyes",
            "--releasever=12",
            "--setopt=install_weak_deps=False",
        ]);
        command.arg("--config").arg(self.dnf_configuration());
        command.arg(format!("--installroot={}", self.path.display()));
        command
    }

    pub fn rpm(&self) -> Command {
        let mut command = rooted("rpm");
        command.arg("--root").arg(&self.path);
        command
    }

    /// Gives dnf the text of a `.repo` file; zypper has `addrepo`.
    pub fn add_for_dnf(&self, name: &str, text: &str) -> Result<()> {
        let file = self.dnf_repositories().join(format!("{name}.repo"));
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Has rpm trust the keys of an armored text.
    pub fn import_key(&self, name: &str, armored: &str) -> Result<()> {
        let file = self.path.join(format!("{name}.asc"));
        fs::write(&file, armored)?;
        sh::run(self.rpm().arg("--import").arg(&file))
    }

    fn dnf_repositories(&self) -> PathBuf {
        self.path.join("etc/yum.repos.d")
    }

    fn dnf_configuration(&self) -> PathBuf {
        self.path.join("dnf.conf")
    }

    /// Debian's own settings would hide a repository whose signature is wrong.
    fn dnf_settings(&self) -> String {
        format!(
            "[main]\ngpgcheck=1\nskip_if_unavailable=0\nreposdir={}\ncachedir={}\n",
            self.dnf_repositories().display(),
            self.path.join("var/cache/dnf").display()
        )
    }
}

impl Drop for Root {
    /// dnf's gpg leaves an agent behind for each repository's keyring.
    fn drop(&mut self) {
        for keyring in folders_named(&self.path, DNF_KEYRING) {
            let mut stop = Command::new("gpgconf");
            let _ = sh::run(
                stop.arg("--homedir")
                    .arg(&keyring)
                    .args(["--kill", "gpg-agent"]),
            );
        }
    }
}

/// All folders of this name below another, links not followed.
fn folders_named(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if entry.file_name() == name {
            found.push(entry.path());
        } else {
            found.extend(folders_named(&entry.path(), name));
        }
    }
    found
}

/// Installing needs root, or a user namespace in which we are.
pub fn rooted(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return sh::command(program);
    }
    let mut command = sh::command("unshare");
    command.args(["--map-root-user", program]);
    command
}
