//! From devices to installed drivers: a machine as sysfs shows it, the portal's answer, zypper and dnf;
//! the pages about devices; and what nobody had a driver for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use xtask::demo::root::rooted;
use xtask::demo::tour::{DEVICE, UNKNOWN_DEVICE};
use xtask::kernels::Role;

use crate::harness::client::Client;
use crate::harness::http::Ask;
use crate::harness::portal::{DISTRIBUTOR, PRODUCT, shared};
use crate::harness::{driver, given, kernel, run, scratch, succeed, words};

/// What `beta-usb` drives.
const USB_DEVICE: &str = "usb:vBE7Ap0001d0100dc00dsc00dp00icFFisc00ip00in00";

/// How to ask the look-up on these kernels, the base kernel and none, in both ways.
pub fn questions(releases: &[&str]) -> Vec<(&'static str, String, Vec<u8>)> {
    let base = kernel(Role::Base);
    let named = releases.iter().copied().chain([&*base.release]);
    let mut questions = Vec::new();
    for release in named.map(Some).chain([None]) {
        let question = json!({
            "product": PRODUCT, "arch": base.arch, "kernel": release, "modaliases": [USB_DEVICE],
        });
        let body = question.to_string().into_bytes();
        questions.push(("POST", "/api/v1/lookup".to_owned(), body));
        let path = format!(
            "/api/v1/lookup?product={PRODUCT}&arch={}&kernel={}&modalias={USB_DEVICE}",
            base.arch,
            release.unwrap_or_default()
        );
        questions.push(("GET", path, Vec::new()));
    }
    questions
}

/// A folder as sysfs is, with the device and one that no driver is for.
fn sysfs(folder: &Path) -> PathBuf {
    let sysfs = folder.join("sys");
    for (place, modalias) in [
        ("devices/pci0000:00/0000:00:1f.6", DEVICE),
        ("devices/pci0000:00/0000:00:1f.7", UNKNOWN_DEVICE),
    ] {
        let device = sysfs.join(place);
        fs::create_dir_all(&device).unwrap();
        fs::write(device.join("modalias"), format!("{modalias}\n")).unwrap();
    }
    std::os::unix::fs::symlink("../devices", sysfs.join("bus")).unwrap();
    sysfs
}

/// A system without drivers, and the devices of its machine.
struct Machine {
    client: Client,
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Machine {
        let client = Client::trusting(&[]);
        let folder = scratch();
        sysfs(folder.path());
        Machine { client, folder }
    }

    fn sysfs(&self) -> String {
        self.folder.path().join("sys").display().to_string()
    }

    fn root(&self) -> String {
        self.client.root.path().display().to_string()
    }

    /// `kmp-portal lookup` on the base kernel.
    fn lookup(&self, more: &[&str]) -> Command {
        let (base, portal) = (kernel(Role::Base), &shared().portal);
        let mut lookup = rooted(given("KMP_PORTAL_PROGRAM").to_str().unwrap());
        lookup.args(["lookup", "--sysfs", &self.sysfs(), "--root", &self.root()]);
        lookup.args(["--portal", &portal.url(""), "--product", PRODUCT]);
        lookup.args(["--arch", &base.arch, "--kernel", &base.release]);
        lookup.args(["--secure-boot", "false"]);
        lookup.args(more);
        lookup
    }

    #[track_caller]
    fn must_have_the_driver(&self) {
        let package = driver("acme-net", Role::Base);
        let installed = self.client.query(&package.name);
        assert_eq!(installed.trim(), package.nevra);
        let release = &kernel(Role::Base).release;
        let folder = self
            .client
            .root
            .path()
            .join(format!("lib/modules/{release}"));
        assert!(
            folder.join("updates/acme_net.ko").exists(),
            "{}",
            folder.display()
        );
    }
}

#[test]
fn a_machine_gets_its_driver_by_zypper() {
    let machine = Machine::new();
    let told = succeed(&mut machine.lookup(&["--dry-run"]));
    let package = driver("acme-net", Role::Base);
    assert!(told.contains(&package.nevra), "{told}");
    assert!(
        machine.client.installed().is_empty(),
        "a dry run installs nothing"
    );
    succeed(&mut machine.lookup(&["--client", "zypper", "--yes"]));
    machine.must_have_the_driver();
}

#[test]
fn a_machine_gets_its_driver_by_dnf() {
    let machine = Machine::new();
    let key = Ask::get(shared().portal.url("/keys/repository.asc"))
        .send()
        .expect(200)
        .text();
    let key = keyring::Certificate::parse_all(key.as_bytes()).unwrap()[0].fingerprint();
    succeed(&mut machine.lookup(&["--client", "dnf", "--yes", "--key", &key]));
    machine.must_have_the_driver();
}

