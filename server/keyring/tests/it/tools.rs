//! gpg and rpm as the tests use them, each in a folder of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

/// Seconds since 1970 of the first day of a year between 1970 and 2100.
pub const fn year(year: u64) -> u64 {
    let years = year - 1970;
    (years * 365 + (years + 1) / 4) * 86_400
}

/// Now, for signatures that gpg makes without being told a time.
#[expect(
    clippy::disallowed_methods,
    reason = "gpg and rpm sign by the real clock"
)]
pub fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// Runs a command that must succeed, and gives its standard output.
pub fn run(command: &mut Command) -> Vec<u8> {
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{said}",
        output.status
    );
    output.stdout
}

/// Runs a command that may fail.
pub fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; install it: apt-get install gnupg rpm")
    })
}

/// A gpg home without passphrases.
pub struct Gpg {
    home: TempDir,
}

impl Gpg {
    pub fn new() -> Gpg {
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Gpg { home }
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.home.path());
        command.args([
            "--batch",
            "--yes",
            "--quiet",
            "--no-tty",
            "--pinentry-mode=loopback",
        ]);
        command
    }

    /// Makes a key at the start of a year, and gives its fingerprint.
    pub fn make_key(
        &self,
        name: &str,
        algorithm: &str,
        expires: &str,
        in_year: u64,
        options: &[&str],
    ) -> String {
        let mut command = self.command();
        command
            .args(options)
            .arg(at(year(in_year)))
            .args(["--passphrase", "", "--quick-gen-key"]);
        run(command
            .arg(user_id(name))
            .args([algorithm, "sign", expires]));
        self.fingerprint(&user_id(name))
    }

    /// Of the key with this user id.
    pub fn fingerprint(&self, user_id: &str) -> String {
        let listed = run(self
            .command()
            .args(["--with-colons", "--list-keys", user_id]));
        let listed = String::from_utf8(listed).unwrap();
        let line = listed
            .lines()
            .find(|line| line.starts_with("fpr:"))
            .unwrap();
        line.split(':').nth(9).unwrap().to_owned()
    }

    /// Public key, armored.
    pub fn export(&self, key: &str) -> Vec<u8> {
        run(self.command().args(["--armor", "--export", key]))
    }

    pub fn import(&self, key: &[u8]) {
        run(self
            .command()
            .arg("--import")
            .arg(self.file("imported.asc", key)));
    }

    /// Runs the interactive key editor with these lines as answers.
    pub fn edit(&self, key: &str, options: &[&str], answers: &[&str]) {
        let answers = self.file("answers", answers.join("\n").as_bytes());
        let mut command = self.command();
        command.args(options).args([
            "--passphrase",
            "",
            "--command-fd",
            "0",
            "--no-batch",
            "--edit-key",
            key,
        ]);
        run(command.stdin(fs::File::open(answers).unwrap()));
    }

    /// Writes a file beside the keys.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// What `gpg --verify` says of a detached signature.
    pub fn verify(&self, signature: &[u8], data: &[u8]) -> Result<String, String> {
        let (signature, data) = (self.file("data.asc", signature), self.file("data", data));
        let output = output(
            self.command()
                .arg("--verbose")
                .arg("--verify")
                .arg(signature)
                .arg(data),
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            Ok(said)
        } else {
            Err(said)
        }
    }

    /// The package of [`unsigned`], signed with `rpmsign` at a time.
    pub fn sign_package(&self, key: &str, time: u64, options: &[&str]) -> Vec<u8> {
        let path = self.file("package.rpm", unsigned());
        let mut command = Command::new("rpmsign");
        command
            .arg("--define")
            .arg(format!("_gpg_path {}", self.home.path().display()));
        command
            .args(["--define", "__gpg /usr/bin/gpg", "--define"])
            .arg(format!("_gpg_name {key}"));
        let extra = format!(
            "_gpg_sign_cmd_extra_args --batch --pinentry-mode loopback --passphrase '' {}",
            at(time)
        );
        command
            .arg("--define")
            .arg(extra)
            .args(options)
            .arg("--addsign")
            .arg(&path);
        run(&mut command);
        fs::read(path).unwrap()
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let mut command = Command::new("gpgconf");
        let _ = command
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--kill", "all"])
            .output();
    }
}

pub fn user_id(name: &str) -> String {
    format!("{name} <{name}@vendor.example>")
}

/// gpg's option for a standing clock.
fn at(time: u64) -> String {
    format!("--faked-system-time={time}!")
}

/// A database of rpm with the keys it was given.
pub struct RpmKeys {
    folder: TempDir,
}

impl RpmKeys {
    pub fn new() -> RpmKeys {
        let keys = RpmKeys {
            folder: tempfile::tempdir().unwrap(),
        };
        run(Command::new("rpmdb")
            .args(["--initdb", "--dbpath"])
            .arg(keys.folder.path()));
        keys
    }

    pub fn import(&self, key: &[u8]) -> Result<(), String> {
        let path = self.folder.path().join("key.asc");
        fs::write(&path, key).unwrap();
        let output = output(self.command().arg("--import").arg(path));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() && said.is_empty() {
            Ok(())
        } else {
            Err(said)
        }
    }

    /// What `rpmkeys --checksig --verbose` says of a package.
    pub fn check(&self, package: &[u8]) -> Result<String, String> {
        let path = self.folder.path().join("package.rpm");
        fs::write(&path, package).unwrap();
        let output = output(self.command().args(["--checksig", "--verbose"]).arg(path));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            Ok(said)
        } else {
            Err(said)
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("rpmkeys");
        command.arg("--dbpath").arg(self.folder.path());
        command
    }
}

const SPEC: &str = "
Name: signed
Version: 1
Release: 1
Summary: A package to be signed
License: MIT
BuildArch: noarch
%description
Holds one file.
%install
mkdir -p %{buildroot}/usr/share/signed
echo content > %{buildroot}/usr/share/signed/file
%files
/usr/share/signed/file
";

/// A small package without signature, made by `rpmbuild` once.
pub fn unsigned() -> &'static [u8] {
    static PACKAGE: OnceLock<Vec<u8>> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let spec = folder.path().join("signed.spec");
        fs::write(&spec, SPEC).unwrap();
        let mut command = Command::new("rpmbuild");
        command
            .arg("--define")
            .arg(format!("_topdir {}", folder.path().display()));
        run(command.args(["--quiet", "-bb"]).arg(spec));
        fs::read(rpm_below(&folder.path().join("RPMS"))).unwrap()
    })
}

fn rpm_below(folder: &Path) -> PathBuf {
    let arch = folder.join("noarch");
    let mut entries = fs::read_dir(arch).unwrap();
    entries.next().unwrap().unwrap().path()
}
