//! Repositories of others: another portal's, read, judged and shown; and ones that lie, or are gone.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::RpmBuilder;
use xtask::demo::root::rooted;
use xtask::demo::tour::DEVICE;
use xtask::kernels::Role;

use crate::harness::client::Client;
use crate::harness::http::{Ask, Reply};
use crate::harness::mirror;
use crate::harness::portal::{DISTRIBUTOR, PRODUCT, Portal};
use crate::harness::{driver, fixtures, kernel, scratch, succeed, until};

const ALLOW: [&str; 2] = ["--fetch-allow", "127.0.0.0/8"];
const REPOMD: [&str; 2] = ["repodata/repomd.xml", "repodata/repomd.xml.asc"];

fn ask(portal: &Portal, whose: &str, method: &'static str, path: &str, body: &Value) -> Reply {
    let ask = Ask::new(method, portal.url(path)).token(portal.token(whose));
    match body {
        Value::Null => ask.send(),
        body => ask
            .header("content-type", "application/json")
            .body(body.to_string())
            .send(),
    }
}

fn read_now(portal: &Portal, id: &str) {
    let path = format!("/api/v1/sources/{id}/read");
    ask(portal, DISTRIBUTOR, "POST", &path, &Value::Null).expect(202);
}

/// The source once it is in that state, and its packages are judged.
#[track_caller]
fn in_state(portal: &Portal, id: &str, state: &str) -> Value {
    let path = format!("/api/v1/sources/{id}");
    let source = until(state, Duration::from_secs(60), || {
        Some(portal.json(&path)).filter(|source| source["state"] == state)
    });
    portal.finish();
    match state {
        "good" => portal.json(&path),
        _ => source,
    }
}

