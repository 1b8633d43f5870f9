//! A kernel that breaks one of two vendors' packages: verdicts, impact, and exactly one mail.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use serde_json::Value;
use xtask::demo::mail::{self, Mail};
use xtask::fixtures::manifest::{Break, Package};
use xtask::kernels::Role;

use crate::harness::http::Ask;
use crate::harness::portal::{PRODUCT, Portal, RELEASE_DATE, RELEASE_DAY, shared};
use crate::harness::sink::Sink;
use crate::harness::{driver, fixtures, good, kernel, until};

/// Verdicts under which a package can be installed and loaded.
const LOADS: [&str; 3] = [
    "compatible",
    "compatible_with_warnings",
    "needs_other_package",
];

/// A symbol with the version built in and the one found: what a break is told by.
type Told = BTreeSet<(String, String, String, String)>;

#[test]
fn one_mail_goes_to_the_vendor_whose_package_breaks() {
    let sink = Sink::open();
    let portal = Portal::with_base_kernel(&["--smtp-url", &sink.url()]);
    for package in good(Role::Base) {
        portal.upload(package, "").expect(201);
    }
    let breaking = kernel(Role::Breaking);
    let date = format!("&release_date={RELEASE_DATE}&vendors=all");
    portal
        .register(PRODUCT, breaking, "preview", &date)
        .expect(201);
    let what = "a mail arrives";
    let mails = until(what, Duration::from_secs(60), || {
        Some(sink.mails()).filter(|m| !m.is_empty())
    });
    let [(envelope, mail)] = &mails[..] else {
        panic!("{} mails", mails.len())
    };
    assert_eq!(*envelope, fixtures().keys["acme"].email);
    assert_tells_of_the_break(mail);

    // The same list of symbols again, and then released: the vendor has been told.
    portal
        .register(PRODUCT, breaking, "preview", &date)
        .expect(200);
    portal
        .register(PRODUCT, breaking, "released", &date)
        .expect(200);
    // A kernel that breaks nothing new for anybody says nothing either.
    portal
        .register(PRODUCT, kernel(Role::Base), "released", "")
        .expect(200);
    portal.finish();
    assert_eq!(sink.mails().len(), 1);
    assert!(
        portal.server.files_in("mail").is_empty(),
        "SMTP is set, so no files"
    );
}

#[test]
fn without_smtp_the_mail_lies_in_a_folder() {
    let folder = shared().portal.server.data().join("mail");
    let what = "a mail is written";
    let mails = until(what, Duration::from_secs(60), || {
        Some(mail::read_all(&folder).unwrap()).filter(|mails| !mails.is_empty())
    });
    let [mail] = &mails[..] else {
        panic!("{} mails", mails.len())
    };
    assert!(
        mail.to.contains(&fixtures().keys["acme"].email),
        "{}",
        mail.to
    );
    assert_tells_of_the_break(mail);
}

/// Both parts name package, module, every symbol with both versions, and the day.
fn assert_tells_of_the_break(mail: &Mail) {
    let raw = fs::read_to_string(&mail.file).unwrap();
    assert!(raw.contains("Content-Type: multipart/alternative"), "{raw}");
    let package = driver("acme-net", Role::Base);
    let kernel = kernel(Role::Breaking);
    assert!(mail.subject.contains(&kernel.release), "{}", mail.subject);
    for (part, text) in [("text", &mail.text), ("HTML", &mail.html)] {
        // Lines are broken where they get long.
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut words: Vec<&str> = vec![&package.name, &kernel.release, RELEASE_DAY];
        for reason in &package.breaks[&kernel.release] {
            words.extend([&*reason.module, &*reason.symbol, &*reason.needed]);
            words.extend(reason.found.as_deref());
        }
        for word in words {
            assert!(flat.contains(word), "no {word} in the {part} part: {text}");
        }
        for base in ["acme-core-kmp", "beta-usb-kmp"] {
            assert!(
                !flat.contains(base),
                "{base} does not break, but the {part} part names it"
            );
        }
    }
}

