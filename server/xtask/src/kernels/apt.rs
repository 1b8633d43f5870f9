//! Kernels and their headers from Debian's archive, unpacked below a folder of our own: nothing
//! installed, no initramfs made, no root needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::choose::Release;
use crate::sh;

/// Which package lists to go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// The system's, if it has any.
    System,
    /// Fetched now, for us alone.
    Fresh,
}

/// apt for downloads. Also without root, and leaving the system's lists and caches alone.
pub struct Apt {
    options: Vec<String>,
    folder: PathBuf,
}

impl Apt {
    /// None where there is no apt.
    pub fn open(folder: &Path, lists: Lists) -> Result<Option<Apt>> {
        if sh::find_program("apt-get").is_none() || sh::find_program("dpkg-deb").is_none() {
            return Ok(None);
        }
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // Downloads go to folders that apt's own user cannot write to.
        let options = vec!["-oAPT::Sandbox::User=root".into()];
        let mut apt = Apt {
            options,
            folder: folder.to_path_buf(),
        };
        if lists == Lists::Fresh || !has_system_lists()? {
            apt.fetch_lists()?;
        }
        Ok(Some(apt))
    }

    /// apt for packages of other machines, by lists of its own: the system's have only its own
    /// machine's, and dpkg is not to be told of others.
    pub fn of_other_machines(folder: &Path, architectures: &[&str]) -> Result<Apt> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut options = vec![
            "-oAPT::Sandbox::User=root".into(),
            "-oAcquire::Languages=none".into(),
        ];
        options.extend(
            architectures
                .iter()
                .map(|arch| format!("-oAPT::Architectures::={arch}")),
        );
        let mut apt = Apt {
            options,
            folder: folder.to_path_buf(),
        };
        // A source that has nothing for one of them is no harm: what is missing is seen later.
        if let Err(error) = apt.fetch_lists() {
            println!("  {error:#}");
        }
        Ok(apt)
    }

    /// Releases of kernels whose names end in this flavor.
    pub fn image_releases(&self, flavor: &str) -> Result<Vec<Release>> {
        self.releases("linux-image-", flavor)
    }

    /// Whether all these packages can be downloaded.
    pub fn has(&self, packages: &[String]) -> bool {
        let known = |name: &String| {
            let shown =
                sh::output(
                    self.tool("apt-cache")
                        .args(["show", "--no-all-versions", name]),
                );
            shown.is_ok_and(|text| text.contains("\nFilename: "))
        };
        packages.iter().all(known)
    }

    /// Releases with headers for this machine.
    pub fn header_releases(&self) -> Result<Vec<Release>> {
        self.releases("linux-headers-", &architecture()?)
    }

    fn releases(&self, start: &str, flavor: &str) -> Result<Vec<Release>> {
        let names = sh::output(self.tool("apt-cache").args(["pkgnames", start]))?;
        let releases = names.lines().filter_map(|name| name.strip_prefix(start));
        Ok(releases
            .filter_map(Release::parse)
            .filter(|release| release.flavor() == flavor && is_abi(release))
            .collect())
    }

    /// The packages beside `linux-headers-*` that kbuild needs for modules of this kernel.
    pub fn build_packages(&self, release: &Release) -> Result<Vec<String>> {
        let package = headers_package(release);
        let text = sh::output(
            self.tool("apt-cache")
                .args(["depends", "--important", &package]),
        )?;
        let depends = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Depends: "));
        let needed = |name: &&str| name.starts_with("linux-kbuild-") || name.ends_with("-common");
        Ok(depends.filter(needed).map(String::from).collect())
    }

    /// Downloads and unpacks what is not there yet.
    pub fn unpack(&self, packages: &[String], root: &Path) -> Result<()> {
        let missing: Vec<&String> = packages
            .iter()
            .filter(|name| !self.marker(name).exists())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        println!("  fetching {} packages of kernels", missing.len());
        let mut download = self.tool("apt-get");
        sh::run(
            download
                .arg("download")
                .args(&missing)
                .current_dir(&self.folder),
        )?;
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let file = entry.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                sh::run(Command::new("dpkg-deb").arg("-x").args([&file, root]))?;
                fs::remove_file(&file)?;
            }
        }
        missing
            .iter()
            .try_for_each(|name| Ok(fs::write(self.marker(name), "")?))
    }

    /// Says that a package is unpacked.
    fn marker(&self, package: &str) -> PathBuf {
        self.folder.join(format!("{package}.unpacked"))
    }

    fn fetch_lists(&mut self) -> Result<()> {
        println!("  fetching package lists");
        let (state, cache) = (self.folder.join("state"), self.folder.join("cache"));
        fs::create_dir_all(state.join("lists/partial"))?;
        fs::create_dir_all(cache.join("archives/partial"))?;
        self.options.extend([
            format!("-oDir::State={}", state.display()),
            format!("-oDir::State::lists={}", state.join("lists").display()),
            format!("-oDir::Cache={}", cache.display()),
            "-oDir::State::status=/var/lib/dpkg/status".into(),
        ]);
        sh::run(self.tool("apt-get").args(["-qq", "update"]))
            .context("apt could not fetch the package lists (is there a network?)")
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.env("LC_ALL", "C").args(&self.options);
        command
    }
}

