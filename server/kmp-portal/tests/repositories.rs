//! `kmp-portal repo build` over some 250 packages that differ in all that metadata can say, beside
//! `createrepo_c` on the same folder: both must say the same, in either compression, to every reader.

mod varied;

use repomd::{Record, parse_filelists, parse_other, parse_primary, parse_repomd, unpack};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const LIMIT: u64 = 1 << 30;
/// Fewer would not be worth the name.
const PACKAGES_MIN: usize = 200;

/// A folder with packages, and the repositories that were made of it.
struct Made {
    _work: tempfile::TempDir,
    /// By `createrepo_c`.
    theirs: PathBuf,
    /// By us, packed by gzip and by zstd.
    ours: [PathBuf; 2],
    packages: usize,
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let work = tempfile::tempdir().unwrap();
        let theirs = work.path().join("theirs");
        let packages = varied::packages(work.path(), &theirs);
        assert!(packages >= PACKAGES_MIN, "{packages}");
        let ours = ["gzip", "zstd"].map(|compression| {
            let folder = work.path().join(compression);
            run(
                "coreutils",
                Command::new("cp").arg("-a").args([&theirs, &folder]),
            );
            let mut build = Command::new(env!("CARGO_BIN_EXE_kmp-portal"));
            build.args(["repo", "build", "--revision", "1700000000"]);
            run("", build.args(["--compress", compression]).arg(&folder));
            folder
        });
        let mut createrepo = Command::new("createrepo_c");
        createrepo.args(["--quiet", "--no-database", "--revision", "1700000000"]);
        run("createrepo-c", createrepo.arg(&theirs));
        Made {
            _work: work,
            theirs,
            ours,
            packages,
        }
    })
}

fn run(debian_package: &str, command: &mut Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| {
        panic!("{program}: {error}; install it: apt-get install {debian_package}")
    });
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?} failed:\n{stdout}\n{stderr}"
    );
    stdout
}

/// An unpacked document of a repository.
fn document(repository: &Path, kind: &str) -> Vec<u8> {
    let repomd = parse_repomd(&fs::read(repository.join("repodata/repomd.xml")).unwrap()).unwrap();
    let location = &repomd.data(kind).unwrap().location;
    let packed = fs::read(repository.join(location)).unwrap();
    unpack(location, &packed, LIMIT).unwrap()
}

/// All that a repository says of its packages.
fn records(repository: &Path) -> Vec<Record> {
    let mut records = parse_primary(&document(repository, "primary")).unwrap();
    let files = parse_filelists(&document(repository, "filelists")).unwrap();
    let other = parse_other(&document(repository, "other")).unwrap();
    assert_eq!([files.len(), other.len()], [records.len(); 2]);
    for ((record, files), other) in records.iter_mut().zip(files).zip(other) {
        assert_eq!(
            [&files.package.pkgid, &other.package.pkgid],
            [&record.pkgid; 2]
        );
        record.files = files.files;
        record.changelog = other.changelog;
    }
    records
}

#[test]
fn both_say_the_same_of_every_package() {
    let made = made();
    let theirs = records(&made.theirs);
    assert_eq!(theirs.len(), made.packages);
    for ours in &made.ours {
        for (our, their) in records(ours).iter().zip(&theirs) {
            assert_eq!(*our, as_known_to_us(our, their));
        }
    }
}

/// In format 6 the length of the unpacked payload is in a tag that librpm 4.18 does not know: there
/// `createrepo_c` says 0 of what nobody needs to install a package.
fn as_known_to_us(our: &Record, their: &Record) -> Record {
    let mut their = their.clone();
    if their.name.starts_with("v6-") {
        assert!(
            their.size_archive == 0 && our.size_archive > 0,
            "{}",
            their.name
        );
        their.size_archive = our.size_archive;
    }
    their
}

#[test]
fn libsolv_reads_the_same() {
    let made = made();
    let theirs = solvables(&made.theirs);
    assert_eq!(
        theirs.iter().filter(|l| l.starts_with("solvable ")).count(),
        made.packages
    );
    for ours in &made.ours {
        for (our, their) in solvables(ours).iter().zip(&theirs) {
            assert_eq!(our, their, "{}", ours.display());
        }
        // The tool that zypper runs, over the whole folder.
        let solv = ours.with_extension("solv");
        let mut whole = Command::new("repo2solv");
        run("libsolv-tools", whole.arg("-o").arg(&solv).arg(ours));
        let dump = run("libsolv-tools", Command::new("dumpsolv").arg(&solv));
        let found = dump.lines().filter(|l| l.starts_with("solvable ")).count();
        assert_eq!(found, made.packages);
    }
}

/// What libsolv makes of a repository's primary: its dump from the first package on.
fn solvables(repository: &Path) -> Vec<String> {
    let (xml, solv) = (
        repository.with_extension("xml"),
        repository.with_extension("primary.solv"),
    );
    fs::write(&xml, document(repository, "primary")).unwrap();
    let mut command = Command::new("rpmmd2solv");
    command
        .stdin(File::open(&xml).unwrap())
        .stdout(File::create(&solv).unwrap());
    run("libsolv-tools", &mut command);
    let dump = run("libsolv-tools", Command::new("dumpsolv").arg(&solv));
    let (_, solvables) = dump.split_once("\nsolvable 1 ").unwrap();
    let solvables = format!("solvable 1 {solvables}");
    solvables.lines().map(str::to_owned).collect()
}

#[test]
fn the_clients_read_both_compressions() {
    let made = made();
    for ours in &made.ours {
        assert_eq!(listed_by_dnf(ours), made.packages, "{}", ours.display());
        assert_eq!(listed_by_zypper(ours), made.packages, "{}", ours.display());
    }
}

fn listed_by_dnf(repository: &Path) -> usize {
    let root = repository.with_extension("dnf");
    let mut dnf = Command::new("dnf");
    dnf.args(["--quiet", "--nogpgcheck", "--releasever=1", "--repo=ours"]);
    dnf.arg(format!(
        "--repofrompath=ours,file://{}",
        repository.display()
    ));
    dnf.arg(format!("--installroot={}", root.display()));
    dnf.args([
        "--setopt=skip_if_unavailable=False",
        "--setopt=ours.gpgcheck=0",
    ]);
    dnf.args(["--forcearch=x86_64", "repoquery", "--all", "--qf"]);
    let listed = run("dnf", dnf.arg("package %{name} %{evr} %{arch} %{files}"));
    listed.lines().filter(|l| l.starts_with("package ")).count()
}

fn listed_by_zypper(repository: &Path) -> usize {
    let root = repository.with_extension("zypper");
    let zypper = |arguments: &[&str]| {
        let mut command = Command::new("zypper");
        command
            .args(["--non-interactive", "--no-gpg-checks", "--root"])
            .arg(&root);
        run("zypper", command.args(arguments))
    };
    let folder = repository.to_str().unwrap();
    zypper(&["addrepo", "--no-gpgcheck", folder, "ours"]);
    zypper(&["refresh", "ours"]);
    let listed = zypper(&["search", "--details", "--type", "package", "--repo", "ours"]);
    listed.lines().filter(|l| l.contains("| package |")).count()
}
