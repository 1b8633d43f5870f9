//! What clients do when somebody between the portal and them changes a byte, or signs in its place.

use std::fs;
use std::path::Path;
use std::process::Output;

use keyring::{KeyAlgorithm, SigningKey};
use tempfile::TempDir;
use xtask::kernels::Role;

use crate::harness::client::{Client, REPOSITORY};
use crate::harness::portal::{PRODUCT, shared};
use crate::harness::repository::{KEY, REPOMD, Repository, SIGNATURE, Trouble, now};
use crate::harness::{driver, fixtures, good, kernel, mirror, scratch, words};

/// What somebody does to a copy of the repository.
struct Crime {
    name: &'static str,
    commit: fn(&Path),
    /// zypper's exit code and words at refreshing, or at installing when refreshing goes well.
    zypper: Refusal,
    /// The same of dnf.
    dnf: Refusal,
}

enum Refusal {
    AtRefresh(i32, &'static str),
    AtInstall(i32, &'static str),
}
use Refusal::{AtInstall, AtRefresh};

const CRIMES: [Crime; 6] = [
    Crime {
        name: "one letter of repomd.xml",
        commit: change_repomd,
        zypper: AtRefresh(4, "Signature verification failed for file 'repomd.xml'"),
        dnf: AtRefresh(
            1,
            "repomd.xml GPG signature verification error: Bad GPG signature",
        ),
    },
    Crime {
        name: "one byte of primary",
        commit: change_primary,
        zypper: AtRefresh(4, "Digest verification failed"),
        dnf: AtRefresh(1, "checksum doesn't match"),
    },
    Crime {
        name: "one byte of a package",
        commit: change_package,
        zypper: AtInstall(8, "Digest verification failed"),
        dnf: AtInstall(1, "checksum doesn't match"),
    },
    Crime {
        name: "signed by a key that nobody knows",
        commit: sign_anew,
        zypper: AtRefresh(4, "Signature verification failed"),
        dnf: AtRefresh(
            1,
            "repomd.xml GPG signature verification error: Bad GPG signature",
        ),
    },
    Crime {
        name: "the signature taken away",
        commit: |copy| fs::remove_file(copy.join(SIGNATURE)).unwrap(),
        zypper: AtRefresh(4, "is unsigned"),
        dnf: AtRefresh(
            1,
            "GPG verification is enabled, but GPG signature is not available",
        ),
    },
    Crime {
        name: "a package taken away",
        commit: |copy| fs::remove_file(package(copy)).unwrap(),
        zypper: AtInstall(8, "not found on medium"),
        dnf: AtInstall(1, "Status code: 404"),
    },
];

#[test]
fn zypper_refuses_what_was_tampered_with() {
    for crime in CRIMES {
        let (copy, key) = copy();
        (crime.commit)(copy.path());
        let client = Client::trusting(&[&key]);
        client.add_for_zypper(&mirror::serve(copy.path()));
        let refresh = client.zypper(&["refresh", REPOSITORY]);
        let install = || client.zypper(&["install", "--no-recommends", driver_name()]);
        assert_refused(&crime, &crime.zypper, &refresh, install);
        // What was whole may have been installed before.
        let driver = &driver("acme-net", Role::Base).nevra;
        assert!(!client.installed().contains(driver), "{}", crime.name);
    }
}

#[test]
fn dnf_refuses_what_was_tampered_with() {
    for crime in CRIMES {
        let (copy, key) = copy();
        (crime.commit)(copy.path());
        let client = Client::trusting(&[&key, &vendor_key()]);
        client.add_for_dnf(&mirror::serve(copy.path()));
        let refresh = client.dnf(&["makecache"]);
        let install = || client.dnf(&["install", driver_name()]);
        assert_refused(&crime, &crime.dnf, &refresh, install);
        // What was whole may have been installed before.
        let driver = &driver("acme-net", Role::Base).nevra;
        assert!(!client.installed().contains(driver), "{}", crime.name);
    }
}

#[track_caller]
fn assert_refused(
    crime: &Crime,
    refusal: &Refusal,
    refresh: &Output,
    install: impl Fn() -> Output,
) {
    let install = match refusal {
        AtRefresh(..) => None,
        AtInstall(..) => {
            assert!(
                refresh.status.success(),
                "{}: {}",
                crime.name,
                words(refresh)
            );
            Some(install())
        }
    };
    let (AtRefresh(code, phrase) | AtInstall(code, phrase)) = refusal;
    let output = install.as_ref().unwrap_or(refresh);
    let text = words(output);
    assert_eq!(output.status.code(), Some(*code), "{}: {text}", crime.name);
    // Messages are broken into lines by the width of a terminal.
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains(phrase),
        "{}: no `{phrase}` in {text}",
        crime.name
    );
}

/// So does the client that other tests look at repositories with. It does not download packages.
#[test]
fn the_careful_client_refuses_it_too() {
    let (honest, key) = copy();
    let look = |copy: &Path| Repository::at(&mirror::serve(copy), &key).look(now());
    assert_eq!(look(honest.path()).unwrap().len(), good(Role::Base).count());
    for crime in CRIMES
        .iter()
        .filter(|crime| crime.name != "one byte of a package")
    {
        let (copy, _) = copy();
        (crime.commit)(copy.path());
        let found = look(copy.path());
        assert!(
            matches!(found, Err(Trouble::Wrong(_))),
            "{}: {found:?}",
            crime.name
        );
    }
}

/// The tests above prove something only if an honest copy is taken.
#[test]
fn an_honest_copy_is_taken() {
    let (copy, key) = copy();
    let url = mirror::serve(copy.path());
    let client = Client::trusting(&[&key, &vendor_key()]);
    client.add_for_zypper(&url);
    client.must_zypper(&["refresh", REPOSITORY]);
    client.must_zypper(&["install", "--no-recommends", driver_name()]);
    let client = Client::trusting(&[&key, &vendor_key()]);
    client.add_for_dnf(&url);
    client.must_dnf(&["makecache"]);
    client.must_dnf(&["install", driver_name()]);
}

/// The portal's own repository, to somebody who was not given its key.
#[test]
fn without_the_key_nothing_is_taken() {
    let url = repository_url();
    let client = Client::trusting(&[]);
    client.add_for_zypper(&url);
    let refresh = client.zypper(&["refresh", REPOSITORY]);
    assert_eq!(refresh.status.code(), Some(4), "{}", words(&refresh));
    let stranger =
        Client::trusting(&[&fs::read_to_string(&fixtures().keys["stranger"].public).unwrap()]);
    stranger.add_for_dnf(&url);
    let refresh = stranger.dnf(&["makecache"]);
    assert_eq!(refresh.status.code(), Some(1), "{}", words(&refresh));
}

fn driver_name() -> &'static str {
    &driver("acme-net", Role::Base).name
}

