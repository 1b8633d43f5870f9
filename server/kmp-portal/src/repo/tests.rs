//! Whole repositories in temporary folders, beside the tools that read or write the same.

use super::build::{Build, Built, Compress, build};
use super::folder::{KEY, REPOMD, SIGNATURE};
use super::place::Place;
use super::verify::{Verdict, Verify, verify};
use keyring::{Certificate, KeyAlgorithm, SigningKey};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use testkit::{Format, RpmBuilder};

/// When the tests take place, and the largest document they read.
const NOW: u64 = 1_750_000_000;
const LIMIT: u64 = 1 << 30;

fn order(root: &Path) -> Build {
    Build {
        dir: root.to_owned(),
        sign: None,
        passphrase_file: None,
        compress: Compress::Gzip,
        update: false,
        revision: Some(NOW.to_string()),
        skip_broken: false,
    }
}

fn built(order: &Build) -> Built {
    build(order, NOW).unwrap_or_else(|error| panic!("{error:#}"))
}

fn verified(root: &Path) -> Verdict {
    verified_with(root, None)
}

fn verified_with(root: &Path, key: Option<PathBuf>) -> Verdict {
    let order = Verify {
        place: Place::Folder(root.to_owned()),
        key,
        metadata_only: false,
    };
    verify(&order, NOW + 1).unwrap_or_else(|error| panic!("{error:#}"))
}

fn driver(name: &str) -> RpmBuilder {
    RpmBuilder::new(name, "1.0_k6.4.0_150600.21", "1", "x86_64")
        .kmp()
        .vendor("Acme Inc.")
        .requires("ksym(default:printk) = 92997ed8")
        .supplements("modalias(kernel-default:pci:v00008086d00001533sv*sd*bc*sc*i*)")
        .changelog(1_690_000_000, "A Vendor <a@example.com> - 1.0", "- new")
}

fn put(root: &Path, location: &str, package: RpmBuilder) {
    let path = root.join(location);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, package.build()).unwrap();
    // Each file has its own time, none the time of the test.
    let seconds = 1_700_000_000 + location.len() as u64;
    set_time(&path, seconds);
}

fn set_time(path: &Path, seconds: u64) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        .unwrap();
}

/// A folder with packages of all kinds that a driver kit may hold.
fn kit() -> tempfile::TempDir {
    let work = tempfile::tempdir().unwrap();
    let root = work.path();
    put(
        root,
        "acme-net-kmp-default.rpm",
        driver("acme-net-kmp-default"),
    );
    put(
        root,
        "x86_64/acme-gpu-kmp-default.rpm",
        driver("acme-gpu-kmp-default")
            .epoch(3)
            .summary("Grün <driver> & \"tools\"")
            .description("two\n  lines\n")
            .obsoletes("acme-old < 1.0")
            .dir("/etc/acme")
            .config_file("/etc/acme/gpu.conf", "a=b\n")
            .ghost("/var/log/acme.log")
            .changelog(
                1_690_000_000,
                "A Vendor <a@example.com> - 0.9",
                "- same day",
            ),
    );
    put(
        root,
        "noarch/acme-tools.rpm",
        RpmBuilder::new("acme-tools", "2~rc1^git", "0.1", "noarch")
            .file("/usr/bin/acme", b"#!/bin/sh\n".to_vec())
            .symlink("/usr/bin/acme-link", "acme")
            .recommends("(acme-net-kmp if kernel-default)")
            .scriptlet("post", "true\n"),
    );
    put(
        root,
        "B/acme-old.rpm",
        driver("acme-old-kmp-default").format(Format::V3),
    );
    put(
        root,
        "src/acme.src.rpm",
        RpmBuilder::new("acme", "1.0", "1", "x86_64").source(),
    );
    // One package at two places.
    put(
        root,
        "again/acme-net-kmp-default.rpm",
        driver("acme-net-kmp-default"),
    );
    work
}

/// The unpacked documents of a repository, by kind.
fn documents(root: &Path) -> BTreeMap<String, String> {
    let repomd = repomd::parse_repomd(&fs::read(root.join(REPOMD)).unwrap()).unwrap();
    let open = |location: &str| {
        let packed = fs::read(root.join(location)).unwrap();
        String::from_utf8(repomd::unpack(location, &packed, LIMIT).unwrap()).unwrap()
    };
    repomd
        .data
        .iter()
        .map(|data| (data.kind.clone(), open(&data.location)))
        .collect()
}

