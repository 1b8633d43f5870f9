//! The release gate: what it says of a kernel that breaks a package, by which policy, and that its
//! reports are signed as gpg understands it.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use xtask::kernels::Role;

use crate::harness::http::{Ask, Reply};
use crate::harness::portal::{DISTRIBUTOR, PRODUCT, Portal};
use crate::harness::{driver, run, scratch, succeed, words};
use crate::views::{breaking_id, breaking_portal};

fn gate(portal: &Portal, id: &str, query: &str) -> Value {
    portal.json(&format!("/api/v1/kernels/{id}/gate{query}"))
}

fn outcome<'a>(gate: &'a Value, rule: &str) -> &'a Value {
    let mut rules = gate["rules"].as_array().unwrap().iter();
    let found = rules.find(|it| it["rule"] == rule);
    &found.unwrap_or_else(|| panic!("no {rule} in {gate}"))["outcome"]
}

#[test]
fn a_kernel_goes_when_its_policy_lets_it() {
    let portal = breaking_portal();
    portal.finish();
    let id = breaking_id(&portal);
    let found = gate(&portal, &id, "");
    assert_eq!(found["decision"], "no-go", "{found}");
    assert_eq!(outcome(&found, "certified-packages-load"), "fail");
    assert_eq!(
        outcome(&found, "vendors-told"),
        "pass",
        "the mail was sent: {found}"
    );
    assert!(
        found
            .to_string()
            .contains(&driver("acme-net", Role::Base).name)
    );

    let lenient = gate(&portal, &id, "?max_certified_broken=1");
    assert_eq!(lenient["decision"], "go", "{lenient}");
    let asking = "?max_certified_broken=none&require_acknowledged=true";
    assert_eq!(gate(&portal, &id, asking)["decision"], "no-go");
    let path = portal.url(&format!("/api/v1/kernels/{id}/acknowledge"));
    Ask::new("POST", &path)
        .token(portal.token("acme"))
        .send()
        .expect(200);
    assert_eq!(gate(&portal, &id, asking)["decision"], "go");
    // In another channel than the certified ones.
    assert_eq!(
        gate(&portal, &id, "?certified_channels=testing")["decision"],
        "go"
    );

    set_policy(
        &portal,
        DISTRIBUTOR,
        &json!({ "max_certified_broken": null }),
    )
    .expect(200);
    assert_eq!(gate(&portal, &id, "")["decision"], "go");
    let policy = portal.json(&format!("/api/v1/products/{PRODUCT}/gate-policy"));
    assert_eq!(policy["policy"]["max_certified_broken"], Value::Null);
    assert_eq!(policy["policy"]["require_told"], true);
    set_policy(&portal, "acme", &json!({})).problem(403);
    set_policy(
        &portal,
        DISTRIBUTOR,
        &json!({ "certified_channels": ["none"] }),
    )
    .problem(404);
    set_policy(&portal, DISTRIBUTOR, &json!({ "max_brokn": 1 })).problem(400);
}

fn set_policy(portal: &Portal, whose: &str, policy: &Value) -> Reply {
    let path = format!("/api/v1/products/{PRODUCT}/gate-policy");
    Ask::new("PUT", portal.url(&path))
        .token(portal.token(whose))
        .header("content-type", "application/json")
        .body(policy.to_string())
        .send()
}

#[test]
fn gpg_verifies_a_report() {
    let portal = breaking_portal();
    let id = breaking_id(&portal);
    let path = format!("/api/v1/kernels/{id}/gate");
    let issue = || {
        Ask::new("POST", portal.url(&path))
            .token(portal.token(DISTRIBUTOR))
            .send()
    };
    let first = issue().expect(201).json();
    assert_eq!(first["number"], 1);
    assert_eq!(issue().expect(201).json()["number"], 2);
    let get = |whose: &str, file: &str| {
        Ask::get(portal.url(&format!("{path}/{file}")))
            .token(portal.token(whose))
            .send()
    };
    let document = get(DISTRIBUTOR, "1.json").expect(200);
    assert_eq!(document.json()["decision"], "no-go");
    assert_eq!(document.json()["kernel"]["id"], id.as_str());
    let folder = scratch();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let json = file("1.json", &document.body);
    let asc = file(
        "1.json.asc",
        &get(DISTRIBUTOR, "1.json.asc").expect(200).body,
    );
    let key = file(
        "key.asc",
        &portal.get("/keys/repository.asc").expect(200).body,
    );
    let gpg = || {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--homedir"]).arg(folder.path());
        command
    };
    succeed(gpg().arg("--import").arg(&key));
    succeed(gpg().arg("--verify").arg(&asc).arg(&json));
    let other = String::from_utf8(document.body)
        .unwrap()
        .replace("no-go", "go");
    let other = file("other.json", other.as_bytes());
    let refused = run(gpg().arg("--verify").arg(&asc).arg(&other));
    assert!(!refused.status.success(), "{}", words(&refused));

    for (whose, name, status) in [
        ("acme", "1.json", 403),
        (DISTRIBUTOR, "3.json", 404),
        (DISTRIBUTOR, "one.json", 404),
        (DISTRIBUTOR, "1.txt", 404),
    ] {
        get(whose, name).problem(status);
    }
    portal.get(&path).problem(401);
    let reports = portal.json(&format!("{path}/reports"));
    let numbers: Vec<&Value> = reports["reports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["number"])
        .collect();
    assert_eq!(numbers, [2, 1]);
}
