//! Our metadata of real packages against createrepo_c's: the open documents must be the same, byte
//! for byte.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use repomd::{
    Compression, DistroTag, Metadata, Options, Record, Rendered, assemble, check, parse_filelists,
    parse_other, parse_primary, parse_repomd, render, unpack,
};
use support::{packages_in, record_of, rpmbuild, run};

const LIMIT: u64 = 1 << 30;

/// Builds all packages into a folder.
fn build(work: &Path) -> Vec<std::path::PathBuf> {
    let repository = work.join("repository");
    let specs = [
        ("varied", include_str!("support/varied.spec").to_owned()),
        (
            "changelog",
            include_str!("support/changelog.spec").to_owned(),
        ),
    ];
    let packages = rpmbuild(work, &repository, &specs);
    for package in &packages {
        break_spec_rules(package);
    }
    packages
}

/// Real kernels provide releases with two dashes, which rpmbuild refuses to write: put one in.
fn break_spec_rules(package: &Path) {
    let mut bytes = fs::read(package).unwrap();
    let (from, to) = (b"54.1+default", b"54.1-default");
    let mut at = 0;
    while let Some(found) = bytes[at..]
        .windows(from.len())
        .position(|window| window == from)
    {
        at += found;
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    fs::write(package, bytes).unwrap();
}

fn createrepo(repository: &Path) {
    let mut command = Command::new("createrepo_c");
    command.args(["--quiet", "--no-database", "--revision", "1700000000"]);
    command.args([
        "--set-timestamp-to-revision",
        "--content",
        "gpg-pubkey-1.asc?fpr=AB&C",
    ]);
    command.args([
        "--repo",
        "drivers",
        "--distro",
        "cpe:/o:example:1,Example <1>",
    ]);
    command.args(["--distro", "Other"]);
    run("createrepo-c", command.arg(repository));
}

fn options(compression: Compression) -> Options {
    Options {
        revision: "1700000000".into(),
        timestamp: 1_700_000_000,
        compression,
        susedata: false,
        content_tags: vec!["gpg-pubkey-1.asc?fpr=AB&C".into()],
        repo_tags: vec!["drivers".into()],
        distro_tags: vec![
            DistroTag {
                cpe_id: Some("cpe:/o:example:1".into()),
                name: "Example <1>".into(),
            },
            DistroTag {
                cpe_id: None,
                name: "Other".into(),
            },
        ],
    }
}

/// The unpacked document of this kind that a repository in a folder holds.
fn open_document(repository: &Path, kind: &str) -> String {
    let repomd = parse_repomd(&fs::read(repository.join("repodata/repomd.xml")).unwrap()).unwrap();
    let location = &repomd.data(kind).unwrap().location;
    let packed = fs::read(repository.join(location)).unwrap();
    String::from_utf8(unpack(location, &packed, LIMIT).unwrap()).unwrap()
}

fn our_document(metadata: &Metadata, kind: &str) -> String {
    let file = metadata
        .files
        .iter()
        .find(|file| file.location.contains(&format!("-{kind}.xml")));
    let file = file.unwrap();
    String::from_utf8(unpack(&file.location, &file.bytes, LIMIT).unwrap()).unwrap()
}

/// Compares line by line, so that a difference is shown where it is.
fn assert_same(kind: &str, ours: &str, theirs: &str) {
    for (number, (our, their)) in ours.lines().zip(theirs.lines()).enumerate() {
        assert_eq!(our, their, "{kind}, line {}", number + 1);
    }
    assert_eq!(ours.len(), theirs.len(), "{kind}");
}

#[test]
fn writes_what_createrepo_writes() {
    let work = tempfile::tempdir().unwrap();
    let packages = build(work.path());
    assert_eq!(packages.len(), 9);
    let repository = work.path().join("repository");
    createrepo(&repository);
    let records: Vec<Record> = packages.iter().map(|package| record_of(package)).collect();
    let rendered: Vec<Rendered> = records.iter().map(render).collect();
    let metadata = assemble(&rendered, &options(Compression::Gzip));
    for kind in ["primary", "filelists", "other"] {
        assert_same(
            kind,
            &our_document(&metadata, kind),
            &open_document(&repository, kind),
        );
    }
    assert_same_repomd(&repository, &metadata);
    assert_reads_back(&records, &rendered, &metadata);
}

/// All but the packed bytes must be the same: open digests and sizes, times, tags, order.
fn assert_same_repomd(repository: &Path, metadata: &Metadata) {
    let theirs = fs::read(repository.join("repodata/repomd.xml")).unwrap();
    let (mut ours, mut theirs) = (
        parse_repomd(&metadata.repomd).unwrap(),
        parse_repomd(&theirs).unwrap(),
    );
    for data in ours.data.iter_mut().chain(&mut theirs.data) {
        assert!(
            data.location
                .starts_with(&format!("repodata/{}-", data.checksum.value))
        );
        data.location = data.location.rsplit('-').next().unwrap().to_owned();
        data.checksum.value.clear();
        data.size = None;
    }
    assert_eq!(ours, theirs);
}

/// What our readers find in our documents renders to the same documents again.
fn assert_reads_back(records: &[Record], rendered: &[Rendered], metadata: &Metadata) {
    let primary = parse_primary(our_document(metadata, "primary").as_bytes()).unwrap();
    let filelists = parse_filelists(our_document(metadata, "filelists").as_bytes()).unwrap();
    let other = parse_other(our_document(metadata, "other").as_bytes()).unwrap();
    assert_eq!(
        [primary.len(), filelists.len(), other.len()],
        [records.len(); 3]
    );
    for (index, mut read) in primary.into_iter().enumerate() {
        read.files = filelists[index].files.clone();
        read.changelog = other[index].changelog.clone();
        assert_eq!(read.files, records[index].files);
        let again = render(&read);
        assert_same("primary", &again.primary, &rendered[index].primary);
        assert_eq!(again, rendered[index]);
    }
}

#[test]
fn our_repositories_are_read_by_the_clients() {
    let work = tempfile::tempdir().unwrap();
    let packages = build(work.path());
    let rendered: Vec<Rendered> = packages
        .iter()
        .map(|package| render(&record_of(package)))
        .collect();
    for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
        let repository = work.path().join(format!("with{}", compression.suffix()));
        let metadata = assemble(&rendered, &options(compression));
        publish(&repository, &metadata);
        assert_eq!(check_folder(&repository).packages.len(), packages.len());
        read_by_libsolv(&repository, &metadata, packages.len());
        read_by_dnf(work.path(), &repository, packages.len());
        read_by_zypper(work.path(), &repository, packages.len());
    }
    // createrepo_c's own repository passes the same check.
    let repository = work.path().join("repository");
    createrepo(&repository);
    assert_eq!(
        check_folder(&repository).packages.len(),
        packages_in(&repository).len()
    );
}