/// The bytes of all files in `repodata`, by name.
fn repodata(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(root.join("repodata")).unwrap();
    entries
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

fn run(debian_package: &str, command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; install it: apt-get install {debian_package}")
    });
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
}

fn createrepo(root: &Path) {
    let mut command = Command::new("createrepo_c");
    command.args(["--quiet", "--no-database", "--set-timestamp-to-revision"]);
    command.args(["--revision", &NOW.to_string()]);
    run("createrepo-c", command.arg(root));
}

#[test]
fn what_was_built_is_verified() {
    for compress in [Compress::Gzip, Compress::Zstd] {
        let work = kit();
        let built = built(&Build {
            compress,
            ..order(work.path())
        });
        assert_eq!((built.packages, built.taken_over), (6, 0));
        let verdict = verified(work.path());
        assert_eq!(verdict.packages, 6);
        assert_eq!(verdict.faults, [""; 0]);
        assert_eq!(verdict.notes, ["the repository is not signed"]);
        let names = repodata(work.path());
        assert_eq!(names.len(), 4, "{:?}", names.keys());
    }
}

#[test]
fn the_documents_are_those_of_createrepo() {
    let work = kit();
    built(&order(work.path()));
    let ours = documents(work.path());
    createrepo(work.path());
    let theirs = documents(work.path());
    assert_eq!(
        ours.keys().collect::<Vec<_>>(),
        theirs.keys().collect::<Vec<_>>()
    );
    for (kind, their) in &theirs {
        for (number, (our, their)) in ours[kind].lines().zip(their.lines()).enumerate() {
            assert_eq!(our, their, "{kind}, line {}", number + 1);
        }
        assert_eq!(ours[kind].len(), their.len(), "{kind}");
    }
    assert_eq!(verified(work.path()).faults, [""; 0]);
}

#[test]
fn an_altered_byte_is_found_and_its_file_named() {
    let work = kit();
    built(&order(work.path()));
    let listed = repomd::parse_repomd(&fs::read(work.path().join(REPOMD)).unwrap()).unwrap();
    let mut locations: Vec<String> = listed.data.into_iter().map(|data| data.location).collect();
    locations.push("x86_64/acme-gpu-kmp-default.rpm".into());
    for location in locations {
        let path = work.path().join(&location);
        let sound = fs::read(&path).unwrap();
        let mut bytes = sound.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let cut = &sound[..sound.len() - 1];
        for damaged in [bytes.as_slice(), cut] {
            fs::write(&path, damaged).unwrap();
            let faults = verified(work.path()).faults;
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].contains(&location), "{faults:?}");
        }
        fs::remove_file(&path).unwrap();
        let faults = verified(work.path()).faults;
        assert!(
            faults.len() == 1 && faults[0].contains(&location),
            "{faults:?}"
        );
        fs::write(&path, sound).unwrap();
        assert_eq!(verified(work.path()).faults, [""; 0]);
    }
}

/// Serves the files below a folder on a port of its own, one request a connection, until the test ends.
fn serve(root: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let root = root.to_owned();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            reader.read_line(&mut line).unwrap();
            let mut header = String::new();
            while reader.read_line(&mut header).is_ok_and(|length| length > 2) {
                header.clear();
            }
            let path = line.split(' ').nth(1).unwrap().trim_start_matches("/kit/");
            let (status, body) = match fs::read(root.join(path)) {
                Ok(bytes) => ("200 OK", bytes),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n");
            let _ = stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes());
            let _ = stream.write_all(&body);
        }
    });
    format!("{address}/kit")
}

#[test]
fn a_repository_behind_an_address_is_verified() {
    let work = kit();
    let root = work.path();
    built(&order(root));
    let url = serve(root);
    let check = |metadata_only| {
        let order = Verify {
            place: url.parse().unwrap(),
            key: None,
            metadata_only,
        };
        verify(&order, NOW + 1).unwrap()
    };
    let verdict = check(false);
    assert_eq!(
        (verdict.packages, verdict.faults.len()),
        (6, 0),
        "{verdict:?}"
    );
    let path = root.join("noarch/acme-tools.rpm");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, [&bytes[..], b"more"].concat()).unwrap();
    let verdict = check(false);
    assert!(verdict.faults[0].contains("has more than"), "{verdict:?}");
    fs::remove_file(&path).unwrap();
    let verdict = check(false);
    assert!(verdict.faults[0].contains("404"), "{verdict:?}");
    assert_eq!(check(true).faults, [""; 0]);
    fs::remove_file(root.join(REPOMD)).unwrap();
    let order = Verify {
        place: url.parse().unwrap(),
        key: None,
        metadata_only: true,
    };
    let error = format!("{:#}", verify(&order, NOW).unwrap_err());
    assert!(error.contains("repomd.xml of http://"), "{error}");
}

