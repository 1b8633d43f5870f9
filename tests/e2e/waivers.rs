//! What a distributor decides about checks: waivers, and policies with the companions they admit.

use std::time::Duration;

use serde_json::{Value, json};
use xtask::demo::api::escape;
use xtask::kernels::Role;

use crate::harness::http::{Ask, Reply};
use crate::harness::made::{Made, Maker};
use crate::harness::module_key::ModuleKey;
use crate::harness::portal::{DISTRIBUTOR, PRODUCT, Portal};
use crate::harness::repository::now;
use crate::harness::{kernel, scratch, until};

/// Rejects, and can be waived.
const CHECK: &str = "supplement-without-alias";
const REASON: &str = "Agreed until the next build.";

/// A driver that claims hardware which its module does not drive.
fn greedy(maker: &Maker, release: &str) -> Made {
    maker.driver(
        "mill-greedy",
        release,
        |module| module,
        |package| {
            package.supplements("modalias(kernel-amd64:pci:v0000ACE9d00000001sv*sd*bc*sc*i*)")
        },
    )
}

/// How browsers send forms.
const FORM: &str = "application/x-www-form-urlencoded";

struct Case {
    portal: Portal,
    maker: Maker,
}

impl Case {
    fn new() -> Case {
        let portal = Portal::with_base_kernel(&[]);
        let maker = Maker::join(&portal);
        Case { portal, maker }
    }

    fn upload(&self, made: &Made, query: &str) -> Reply {
        let path = format!("/api/v1/packages/{}?wait=90{query}", made.file_name);
        Ask::new("PUT", self.portal.url(&path))
            .token(&self.maker.token)
            .body(made.bytes.clone())
            .send()
    }

    fn send(&self, method: &'static str, path: &str, token: &str, body: &Value) -> Reply {
        Ask::new(method, self.portal.url(path))
            .token(token)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
    }

    fn grant(&self, body: &Value) -> Reply {
        self.send("POST", "/api/v1/waivers", self.distributor(), body)
    }

    fn distributor(&self) -> &str {
        self.portal.token(DISTRIBUTOR)
    }
}

/// So many days or seconds from now.
fn ahead(time: time::Duration) -> time::OffsetDateTime {
    let now = i64::try_from(now()).unwrap();
    time::OffsetDateTime::from_unix_timestamp(now).unwrap() + time
}

fn wish(expires: &str) -> Value {
    json!({
        "check": CHECK, "vendor": "mill", "package": "mill-greedy-kmp-amd64",
        "reason": REASON, "expires": expires,
    })
}

#[test]
fn a_waiver_lets_a_finding_pass_until_it_ends() {
    let case = Case::new();
    let refused = case.upload(&greedy(&case.maker, "1"), "").problem(422);
    assert_eq!(refused["findings"][0]["check"], CHECK, "{refused}");

    let day = ahead(time::Duration::days(30)).date().to_string();
    refuses_bad_wishes(&case, &day);
    let granted = case.grant(&wish(&day)).expect(201).json();
    assert_eq!(granted["state"], "active");

    let accepted = case
        .upload(&greedy(&case.maker, "1"), "")
        .expect(201)
        .json();
    let finding = &accepted["findings"][0];
    assert_eq!(
        (&finding["check"], &finding["severity"]),
        (&json!(CHECK), &json!("warning"))
    );
    assert_eq!(finding["waived"]["reason"], REASON);
    let page = format!("/packages/{}", accepted["id"].as_str().unwrap());
    let page = case.portal.get(&page).expect(200).text();
    assert!(
        page.contains("Waived") && page.contains(REASON),
        "{page:.4000}"
    );
    assert!(
        page.contains("<a href=\"/help/checks#package-name\">"),
        "what passed is listed"
    );

    let path = format!("/api/v1/waivers/{}", granted["id"]);
    let why = json!({ "reason": "No longer needed." });
    let by_vendor = case.send("DELETE", &path, &case.maker.token, &why);
    by_vendor.problem(403);
    case.send("DELETE", &path, case.distributor(), &why)
        .expect(200);
    case.send("DELETE", &path, case.distributor(), &why)
        .problem(409);
    case.upload(&greedy(&case.maker, "2"), "").problem(422);

    it_expires(&case);
    the_trail_lists_all(&case);
    case.portal.finish();
}

fn refuses_bad_wishes(case: &Case, day: &str) {
    case.send("POST", "/api/v1/waivers", &case.maker.token, &wish(day))
        .problem(403);
    let with = |name: &str, value: &str| {
        let mut body = wish(day);
        body[name] = json!(value);
        body
    };
    for (body, status, says) in [
        (with("check", "supplement-without"), 422, CHECK),
        (with("check", "signature"), 422, "cannot be waived"),
        (with("expires", "2001-01-01"), 422, "past"),
        (with("expires", "2099-01-01"), 422, "more than a year"),
        (with("expires", ""), 422, "when the waiver ends"),
        (with("reason", " "), 422, "Say why"),
        (with("vendor", "nobody"), 404, "no vendor"),
        (with("until", day), 400, "until"),
    ] {
        let problem = case.grant(&body).problem(status);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{problem}");
    }
}

