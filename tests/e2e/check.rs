//! Would it load? Asked without uploading, and answered as `kmp-portal check` answers at a desk.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use xtask::kernels::Role;

use crate::harness::http::{Ask, Reply};
use crate::harness::portal::{PRODUCT, Portal};
use crate::harness::{driver, given, kernel};

/// What both answers say of a module on a kernel.
const KEYS: [&str; 4] = ["module", "kernel", "verdict", "reasons"];

fn ask(portal: &Portal, query: &str, kind: &str, body: Vec<u8>) -> Reply {
    Ask::new("POST", portal.url(&format!("/api/v1/check{query}")))
        .header("content-type", kind)
        .body(body)
        .send()
}

/// The kind of what [`form`] gives.
pub const FORM: &str = "multipart/form-data; boundary=edge";

/// A form's fields as browsers send them.
pub fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    let field = |(name, value): &(&str, &str)| {
        format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let fields: String = fields.iter().map(field).collect();
    format!("{fields}--edge--\r\n").into_bytes()
}

fn lines(objects: impl IntoIterator<Item = Value>) -> BTreeSet<String> {
    let line = |object: Value| {
        let kept = KEYS.map(|key| (key.to_owned(), object[key].clone()));
        Value::Object(kept.into_iter().collect()).to_string()
    };
    objects.into_iter().map(line).collect()
}

fn total(portal: &Portal) -> Value {
    portal.json("/api/v1/packages")["total"].clone()
}

#[test]
fn the_answer_is_that_of_the_program_and_nothing_is_stored() {
    let portal = Portal::with_base_kernel(&[]);
    let (base, breaking) = (kernel(Role::Base), kernel(Role::Breaking));
    portal
        .register(PRODUCT, breaking, "released", "")
        .expect(201);
    let package = driver("acme-net", Role::Base);
    let bytes = fs::read(&package.path).unwrap();
    for restriction in [base, breaking] {
        let query = format!("?file=acme.rpm&kernel={}", restriction.release);
        let answer = ask(&portal, &query, "application/x-rpm", bytes.clone());
        let answer = answer.expect(200).json();
        assert_eq!(answer["kernels_judged"], 1, "{answer}");
        let online = answer["verdicts"].as_array().unwrap().clone();
        let mut check = Command::new(given("KMP_PORTAL_PROGRAM"));
        check.args(["check", "--format", "json", "--kernel"]);
        check.arg(&restriction.symvers);
        check.args([
            "--release",
            &restriction.release,
            "--arch",
            &restriction.arch,
        ]);
        check.args(["--flavor", &restriction.flavor]);
        let output = check.arg(&package.path).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let offline = text.lines().map(|line| serde_json::from_str(line).unwrap());
        assert_eq!(lines(online), lines(offline), "{}", restriction.release);
    }
    assert_eq!(total(&portal), 0);
    assert!(portal.server.files_in("packages").is_empty());
    assert!(portal.server.files_in("incoming").is_empty());
}

#[test]
fn a_list_of_symbols_is_enough() {
    let portal = Portal::with_base_kernel(&[]);
    let question = |crc: &str| {
        let list = json!({ "name": "mine", "symbols": [{ "symbol": "_printk", "crc": crc }] });
        let kind = "application/json";
        ask(&portal, "", kind, list.to_string().into_bytes())
            .expect(200)
            .json()
    };
    let wrong = question("0x00000001");
    let [one] = &wrong["verdicts"].as_array().unwrap()[..] else {
        panic!("{wrong}")
    };
    assert_eq!(one["verdict"], "incompatible", "{one}");
    let reason = &one["reasons"][0];
    assert_eq!(reason["symbol"], "_printk", "{one}");
    let right = question(reason["found"].as_str().unwrap());
    let word = right["verdicts"][0]["verdict"].as_str().unwrap();
    assert!(word.starts_with("compatible"), "{right}");
}

#[test]
fn the_page_answers_without_signing_in() {
    let portal = Portal::with_base_kernel(&[]);
    let ask = |fields: &[(&str, &str)]| {
        Ask::new("POST", portal.url("/check"))
            .header("content-type", FORM)
            .body(form(fields))
            .send()
    };
    let page = Ask::new("GET", portal.url("/check")).send().expect(200);
    assert!(page.text().contains("name=\"symbols\""), "{}", page.text());
    let answer = ask(&[("symbols", "0x00000001 _printk\r\n")])
        .expect(200)
        .text();
    for wanted in [
        "Loads on 0 of 1 kernel",
        "_printk",
        &kernel(Role::Base).release,
    ] {
        assert!(answer.contains(wanted), "{wanted} is missing in {answer}");
    }
    let answer = ask(&[("symbols", "0x1 a\nwhat\n")]).expect(422).text();
    assert!(answer.contains("Line 2 is"), "{answer}");
    let answer = ask(&[]).expect(422).text();
    assert!(answer.contains("Choose a package or a module"), "{answer}");
}

#[test]
fn what_cannot_be_read_is_refused_in_words() {
    let portal = Portal::with_base_kernel(&[]);
    let problem = |kind, body: &[u8], status| {
        ask(&portal, "", kind, body.to_vec()).problem(status)["detail"].to_string()
    };
    let detail = problem("application/octet-stream", b"hello", 422);
    assert!(
        detail.contains("neither an RPM nor a kernel module"),
        "{detail}"
    );
    let detail = problem("application/json", b"{}", 400);
    assert!(detail.contains("list of symbols"), "{detail}");
    let answer = ask(
        &portal,
        "?kernel=none",
        "application/json",
        br#"{"symbols":[{"symbol":"a","crc":"0x1"}]}"#.to_vec(),
    );
    answer.problem(404);
}