#[test]
fn unlisted_packages_are_noted() {
    let work = kit();
    built(&order(work.path()));
    put(work.path(), "later.rpm", driver("later-kmp-default"));
    let verdict = verified(work.path());
    assert_eq!(verdict.faults, [""; 0]);
    let note = "later.rpm is not in the repository's metadata";
    assert!(
        verdict.notes.iter().any(|n| n == note),
        "{:?}",
        verdict.notes
    );
}

#[test]
fn an_update_gives_the_same_bytes_as_a_new_start() {
    let update = |root: &Path| Build {
        update: true,
        ..order(root)
    };
    for first in [
        |root: &Path| drop(built(&order(root))),
        createrepo as fn(&Path),
    ] {
        let work = kit();
        let root = work.path();
        first(root);
        assert_eq!(built(&update(root)).taken_over, 6);
        put(root, "new/driver.rpm", driver("new-kmp-default"));
        fs::remove_file(root.join("noarch/acme-tools.rpm")).unwrap();
        // Same size, other time: has to be read.
        set_time(&root.join("B/acme-old.rpm"), 1_600_000_000);
        let updated = built(&update(root));
        assert_eq!((updated.packages, updated.taken_over), (6, 4));
        let kept = repodata(root);
        assert_eq!(built(&order(root)).taken_over, 0);
        assert!(kept == repodata(root), "update and new start differ");
        assert_eq!(kept.len(), 4, "old files stayed: {:?}", kept.keys());
        assert_eq!(verified(root).faults, [""; 0]);
    }
}

#[test]
fn an_update_opens_no_unchanged_package() {
    let work = kit();
    let root = work.path();
    built(&order(root));
    let path = root.join("noarch/acme-tools.rpm");
    let metadata = fs::metadata(&path).unwrap();
    // Reading this would fail.
    fs::write(&path, vec![0; metadata.len() as usize]).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_modified(metadata.modified().unwrap()).unwrap();
    let updated = built(&Build {
        update: true,
        ..order(root)
    });
    assert_eq!(updated.taken_over, 6);
}

#[test]
fn an_update_does_not_trust_damaged_metadata() {
    let work = kit();
    let root = work.path();
    let update = Build {
        update: true,
        ..order(root)
    };
    let first = built(&update);
    assert_eq!(first.taken_over, 0);
    assert!(first.notes[0].contains("read anew"), "{:?}", first.notes);
    let expected = repodata(root);
    for name in expected.keys() {
        let path = root.join("repodata").join(name);
        let mut bytes = expected[name].clone();
        let middle = bytes.len() / 2;
        bytes.truncate(middle);
        fs::write(&path, bytes).unwrap();
        assert_eq!(built(&update).taken_over, 0, "{name}");
        assert!(repodata(root) == expected, "{name} was not mended");
    }
}

#[test]
fn a_broken_package_changes_nothing_unless_skipped() {
    let work = kit();
    let root = work.path();
    built(&order(root));
    let before = repodata(root);
    let sound = driver("damaged-kmp-default").build();
    let mut altered = sound.clone();
    *altered.last_mut().unwrap() ^= 1;
    let cases: [(&str, &[u8]); 4] = [
        ("empty", b""),
        ("no rpm", b"PK not an rpm at all"),
        ("cut", &sound[..sound.len() / 2]),
        ("altered", &altered),
    ];
    for (case, bytes) in cases {
        fs::write(root.join("damaged.rpm"), bytes).unwrap();
        let refused = build(&order(root), NOW + 5).unwrap_err().to_string();
        assert!(refused.contains("broken packages: 1"), "{case}: {refused}");
        assert!(repodata(root) == before, "{case}");
        let skipping = built(&Build {
            skip_broken: true,
            ..order(root)
        });
        assert_eq!(skipping.packages, 6, "{case}");
        assert_eq!(skipping.broken.len(), 1, "{case}");
        assert!(
            skipping.broken[0].starts_with("damaged.rpm: "),
            "{:?}",
            skipping.broken
        );
        assert!(repodata(root) == before, "{case}");
    }
}

