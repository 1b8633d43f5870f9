//! The repository over HTTP, by the rules that clients, proxies and caches go by.

use std::fs;

use xtask::demo::clients::key_urls;
use xtask::kernels::Role;
use xtask::sh;

use crate::harness::http::{Ask, Reply};
use crate::harness::portal::{PRODUCT, shared};
use crate::harness::repository::{KEY, REPOMD, Repository, SIGNATURE, now};
use crate::harness::{driver, fixtures, kernel, scratch, succeed};

fn base() -> String {
    shared().portal.url(&format!(
        "/repos/{PRODUCT}/stable/{}/",
        kernel(Role::Base).arch
    ))
}

fn ask(method: &'static str, location: &str) -> Ask {
    Ask::new(method, format!("{}{location}", base()))
}

fn repository() -> Repository {
    Repository::at(
        &base(),
        &shared()
            .portal
            .get("/keys/repository.asc")
            .expect(200)
            .text(),
    )
}

/// One file of each kind, and whether its content may change under its name.
fn files() -> Vec<(String, bool)> {
    let repomd = ask("GET", REPOMD).send().expect(200).body;
    let repomd = repomd::parse_repomd(&repomd).unwrap();
    let mut files: Vec<(String, bool)> = [REPOMD, SIGNATURE, KEY]
        .map(|file| (file.into(), true))
        .into();
    files.extend(repomd.data.into_iter().map(|data| (data.location, false)));
    files.push((
        format!("{}.rpm", driver("acme-net", Role::Base).nevra),
        false,
    ));
    files
}

#[test]
fn everything_is_whole() {
    let packages = repository().look(now()).unwrap();
    let mut expected: Vec<String> = crate::harness::good(Role::Base)
        .map(|package| format!("{}.rpm", package.nevra))
        .collect();
    expected.sort();
    assert_eq!(packages, expected);
}

#[test]
fn head_says_what_get_would() {
    for (file, _) in files() {
        let get = ask("GET", &file).send().expect(200);
        let head = ask("HEAD", &file).send().expect(200);
        assert_eq!(head.body, b"", "{file}");
        assert_eq!(
            head.header("content-length"),
            get.body.len().to_string(),
            "{file}"
        );
        for name in ["content-type", "etag", "last-modified", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{file}: {name}");
        }
    }
}

#[test]
fn caches_ask_again_only_for_what_changes() {
    for (file, changes) in files() {
        let reply = ask("GET", &file).send().expect(200);
        let caching = reply.header("cache-control");
        match changes {
            true => assert_eq!(caching, "no-cache", "{file}"),
            false => assert_eq!(caching, "public, max-age=31536000, immutable", "{file}"),
        }
        let again = match reply.header("etag") {
            "" => ask("GET", &file).header("if-modified-since", reply.header("last-modified")),
            tag => ask("GET", &file).header("if-none-match", tag),
        };
        let again = again.send().expect(304);
        assert_eq!(again.body, b"", "{file}");
        let other = ask("GET", &file)
            .header("if-none-match", "\"another\"")
            .send()
            .expect(200);
        assert_eq!(other.body, reply.body, "{file}");
    }
}

#[test]
fn parts_can_be_had() {
    for (file, _) in files() {
        let whole = ask("GET", &file).send().expect(200).body;
        let length = whole.len();
        let part = |range: &str| ask("GET", &file).header("range", range).send();
        assert_part(&part("bytes=0-9"), &whole, 0, 9);
        assert_part(&part("bytes=100-"), &whole, 100, length - 1);
        assert_part(&part("bytes=-7"), &whole, length - 7, length - 1);
        let beyond = part(&format!("bytes={length}-"));
        assert_eq!(beyond.status, 416, "{file}");
        assert_eq!(
            beyond.header("content-range"),
            format!("bytes */{length}"),
            "{file}"
        );
    }
}

#[track_caller]
fn assert_part(reply: &Reply, whole: &[u8], first: usize, last: usize) {
    assert_eq!(reply.status, 206);
    let range = format!("bytes {first}-{last}/{}", whole.len());
    assert_eq!(reply.header("content-range"), range);
    assert_eq!(reply.body, whole[first..=last]);
}

