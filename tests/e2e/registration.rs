//! Files and commands that set machines up: taken by the real clients.

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};
use xtask::kernels::Role;
use xtask::sh;

use crate::harness::client::Client;
use crate::harness::http::Ask;
use crate::harness::portal::{DISTRIBUTOR, PRODUCT, Portal, shared};
use crate::harness::repository::{REPOMD, Repository};
use crate::harness::{driver, fixtures, kernel, mirror, run, scratch, until, words};

#[test]
fn zypper_follows_a_service() {
    let portal = &shared().portal;
    let client = Client::trusting(&[]);
    let address = portal.url(&format!("/services/{PRODUCT}"));
    client.must_zypper(&["addservice", &address, "drivers"]);
    client.must_zypper(&["--gpg-auto-import-keys", "refresh-services"]);
    let repos = client.must_zypper(&["repos", "--uri"]);
    for (alias, enabled) in [("drivers:stable", "Yes"), ("drivers:testing", "No")] {
        let line = repos.lines().find(|line| line.contains(alias));
        let line = line.unwrap_or_else(|| panic!("no {alias} in {repos}"));
        assert!(line.split('|').any(|cell| cell.trim() == enabled), "{line}");
    }
    client.must_zypper(&["--gpg-auto-import-keys", "refresh"]);
    let driver = driver("acme-net", Role::Base);
    client.must_zypper(&["install", "--no-recommends", &driver.name]);
    assert_eq!(client.query(&driver.name).trim(), driver.nevra);
}

/// Newer libzypp takes one address of keys from a service; this one passes it over, as the test above
/// shows.
#[test]
fn a_service_names_all_keys_in_one_file() {
    let portal = &shared().portal;
    let all = ["acme", "beta"];
    for (service, vendors) in [("", &all[..]), ("/beta", &["beta"])] {
        let address = format!("/services/{PRODUCT}{service}");
        let index = portal.get(&format!("{address}/repo/repoindex.xml"));
        let keys = format!("gpgkey=\"{}\"", portal.url(&format!("{address}/keys.asc")));
        let index = index.expect(200).text();
        assert!(
            index.contains(&keys) && index.contains("pkg_gpgcheck=\"1\""),
            "{index}"
        );
        let folder = scratch();
        let file = folder.path().join("keys.asc");
        fs::write(
            &file,
            portal.get(&format!("{address}/keys.asc")).expect(200).body,
        )
        .unwrap();
        let mut gpg = sh::command("gpg");
        gpg.env("GNUPGHOME", folder.path())
            .args(["--show-keys", "--with-colons"]);
        let told = sh::output(gpg.arg(&file)).unwrap();
        let own = portal.get("/keys/repository.asc").text();
        let own = keyring::Certificate::parse_all(own.as_bytes()).unwrap()[0].fingerprint();
        let told: Vec<&str> = told
            .lines()
            .filter(|line| line.starts_with("fpr:"))
            .collect();
        let named = |fingerprint: &str| told.iter().any(|line| line.contains(fingerprint));
        assert!(named(&own), "{told:?}");
        for vendor in all {
            let is_named = named(&fixtures().keys[vendor].fingerprint);
            assert_eq!(is_named, vendors.contains(&vendor), "{vendor}: {told:?}");
        }
    }
}

/// As libzypp reads them (`RepomdFileReader::keyhints`): a file name without a slash, at the root of the
/// repository, and a fingerprint that the file must have.
#[test]
fn the_index_hints_at_the_keys_of_its_packages() {
    let portal = &shared().portal;
    let arch = &kernel(Role::Base).arch;
    let all = ["acme", "beta"];
    for (view, vendors) in [("stable", &all[..]), ("vendors/beta/stable", &["beta"])] {
        let base = format!("/repos/{PRODUCT}/{view}/{arch}/");
        let repomd = portal.get(&format!("{base}{REPOMD}")).expect(200).body;
        let hints = repomd::parse_repomd(&repomd).unwrap().content_tags;
        let expected: Vec<&str> = vendors
            .iter()
            .map(|it| fixtures().keys[*it].fingerprint.as_str())
            .collect();
        let mut found = Vec::new();
        for hint in &hints {
            let (name, fingerprint) = hint.split_once("?fpr=").unwrap();
            assert!(
                name.starts_with("gpg-pubkey-") && !name.contains('/'),
                "{hint}"
            );
            let key = portal.get(&format!("{base}{name}")).expect(200);
            assert_eq!(key.header("content-type"), "application/pgp-keys");
            let key = keyring::Certificate::parse_all(&key.body).unwrap();
            assert_eq!(key[0].fingerprint(), fingerprint);
            found.push(fingerprint);
        }
        assert_eq!(found, expected, "{hints:?}");
        portal
            .get(&format!("{base}gpg-pubkey-00000000-00000000.asc"))
            .problem(404);
    }
}