fn publish(repository: &Path, metadata: &Metadata) {
    fs::create_dir_all(repository.join("repodata")).unwrap();
    for file in &metadata.files {
        fs::write(repository.join(&file.location), &file.bytes).unwrap();
    }
    fs::write(repository.join("repodata/repomd.xml"), &metadata.repomd).unwrap();
}

fn check_folder(repository: &Path) -> repomd::Checked {
    let repomd = fs::read(repository.join("repodata/repomd.xml")).unwrap();
    check(&repomd, &mut |location| fs::read(repository.join(location))).unwrap()
}

fn read_by_libsolv(repository: &Path, metadata: &Metadata, packages: usize) {
    let solv = repository.join("primary.solv");
    let primary = repository.join(&metadata.files[0].location);
    let open = unpack("primary", &fs::read(primary).unwrap(), LIMIT).unwrap();
    let xml = repository.join("primary.xml");
    fs::write(&xml, open).unwrap();
    let mut command = Command::new("rpmmd2solv");
    command
        .stdin(fs::File::open(&xml).unwrap())
        .stdout(fs::File::create(&solv).unwrap());
    run("libsolv-tools", &mut command);
    let dump = run("libsolv-tools", Command::new("dumpsolv").arg(&solv));
    let solvables = dump
        .lines()
        .filter(|line| line.starts_with("solvable "))
        .count();
    assert_eq!(solvables, packages, "{dump}");
    assert!(
        dump.contains("ksym(default:module_layout) = 1e05aaaa"),
        "{dump}"
    );
}

fn read_by_dnf(work: &Path, repository: &Path, packages: usize) {
    let mut command = Command::new("dnf");
    command.args(["--quiet", "--nogpgcheck", "--releasever=1"]);
    command.arg(format!(
        "--repofrompath=ours,file://{}",
        repository.display()
    ));
    command.arg(format!("--installroot={}", work.join("dnf").display()));
    command.args([
        "--setopt=skip_if_unavailable=False",
        "--setopt=ours.gpgcheck=0",
    ]);
    command.args([
        "--repo=ours",
        "--forcearch=x86_64",
        "repoquery",
        "--all",
        "--qf",
    ]);
    let listed = run("dnf", command.arg("package %{name} %{evr} %{files}"));
    assert_eq!(
        listed
            .lines()
            .filter(|line| line.starts_with("package "))
            .count(),
        packages
    );
    let names = [
        "alpha 2:1.0-3",
        "theta 4000000000:1.0~rc1^git5-0.a+b",
        "history 1-1",
    ];
    for name in names {
        assert!(listed.contains(name), "dnf does not list {name}:\n{listed}");
    }
    assert!(
        listed.contains("/opt/robin/egg"),
        "dnf lists no files:\n{listed}"
    );
}

fn read_by_zypper(work: &Path, repository: &Path, packages: usize) {
    let root = work.join("zypper");
    let zypper = |arguments: &[&str]| {
        let mut command = Command::new("zypper");
        command
            .args(["--non-interactive", "--no-gpg-checks", "--root"])
            .arg(&root);
        run("zypper", command.args(arguments))
    };
    let alias = repository
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .replace('.', "-");
    zypper(&[
        "addrepo",
        "--no-gpgcheck",
        repository.to_str().unwrap(),
        &alias,
    ]);
    zypper(&["refresh", &alias]);
    let listed = zypper(&["search", "--details", "--type", "package", "--repo", &alias]);
    let lines = listed
        .lines()
        .filter(|line| line.contains("| package |"))
        .count();
    assert_eq!(lines, packages, "{listed}");
}
