//! What a distributor says of support for packages, and the licences users agree to, as libsolv, zypper
//! and dnf read them.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use xtask::kernels::Role;

use crate::harness::client::Client;
use crate::harness::http::Ask;
use crate::harness::portal::{DISTRIBUTOR, PRODUCT, Portal};
use crate::harness::repository::{REPOMD, Repository};
use crate::harness::{driver, kernel, run, scratch, succeed};

const LICENCE: &str = "ACME DRIVER LICENCE\n\n1. You <may> use the driver & nothing else.\n";

#[test]
fn clients_show_support_and_ask_for_the_licence() {
    let portal = Portal::with_base_kernel(&[]);
    let (licensed, other) = (
        driver("acme-core", Role::Base),
        driver("beta-usb", Role::Base),
    );
    for package in [licensed, other] {
        portal.upload(package, "").expect(201);
    }
    let work = scratch();
    let licence = work.path().join("licence.txt");
    fs::write(&licence, LICENCE).unwrap();
    let command = ["product", "support", PRODUCT];
    let admin = |more: &[&str]| portal.server.admin(&[&command, more].concat());
    assert_eq!(
        admin(&[]),
        "null",
        "nothing is said unless somebody says it"
    );
    let to_acme = ["--vendor", "acme", "--level", "l2", "--eula"];
    let to_acme = [&to_acme[..], &[licence.to_str().unwrap()]].concat();
    let first = run(portal.server.admin_command().args(command).args(&to_acme));
    assert!(
        !first.status.success(),
        "nothing was said of all others yet"
    );
    admin(&["--level", "unsupported"]);
    admin(&to_acme);
    portal.finish();

    let url = portal.url(&format!(
        "/repos/{PRODUCT}/stable/{}/",
        kernel(Role::Base).arch
    ));
    let repository_key = portal.get("/keys/repository.asc").text();
    let repository = Repository::at(&url, &repository_key);
    libsolv_reads_it(&repository, work.path());

    let vendor_key = portal.get("/keys/vendors/acme.asc").text();
    let client = Client::trusting(&[&repository_key, &vendor_key]);
    client.add_for_zypper(&url);
    client.must_zypper(&["refresh"]);
    for (package, level) in [(licensed, "Level 2"), (other, "unsupported")] {
        let info = client.must_zypper(&["info", &package.name]);
        let line = info.lines().find(|line| line.starts_with("Support Level"));
        assert!(line.is_some_and(|it| it.contains(level)), "{info}");
    }
    // Where nobody can agree, nothing is installed.
    let refused = client.zypper(&["install", &licensed.name]);
    let text = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(!refused.status.success(), "{text}");
    assert!(text.contains("license confirmation"), "{text}");
    client.must_zypper(&["install", "--auto-agree-with-licenses", &licensed.name]);
    assert_eq!(client.query(&licensed.name).trim(), licensed.nevra);
    let licences = client.must_zypper(&["licenses"]);
    assert!(
        licences.contains("You <may> use the driver & nothing else."),
        "{licences}"
    );
    // dnf passes it over.
    let dnf = Client::trusting(&[&repository_key, &vendor_key]);
    dnf.add_for_dnf(&url);
    dnf.must_dnf(&["install", &licensed.name]);

    let page = portal.get(&format!("/repos/{PRODUCT}")).expect(200).text();
    for words in [
        "level 2: problem isolation",
        "You &#60;may&#62; use the driver",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    admin(&["--off"]);
    portal.finish();
    // Another client: one that came before may be served what it began with.
    let ask = Ask::get(format!("{url}{REPOMD}")).header("user-agent", "newcomer/1");
    let repomd = ask.send().expect(200).text();
    assert!(!repomd.contains("susedata"), "{repomd}");
}

/// libsolv merges it with the packages of primary.
fn libsolv_reads_it(repository: &Repository, work: &std::path::Path) {
    let folder = work.join("copy");
    fs::create_dir_all(folder.join("repodata")).unwrap();
    let repomd = repository.file(REPOMD).unwrap();
    fs::write(folder.join(REPOMD), &repomd).unwrap();
    for data in repomd::parse_repomd(&repomd).unwrap().data {
        let bytes = repository.file(&data.location).unwrap();
        fs::write(folder.join(&data.location), bytes).unwrap();
    }
    let solv = work.join("copy.solv");
    succeed(Command::new("repo2solv").arg("-o").arg(&solv).arg(&folder));
    let dump = succeed(Command::new("dumpsolv").arg(&solv));
    for words in [
        "support_l2",
        "support_unsupported",
        "You <may> use the driver & nothing else.",
    ] {
        assert!(dump.contains(words), "{words} in {dump}");
    }
    let packages = dump
        .lines()
        .filter(|line| line.starts_with("solvable "))
        .count();
    assert_eq!(packages, 2, "one record for each package, not two: {dump}");
}

#[test]
fn who_may_say_what() {
    let portal = Portal::open(&[]);
    let path = format!("/api/v1/products/{PRODUCT}/support");
    let put = |whose: Option<&str>, body: &Value| {
        let mut ask = Ask::new("PUT", portal.url(&path)).header("content-type", "application/json");
        if let Some(whose) = whose {
            ask = ask.token(portal.token(whose));
        }
        ask.body(body.to_string()).send()
    };
    let said = json!({
        "level": "unsupported",
        "vendors": { "beta": { "level": "l3", "eula": "Agree." } },
    });
    put(None, &said).problem(401);
    put(Some("acme"), &said).problem(403);
    put(Some(DISTRIBUTOR), &said).expect(200);
    assert_eq!(
        portal.get(&path).expect(200).json(),
        said,
        "everybody may know"
    );
    let of = |vendor: &str, eula: &str| json!({ "level": "l1", "vendors": { vendor: { "level": "l1", "eula": eula } } });
    for (body, status, words) in [
        (json!({ "level": "l4" }), 400, "l4"),
        (of("nobody", ""), 422, "no vendor `nobody`"),
        (of("acme", &"x".repeat(65_537)), 422, "65537 bytes"),
        (of("acme", "\u{0}"), 422, "U+0000"),
    ] {
        let problem = put(Some(DISTRIBUTOR), &body).problem(status).to_string();
        assert!(problem.contains(words), "{problem}");
    }
    assert_eq!(portal.json(&path), said, "what was refused changed nothing");
    put(Some(DISTRIBUTOR), &Value::Null).expect(200);
    assert_eq!(portal.json(&path), Value::Null);
    let trail = portal.json("/api/v1/audit").to_string();
    assert!(
        trail.contains("beta: l3 with a licence of 6 bytes"),
        "{trail}"
    );
}