#[test]
fn another_repository_is_read_judged_let_in_and_distrusted() {
    // Somebody else's repository: this very program with two packages of acme, one of which uses
    // symbols of the other.
    let theirs = Portal::with_base_kernel(&[]);
    for name in ["acme-core", "acme-net"] {
        let package = driver(name, Role::Base);
        theirs.upload(package, "wait=90").expect(201);
    }
    let key = theirs.get("/keys/repository.asc").expect(200).text();
    let repository = format!("/repos/{PRODUCT}/stable/x86_64");

    let portal = Portal::with_base_kernel(&ALLOW);
    let wish = json!({ "url": theirs.url(&repository), "product": PRODUCT, "key": key });
    ask(&portal, "acme", "POST", "/api/v1/sources", &json!({})).problem(400);
    let anonymous = Ask::new("POST", portal.url("/api/v1/sources"));
    anonymous.body("{}").send().problem(401);
    let source = ask(&portal, "acme", "POST", "/api/v1/sources", &wish);
    let source = source.expect(201).json();
    let id = source["id"].as_str().unwrap();

    let good = in_state(&portal, id, "good");
    assert_eq!(
        (&good["packages"], &good["offered"]),
        (&json!(2), &json!(false))
    );
    let (core, net) = (&good["listed"][0], &good["listed"][1]);
    assert!(net["aliases"].as_u64() > Some(0), "{net}");
    for (listed, verdict) in [(core, "compatible"), (net, "needs_other_package")] {
        assert!(listed["symbols"].as_u64() > Some(0), "{listed}");
        let on = &listed["verdicts"][0];
        assert_eq!(on["release"], kernel(Role::Base).release);
        assert_eq!(on["verdict"], verdict, "{on}");
    }

    // A kernel that comes later is judged by itself.
    portal
        .register(PRODUCT, kernel(Role::NextLayout), "released", "")
        .expect(201);
    portal.finish();
    let verdicts = portal.json(&format!("/api/v1/sources/{id}"));
    let newest = &verdicts["listed"][0]["verdicts"][0];
    assert_eq!(newest["verdict"], "incompatible", "{newest}");
    assert!(newest["missing"].as_u64() > Some(0), "{newest}");
    assert!(newest["examples"][0].is_string(), "{newest}");

    // Nobody else hears of it before a distributor has let it in.
    let seen_by = |whose: Option<&str>| {
        let ask = Ask::get(portal.url(&format!("/api/v1/sources/{id}")));
        match whose {
            Some(whose) => ask.token(portal.token(whose)).send().status,
            None => ask.send().status,
        }
    };
    assert_eq!((seen_by(None), seen_by(Some("beta"))), (404, 404));
    let approve = format!("/api/v1/sources/{id}/approve");
    ask(&portal, "acme", "POST", &approve, &Value::Null).problem(403);
    let let_in = ask(&portal, DISTRIBUTOR, "POST", &approve, &Value::Null);
    assert_eq!(let_in.expect(200).json()["offered"], true);
    assert_eq!((seen_by(None), seen_by(Some("beta"))), (200, 200));
    let published = portal.get(&format!("/keys/sources/{id}.asc")).expect(200);
    assert!(published.text().contains("BEGIN PGP PUBLIC KEY BLOCK"));
    let taken = ask(&portal, "beta", "POST", "/api/v1/sources", &wish);
    taken.problem(409);

    // Nothing changed: it stays in order without being read.
    read_now(&portal, id);
    in_state(&portal, id, "good");

    // Another key than the one that signs: nothing of it is offered, and what was known is kept.
    let other = fs::read_to_string(&fixtures().keys["acme"].public).unwrap();
    let wrong = json!({ "url": theirs.url(&repository), "product": PRODUCT, "key": other });
    ask(&portal, "acme", "POST", "/api/v1/sources", &wrong).expect(201);
    let distrusted = in_state(&portal, id, "distrusted");
    assert_eq!(distrusted["approved_at"], Value::Null, "{distrusted}");
    assert_eq!(distrusted["packages"], 2);
    let fault = distrusted["fault"].as_str().unwrap();
    assert!(fault.contains("repomd.xml"), "{fault}");

    ask(&portal, "acme", "POST", "/api/v1/sources", &wish).expect(201);
    in_state(&portal, id, "good");
    // Gone: what was known is still offered.
    drop(theirs);
    read_now(&portal, id);
    let failing = in_state(&portal, id, "failing");
    assert_eq!(
        (&failing["failures"], &failing["packages"]),
        (&json!(1), &json!(2))
    );
    let path = format!("/api/v1/sources/{id}");
    ask(&portal, "acme", "DELETE", &path, &Value::Null).expect(204);
    assert_eq!(seen_by(Some(DISTRIBUTOR)), 404);
    let trail = portal.json("/api/v1/audit").to_string();
    for action in ["source.registered", "source.approved", "source.removed"] {
        assert!(trail.contains(action), "{action}");
    }
}

/// Signs a repository of the packages in a folder with a new key; gives its public half.
fn make_repository(folder: &Path) -> String {
    use keyring::{KeyAlgorithm, SigningKey};
    let package = RpmBuilder::new("acme-kmp-amd64", "1", "1", "x86_64")
        .supplements("modalias(pci:v00008086d00001502sv*sd*bc*sc*i*)")
        .build();
    fs::write(folder.join("acme-kmp-amd64-1-1.x86_64.rpm"), package).unwrap();
    let program = crate::harness::given("KMP_PORTAL_PROGRAM");
    let mut build = std::process::Command::new(program);
    crate::harness::succeed(build.args(["repo", "build"]).arg(folder));
    let now = crate::harness::repository::now();
    let key = SigningKey::generate("Acme <acme@example.com>", KeyAlgorithm::Rsa4096, now).unwrap();
    sign(folder, &key);
    key.certificate().to_armored()
}

fn sign(folder: &Path, key: &keyring::SigningKey) {
    let repomd = fs::read(folder.join(REPOMD[0])).unwrap();
    let signature = key.sign_detached(&repomd, crate::harness::repository::now());
    fs::write(folder.join(REPOMD[1]), signature.unwrap()).unwrap();
}

