//! The programs that customers use, each in a root folder of its own: zypper and dnf trust the
//! portal's key, read its repository and install a driver with the kernel it fits.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::api::Api;
use super::portal::Portal;
use super::root::Root;
use super::story::PRODUCT;
use super::tour::Tour;
use crate::fixtures::manifest::{Kind, Manifest};
use crate::kernels::Role;
use crate::sh;

/// Name of the driver that is installed.
const DRIVER: &str = "acme-net";

/// A root folder to install into, and what both clients need.
struct Client<'a> {
    root: Root,
    api: &'a Api,
    fixtures: &'a Manifest,
}

pub fn visit(tour: &mut Tour, portal: &Portal, fixtures: &Manifest, data: &Path) {
    let client = |name: &str| {
        let root = Root::empty(data.join("clients").join(name))?;
        let api = &portal.api;
        anyhow::Ok(Client {
            root,
            api,
            fixtures,
        })
    };
    tour.station(
        "zypper trusts the key, refreshes and installs",
        client("zypper").and_then(|client| client.zypper()),
    );
    tour.station(
        "dnf reads the repository and installs",
        client("dnf").and_then(|client| client.dnf()),
    );
    tour.station(
        "zypper without the key refuses the repository",
        client("stranger").and_then(|client| client.stranger()),
    );
}

impl Client<'_> {
    fn zypper(&self) -> Result<String> {
        self.import_keys()?;
        self.zypper_add()?;
        sh::run(self.root.zypper().arg("refresh"))?;
        let driver = self.driver()?;
        sh::run(
            self.root
                .zypper()
                .args(["install", "--no-recommends", &driver]),
        )?;
        self.installed()
    }

    /// The same without the key: a repository that anybody could have written.
    fn stranger(&self) -> Result<String> {
        self.zypper_add()?;
        let done = sh::attempt(self.root.zypper().arg("refresh"))?;
        let words = sh::last_words(&done);
        let line = words.lines().find(|line| line.contains("ignature"));
        match line {
            Some(line) if !done.status.success() => Ok(line.trim().into()),
            _ => bail!("{}, and no word of a signature:\n{words}", done.status),
        }
    }

    fn zypper_add(&self) -> Result<()> {
        let kernels = self.fixtures.client_repository.display();
        let add = |words: &[&str]| sh::run(self.root.zypper().arg("addrepo").args(words));
        add(&["--no-gpgcheck", &format!("file://{kernels}"), "kernels"])?;
        // The file itself says where the repository is and how it is checked.
        let file = self.root.path().join(format!("{PRODUCT}.repo"));
        fs::write(&file, self.repo_file()?)?;
        add(&[&file.to_string_lossy()])
    }

    fn dnf(&self) -> Result<String> {
        self.root.add_for_dnf("portal", &self.repo_file()?)?;
        let kernels = format!(
            "[kernels]\nname=kernels\nbaseurl=file://{}\ngpgcheck=0\n",
            self.fixtures.client_repository.display()
        );
        self.root.add_for_dnf("kernels", &kernels)?;
        sh::run(self.root.dnf().arg("makecache"))?;
        sh::run(self.root.dnf().args(["install", &self.driver()?]))?;
        self.installed()
    }

    fn repo_file(&self) -> Result<String> {
        let path = format!("/repos/{PRODUCT}/stable.repo");
        let answer = self.api.get(&path, None)?;
        ensure!(answer.status == 200, "{path} answers {}", answer.status);
        Ok(answer.text)
    }

    /// All keys that the repository's file names, into the root's rpm.
    fn import_keys(&self) -> Result<()> {
        let text = self.repo_file()?;
        let urls = key_urls(&text);
        ensure!(
            !urls.is_empty(),
            "the repository's file names no key:\n{text}"
        );
        for (at, url) in urls.iter().enumerate() {
            let path = url.strip_prefix(self.api.base());
            let path = path.with_context(|| format!("{url} is not on the portal"))?;
            let key = self.api.get(path, None)?;
            ensure!(key.status == 200, "{url} answers {}", key.status);
            self.root.import_key(&format!("key-{at}"), &key.text)?;
        }
        Ok(())
    }

    fn driver(&self) -> Result<String> {
        let base = self.fixtures.kernel(Role::Base).context("no base kernel")?;
        let mut packages = self.fixtures.packages_for(&base.release, Kind::Good);
        let found = packages.find(|package| package.name.starts_with(DRIVER));
        Ok(found.context("no driver to install")?.name.clone())
    }

    /// Checks that the driver is there with its sibling and a kernel, and that its script ran.
    fn installed(&self) -> Result<String> {
        let all = sh::output(self.root.rpm().arg("-qa"))?;
        for name in [self.driver()?.as_str(), "acme-core-kmp-", "kernel-"] {
            ensure!(
                all.lines().any(|line| line.starts_with(name)),
                "no {name} among\n{all}"
            );
        }
        let log = fs::read_to_string(self.root.path().join("var/log/kmp-scriptlets.log"))?;
        ensure!(
            log.contains(&format!("kmp-post --name {}", self.driver()?)),
            "no script ran"
        );
        let mut packages: Vec<&str> = all
            .lines()
            .filter(|line| !line.starts_with("gpg-pubkey"))
            .collect();
        packages.sort_unstable();
        Ok(packages.join("\n"))
    }
}

/// Addresses behind `gpgkey=`, which may go on in indented lines.
pub fn key_urls(repo_file: &str) -> Vec<String> {
    let mut urls = Vec::new();
    let mut inside = false;
    for line in repo_file.lines() {
        let value = line.strip_prefix("gpgkey=");
        inside = value.is_some() || (inside && line.starts_with([' ', '\t']));
        if inside {
            urls.extend(value.unwrap_or(line).split_whitespace().map(String::from));
        }
    }
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_may_be_on_several_lines() {
        let file = "[a]\ngpgkey=http://x/1 http://x/2\n  http://x/3\ngpgcheck=1\n  http://x/no\n";
        assert_eq!(key_urls(file), ["http://x/1", "http://x/2", "http://x/3"]);
        assert!(key_urls("[a]\nbaseurl=x\n").is_empty());
    }
}