#[test]
fn what_is_not_there_is_404() {
    let files = [
        // zypper's first question; a page instead of an error would be taken for an answer.
        "media.1/media",
        "repodata/primary.xml.gz",
        "repodata/",
        "",
        "../stable.repo",
        "%2e%2e/%2e%2e/%2e%2e/keys/repository.asc",
        "repodata/%2e%2e/%2e%2e/%2e%2e/%2e%2e/postgres/PG_VERSION",
        "..%2f..%2f..%2fkeys",
        "acme-net.rpm",
    ];
    for file in files {
        let reply = ask("GET", file).send();
        assert_eq!(reply.status, 404, "{file}: {}", reply.text());
    }
    for path in [
        "/repos/none/stable/x86_64/repodata/repomd.xml",
        "/repos/none/stable.repo",
    ] {
        shared().portal.get(path).problem(404);
    }
    shared()
        .portal
        .get(&format!("/repos/{PRODUCT}/moon.repo"))
        .problem(404);
    shared().portal.get("/keys/vendors/nobody.asc").problem(404);
}

#[test]
fn the_repo_file_leads_to_repository_and_keys() {
    let portal = &shared().portal;
    let reply = portal
        .get(&format!("/repos/{PRODUCT}/stable.repo"))
        .expect(200);
    assert!(reply.header("content-type").starts_with("text/plain"));
    let text = reply.text();
    let value = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))
            .to_owned()
    };
    let arch = &kernel(Role::Base).arch;
    assert_eq!(value("baseurl").replace("$basearch", arch), base());
    for check in ["gpgcheck", "repo_gpgcheck", "pkg_gpgcheck", "enabled"] {
        assert_eq!(value(check), "1", "{check}");
    }
    let mut fingerprints = Vec::new();
    for url in key_urls(&text) {
        let key = Ask::get(url).send().expect(200).body;
        let keys = keyring::Certificate::parse_all(&key).unwrap();
        fingerprints.extend(keys.iter().map(keyring::Certificate::fingerprint));
    }
    for vendor in ["acme", "beta"] {
        assert!(
            fingerprints.contains(&fixtures().keys[vendor].fingerprint),
            "{vendor}"
        );
    }
    assert!(!fingerprints.contains(&fixtures().keys["stranger"].fingerprint));
}

#[test]
fn gpg_and_rpm_take_the_key() {
    let folder = scratch();
    let path = |name: &str| folder.path().join(name);
    for (name, location) in [("repomd.xml", REPOMD), ("repomd.xml.asc", SIGNATURE)] {
        fs::write(path(name), ask("GET", location).send().expect(200).body).unwrap();
    }
    let key = shared().portal.get("/keys/repository.asc").expect(200);
    assert_eq!(key.header("content-type"), "application/pgp-keys");
    assert_eq!(ask("GET", KEY).send().expect(200).body, key.body);
    fs::write(path("repository.asc"), &key.body).unwrap();

    let gpg = || {
        let mut gpg = sh::command("gpg");
        gpg.args(["--batch", "--homedir"]).arg(folder.path());
        gpg
    };
    succeed(gpg().arg("--import").arg(path("repository.asc")));
    let text = succeed(
        gpg()
            .arg("--verify")
            .args([path("repomd.xml.asc"), path("repomd.xml")]),
    );
    assert!(text.contains("Good signature"), "{text}");

    let database = path("rpm");
    fs::create_dir(&database).unwrap();
    let rpmkeys = || {
        let mut rpmkeys = sh::command("rpmkeys");
        rpmkeys.arg("--dbpath").arg(&database);
        rpmkeys
    };
    succeed(rpmkeys().arg("--import").arg(path("repository.asc")));
    let vendor = shared().portal.get("/keys/vendors/acme.asc").expect(200);
    fs::write(path("acme.asc"), vendor.body).unwrap();
    succeed(rpmkeys().arg("--import").arg(path("acme.asc")));
    let package = driver("acme-net", Role::Base);
    let file = path("package.rpm");
    let url = format!("{}.rpm", package.nevra);
    fs::write(&file, ask("GET", &url).send().expect(200).body).unwrap();
    let level = ["--define", "_pkgverify_level all", "--checksig"];
    succeed(rpmkeys().args(level).arg(&file));
    assert_eq!(fs::read(file).unwrap(), fs::read(&package.path).unwrap());
}
