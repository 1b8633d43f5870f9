//! Our metadata against createrepo_c's, over the very same packages.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use repomd::{Record, parse_filelists, parse_other, parse_primary};
use tempfile::TempDir;
use xtask::kernels::Role;
use xtask::sh;

use crate::harness::portal::{ARCHIVE, shared};
use crate::harness::repository::{REPOMD, Repository};
use crate::harness::{all_good, good, kernel, scratch, succeed};

/// Bytes of unpacked metadata.
const LIMIT: u64 = 1 << 28;

/// The repository that holds all good packages, and a folder with a copy of it.
fn archive() -> (Repository, TempDir) {
    let portal = &shared().portal;
    let key = portal.get("/keys/repository.asc").expect(200).text();
    let url = portal.url(&format!(
        "/repos/{ARCHIVE}/stable/{}/",
        kernel(Role::Base).arch
    ));
    let repository = Repository::at(&url, &key);
    let copy = scratch();
    repository.copy_to(copy.path());
    (repository, copy)
}

#[test]
fn the_metadata_says_what_createrepo_says() {
    let (ours, copy) = archive();
    // In a place of its own: createrepo_c would take over what it finds.
    let theirs = copy.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    for package in ours.primary() {
        fs::copy(
            copy.path().join(&package.location),
            theirs.join(&package.location),
        )
        .unwrap();
    }
    succeed(
        sh::command("createrepo_c")
            .args(["--quiet", "--no-database"])
            .arg(&theirs),
    );

    let primary = |bytes: &[u8]| by_key(parse_primary(bytes).unwrap(), |record| &record.pkgid);
    let (our, their) = (
        primary(&ours.document("primary")),
        primary(&document(&theirs, "primary")),
    );
    assert_eq!(our.len(), all_good().count());
    for (pkgid, record) in &our {
        // A file's time is the server's own affair.
        let their = Record {
            file_time: record.file_time,
            ..their[pkgid].clone()
        };
        assert_eq!(*record, their);
    }
    assert_eq!(our.len(), their.len());

    let filelists = |bytes: &[u8]| by_key(parse_filelists(bytes).unwrap(), |e| &e.package);
    assert_eq!(
        filelists(&ours.document("filelists")),
        filelists(&document(&theirs, "filelists"))
    );
    let other = |bytes: &[u8]| by_key(parse_other(bytes).unwrap(), |entry| &entry.package);
    assert_eq!(
        other(&ours.document("other")),
        other(&document(&theirs, "other"))
    );
}

/// A document of a repository in a folder, unpacked.
fn document(folder: &Path, kind: &str) -> Vec<u8> {
    let repomd = repomd::parse_repomd(&fs::read(folder.join(REPOMD)).unwrap()).unwrap();
    let location = &repomd.data(kind).unwrap().location;
    repomd::unpack(location, &fs::read(folder.join(location)).unwrap(), LIMIT).unwrap()
}

fn by_key<T: Clone, K: Ord + Clone>(entries: Vec<T>, key: impl Fn(&T) -> &K) -> BTreeMap<K, T> {
    let count = entries.len();
    let map: BTreeMap<K, T> = entries
        .iter()
        .map(|e| (key(e).clone(), e.clone()))
        .collect();
    assert_eq!(map.len(), count, "a package is listed twice");
    map
}

#[test]
fn libsolv_reads_the_metadata() {
    let (ours, copy) = archive();
    let xml = copy.path().join("primary.xml");
    fs::write(&xml, ours.document("primary")).unwrap();
    let line = format!(
        "rpmmd2solv < '{0}' > '{0}.solv' && dumpsolv '{0}.solv'",
        xml.display()
    );
    let dump = succeed(sh::command("sh").args(["-c", &line]));
    let solvables = dump
        .lines()
        .filter(|line| line.starts_with("solvable "))
        .count();
    assert_eq!(solvables, all_good().count());
    for package in good(Role::Base) {
        for module in &package.modules {
            for (symbol, crc) in &module.exports {
                let flavor = &kernel(Role::Base).flavor;
                let provided = format!("ksym({flavor}:{symbol}) = {}", crc.trim_start_matches('0'));
                assert!(dump.contains(&provided), "no {provided} in {dump}");
            }
        }
    }
}
