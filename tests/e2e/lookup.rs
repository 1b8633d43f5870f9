//! An installer names its hardware and is told which driver to install, from where.

use serde_json::{Value, json};
use xtask::demo::tour::{DEVICE, UNKNOWN_DEVICE};
use xtask::kernels::Role;

use crate::harness::client::Client;
use crate::harness::http::{Ask, Reply};
use crate::harness::portal::{ARCHIVE, PRODUCT, shared};
use crate::harness::{driver, fixtures, kernel, words};

fn ask(question: &Value) -> Reply {
    let portal = &shared().portal;
    Ask::new("POST", portal.url("/api/v1/lookup"))
        .header("content-type", "application/json")
        // Breaks on a kernel in preview are not for everybody.
        .token(portal.token("acme"))
        .body(question.to_string())
        .send()
}

fn answer(kernel_release: Option<&str>, modaliases: &[&str]) -> Value {
    let mut question = json!({
        "product": PRODUCT,
        "arch": kernel(Role::Base).arch,
        "modaliases": modaliases,
    });
    if let Some(release) = kernel_release {
        question["kernel"] = release.into();
    }
    ask(&question).expect(200).json()
}

#[test]
fn a_device_finds_its_driver() {
    let portal = &shared().portal;
    let package = driver("acme-net", Role::Base);
    let found = answer(None, &[UNKNOWN_DEVICE, DEVICE]);
    let [one] = &found["packages"].as_array().unwrap()[..] else {
        panic!("{found}")
    };
    assert_eq!(one["name"], package.name);
    assert_eq!(one["nevra"], package.nevra);
    assert_eq!(one["id"], shared().package_id(package));
    assert_eq!(one["vendor"], "acme");
    assert_eq!(
        one["vendor_key_fingerprints"],
        json!([fixtures().keys["acme"].fingerprint])
    );
    // The package's own dependencies name patterns, too, gathered into fewer.
    let hits = one["matches"].as_array().unwrap();
    assert!(hits.iter().all(|hit| hit["modalias"] == DEVICE), "{one}");
    let hit = hits
        .iter()
        .find(|hit| hit["module"] == "acme_net")
        .expect("the module's own alias");
    let pattern = hit["pattern"].as_str().unwrap();
    assert!(
        package.modules[0]
            .aliases
            .iter()
            .any(|alias| alias == pattern),
        "{pattern}"
    );
    assert_eq!(found["unmatched"], json!([UNKNOWN_DEVICE]));

    let base = &kernel(Role::Base).arch;
    let url = portal.url(&format!("/repos/{PRODUCT}/stable/{base}/"));
    assert_eq!(one["repository_url"], url);
    assert_eq!(found["repository"]["url"], url);
    let key = portal.get("/keys/repository.asc").expect(200).text();
    let key = keyring::Certificate::parse_all(key.as_bytes()).unwrap();
    assert_eq!(one["key_fingerprint"], key[0].fingerprint());
}

/// What was answered is what an installer can work with.
#[test]
fn the_answer_is_enough_to_install() {
    let found = answer(Some(&kernel(Role::Base).release), &[DEVICE]);
    let key = Ask::get(found["repository"]["key"].as_str().unwrap())
        .send()
        .expect(200)
        .text();
    let client = Client::trusting(&[&key]);
    client.add_for_zypper(found["packages"][0]["repository_url"].as_str().unwrap());
    let name = found["packages"][0]["name"].as_str().unwrap();
    let install = client.zypper(&["install", "--no-recommends", "--dry-run", name]);
    assert!(install.status.success(), "{}", words(&install));
}

#[test]
fn the_kernel_decides() {
    let found = |role| answer(Some(&kernel(role).release), &[DEVICE]);
    let base = found(Role::Base);
    assert_eq!(base["packages"].as_array().unwrap().len(), 1, "{base}");
    let loads = [
        "compatible",
        "compatible_with_warnings",
        "needs_other_package",
    ];
    let verdict = &base["packages"][0]["verdict"];
    assert!(loads.iter().any(|word| verdict == word), "{base}");
    let breaking = found(Role::Breaking);
    assert_eq!(breaking["packages"], json!([]), "{breaking}");
    assert_eq!(breaking["unmatched"], json!([DEVICE]));
    let unknown = answer(Some("9.9.9-no-such-kernel"), &[DEVICE]);
    assert_eq!(unknown["packages"], json!([]), "{unknown}");
}

#[test]
fn another_device_finds_nothing() {
    let usb = "usb:vBEEFp0001d0100dc00dsc00dp00ic00isc00ip00in00";
    for alias in [
        UNKNOWN_DEVICE,
        usb,
        "",
        "pci:*",
        &DEVICE.to_lowercase(),
        &"x".repeat(4096),
    ] {
        assert_eq!(answer(None, &[alias])["packages"], json!([]), "{alias}");
    }
    assert_eq!(answer(None, &[])["packages"], json!([]));
}

#[test]
fn what_is_wrong_with_a_question_is_said() {
    let arch = &kernel(Role::Base).arch;
    let nowhere = json!({"product": "no-such-product", "arch": arch, "modaliases": [DEVICE]});
    let problem = ask(&nowhere).problem(404);
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains(PRODUCT) && detail.contains(ARCHIVE),
        "{detail}"
    );
    let many = vec![DEVICE; 10_001];
    let table = [
        (
            json!({"product": PRODUCT, "arch": "m68k", "modaliases": []}),
            404,
            arch.as_str(),
        ),
        (json!({"product": PRODUCT, "arch": arch}), 400, "modaliases"),
        (
            json!({"product": PRODUCT, "arch": arch, "modaliases": DEVICE}),
            400,
            "sequence",
        ),
        (
            json!({"product": PRODUCT, "arch": arch, "modaliases": [], "colour": 1}),
            400,
            "colour",
        ),
        (
            json!({"product": PRODUCT, "arch": arch, "modaliases": ["x".repeat(9000)]}),
            400,
            "[0]",
        ),
        (
            json!({"product": PRODUCT, "arch": arch, "modaliases": many}),
            413,
            "10001",
        ),
    ];
    for (question, status, word) in table {
        let problem = ask(&question).problem(status);
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{problem}"
        );
    }
    let portal = &shared().portal;
    let broken = Ask::new("POST", portal.url("/api/v1/lookup"))
        .header("content-type", "application/json")
        .body("{\"product\": ");
    broken.send().problem(400);
}