#[test]
fn leftovers_of_a_dead_run_are_removed_and_foreign_files_stay() {
    let work = kit();
    let root = work.path();
    built(&order(root));
    let before = repodata(root);
    let left = [
        format!("repodata/{}-primary.xml.gz", "0".repeat(64)),
        "repodata/.new-abc".to_owned(),
    ];
    for name in &left {
        fs::write(root.join(name), "").unwrap();
    }
    fs::write(root.join("repodata/notes.txt"), "").unwrap();
    built(&order(root));
    let mut after = repodata(root);
    assert!(after.remove("notes.txt").is_some());
    assert!(after == before, "{:?}", after.keys());
    let lock = root.join(".repodata.lock");
    assert!(!lock.exists());
}

#[test]
fn a_failed_write_leaves_no_traces() {
    let work = kit();
    let root = work.path();
    // A folder cannot be replaced by a file.
    fs::create_dir_all(root.join(REPOMD).join("in the way")).unwrap();
    let refused = format!("{:#}", build(&order(root), NOW).unwrap_err());
    assert!(refused.contains("writing"), "{refused}");
    for name in [".repodata.lock", ".repodata.new"] {
        assert!(!root.join(name).exists(), "{name}");
    }
    fs::remove_dir_all(root.join(REPOMD)).unwrap();
    built(&order(root));
    assert_eq!(repodata(root).len(), 4);
}

/// Index, signature and data files that are open at once belong together, whenever they are opened.
#[test]
fn whoever_looks_while_it_is_built_sees_one_run() {
    let work = kit();
    let root = work.path();
    let keys = tempfile::tempdir().unwrap();
    let (_, secret, passphrase) = secret_key(keys.path());
    let order = |revision: usize| Build {
        sign: Some(secret.clone()),
        passphrase_file: Some(passphrase.clone()),
        revision: Some(revision.to_string()),
        ..order(root)
    };
    built(&order(0));
    let key = Certificate::parse_all(&fs::read(root.join(KEY)).unwrap()).unwrap();
    let is_over = AtomicBool::new(false);
    let looks = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut looks = 0;
            while !is_over.load(Ordering::Relaxed) {
                look(root, &key);
                looks += 1;
            }
            looks
        });
        for revision in 1..30 {
            built(&order(revision));
        }
        is_over.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(looks > 30, "{looks}");
}

/// Opens the folder once, and reads all that is in it through this handle.
fn look(root: &Path, key: &[Certificate]) {
    let folder = File::open(root.join("repodata")).unwrap();
    let path = |location: &str| {
        let name = location.strip_prefix("repodata/").unwrap();
        PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))
    };
    let read = |location: &str| fs::read(path(location));
    // What was replaced is removed while it is looked at: then there is nothing to see.
    if let (Ok(signature), Ok(repomd)) = (read(SIGNATURE), read(REPOMD)) {
        keyring::verify_detached(&repomd, &signature, key, NOW).unwrap();
    }
}

#[test]
fn a_folder_that_cannot_be_exchanged_is_written_file_by_file() {
    let work = kit();
    let root = work.path();
    built(&order(root));
    let expected = repodata(root);
    // A link stays a link, and what it points to is written.
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("metadata");
    fs::rename(root.join("repodata"), &target).unwrap();
    std::os::unix::fs::symlink(&target, root.join("repodata")).unwrap();
    fs::write(target.join("old.txt"), "").unwrap();
    for compress in [Compress::Zstd, Compress::Gzip] {
        built(&Build {
            compress,
            ..order(root)
        });
    }
    assert!(root.join("repodata").is_symlink());
    let mut found = repodata(root);
    assert!(found.remove("old.txt").is_some());
    assert!(found == expected, "{:?}", found.keys());
    assert_eq!(verified(root).faults, [""; 0]);
    assert!(!root.join(".repodata.new").exists());
}

#[test]
fn a_hostile_index_removes_nothing_outside() {
    let work = kit();
    let root = work.path();
    fs::create_dir(root.join("repodata")).unwrap();
    let data = |href: &str| {
        format!(
            "<data type=\"primary\"><checksum type=\"sha256\">00</checksum>\
             <location href=\"{href}\"/></data>"
        )
    };
    let index = format!(
        "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">{}{}</repomd>",
        data("acme-net-kmp-default.rpm"),
        data("repodata/../acme-net-kmp-default.rpm")
    );
    fs::write(root.join(REPOMD), index).unwrap();
    assert_eq!(built(&order(root)).packages, 6);
    assert!(root.join("acme-net-kmp-default.rpm").exists());
}