/// A second waiver that ends at once: the package it let in stays, and is shown.
fn it_expires(case: &Case) {
    let soon = ahead(time::Duration::seconds(8));
    let soon = soon
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    case.grant(&wish(&soon)).expect(201);
    let accepted = case
        .upload(&greedy(&case.maker, "2"), "")
        .expect(201)
        .json();
    until("the waiver has expired", Duration::from_secs(30), || {
        let list = case.portal.json("/api/v1/waivers?state=expired");
        (list["total"] == 1).then_some(())
    });
    case.upload(&greedy(&case.maker, "3"), "").problem(422);
    let still = case.portal.json(&format!(
        "/api/v1/packages/{}",
        accepted["id"].as_str().unwrap()
    ));
    assert_eq!(still["state"], "published");
    let page = Ask::get(case.portal.url("/waivers"))
        .token(case.distributor())
        .send();
    let page = page.expect(200).text();
    assert!(
        page.contains("Published under a waiver that has ended"),
        "{page:.3000}"
    );
}

fn the_trail_lists_all(case: &Case) {
    let trail = case.portal.json("/api/v1/audit");
    let events = trail["events"].as_array().unwrap();
    let actions: Vec<&str> = events
        .iter()
        .rev()
        .map(|it| it["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "waiver.granted",
            "waiver.applied",
            "waiver.revoked",
            "waiver.granted",
            "waiver.applied",
            "waiver.expired"
        ]
    );
    let by_vendor = Ask::get(case.portal.url("/audit"))
        .token(&case.maker.token)
        .send();
    assert_eq!(by_vendor.status, 403);
    let page = Ask::get(case.portal.url("/audit"))
        .token(case.distributor())
        .send();
    assert!(page.expect(200).text().contains("waiver.expired"));
    let theirs = Ask::get(case.portal.url("/api/v1/waivers"))
        .token(&case.maker.token)
        .send();
    assert_eq!(theirs.expect(200).json()["total"], 2);
}

#[test]
fn the_forms_on_the_pages_do_the_same() {
    let case = Case::new();
    let refused = case.upload(&greedy(&case.maker, "1"), "").problem(422);
    let page = format!("/packages/{}", refused["id"].as_str().unwrap());
    let session = Session::of_distributor(&case.portal);
    let text = session.get(&page).expect(200).text();
    let form = text
        .split("action=\"/waivers\"")
        .nth(1)
        .expect("a form to waive");
    let hidden: Vec<String> = form
        .split("</form>")
        .next()
        .unwrap()
        .split("type=\"hidden\" name=\"")
        .skip(1)
        .map(|it| it.split('"').collect::<Vec<_>>())
        .map(|it| format!("{}={}", it[0], escape(it[2])))
        .collect();
    let day = ahead(time::Duration::days(30)).date();
    let sent = format!("{}&scope=build&expires={day}&reason=ok", hidden.join("&"));
    let of_vendor = Ask::get(case.portal.url(&page))
        .token(&case.maker.token)
        .send();
    assert!(!of_vendor.expect(200).text().contains("action=\"/waivers\""));

    let stale = sent.replacen("csrf=", "csrf=x", 1);
    assert_eq!(session.post("/waivers", &stale).status, 403);
    let answer = session.post("/waivers", &sent);
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, page.as_str())
    );
    case.upload(&greedy(&case.maker, "1"), "").expect(201);
    // It was for that build only.
    case.upload(&greedy(&case.maker, "2"), "").problem(422);

    let csrf = hidden.iter().find(|it| it.starts_with("csrf=")).unwrap();
    let answer = session.post("/waivers/1/revoke", &format!("{csrf}&reason=done"));
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, "/waivers")
    );
    assert_eq!(
        case.portal.json("/api/v1/waivers?state=revoked")["total"],
        1
    );
    case.portal.finish();
}

/// A distributor who is signed in by browser.
struct Session<'a> {
    portal: &'a Portal,
    cookie: String,
}

