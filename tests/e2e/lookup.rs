//! An installer names its hardware and is told which driver to install, from where.

use std::time::Duration;

use serde_json::{Value, json};
use xtask::demo::tour::{DEVICE, UNKNOWN_DEVICE};
use xtask::kernels::Role;

use crate::harness::client::Client;
use crate::harness::http::{Ask, Reply};
use crate::harness::made::{Made, Maker};
use crate::harness::module_key::ModuleKey;
use crate::harness::portal::{ARCHIVE, DISTRIBUTOR, PRODUCT, Portal, shared};
use crate::harness::{driver, fixtures, given, kernel, scratch, until, words};

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
            json!({"product": PRODUCT, "arch": arch, "modaliases": ["x".repeat(1 << 20)]}),
            400,
            "[0]",
        ),
        (
            json!({"product": PRODUCT, "arch": arch, "modaliases": many}),
            413,
            "10001",
        ),
        (
            json!({"product": PRODUCT, "arch": arch, "modaliases": vec!["usb:v1"; 100_000]}),
            413,
            "10000 modaliases, this one names 100000",
        ),
        (
            json!({"product": PRODUCT, "arch": arch, "modaliases": vec![DEVICE; 100_000]}),
            413,
            "Split it",
        ),
    ];
    for (question, status, word) in table {
        let problem = ask(&question).problem(status);
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{problem}"
        );
    }
    let broken: [(&str, &[u8], &str); 8] = [
        ("application/json", b"{\"product\": ", "JSON"),
        ("application/json", b"{\"product\": \"\xff\"}", "JSON"),
        ("application/json", &b"[".repeat(100_000), "JSON"),
        ("application/cbor", b"\xa1\x61", "CBOR"),
        ("application/cbor", b"\xa1\x67product\x61\xff", "CBOR"),
        ("application/cbor", &b"\x81".repeat(100_000), "CBOR"),
        // A list that says it has 2^63 members.
        (
            "application/cbor",
            b"\xa1\x6amodaliases\x9b\x80\0\0\0\0\0\0\0",
            "CBOR",
        ),
        ("text/plain", b"pci:\xff", "UTF-8"),
    ];
    for (content_type, body, word) in broken {
        let problem = post(body, "", &[("content-type", content_type)]).problem(400);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{content_type}: {detail}");
    }
}

fn plain_question() -> Value {
    json!({
        "product": PRODUCT,
        "arch": kernel(Role::Base).arch,
        "kernel": kernel(Role::Base).release,
        "modaliases": [UNKNOWN_DEVICE, DEVICE],
    })
}

fn post(question: impl Into<Vec<u8>>, query: &str, headers: &[(&str, &str)]) -> Reply {
    let mut ask = Ask::new(
        "POST",
        shared().portal.url(&format!("/api/v1/lookup{query}")),
    );
    for (name, value) in headers {
        ask = ask.header(name, value);
    }
    ask.body(question).send()
}

#[test]
fn one_answer_in_every_encoding() {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    let question = plain_question();
    let json_type = ("content-type", "application/json");
    let text = question.to_string();
    let expected = post(text.clone(), "", &[json_type]).expect(200).json();
    assert_eq!(
        expected["packages"].as_array().unwrap().len(),
        1,
        "{expected}"
    );

    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let from_gzip = post(packed, "", &[json_type, ("content-encoding", "gzip")]);
    assert_eq!(from_gzip.expect(200).json(), expected);

    let mut cbor = Vec::new();
    ciborium::into_writer(&question, &mut cbor).unwrap();
    let types = [
        ("content-type", "application/cbor"),
        ("accept", "application/cbor"),
    ];
    let reply = post(cbor, "", &types).expect(200);
    assert_eq!(reply.header("content-type"), "application/cbor");
    let from_cbor: Value = ciborium::from_reader(&*reply.body).unwrap();
    assert_eq!(from_cbor, expected);

    let base = kernel(Role::Base);
    let query = format!(
        "?product={PRODUCT}&arch={}&kernel={}",
        base.arch, base.release
    );
    let lines = format!("{UNKNOWN_DEVICE}\n{DEVICE}\n");
    let from_lines = post(lines, &query, &[("content-type", "text/plain")]);
    assert_eq!(from_lines.expect(200).json(), expected);
}

#[test]
fn one_device_can_be_asked_for_and_kept() {
    let base = kernel(Role::Base);
    let url = shared().portal.url(&format!(
        "/api/v1/lookup?product={PRODUCT}&arch={}&kernel={}&modalias={DEVICE}",
        base.arch, base.release
    ));
    let first = Ask::get(&url).send().expect(200);
    assert!(first.header("cache-control").contains("max-age"));
    assert_eq!(
        first.json()["packages"][0]["name"],
        driver("acme-net", Role::Base).name
    );
    let tag = first.header("etag").to_owned();
    let again = Ask::get(&url)
        .header("if-none-match", &tag)
        .send()
        .expect(304);
    assert!(again.body.is_empty());
    let own = Ask::get(&url)
        .token(shared().portal.token("acme"))
        .send()
        .expect(200);
    assert!(own.header("cache-control").contains("private"));
    Ask::get(url.replace("pci:", "%FF")).send().problem(400);
}

