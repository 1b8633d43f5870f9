//! A disk that can be filled: a small file system of its own, mounted over a folder, where only the
//! programs see it that are started [`within`](Disk::within) it.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::sh;

use super::leash::Leash;
use super::scratch;

/// `$1` bytes, `$2` the folder. Others may pass it, as PostgreSQL must.
const SCRIPT: &str = r#"
mount -t tmpfs -o "size=$1,mode=755" small-disk "$2" || exit
exec sleep infinity
"#;

/// A file that takes up what room there is.
const BALLAST: &str = "ballast";

/// The mount lasts as long as a process in its namespace, so nothing of it is left when tests are
/// killed.
pub struct Disk {
    folder: PathBuf,
    holder: Leash,
}

impl Disk {
    /// Mounts a file system of so many bytes over a folder.
    pub fn over(folder: &Path, bytes: u64) -> Disk {
        let log = scratch().keep();
        let mut holder = sh::command("unshare");
        holder.arg("--mount");
        if !rustix::process::geteuid().is_root() {
            holder.args(["--user", "--map-current-user", "--keep-caps"]);
        }
        holder.args(["sh", "-c", SCRIPT, "small-disk", &bytes.to_string()]);
        let mut holder = Leash::with_folder(holder.arg(folder), &log.join("log"), Some(&log));
        let seen = seen(&holder, folder);
        let outside = device(folder);
        // A machine that refuses says why in the panic: root needs CAP_SYS_ADMIN, others user
        // namespaces.
        holder.until_ready("a small disk", || {
            (device(&seen)? != outside?).then_some(())
        });
        Disk {
            folder: folder.into(),
            holder,
        }
    }

    /// The command, run where the disk is mounted.
    pub fn within(&self, command: &Command) -> Command {
        let mut inside = sh::command("nsenter");
        let target = self.holder.pid().as_raw_pid().to_string();
        inside.args(["--target", &target, "--mount"]);
        if !rustix::process::geteuid().is_root() {
            inside.args(["--user", "--preserve-credentials"]);
        }
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// Where we see what those within have at a path.
    pub fn see(&self, path: &Path) -> PathBuf {
        seen(&self.holder, path)
    }

    /// Writes until nothing more fits.
    pub fn fill(&self) {
        let path = self.see(&self.folder).join(BALLAST);
        let mut ballast = OpenOptions::new().create(true).append(true).open(path);
        let ballast = ballast.as_mut().unwrap();
        let mut block: &[u8] = &[0; 1 << 16];
        while !block.is_empty() {
            match ballast.write(block) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => {
                    block = &block[..block.len() / 2];
                }
                Err(error) => panic!("filling a disk: {error}"),
            }
        }
    }

    /// Makes room again.
    pub fn make_room(&self) {
        fs::remove_file(self.see(&self.folder).join(BALLAST)).unwrap();
    }
}

/// A folder as the holder sees it.
fn seen(holder: &Leash, folder: &Path) -> PathBuf {
    let root = format!("/proc/{}/root", holder.pid().as_raw_pid());
    Path::new(&root).join(folder.strip_prefix("/").unwrap())
}

fn device(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Some(fs::metadata(path).ok()?.dev())
}

#[test]
fn a_small_disk_fills_and_empties() {
    let folder = scratch();
    let disk = Disk::over(folder.path(), 1 << 20);
    disk.fill();
    let more = disk.see(&folder.path().join("more"));
    let full = fs::write(&more, [0; 8192]).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    let mut list = Command::new("ls");
    let listed = super::succeed(&mut disk.within(list.arg(folder.path())));
    assert!(listed.contains(BALLAST), "{listed}");
    disk.make_room();
    fs::write(&more, [0; 8192]).unwrap();
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "only inside"
    );
}