/// What `make_repository` makes a driver for.
const THEIR_DEVICE: &str = "pci:v00008086d00001502sv00001028sd00000493bc02sc00i00";

fn lookup(portal: &Portal, question: &Value, query: &str) -> Reply {
    Ask::new("POST", portal.url(&format!("/api/v1/lookup{query}")))
        .header("content-type", "application/json")
        .body(question.to_string())
        .send()
}

/// The first answer that holds so many packages.
#[track_caller]
fn found(portal: &Portal, question: &Value, packages: usize) -> Value {
    until("the look-up follows", Duration::from_secs(30), || {
        let answer = lookup(portal, question, "").expect(200).json();
        let all = answer["packages"].as_array().unwrap().len();
        (all == packages).then_some(answer)
    })
}

/// The keys of a plan, each only if it is what the plan says.
fn trust(client: &Client, plan: &Value) {
    for key in plan["keys"].as_array().unwrap() {
        let armored = Ask::get(key["url"].as_str().unwrap()).send().expect(200);
        let keys = keyring::Certificate::parse_all(&armored.body).unwrap();
        let fingerprints: Vec<String> = keys.iter().map(|it| it.fingerprint()).collect();
        assert_eq!(key["fingerprints"], json!(fingerprints));
        let file = client.root.path().join("plan.asc");
        fs::write(&file, &armored.body).unwrap();
        succeed(client.root.rpm().arg("--import").arg(&file));
    }
}