#[test]
fn plans_come_in_the_words_of_every_installer() {
    let name = &driver("acme-net", Role::Base).name;
    let question = plain_question().to_string();
    let json_type = ("content-type", "application/json");
    for (format, beginning, words) in [
        ("repo", "[debian-12-stable]", &["repo_gpgcheck=1"][..]),
        ("agama", "{", &["extraRepositories", name]),
        ("autoyast", "<?xml", &[name]),
        ("kickstart", "#", &["%post", name]),
        ("cloud-init", "#cloud-config", &[name]),
        ("shell", "#!/bin/sh", &["rpm --root", name]),
    ] {
        let query = format!("?format={format}");
        let text = post(question.clone(), &query, &[json_type])
            .expect(200)
            .text();
        assert!(text.starts_with(beginning), "{format}: {text}");
        for word in words {
            assert!(text.contains(word), "{format}, {word}: {text}");
        }
    }
    let shell = ("accept", "text/x-shellscript");
    let by_accept = post(question.clone(), "", &[json_type, shell])
        .expect(200)
        .text();
    assert!(by_accept.starts_with("#!/bin/sh"), "{by_accept}");
    let problem = post(question, "?format=docx", &[json_type]).problem(400);
    assert!(
        problem["detail"].as_str().unwrap().contains("kickstart"),
        "{problem}"
    );
}

#[test]
fn an_answer_can_be_signed() {
    let json_type = ("content-type", "application/json");
    let question = plain_question().to_string();
    let signed = post(question, "?signed=1&format=shell", &[json_type])
        .expect(200)
        .json();
    let text = |member: &str| signed[member].as_str().unwrap();
    let key = Ask::get(text("key")).send().expect(200).text();
    let keys = keyring::Certificate::parse_all(key.as_bytes()).unwrap();
    let now = crate::harness::repository::now();
    let document = text("document").as_bytes();
    let signature = text("signature").as_bytes();
    keyring::verify_detached(document, signature, &keys, now).unwrap();
    assert!(keyring::verify_detached(b"else", signature, &keys, now).is_err());
}

#[test]
fn where_there_is_no_driver_it_is_said_what_there_is() {
    // The kernel that breaks it is not for everybody yet; its vendor may know.
    let found = answer(Some(&kernel(Role::Breaking).release), &[DEVICE]);
    let device = &found["devices"][0];
    assert_eq!(device["modalias"], DEVICE, "{found}");
    let alternative = &device["alternatives"][0];
    assert_eq!(alternative["reasons"], json!(["other-kernel"]), "{found}");
    let kernels = alternative["kernels"].as_array().unwrap();
    let base = json!(kernel(Role::Base).release);
    assert!(kernels.contains(&base), "{found}");
    assert_eq!(found["plan"]["packages"], json!([]), "{found}");

    let mut question = plain_question();
    question["policy"] = json!({"certified_only": true, "free_only": true});
    question["secure_boot"] = true.into();
    let found = ask(&question).expect(200).json();
    let reasons = &found["devices"][0]["alternatives"][0]["reasons"];
    assert_eq!(reasons, &json!(["not-signed"]), "{found}");
    assert_eq!(found["packages"], json!([]), "{found}");

    question["kernel"] = "9.9.9-no-such-kernel".into();
    let found = ask(&question).expect(200).json();
    assert_eq!(found["kernel_known"], false, "{found}");
}

#[test]
fn of_each_package_there_is_one_hit_for_a_device() {
    let found = answer(None, &[DEVICE]);
    let matches = found["packages"][0]["matches"].as_array().unwrap();
    assert_eq!(matches.len(), 1, "{found}");
    assert_eq!(matches[0]["module"], "acme_net");
}