/// Containers often come without lists, or with those of installed packages only.
fn has_system_lists() -> Result<bool> {
    let named =
        sh::output(Command::new("apt-config").args(["shell", "LISTS", "Dir::State::lists/d"]))?;
    let folder = named
        .split('\'')
        .nth(1)
        .context("apt-config names no folder of lists")?;
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.any(|name| name.contains("_Packages")))
}

/// `linux-headers-6.1.0-54-amd64`.
pub fn headers_package(release: &Release) -> String {
    format!("linux-headers-{release}")
}

/// Debian's name of this machine's architecture.
pub fn architecture() -> Result<String> {
    Ok(
        sh::output(Command::new("dpkg").arg("--print-architecture"))?
            .trim()
            .into(),
    )
}

/// A header folder's Makefile includes another by absolute path; turns it to where that is.
pub fn point_into(build: &Path, root: &Path) -> Result<()> {
    let makefile = build.join("Makefile");
    if !build.starts_with(root) || !makefile.exists() {
        return Ok(());
    }
    let text = fs::read_to_string(&makefile)?;
    let here = root.join("usr/src/");
    if text.contains(&*here.to_string_lossy()) {
        return Ok(());
    }
    Ok(fs::write(
        &makefile,
        text.replace("/usr/src/", &here.to_string_lossy()),
    )?)
}

/// Leaves out the packages that only point to another, such as `linux-headers-6.12-amd64`.
fn is_abi(release: &Release) -> bool {
    let text = release.to_string();
    let version = text.rsplit_once('-').map_or("", |(version, _)| version);
    version.matches('.').count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_that_only_point_to_others_are_left_out() {
        let abi = |text| is_abi(&Release::parse(text).expect(text));
        assert!(abi("6.1.0-54-amd64") && abi("6.12.117+deb12-amd64"));
        assert!(!abi("6.12-amd64"));
    }

    #[test]
    fn a_makefile_is_turned_once() {
        let root = tempfile::tempdir().unwrap();
        let build = root.path().join("usr/src/linux-headers-1");
        fs::create_dir_all(&build).unwrap();
        fs::write(
            build.join("Makefile"),
            "include /usr/src/linux-headers-common/Makefile\n",
        )
        .unwrap();
        for _ in 0..2 {
            point_into(&build, root.path()).unwrap();
            let text = fs::read_to_string(build.join("Makefile")).unwrap();
            let expected = root.path().join("usr/src/linux-headers-common/Makefile");
            assert_eq!(text, format!("include {}\n", expected.display()));
        }
    }
}