#[test]
fn a_driver_of_a_source_is_found_and_installed() {
    let theirs = Portal::with_base_kernel(&[]);
    for name in ["acme-core", "acme-net"] {
        let package = driver(name, Role::Base);
        theirs.upload(package, "wait=90").expect(201);
    }
    // One key signs the repository, another one its packages.
    let mut key = theirs.get("/keys/repository.asc").expect(200).text();
    key.push_str(&fs::read_to_string(&fixtures().keys["acme"].public).unwrap());
    let url = theirs.url(&format!("/repos/{PRODUCT}/stable/x86_64/"));
    let portal = Portal::with_base_kernel(&ALLOW);
    let wish = json!({ "url": url, "product": PRODUCT, "key": key });
    let source = ask(&portal, "acme", "POST", "/api/v1/sources", &wish);
    let id = source.expect(201).json()["id"].as_str().unwrap().to_owned();
    in_state(&portal, &id, "good");
    let base = kernel(Role::Base);
    let question = json!({
        "product": PRODUCT, "arch": base.arch, "kernel": base.release, "modaliases": [DEVICE],
    });
    found(&portal, &question, 0);
    let repo_file = format!("/sources/{id}/external.repo");
    portal.get(&repo_file).problem(404);

    let approve = format!("/api/v1/sources/{id}/approve");
    ask(&portal, DISTRIBUTOR, "POST", &approve, &Value::Null).expect(200);
    let answer = found(&portal, &question, 1);
    let package = &answer["packages"][0];
    let net = driver("acme-net", Role::Base);
    assert_eq!(
        (
            &package["nevra"],
            &package["source"],
            &package["repository_url"]
        ),
        (&json!(net.nevra), &json!("external"), &json!(url)),
        "{package}"
    );
    assert_eq!(package["verdict"], "needs_other_package", "{package}");
    let plan = &answer["plan"];
    assert_eq!(plan["repositories"][0]["external"], true, "{plan}");
    assert_eq!(plan["keys"].as_array().unwrap().len(), 1, "{plan}");
    let mut own_only = question.clone();
    own_only["policy"] = json!({ "portal_only": true });
    let refused = found(&portal, &own_only, 0);
    let alternative = &refused["devices"][0]["alternatives"][0];
    assert_eq!(alternative["reasons"], json!(["external"]), "{refused}");
    // Its vendor sees the same.
    let for_vendor = Ask::new("POST", portal.url("/api/v1/lookup"))
        .header("content-type", "application/json")
        .token(portal.token("acme"))
        .body(question.to_string());
    assert_eq!(
        for_vendor.send().expect(200).json()["packages"][0],
        *package
    );

    // zypper by the plan as a script, dnf by the plan as a `.repo` file.
    let machine = Client::trusting(&[]);
    let script = machine.root.path().join("install.sh");
    let text = lookup(&portal, &question, "?format=shell").expect(200);
    fs::write(&script, text.body).unwrap();
    let mut sh = rooted("sh");
    sh.arg(&script).args(["--yes", "--root"]);
    succeed(sh.arg(machine.root.path()));
    assert_eq!(machine.query(&net.name).trim(), net.nevra);

    let machine = Client::trusting(&[]);
    trust(&machine, plan);
    let text = lookup(&portal, &question, "?format=repo").expect(200);
    machine.root.add_for_dnf("plan", &text.text()).unwrap();
    machine.must_dnf(&["install", plan["packages"][0].as_str().unwrap()]);
    assert_eq!(machine.query(&net.name).trim(), net.nevra);

    // The service lists it, switched off and behind our own.
    let machine = Client::trusting(&[]);
    trust(&machine, plan);
    let service = portal.url(&format!("/services/{PRODUCT}"));
    machine.must_zypper(&["addservice", &service, "portal"]);
    machine.must_zypper(&["refresh-services"]);
    let listed = machine.must_zypper(&["repos", "--uri", "--priority"]);
    let line = listed.lines().find(|line| line.contains(&url));
    let line = line.unwrap_or_else(|| panic!("{listed}"));
    assert!(
        line.contains("external") && line.contains("| No "),
        "{line}"
    );
    assert!(line.contains("120"), "{line}");
    portal.get(&repo_file).expect(200);

    // Another key is pinned, even by a distributor: nothing of it is offered before that key has
    // vouched for it.
    let other = fs::read_to_string(&fixtures().keys["beta"].public).unwrap();
    let wrong = json!({ "url": url, "product": PRODUCT, "key": other, "vendor": "acme" });
    ask(&portal, DISTRIBUTOR, "POST", "/api/v1/sources", &wrong).expect(201);
    found(&portal, &question, 0);
    in_state(&portal, &id, "distrusted");
    found(&portal, &question, 0);
    portal.get(&repo_file).problem(404);
}

#[test]
fn a_source_that_changes_its_key_disappears() {
    let portal = Portal::with_base_kernel(&ALLOW);
    let (constant, fickle) = (scratch(), scratch());
    let ids = [&constant, &fickle].map(|folder| {
        let key = make_repository(folder.path());
        let url = mirror::serve(folder.path());
        let wish = json!({ "url": url, "product": PRODUCT, "key": key, "vendor": "acme" });
        let source = ask(&portal, DISTRIBUTOR, "POST", "/api/v1/sources", &wish);
        source.expect(201).json()["id"].as_str().unwrap().to_owned()
    });
    for id in &ids {
        in_state(&portal, id, "good");
    }
    // Nothing tells on which kernels it loads.
    let question = json!({
        "product": PRODUCT, "arch": kernel(Role::Base).arch, "modaliases": [THEIR_DEVICE],
    });
    let sources = |answer: &Value| {
        let packages = answer["packages"].as_array().unwrap().iter();
        let urls: Vec<String> = packages
            .map(|it| it["repository_url"].as_str().unwrap().to_owned())
            .collect();
        urls
    };
    // Of two of one name one is offered; the other one comes when that is gone.
    let before = found(&portal, &question, 1);
    let now = crate::harness::repository::now();
    let other = keyring::SigningKey::generate(
        "Somebody <somebody@example.com>",
        keyring::KeyAlgorithm::Rsa4096,
        now,
    );
    sign(fickle.path(), &other.unwrap());
    read_now(&portal, &ids[1]);
    let distrusted = in_state(&portal, &ids[1], "distrusted");
    let url = distrusted["url"].as_str().unwrap().to_owned();
    let after = until("it is gone", Duration::from_secs(30), || {
        let answer = found(&portal, &question, 1);
        (!answer.to_string().contains(&url)).then_some(answer)
    });
    assert_eq!(sources(&before).len(), 1);
    let constant = portal.json(&format!("/api/v1/sources/{}", ids[0]));
    assert_eq!(sources(&after), [constant["url"].as_str().unwrap()]);
}