fn repository_url() -> String {
    shared().portal.url(&format!(
        "/repos/{PRODUCT}/stable/{}/",
        kernel(Role::Base).arch
    ))
}

/// What dnf, unlike zypper, asks for.
fn vendor_key() -> String {
    shared()
        .portal
        .get("/keys/vendors/acme.asc")
        .expect(200)
        .text()
}

/// A copy of the repository, and the key that its clients trust.
fn copy() -> (TempDir, String) {
    let key = shared()
        .portal
        .get("/keys/repository.asc")
        .expect(200)
        .text();
    let copy = scratch();
    Repository::at(&repository_url(), &key).copy_to(copy.path());
    (copy, key)
}

fn change_repomd(copy: &Path) {
    let file = copy.join(REPOMD);
    let text = fs::read_to_string(&file).unwrap();
    let changed = text.replacen("<timestamp>1", "<timestamp>2", 1);
    assert_ne!(changed, text);
    fs::write(&file, changed).unwrap();
}

fn change_primary(copy: &Path) {
    let repomd = repomd::parse_repomd(&fs::read(copy.join(REPOMD)).unwrap()).unwrap();
    change_middle_byte(&copy.join(&repomd.data("primary").unwrap().location));
}

fn change_package(copy: &Path) {
    change_middle_byte(&package(copy));
}

fn package(copy: &Path) -> std::path::PathBuf {
    let nevra = &driver("acme-net", Role::Base).nevra;
    copy.join(format!("{nevra}.rpm"))
}

fn change_middle_byte(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

fn sign_anew(copy: &Path) {
    let key = SigningKey::generate("Thief <thief@thief.example>", KeyAlgorithm::Rsa3072, now());
    let key = key.unwrap();
    let repomd = fs::read(copy.join(REPOMD)).unwrap();
    fs::write(
        copy.join(SIGNATURE),
        key.sign_detached(&repomd, now()).unwrap(),
    )
    .unwrap();
    fs::write(copy.join(KEY), key.certificate().to_armored()).unwrap();
}
