//! The whole path: uploaded over HTTP, installed with zypper and with dnf.

use std::fs;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use xtask::demo::api::escape;
use xtask::demo::clients::key_urls;
use xtask::demo::story::file_name;
use xtask::fixtures::manifest::Package;
use xtask::kernels::Role;
use xtask::sh;

use crate::harness::client::Client;
use crate::harness::http::Ask;
use crate::harness::portal::{PRODUCT, Shared, shared};
use crate::harness::{driver, fixtures, good, kernel, succeed};

fn sha256(package: &Package) -> String {
    hex::encode(Sha256::digest(fs::read(&package.path).unwrap()))
}

#[test]
fn an_upload_is_answered_with_what_became_of_it() {
    let shared = shared();
    let base = kernel(Role::Base);
    for package in good(Role::Base) {
        let answer = &shared.uploads[&file_name(package)];
        let name = &package.name;
        assert_eq!(answer["state"], "published", "{name}: {answer}");
        assert_eq!(answer["sha256"], sha256(package), "{name}");
        assert_eq!(answer["nevra"], package.nevra, "{name}");
        assert_eq!(answer["vendor"], package.vendor, "{name}");
        assert_eq!(answer["kernel_release"], base.release, "{name}");
        assert!(answer["generation"].as_u64() >= Some(1), "{name}: {answer}");
        // Nobody said for which product it is.
        let placement = &answer["placements"][0];
        assert_eq!(placement["product"], PRODUCT, "{name}");
        assert_eq!(placement["channel"], "stable", "{name}");
        let findings = answer["findings"].as_array().unwrap();
        assert!(
            findings.iter().all(|f| f["severity"] != "reject"),
            "{name}: {findings:?}"
        );
        let states: Vec<&Value> = answer["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| &event["state"])
            .collect();
        let expected = ["received", "inspecting", "accepted", "published"];
        assert_eq!(states, expected, "{name}");
        assert_loads_on(answer, &base.release);
    }
}

/// Among its verdicts is one that says so.
fn assert_loads_on(answer: &Value, release: &str) {
    let verdicts = answer["verdicts"].as_array().unwrap();
    let mut on = verdicts
        .iter()
        .filter(|verdict| verdict["kernel"]["release"] == release);
    let verdict = &on.next().expect("a verdict on the kernel it was built for")["verdict"];
    let loads = [
        "compatible",
        "compatible_with_warnings",
        "needs_other_package",
    ];
    assert!(loads.iter().any(|word| verdict == word), "{answer}");
}

#[test]
fn modules_are_read_as_the_kernels_own_tools_read_them() {
    for package in good(Role::Base) {
        let path = format!("/api/v1/packages/{}", shared().package_id(package));
        let answer = shared().portal.json(&path);
        for expected in &package.modules {
            let modules = answer["modules"].as_array().unwrap();
            let found = modules
                .iter()
                .find(|module| module["name"] == expected.name);
            let found = found.unwrap_or_else(|| panic!("no {} in {answer}", expected.name));
            let aliases: Vec<_> = found["aliases"].as_array().unwrap().iter().collect();
            assert_eq!(aliases.len(), expected.aliases.len(), "{aliases:?}");
            assert!(
                expected
                    .aliases
                    .iter()
                    .all(|alias| aliases.contains(&&json!(alias)))
            );
            let imports = found["imports"].to_string();
            for (symbol, crc) in &expected.needs {
                assert!(
                    imports.contains(symbol) && imports.contains(crc),
                    "{symbol} in {imports}"
                );
            }
            let exports = found["exports"].to_string();
            for (symbol, crc) in &expected.exports {
                assert!(
                    exports.contains(symbol) && exports.contains(crc),
                    "{symbol} in {exports}"
                );
            }
        }
    }
}

#[test]
fn the_same_bytes_again_are_the_same_package() {
    let portal = &shared().portal;
    let package = driver("acme-net", Role::Base);
    let id = shared().package_id(package);
    let again = portal.upload(package, "").json();
    assert_eq!(again["id"], id);
    // As the guide says it: curl adds the file's name to the address.
    let header = format!("Authorization: Bearer {}", portal.token("acme"));
    let mut curl = sh::command("curl");
    curl.args(["--silent", "--show-error", "--fail", "-H", &header]);
    curl.arg("-T")
        .arg(&package.path)
        .arg(portal.url("/api/v1/packages/"));
    let answer: Value = serde_json::from_str(&sh::output(&mut curl).unwrap()).unwrap();
    assert_eq!(answer["id"], id);
    // From standard input curl does not know the length: the body comes in chunks.
    let address = portal.url(&format!("/api/v1/packages/{}", escape(&file_name(package))));
    let line = format!(
        "cat '{}' | curl --silent --show-error --fail -H '{header}' -T - '{address}'",
        package.path.display()
    );
    let answer: Value =
        serde_json::from_str(&sh::output(sh::command("sh").args(["-c", &line])).unwrap()).unwrap();
    assert_eq!(answer["id"], id);
    assert_one_file_each(shared());
}

/// Every package lies on the disk once, under its hash, and nothing else does.
fn assert_one_file_each(shared: &Shared) {
    let files = shared.portal.server.files_in("packages");
    let mut names: Vec<String> = files
        .iter()
        .map(|file| file.file_stem().unwrap().to_str().unwrap().into())
        .collect();
    let mut expected: Vec<String> = shared
        .uploads
        .values()
        .map(|answer| answer["sha256"].as_str().unwrap().into())
        .collect();
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(
        shared.portal.server.files_in("incoming"),
        [""; 0].map(std::path::PathBuf::from)
    );
}

/// All keys that a `.repo` file names.
fn keys(repo_file: &str) -> Vec<String> {
    let urls = key_urls(repo_file);
    assert!(
        urls.len() > 1,
        "the repository's key and the vendors': {repo_file}"
    );
    urls.into_iter()
        .map(|url| Ask::get(url).send().expect(200).text())
        .collect()
}

#[test]
fn zypper_installs_a_driver_and_the_kernel_it_fits() {
    let portal = &shared().portal;
    let address = portal.url(&format!("/repos/{PRODUCT}/stable.repo"));
    let keys = keys(&Ask::get(&address).send().expect(200).text());
    let client = Client::trusting(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    client.must_zypper(&["addrepo", &address]);
    let text = client.must_zypper(&["--gpg-auto-import-keys", "refresh"]);
    assert!(
        !text.contains("Automatically importing"),
        "a key was not among those named: {text}"
    );
    let driver = &driver("acme-net", Role::Base).name;
    client.must_zypper(&["install", "--no-recommends", driver]);
    assert_installed(&client);
}

#[test]
fn dnf_installs_a_driver_and_the_kernel_it_fits() {
    let portal = &shared().portal;
    let text = portal
        .get(&format!("/repos/{PRODUCT}/stable.repo"))
        .expect(200)
        .text();
    let client = Client::trusting(&[]);
    // Its keys are named in the file, and dnf fetches them.
    client.root.add_for_dnf("portal", &text).unwrap();
    client.must_dnf(&["makecache"]);
    client.must_dnf(&["install", &driver("acme-net", Role::Base).name]);
    assert_installed(&client);
    let found = client.must_dnf(&["--quiet", "repoquery", "--whatprovides", "ksym(*)"]);
    assert!(found.is_empty() || found.contains("acme-core"), "{found}");
}

/// The driver, the package whose symbols it needs, and a kernel that provides the others.
#[track_caller]
fn assert_installed(client: &Client) {
    for base in ["acme-net", "acme-core"] {
        let package = driver(base, Role::Base);
        assert_eq!(client.query(&package.name).trim(), package.nevra);
    }
    let base = &kernel(Role::Base).release;
    let kernel = fixtures()
        .kernel_rpms
        .iter()
        .find(|rpm| rpm.release == *base)
        .unwrap();
    let installed = client.installed();
    assert!(installed.contains(&kernel.nevra), "{installed:?}");
    let script = fs::read_to_string(client.root.path().join("var/log/kmp-scriptlets.log"));
    assert!(
        script.unwrap().contains("kmp-post --name acme-net-kmp-"),
        "its scriptlet ran"
    );
    succeed(client.root.rpm().args([
        "--verify",
        "--nodeps",
        "--nomtime",
        &driver("acme-net", Role::Base).name,
    ]));
}