#[test]
fn the_script_installs_by_curl_alone() {
    let machine = Machine::new();
    let base = kernel(Role::Base);
    let script = machine.folder.path().join("lookup.sh");
    let text = shared().portal.get("/lookup.sh").expect(200).text();
    fs::write(&script, text).unwrap();
    let mut sh = rooted("sh");
    sh.arg(&script);
    sh.args([PRODUCT, "--kernel", &base.release, "--arch", &base.arch]);
    sh.args(["--sysfs", &machine.sysfs(), "--root", &machine.root()]);
    sh.args(["--install", "--yes"]);
    succeed(&mut sh);
    machine.must_have_the_driver();

    let mut wrong = rooted("sh");
    wrong
        .arg(&script)
        .args(["no-such-product", "--sysfs", &machine.sysfs()]);
    let done = run(&mut wrong);
    assert!(
        !done.status.success() && words(&done).contains(PRODUCT),
        "{}",
        words(&done)
    );
}

#[test]
fn nothing_is_installed_that_was_not_agreed_to() {
    let machine = Machine::new();
    let strange = "0123456789ABCDEF0123456789ABCDEF01234567";
    for (more, code, said) in [
        (
            &["--yes", "--key", strange][..],
            2,
            "not the one named by --key",
        ),
        (&[], 2, "nobody is there to ask"),
        (&["--yes", "--channel", "nightly"], 2, "no channel"),
    ] {
        let done = run(machine.lookup(more).stdin(std::process::Stdio::null()));
        assert_eq!(done.status.code(), Some(code), "{}", words(&done));
        assert!(words(&done).contains(said), "{}", words(&done));
    }
    assert!(machine.client.installed().is_empty());
}

#[test]
fn pages_tell_what_drives_a_device() {
    let portal = &shared().portal;
    let package = driver("acme-net", Role::Base);
    let list = portal.get("/hardware").expect(200).text();
    assert!(list.contains("pci ace1:1001"), "{list}");
    assert!(
        !list.contains("Looked for in vain"),
        "counts are not for everybody"
    );
    for query in [
        "ace1:1001",
        "pci%20ace1:1001",
        DEVICE,
        &DEVICE.to_lowercase(),
    ] {
        let found = portal
            .get(&format!("/hardware?q={query}"))
            .expect(200)
            .text();
        assert!(
            found.contains("/hardware/pci/ace1/1001"),
            "{query}: {found}"
        );
    }
    let page = portal.get("/hardware/pci/ace1/1001").expect(200).text();
    for word in [
        &package.name,
        "acme_net",
        "stable",
        &kernel(Role::Base).release,
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
    portal.get("/hardware/pci/ace1/ffff").expect(200);
    portal.get("/hardware/isa/ace1/1001").expect(404);
}

#[test]
fn what_is_looked_for_in_vain_is_counted() {
    let portal = &shared().portal;
    let device = "pci:v0000FA1Ed00001001sv00000000sd00000000bc02sc00i00";
    let question = json!({
        "product": PRODUCT, "arch": kernel(Role::Base).arch, "modaliases": [device, DEVICE],
    });
    let ask = |question: &serde_json::Value| {
        Ask::new("POST", portal.url("/api/v1/lookup"))
            .header("content-type", "application/json")
            .body(question.to_string())
            .send()
            .expect(200);
    };
    ask(&question);
    ask(&question);
    let mut on_unknown = question.clone();
    on_unknown["kernel"] = "9.9.9-no-such-kernel".into();
    ask(&on_unknown);
    portal.get("/api/v1/demand").problem(401);
    let told = Ask::get(portal.url("/api/v1/demand?device=pci:fa1e:1001"))
        .token(portal.token("beta"))
        .send()
        .expect(200)
        .json();
    assert_eq!(told["demand"][0]["times"], 2, "{told}");
    assert_eq!(told["demand"][0]["product"], PRODUCT, "{told}");
    let of_matched = portal.json("/api/v1/demand?device=pci:ace1:1001");
    assert_eq!(of_matched["demand"], json!([]), "{of_matched}");
    let page = Ask::get(portal.url("/hardware/pci/fa1e/1001"))
        .token(portal.token(DISTRIBUTOR))
        .send()
        .expect(200)
        .text();
    assert!(page.contains("Looked for in vain"), "{page}");
}