#[test]
fn sources_that_lie_stop_no_others() {
    let portal = Portal::with_base_kernel(&ALLOW);
    let register = |url: &str, key: &str| {
        let wish = json!({ "url": url, "product": PRODUCT, "key": key, "vendor": "acme" });
        let source = ask(&portal, DISTRIBUTOR, "POST", "/api/v1/sources", &wish);
        source.expect(201).json()["id"].as_str().unwrap().to_owned()
    };
    let (whole, broken, unsigned) = (scratch(), scratch(), scratch());
    let keys = [&whole, &broken, &unsigned].map(|folder| make_repository(folder.path()));
    let repodata = broken.path().join("repodata");
    for entry in fs::read_dir(&repodata).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains("primary") {
            let mut bytes = fs::read(&path).unwrap();
            bytes[20] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
    fs::remove_file(unsigned.path().join(REPOMD[1])).unwrap();

    let lies = register(&mirror::serve(broken.path()), &keys[1]);
    let bare = register(&mirror::serve(unsigned.path()), &keys[2]);
    let nowhere = register("http://127.0.0.1:1/", &keys[2]);
    let good = register(&mirror::serve(whole.path()), &keys[0]);
    let good = in_state(&portal, &good, "good");
    assert_eq!(
        (&good["packages"], &good["offered"]),
        (&json!(1), &json!(true))
    );
    // It requires no symbol and no kernel: nothing tells whether it loads.
    assert_eq!(good["listed"][0]["verdicts"][0]["verdict"], "indeterminate");
    let lies = in_state(&portal, &lies, "distrusted");
    let fault = lies["fault"].as_str().unwrap();
    assert!(fault.contains("digest"), "{fault}");
    in_state(&portal, &bare, "failing");
    in_state(&portal, &nowhere, "failing");

    for (wish, status) in [
        (
            json!({ "url": "file:///etc", "product": PRODUCT, "key": keys[0], "vendor": "acme" }),
            400,
        ),
        (
            json!({ "url": "http://a:b@example.com/", "product": PRODUCT, "key": keys[0], "vendor": "acme" }),
            400,
        ),
        (
            json!({ "url": "https://example.com/", "product": PRODUCT, "key": "none", "vendor": "acme" }),
            422,
        ),
        (
            json!({ "url": "https://example.com/", "product": "nope", "key": keys[0], "vendor": "acme" }),
            404,
        ),
        (
            json!({ "url": "https://example.com/", "product": PRODUCT, "key": keys[0] }),
            422,
        ),
    ] {
        ask(&portal, DISTRIBUTOR, "POST", "/api/v1/sources", &wish).problem(status);
    }
}

#[test]
fn a_source_inside_the_operators_network_is_not_asked() {
    let portal = Portal::open(&[]);
    let key = portal.get("/keys/repository.asc").expect(200).text();
    let wish = json!({ "url": portal.url("/"), "product": PRODUCT, "key": key });
    let source = ask(&portal, "acme", "POST", "/api/v1/sources", &wish);
    let id = source.expect(201).json()["id"].as_str().unwrap().to_owned();
    let failing = in_state(&portal, &id, "failing");
    let fault = failing["fault"].as_str().unwrap();
    assert!(fault.contains("not a public address"), "{fault}");
}