/// A secret key in a file, protected by the passphrase in another.
fn secret_key(work: &Path) -> (SigningKey, PathBuf, PathBuf) {
    let key = SigningKey::generate("Kit <kit@example.com>", KeyAlgorithm::Ed25519, NOW - 10);
    let key = key.unwrap();
    let (secret, passphrase) = (work.join("secret.asc"), work.join("passphrase"));
    fs::write(&secret, key.to_armored_secret(Some("open sesame")).unwrap()).unwrap();
    fs::write(&passphrase, "open sesame\n").unwrap();
    (key, secret, passphrase)
}

#[test]
fn gpg_verifies_the_signature() {
    let (work, keys) = (kit(), tempfile::tempdir().unwrap());
    let root = work.path();
    let (key, secret, passphrase) = secret_key(keys.path());
    let built = built(&Build {
        sign: Some(secret),
        passphrase_file: Some(passphrase),
        ..order(root)
    });
    assert_eq!(built.signed_by, Some(key.fingerprint()));

    let home = keys.path().join("gpg");
    fs::create_dir(&home).unwrap();
    let gpg = || {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--quiet", "--no-autostart", "--homedir"]);
        command.arg(&home);
        command
    };
    run("gnupg", gpg().arg("--import").arg(root.join(KEY)));
    let mut verify = gpg();
    verify.arg("--verify").arg(root.join(SIGNATURE));
    run("gnupg", verify.arg(root.join(REPOMD)));
}

#[test]
fn a_signature_holds_for_its_key_and_its_bytes_only() {
    let (work, keys) = (kit(), tempfile::tempdir().unwrap());
    let root = work.path();
    let (key, secret, passphrase) = secret_key(keys.path());
    built(&Build {
        sign: Some(secret),
        passphrase_file: Some(passphrase),
        ..order(root)
    });
    let verdict = verified(root);
    assert_eq!(verdict.faults, [""; 0]);
    assert!(verdict.notes[0].contains(&key.fingerprint()));
    assert!(verdict.notes[0].contains("proves nothing of its origin"));

    let own = keys.path().join("own.asc");
    fs::write(&own, key.certificate().to_armored()).unwrap();
    let verdict = verified_with(root, Some(own.clone()));
    assert_eq!(verdict.faults, [""; 0]);
    let expected = format!("signed by {}, the key that was given", key.fingerprint());
    assert_eq!(verdict.notes, [expected]);

    let other = SigningKey::generate("Other", KeyAlgorithm::Ed25519, NOW - 10).unwrap();
    let foreign = keys.path().join("foreign.asc");
    fs::write(&foreign, other.certificate().to_armored()).unwrap();
    let faults = verified_with(root, Some(foreign)).faults;
    assert!(
        faults.len() == 1 && faults[0].contains(SIGNATURE),
        "{faults:?}"
    );

    let sound = fs::read_to_string(root.join(REPOMD)).unwrap();
    fs::write(root.join(REPOMD), format!("{sound} ")).unwrap();
    let faults = verified(root).faults;
    assert!(
        faults.len() == 1 && faults[0].contains(SIGNATURE),
        "{faults:?}"
    );

    // Unsigned again: no signature over other bytes may stay.
    let notes = built(&order(root)).notes;
    assert!(notes[0].contains("was signed"), "{notes:?}");
    assert!(!root.join(SIGNATURE).exists() && !root.join(KEY).exists());
    let faults = verified_with(root, Some(own)).faults;
    assert!(
        faults.len() == 1 && faults[0].contains("not signed"),
        "{faults:?}"
    );
}

#[test]
fn what_cannot_be_done_says_why() {
    let work = kit();
    let root = work.path();
    let (_, secret, _) = secret_key(root);
    let locked = Build {
        sign: Some(secret),
        ..order(root)
    };
    let refused = format!("{:#}", build(&locked, NOW).unwrap_err());
    assert!(refused.contains("passphrase"), "{refused}");
    assert!(!root.join("repodata").exists());
    let order = Verify {
        place: Place::Folder(root.to_owned()),
        key: None,
        metadata_only: false,
    };
    let refused = format!("{:#}", verify(&order, NOW).unwrap_err());
    assert!(refused.contains("repomd.xml"), "{refused}");
}