#[test]
fn a_vendors_own_view_has_its_packages_only() {
    let portal = &shared().portal;
    let (own, other) = (
        driver("beta-usb", Role::Base),
        driver("acme-net", Role::Base),
    );
    let client = Client::trusting(&[]);
    let path = format!("/repos/{PRODUCT}/vendors/beta/stable.repo");
    let text = portal.get(&path).expect(200).text();
    assert!(text.contains("/keys/vendors/beta.asc"), "{text}");
    assert!(!text.contains("/keys/vendors/acme.asc"), "{text}");
    client.root.add_for_dnf("beta", &text).unwrap();
    client.must_dnf(&["makecache"]);
    let alias = format!("{PRODUCT}-beta-stable");
    let listed = client.must_dnf(&["--quiet", "repoquery", "--repo", &alias]);
    assert!(listed.contains(&own.name), "{listed}");
    assert!(!listed.contains(&other.name), "{listed}");
    let client = Client::trusting(&[]);
    let address = portal.url(&format!("/services/{PRODUCT}/beta"));
    client.must_zypper(&["addservice", &address, "beta"]);
    client.must_zypper(&["--gpg-auto-import-keys", "refresh-services"]);
    client.must_zypper(&["--gpg-auto-import-keys", "refresh"]);
    let found = client.must_zypper(&["search", "--details", "--repo", "beta:stable", ""]);
    assert!(
        found.contains(&own.name) && !found.contains(&other.name),
        "{found}"
    );
}

/// Runs the script that sets up a machine; standard input is no terminal.
fn script(portal: &Portal, client: &Client, options: &[&str]) -> Output {
    let path = client.root.path().join("drivers.sh");
    let text = portal
        .get(&format!("/repos/{PRODUCT}/stable.sh"))
        .expect(200);
    fs::write(&path, text.body).unwrap();
    let mut command = match rustix::process::geteuid().is_root() {
        true => sh::command("sh"),
        false => {
            let mut command: Command = sh::command("unshare");
            command.args(["--map-root-user", "sh"]);
            command
        }
    };
    command.arg(&path).args(["--root"]).arg(client.root.path());
    run(command.args(options))
}

#[test]
fn a_script_trusts_the_named_key_and_no_other() {
    let portal = &shared().portal;
    let key = portal.get("/keys/repository.asc").expect(200).text();
    let certificate = &keyring::Certificate::parse_all(key.as_bytes()).unwrap()[0];
    let fingerprint = certificate.fingerprint();
    let spaced = fingerprint
        .as_bytes()
        .chunks(4)
        .map(|four| String::from_utf8_lossy(four).to_lowercase())
        .collect::<Vec<_>>()
        .join(" ");
    let client = Client::trusting(&[]);
    let repo_file = client
        .root
        .path()
        .join(format!("etc/zypp/repos.d/{PRODUCT}-stable.repo"));
    for options in [
        &["--client", "zypper"][..],
        &["--client", "zypper", "--fingerprint", &"0".repeat(40)],
    ] {
        let refused = script(portal, &client, options);
        assert_eq!(refused.status.code(), Some(1), "{}", words(&refused));
        assert!(!repo_file.exists(), "{}", words(&refused));
    }
    let options = ["--client", "zypper", "--fingerprint", &spaced];
    let done = script(portal, &client, &options);
    assert!(done.status.success(), "{}", words(&done));
    let acme = &fixtures().keys["acme"].fingerprint;
    let told = words(&done).replace(' ', "");
    assert!(
        told.contains(&fingerprint) && told.contains(acme.as_str()),
        "{told}"
    );
    let driver = driver("acme-net", Role::Base);
    client.must_zypper(&["install", "--no-recommends", &driver.name]);
    assert_eq!(client.query(&driver.name).trim(), driver.nevra);

    let client = Client::trusting(&[]);
    let options = ["--client", "dnf", "--fingerprint", &fingerprint];
    let done = script(portal, &client, &options);
    assert!(done.status.success(), "{}", words(&done));
    client.must_dnf(&["install", &driver.name]);
    assert_eq!(client.query(&driver.name).trim(), driver.nevra);
}