/// A module signed by a key that no kernel knows, and a package with its certificate: what is needed
/// under Secure Boot, in the order in which the vendor brings it.
#[test]
fn under_secure_boot_the_certificate_to_enrol_is_named() {
    const ALIAS: &str = "pci:v0000ACE9d00000001sv*sd*bc*sc*i*";
    const ITS_DEVICE: &str = "pci:v0000ACE9d00000001sv0000ACE9sd00000001bc02sc00i00";
    let portal = Portal::with_base_kernel(&[]);
    let maker = Maker::join(&portal);
    let upload = |made: &Made| {
        let path = format!("/api/v1/packages/{}?wait=90", made.file_name);
        let upload = Ask::new("PUT", portal.url(&path)).token(&maker.token);
        upload.body(made.bytes.clone()).send().expect(201);
    };
    portal.server.admin(&[
        "vendor",
        "policy",
        "set",
        Maker::NAME,
        "--set",
        "companions=[\"mill-ueficert\"]",
    ]);
    let folder = scratch();
    let key = ModuleKey::make(folder.path());
    let base = kernel(Role::Base);
    let supplement = format!("modalias(kernel-{}:{ALIAS})", base.flavor);
    upload(&maker.driver(
        "mill-net",
        "1",
        |_| key.sign(&Maker::module("mill_net", ALIAS)),
        |package| package.supplements(&supplement),
    ));
    let found = |secure_boot: bool| {
        let question = json!({
            "product": PRODUCT, "arch": base.arch, "kernel": base.release,
            "modaliases": [ITS_DEVICE], "secure_boot": secure_boot,
        });
        let ask = Ask::new("POST", portal.url("/api/v1/lookup"));
        let ask = ask.header("content-type", "application/json");
        ask.body(question.to_string()).send().expect(200).json()
    };
    let package = |answer: &Value| answer["packages"][0].clone();
    let name = format!("mill-net-kmp-{}", base.flavor);
    // Nobody knows by whom it is signed.
    let answer = found(true);
    assert_eq!(package(&answer)["name"], name, "{answer}");
    assert_eq!(package(&answer)["mok_certificate"], Value::Null);
    assert_eq!(answer["plan"]["mok_certificates"], json!([]));

    let path = format!("/etc/uefi/certs/{}.crt", &key.fingerprint[..8]);
    upload(&maker.companion("mill-ueficert", &path, key.certificate.clone()));
    let answer = found(true);
    let certificate = &package(&answer)["mok_certificate"];
    assert_eq!(certificate["package"], "mill-ueficert", "{answer}");
    assert_eq!(certificate["path"], path, "{answer}");
    assert!(
        certificate["subject"]
            .to_string()
            .contains("Mill module key"),
        "{certificate}"
    );
    assert_eq!(answer["plan"]["mok_certificates"], json!([certificate]));
    let without = found(false);
    assert_eq!(package(&without)["name"], name, "{without}");
    assert_eq!(package(&without)["mok_certificate"], Value::Null);

    // The plan as a script tells the machine's owner.
    let question = json!({
        "product": PRODUCT, "arch": base.arch, "kernel": base.release,
        "modaliases": [ITS_DEVICE], "secure_boot": true,
    });
    let script = Ask::new("POST", portal.url("/api/v1/lookup?format=shell"))
        .header("content-type", "application/json")
        .body(question.to_string())
        .send()
        .expect(200)
        .text();
    assert!(
        script.contains("mokutil") && script.contains(&path),
        "{script}"
    );
}

/// The modules of the kernel's own package, here one that was really built for it.
#[test]
fn a_device_that_the_kernel_drives_itself_is_recognised() {
    const USB: &str = "usb:vBE7Ap0001d0100dc00dsc00dp00icFFisc00ip00in00";
    let portal = Portal::with_base_kernel(&[]);
    let base = kernel(Role::Base);
    let question = json!({
        "product": PRODUCT, "arch": base.arch, "kernel": base.release,
        "modaliases": [USB, UNKNOWN_DEVICE],
    });
    let found = || {
        let ask = Ask::new("POST", portal.url("/api/v1/lookup"));
        let ask = ask.header("content-type", "application/json");
        ask.body(question.to_string()).send().expect(200).json()
    };
    assert!(!found().to_string().contains("in_kernel"));

    let place = given("KMP_PORTAL_FIXTURES");
    let module = format!("modules/{}/beta/beta_usb.ko", base.release);
    let module = std::fs::read(place.with_file_name(module)).unwrap();
    let path = format!("/lib/modules/{}/kernel/drivers/beta_usb.ko", base.release);
    let package = testkit::RpmBuilder::new("kernel-modules", &base.version, "1", &base.arch)
        .file(&path, module)
        .build();
    let kernels = portal.json("/api/v1/kernels");
    let id = kernels["kernels"][0]["id"].as_str().unwrap();
    let parts = format!("/api/v1/kernels/{id}/parts?wait=90");
    Ask::new("POST", portal.url(&parts))
        .token(portal.token(DISTRIBUTOR))
        .body(package)
        .send()
        .expect(200);

    let answer = until("the look-up follows", Duration::from_secs(30), || {
        Some(found()).filter(|it| it.to_string().contains("in_kernel"))
    });
    let device = &answer["devices"][0];
    assert_eq!(device["modalias"], USB, "{answer}");
    assert_eq!(device["in_kernel"][0]["module"], "beta_usb", "{answer}");
    let pattern = device["in_kernel"][0]["pattern"].as_str().unwrap();
    assert!(pattern.starts_with("usb:vBE7Ap"), "{answer}");
    assert_eq!(answer["packages"], json!([]), "{answer}");
    // Nobody has to write a driver for it.
    let demand = portal.json("/api/v1/demand").to_string();
    assert!(demand.contains(&device_of(UNKNOWN_DEVICE)), "{demand}");
    let times = portal.json("/api/v1/demand?device=usb:be7a:0001");
    assert_eq!(times["demand"][0]["times"], 1, "before it was known");
    let page = portal.get("/hardware/usb/be7a/0001").expect(200).text();
    assert!(
        page.contains("beta_usb") && page.contains(&base.release),
        "{page}"
    );
}

/// `pci:8086:1502`, of an alias of a PCI device.
fn device_of(alias: &str) -> String {
    let number = |at: usize| alias[at..at + 4].to_lowercase();
    format!(
        "pci:{}:{}",
        number("pci:v0000".len()),
        number("pci:v0000XXXXd0000".len())
    )
}
