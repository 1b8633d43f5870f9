//! zypper and dnf, each in a root folder of its own, with a repository of kernels to install from.

use std::fs;
use std::process::Output;

use tempfile::TempDir;
use xtask::demo::root::Root;
use xtask::sh;

use super::{fixtures, run, scratch, succeed};

/// Name of the repository under test, to both clients.
pub const REPOSITORY: &str = "drivers";

/// A machine that may install drivers.
pub struct Client {
    pub root: Root,
    /// Removed with the client.
    _folder: TempDir,
}

impl Client {
    /// A machine whose rpm trusts these keys.
    pub fn trusting(keys: &[&str]) -> Client {
        let folder = scratch();
        let root = Root::empty(folder.path().join("root")).unwrap();
        for (number, armored) in keys.iter().enumerate() {
            root.import_key(&format!("key-{number}"), armored).unwrap();
        }
        let kernels = format!(
            "[kernels]\nname=kernels\nenabled=1\ngpgcheck=0\nbaseurl=file://{}\n",
            fixtures().client_repository.display()
        );
        root.add_for_dnf("kernels", &kernels).unwrap();
        let zypps = root.path().join("etc/zypp/repos.d");
        fs::create_dir_all(&zypps).unwrap();
        fs::write(zypps.join("kernels.repo"), kernels).unwrap();
        Client {
            root,
            _folder: folder,
        }
    }

    /// Gives zypper the repository at `url`, with signatures checked.
    pub fn add_for_zypper(&self, url: &str) {
        self.must_zypper(&["addrepo", "--gpgcheck", url, REPOSITORY]);
    }

    /// Gives dnf the repository at `url`, with signatures of metadata and packages checked, and the
    /// keys that this machine trusts.
    pub fn add_for_dnf(&self, url: &str) {
        let mut text = format!(
            "[{REPOSITORY}]\nname=drivers\nbaseurl={url}\ngpgcheck=1\nrepo_gpgcheck=1\ngpgkey="
        );
        for number in 0.. {
            let key = self.root.path().join(format!("key-{number}.asc"));
            if !key.exists() {
                break;
            }
            text.push_str(&format!("file://{} ", key.display()));
        }
        self.root.add_for_dnf(REPOSITORY, &(text + "\n")).unwrap();
    }

    pub fn zypper(&self, arguments: &[&str]) -> Output {
        run(self.root.zypper().args(arguments))
    }

    #[track_caller]
    pub fn must_zypper(&self, arguments: &[&str]) -> String {
        succeed(self.root.zypper().args(arguments))
    }

    pub fn dnf(&self, arguments: &[&str]) -> Output {
        run(self.root.dnf().args(arguments))
    }

    #[track_caller]
    pub fn must_dnf(&self, arguments: &[&str]) -> String {
        succeed(self.root.dnf().args(arguments))
    }

    /// What `rpm -q` says of a package that must be installed.
    #[track_caller]
    pub fn query(&self, name: &str) -> String {
        sh::output(self.root.rpm().args(["-q", name])).unwrap()
    }

    /// `name-version-release.arch` of all that is installed, but for keys.
    pub fn installed(&self) -> Vec<String> {
        let text = sh::output(self.root.rpm().arg("-qa")).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("gpg-pubkey"));
        let mut packages: Vec<String> = lines.map(String::from).collect();
        packages.sort();
        packages
    }
}