#[test]
fn verdicts_are_as_the_symbol_lists_say() {
    let breaking = &kernel(Role::Breaking).release;
    assert!(
        driver("acme-net", Role::Base).breaks.contains_key(breaking),
        "else nothing is tested"
    );
    for package in good(Role::Base) {
        let path = format!("/api/v1/packages/{}", shared().package_id(package));
        let answer = shared().portal.json(&path);
        for kernel in [&kernel(Role::Base).release, breaking] {
            let verdict = verdict_on(&answer, kernel);
            let expected = expected_breaks(package, kernel);
            let word = verdict["verdict"].as_str().unwrap();
            let loads = LOADS.contains(&word);
            assert_eq!(
                loads,
                expected.is_empty(),
                "{} on {kernel}: {verdict}",
                package.name
            );
            assert!(
                loads || word == "incompatible",
                "{} on {kernel}: {word}",
                package.name
            );
            assert_eq!(
                fatal_reasons(verdict),
                expected,
                "{} on {kernel}",
                package.name
            );
        }
    }
    let beta = driver("beta-usb", Role::Base);
    let answer = shared()
        .portal
        .json(&format!("/api/v1/packages/{}", shared().package_id(beta)));
    let word = verdict_on(&answer, breaking)["verdict"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        ["compatible", "compatible_with_warnings"].contains(&&*word),
        "{word}"
    );
}

fn verdict_on<'a>(answer: &'a Value, release: &str) -> &'a Value {
    let mut verdicts = answer["verdicts"].as_array().unwrap().iter();
    let found = verdicts.find(|verdict| verdict["kernel"]["release"] == release);
    found.unwrap_or_else(|| panic!("no verdict on {release} in {answer}"))
}

fn expected_breaks(package: &Package, release: &str) -> Told {
    let breaks = package.breaks.get(release).into_iter().flatten();
    breaks.map(told).collect()
}

fn told(broken: &Break) -> (String, String, String, String) {
    let code = match broken.found {
        Some(_) => "crc-mismatch",
        None => "symbol-missing",
    };
    let found = broken.found.clone().unwrap_or_default();
    (
        code.into(),
        broken.symbol.clone(),
        broken.needed.clone(),
        found,
    )
}

/// What keeps its modules from loading.
fn fatal_reasons(verdict: &Value) -> Told {
    let modules = verdict["modules"].as_array().unwrap();
    let reasons = modules
        .iter()
        .flat_map(|module| module["reasons"].as_array().unwrap());
    let fatal = reasons.filter(|reason| reason["severity"] == "fatal");
    let text = |value: &Value| String::from(value.as_str().unwrap_or_default());
    let crc = |value: &Value| text(value).trim_start_matches("0x").to_owned();
    fatal
        .map(|r| {
            (
                text(&r["code"]),
                text(&r["symbol"]),
                crc(&r["expected"]),
                crc(&r["found"]),
            )
        })
        .collect()
}

#[test]
fn the_impact_names_packages_and_symbols() {
    let breaking = &kernel(Role::Breaking).release;
    let impact = shared().portal.json(&format!(
        "/api/v1/kernels/{}/impact",
        shared().kernel_id(Role::Breaking)
    ));
    let broken: Vec<&Package> = good(Role::Base)
        .filter(|package| package.breaks.contains_key(breaking))
        .collect();
    let names: BTreeSet<&str> = broken.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(members(&impact["packages"], "name"), names);
    let symbols: BTreeSet<&str> = broken
        .iter()
        .flat_map(|package| &package.breaks[breaking])
        .map(|reason| reason.symbol.as_str())
        .collect();
    assert_eq!(members(&impact["symbols"], "symbol"), symbols);
    assert_eq!(impact["packages_break"], broken.len());
    assert_eq!(impact["packages_total"], good(Role::Base).count());
    assert_eq!(impact["kernel"]["release"], *breaking);
    assert_eq!(impact["kernel"]["release_date"], RELEASE_DATE);
    assert_eq!(
        members(&impact["notified"], "vendor"),
        BTreeSet::from(["acme"])
    );
}

fn members<'a>(list: &'a Value, member: &str) -> BTreeSet<&'a str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|entry| entry[member].as_str().unwrap())
        .collect()
}

/// What is not released yet is for vendors and distributors.
#[test]
fn a_preview_is_not_shown_to_everybody() {
    let portal = &shared().portal;
    let id = shared().kernel_id(Role::Breaking);
    portal
        .get(&format!("/api/v1/kernels/{id}/impact"))
        .problem(404);
    portal.get(&format!("/kernels/{id}")).expect(404);
    let release = &kernel(Role::Breaking).release;
    let list = portal.get("/api/v1/kernels").expect(200).text();
    assert!(!list.contains(release.as_str()), "{list}");
    let package = shared().package_id(driver("acme-net", Role::Base));
    let path = format!("/api/v1/packages/{package}");
    assert!(
        !portal
            .get(&path)
            .expect(200)
            .text()
            .contains(release.as_str())
    );
    let seen = Ask::get(portal.url(&path))
        .token(portal.token("acme"))
        .send()
        .expect(200)
        .text();
    assert!(seen.contains(release.as_str()), "its vendor sees it");
}