impl<'a> Session<'a> {
    fn of_distributor(portal: &'a Portal) -> Session<'a> {
        let password = portal
            .server
            .admin(&["user", "add", "dora", "--distributor"]);
        let signed_in = Ask::new("POST", portal.url("/login"))
            .header("content-type", FORM)
            .body(format!("name=dora&password={password}"))
            .send()
            .expect(303);
        let cookie = signed_in.header("set-cookie").split(';').next().unwrap();
        Session {
            portal,
            cookie: cookie.to_owned(),
        }
    }

    fn get(&self, path: &str) -> Reply {
        Ask::get(self.portal.url(path))
            .header("cookie", &self.cookie)
            .send()
    }

    fn post(&self, path: &str, form: &str) -> Reply {
        Ask::new("POST", self.portal.url(path))
            .header("cookie", &self.cookie)
            .header("content-type", FORM)
            .body(form)
            .send()
    }
}

#[test]
fn a_product_demands_signed_modules_and_the_kit_brings_the_certificate() {
    let case = Case::new();
    let server = &case.portal.server;
    server.admin(&[
        "product",
        "policy",
        "set",
        PRODUCT,
        "--set",
        "secure_boot=true",
    ]);
    server.admin(&[
        "vendor",
        "policy",
        "set",
        "mill",
        "--set",
        "companions=[\"mill-ueficert\"]",
    ]);
    let shown = server.admin(&["product", "policy", "show", PRODUCT]);
    assert!(shown.contains("secure_boot"), "{shown}");

    // Also when the uploader names no product: the kernel tells it.
    let refused = case.upload(&case.maker.make(1), "").problem(422);
    assert_eq!(
        refused["findings"][0]["check"], "module-signature",
        "{refused}"
    );

    let folder = scratch();
    let key = ModuleKey::make(folder.path());
    let signed = case.maker.driver(
        "mill-signed",
        "1",
        |module| key.sign(&module),
        |package| package.requires("mill-ueficert"),
    );
    let refused = case.upload(&signed, "").problem(422);
    assert_eq!(
        refused["findings"][0]["check"], "module-signer",
        "{refused}"
    );

    let path = format!("/etc/uefi/certs/{}.crt", &key.fingerprint[..8]);
    let stranger = case
        .maker
        .companion("mill-tools", "/usr/bin/mill", b"#!/bin/sh\n".to_vec());
    let query = format!("&product={PRODUCT}");
    case.upload(&stranger, &query).problem(422);
    let companion = case
        .maker
        .companion("mill-ueficert", &path, key.certificate.clone());
    let published = case.upload(&companion, "").expect(201).json();
    assert_eq!(published["state"], "published", "{published}");
    let published = case.upload(&signed, "").expect(201).json();
    let findings = published["findings"].to_string();
    assert!(!findings.contains("module-sign"), "{findings}");

    // Bytes that no reader looks at, but the signature covers.
    let changed = |module: Vec<u8>| {
        let mut signed = key.sign(&module);
        signed[15] ^= 1;
        signed
    };
    let changed = case.maker.driver("mill-changed", "1", changed, |package| {
        package.requires("mill-ueficert")
    });
    let refused = case.upload(&changed, "").problem(422);
    let check = &refused["findings"][0]["check"];
    assert_eq!(check, "broken-module-signature", "{refused}");

    let help = case.portal.get(&format!("/help/checks?product={PRODUCT}"));
    help.expect(200);
    let policy = case
        .portal
        .json(&format!("/api/v1/products/{PRODUCT}/policy"));
    assert_eq!(policy["secure_boot"], true);
    assert_eq!(policy["family"], "suse");
    let path = format!("/api/v1/products/{PRODUCT}/policy");
    let nonsense = json!({ "severities": { "signature": "off" } });
    case.send("PUT", &path, case.distributor(), &nonsense)
        .problem(422);
    case.send("PUT", &path, &case.maker.token, &json!({}))
        .problem(403);
    case.send("PUT", &path, case.distributor(), &json!({}))
        .expect(200);
    case.upload(&case.maker.make(1), "").expect(201);
    case.portal.finish();
}

#[test]
fn a_package_goes_to_a_further_product_if_that_lets_it() {
    let case = Case::new();
    let server = &case.portal.server;
    let flavor = kernel(Role::Base).flavor.as_str();
    for product in ["same", "strict"] {
        let arch = ["--arch", "x86_64", "--flavor", flavor];
        let add = ["product", "add", product, "--family", "suse"];
        server.admin(&[&add[..], &arch].concat());
    }
    server.admin(&[
        "product",
        "policy",
        "set",
        "strict",
        "--set",
        "secure_boot=true",
    ]);
    let made = case.maker.make(1);
    let placed = |reply: Reply| {
        let places = reply.json()["placements"].clone();
        let names = places.as_array().unwrap().iter();
        names
            .map(|it| it["product"].to_string())
            .collect::<Vec<_>>()
    };
    case.upload(&made, "").expect(201);
    let problem = case.upload(&made, "&product=strict").problem(422);
    assert_eq!(
        problem["findings"][0]["check"], "module-signature",
        "{problem}"
    );
    assert_eq!(problem["state"], "published", "it stays where it is");
    let both = placed(case.upload(&made, "&product=same").expect(200));
    assert_eq!(both, ["\"debian-12\"", "\"same\""]);

    let day = ahead(time::Duration::days(1)).date().to_string();
    case.grant(&json!({
        "check": "module-signature", "vendor": "mill", "product": "strict",
        "reason": REASON, "expires": day,
    }))
    .expect(201);
    let all = placed(case.upload(&made, "&product=strict").expect(200));
    assert_eq!(all, ["\"debian-12\"", "\"same\"", "\"strict\""]);
    case.portal.finish();
}