#[test]
fn every_installer_has_its_file() {
    let portal = &shared().portal;
    let arch = &kernel(Role::Base).arch;
    let base = format!("/repos/{PRODUCT}/stable/{arch}/");
    let name = &driver("acme-net", Role::Base).name;
    let file = |suffix: &str| {
        let path = format!("/repos/{PRODUCT}/stable.{suffix}?packages={name}");
        let reply = portal.get(&path).expect(200);
        let text = reply.text();
        assert!(text.contains(&base) && text.contains(name), "{text}");
        (reply.header("content-type").to_owned(), text)
    };
    let (_, agama) = file("agama.json");
    let agama: Value = serde_json::from_str(&agama).unwrap();
    let repository = &agama["software"]["extraRepositories"][0];
    assert_eq!(agama["software"]["packages"], json!([name]));
    assert!(repository["gpgFingerprints"].as_array().unwrap().len() > 1);
    let (kind, _) = file("ymp");
    assert!(kind.starts_with("text/x-suse-ymp"), "{kind}");
    for suffix in ["autoyast.xml", "ymp"] {
        let (_, text) = file(suffix);
        let folder = scratch();
        let path = folder.path().join("file.xml");
        fs::write(&path, text).unwrap();
        let read = "import sys, xml.dom.minidom as x; x.parse(sys.argv[1])";
        sh::output(sh::command("python3").args(["-c", read]).arg(&path)).unwrap();
    }
    file("ks");
    file("cloud-init.yaml");
    portal
        .get(&format!("/repos/{PRODUCT}/stable.ks?packages=$(id)"))
        .problem(400);
    portal
        .get(&format!("/repos/{PRODUCT}/stable.ks?arch=vax"))
        .problem(404);
    let missing = portal
        .get(&format!("/repos/{PRODUCT}/stable.txt"))
        .problem(404);
    assert!(missing["detail"].as_str().unwrap().contains("autoyast.xml"));
}

#[test]
fn clients_are_sent_to_mirrors_that_are_current() {
    let portal = Portal::with_base_kernel(&["--fetch-allow", "127.0.0.0/8"]);
    let net = driver("acme-net", Role::Base);
    let core = driver("acme-core", Role::Base);
    portal.upload(core, "").expect(201);
    portal.upload(net, "").expect(201);
    portal.finish();
    let arch = &kernel(Role::Base).arch;
    let path = format!("/repos/{PRODUCT}/stable/{arch}/");
    let key = portal.get("/keys/repository.asc").text();
    let folder = scratch();
    let copy = folder.path().join(&path[1..]);
    fs::create_dir_all(&copy).unwrap();
    Repository::at(&portal.url(&path), &key).copy_to(&copy);
    let address = mirror::serve(folder.path());
    let wish = json!({ "url": address, "country": "de", "preference": 90 });
    let added = Ask::new("POST", portal.url("/api/v1/mirrors"))
        .token(portal.token(DISTRIBUTOR))
        .header("content-type", "application/json")
        .body(wish.to_string())
        .send()
        .expect(201)
        .json();
    let there = format!("{address}{}", &path[1..]);
    let listed = || portal.get(&format!("{path}mirrorlist")).expect(200).text();
    until(
        "the mirror is found current",
        Duration::from_secs(60),
        || listed().starts_with(&there).then_some(()),
    );
    let own = portal.url(&path);
    assert_eq!(listed().lines().last(), Some(own.as_str()));

    // Both clients take packages from it, though the portal has forgotten how to serve them.
    let vendor = portal.get("/keys/vendors/acme.asc").text();
    let client = Client::trusting(&[&key, &vendor]);
    client.add_for_dnf(&own);
    let file = client.root.path().join("etc/yum.repos.d/drivers.repo");
    let text = fs::read_to_string(&file).unwrap();
    let metalink = text.replace(
        &format!("baseurl={own}"),
        &format!("metalink={own}metalink"),
    );
    assert_ne!(text, metalink);
    fs::write(&file, metalink).unwrap();
    client.must_dnf(&["makecache"]);
    client.must_dnf(&["install", &net.name]);
    assert_eq!(client.query(&net.name).trim(), net.nevra);

    let client = Client::trusting(&[&key, &vendor]);
    let zypps = client.root.path().join("etc/zypp/repos.d/drivers.repo");
    let text = format!(
        "[drivers]\nname=drivers\nenabled=1\ntype=rpm-md\ngpgcheck=1\nmirrorlist={own}mirrorlist\n"
    );
    fs::write(zypps, text).unwrap();
    client.must_zypper(&["--gpg-auto-import-keys", "refresh"]);
    client.must_zypper(&["install", "--no-recommends", &net.name]);
    assert_eq!(client.query(&net.name).trim(), net.nevra);

    // What it has is old now.
    let before = portal.get(&format!("{path}{REPOMD}")).body;
    portal
        .upload(driver("beta-usb", Role::Base), "")
        .expect(201);
    portal.finish();
    assert_eq!(listed(), format!("{own}\n"));
    let metalink = portal.get(&format!("{path}metalink")).expect(200).text();
    assert!(!metalink.contains(&address), "{metalink}");
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&before));
    assert!(metalink.contains(&hash), "the one before is known, too");
    let seen = portal.json("/api/v1/mirrors");
    assert!(seen.to_string().contains("\"is_fresh\":false"), "{seen}");
    let id = added["id"].as_i64().unwrap();
    Ask::new("DELETE", portal.url(&format!("/api/v1/mirrors/{id}")))
        .token(portal.token(DISTRIBUTOR))
        .send()
        .expect(204);
}
