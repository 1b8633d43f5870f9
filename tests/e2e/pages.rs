//! The pages, in a real browser: what a vendor's employee does on them, by mouse and by keyboard.

use std::time::Duration;

use xtask::fixtures::manifest::{Kind, Package};
use xtask::kernels::Role;

use crate::harness::browser::{Browser, ENTER, TAB};
use crate::harness::portal::{PRODUCT, Portal, RELEASE_DATE};
use crate::harness::{bad, driver, kernel, until};

/// A portal with a kernel in preview that will break what is uploaded, a user of acme, and the
/// password.
fn portal() -> (Portal, String) {
    let portal = Portal::with_base_kernel(&[]);
    let date = format!("&release_date={RELEASE_DATE}&vendors=acme,beta");
    portal
        .register(PRODUCT, kernel(Role::Breaking), "preview", &date)
        .expect(201);
    portal
        .upload(driver("beta-usb", Role::Base), "")
        .expect(201);
    let password = portal
        .server
        .admin(&["user", "add", "alice", "--vendor", "acme"]);
    (portal, password)
}

#[test]
fn a_vendor_logs_in_uploads_and_sees_what_became_of_it() {
    let (portal, password) = portal();
    let browser = Browser::open();
    browser.go(&portal.url("/upload"));
    log_in(&browser, "alice", &password);
    assert!(browser.url().ends_with("/upload"), "{}", browser.url());
    browser.picture("upload");
    for base in ["acme-core", "acme-net"] {
        browser.go(&portal.url("/upload"));
        upload(&browser, driver(base, Role::Base));
    }
    assert!(browser.find("h1").text().starts_with("acme-net-kmp-"));
    assert_eq!(browser.find(".title-state").text(), "Published");
    let verdicts = browser.find("table.verdicts").text();
    for release in [&kernel(Role::Base).release, &kernel(Role::Breaking).release] {
        assert!(
            verdicts.contains(release.as_str()),
            "no {release} in {verdicts}"
        );
    }
    assert_eq!(browser.complaints(), [""; 0]);
    browser.picture("package");

    see_the_kernel(&portal, &browser);
    log_out(&browser);
}

fn log_in(browser: &Browser, name: &str, password: &str) {
    send_credentials(browser, name, password);
    until("logged in", Duration::from_secs(20), || {
        (!browser.url().contains("login")).then_some(())
    });
}

fn send_credentials(browser: &Browser, name: &str, password: &str) {
    browser.find("#name").enter(name);
    browser.find("#password").enter(password);
    browser.find("form.form button").click();
}

fn upload(browser: &Browser, package: &Package) {
    browser.find("#file").enter(package.path.to_str().unwrap());
    browser.find("form.form button").click();
    until("on the package's page", Duration::from_secs(60), || {
        browser.url().contains("/packages/").then_some(())
    });
}

/// By a link of the package's page.
fn see_the_kernel(portal: &Portal, browser: &Browser) {
    let kernels = portal.json("/api/v1/kernels");
    let breaking = &kernel(Role::Breaking).release;
    let mut kernels = kernels["kernels"].as_array().unwrap().iter();
    let id = kernels
        .find(|kernel| kernel["release"] == **breaking)
        .unwrap()["id"]
        .clone();
    let path = format!("/kernels/{}", id.as_str().unwrap());
    browser
        .find(&format!("table.verdicts a[href='{path}']"))
        .click();
    until("on the kernel's page", Duration::from_secs(20), || {
        browser.url().ends_with(&path).then_some(())
    });
    let text = browser.find("main").text();
    let net = driver("acme-net", Role::Base);
    assert!(text.contains(&net.name), "{text}");
    for reason in &net.breaks[breaking] {
        assert!(
            text.contains(&reason.symbol),
            "no {} in {text}",
            reason.symbol
        );
    }
    assert_eq!(browser.complaints(), [""; 0]);
    browser.picture("kernel");
}

fn log_out(browser: &Browser) {
    browser.find(".account button").click();
    until("logged out", Duration::from_secs(20), || {
        browser.read(".account").filter(|text| text == "Log in")
    });
}

#[test]
fn a_rejected_package_says_why() {
    let (portal, password) = portal();
    let browser = Browser::open();
    browser.go(&portal.url("/login?next=/upload"));
    send_credentials(&browser, "alice", "guessed");
    until("refused", Duration::from_secs(20), || {
        browser
            .read("#login-error")
            .filter(|text| text.contains("is wrong"))
    });
    browser.go(&portal.url("/login?next=/upload"));
    log_in(&browser, "alice", &password);
    upload(&browser, bad(Kind::Unsigned));
    assert_eq!(browser.find(".title-state").text(), "Rejected");
    let findings = browser.find("ul.findings").text();
    assert!(findings.contains("Fix"), "{findings}");
    browser.picture("rejected");
}

#[test]
fn the_keyboard_is_enough() {
    let (portal, _) = portal();
    let browser = Browser::open();
    for page in [
        "/",
        "/packages",
        "/kernels",
        "/matrix",
        "/keys",
        "/help/checks",
        "/login",
        "/nowhere",
    ] {
        browser.go(&portal.url(page));
        assert!(!browser.scrolls_sideways(), "{page}");
        browser.press(TAB);
        let skip = browser.focused();
        assert_eq!(
            skip.attribute("class"),
            "skip",
            "{page}: the first stop skips the header"
        );
        assert!(skip.is_shown(), "{page}");
        browser.press(ENTER);
        assert_eq!(browser.focused().attribute("id"), "content", "{page}");
        assert_ne!(browser.title(), "", "{page}");
        let complaints = browser.complaints();
        // The browser's own word for the status of the last page.
        let own = complaints
            .iter()
            .filter(|text| !(page == "/nowhere" && text.contains("404")));
        assert_eq!(own.count(), 0, "{page}: {complaints:?}");
    }
    browser.go(&portal.url("/"));
    browser.picture("front");
}
