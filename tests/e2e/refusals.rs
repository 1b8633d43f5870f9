//! Bad input: every refusal has the right status, says what was found and how to mend it, and leaves
//! nothing behind.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde_json::Value;
use xtask::demo::story::file_name;
use xtask::fixtures::manifest::{Kind, Package};
use xtask::kernels::Role;
use xtask::sh;

use crate::harness::http::Ask;
use crate::harness::made::Maker;
use crate::harness::portal::{DISTRIBUTOR, PRODUCT, Portal};
use crate::harness::{all_good, bad, driver, fixtures, good, kernel, scratch, until};

/// An id that nothing has.
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

/// A request that must be refused.
struct Case {
    name: &'static str,
    ask: Ask,
    status: u16,
    /// What the detail says, among other things.
    says: &'static [&'static str],
    /// The check that a rejected package failed.
    finding: Option<&'static str>,
}

impl Case {
    fn new(name: &'static str, ask: Ask, status: u16, says: &'static [&'static str]) -> Case {
        Case {
            name,
            ask,
            status,
            says,
            finding: None,
        }
    }

    fn finding(mut self, check: &'static str) -> Case {
        self.finding = Some(check);
        self
    }

    fn try_it(self) {
        let problem = self.ask.send().problem(self.status);
        let detail = problem["detail"].as_str().unwrap();
        for words in self.says {
            assert!(
                detail.contains(words),
                "{}: no `{words}` in {problem}",
                self.name
            );
        }
        let Some(check) = self.finding else { return };
        let findings = problem["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["check"] == check);
        let found = found.unwrap_or_else(|| panic!("{}: no {check} in {problem}", self.name));
        assert_eq!(found["severity"], "reject", "{}", self.name);
        for member in ["title", "detail", "help"] {
            assert_ne!(found[member], "", "{}: {found}", self.name);
        }
        assert_eq!(problem["state"], "rejected", "{}", self.name);
    }
}

/// A portal with a kernel and the good packages.
fn portal() -> Portal {
    let portal = Portal::with_base_kernel(&[]);
    for package in good(Role::Base) {
        portal.upload(package, "").expect(201);
    }
    portal
}

#[test]
fn every_refusal_says_why_and_leaves_nothing() {
    let portal = portal();
    let packages = portal.server.files_in("packages");
    assert_eq!(packages.len(), good(Role::Base).count());
    let cases = [
        callers(&portal),
        bad_packages(&portal),
        wrong_places(&portal),
        bad_kernels(&portal),
        bad_addresses(&portal),
    ];
    // One run shows all that is amiss.
    let cases = cases.into_iter().flatten();
    let results = cases.map(|case| (case.name, catch_unwind(AssertUnwindSafe(|| case.try_it()))));
    let amiss = results.filter(|(name, result)| {
        until(
            &format!("{name}: nothing is left"),
            Duration::from_secs(5),
            || {
                let is_clean = portal.server.files_in("incoming").is_empty()
                    && portal.server.files_in("packages") == packages;
                is_clean.then_some(())
            },
        );
        result.is_err()
    });
    assert_eq!(amiss.map(|(name, _)| name).collect::<Vec<_>>(), [""; 0]);
    portal.finish();
}

/// A machine finds modules by name: what a vendor's packages bring must not hide each other, unless
/// only one of them can be installed.
#[test]
fn modules_of_one_vendors_packages_do_not_hide_each_other() {
    let portal = Portal::with_base_kernel(&[]);
    let maker = Maker::join(&portal);
    let put = |base: &str, release: &str, conflicts: &str| {
        let made = maker.driver(
            base,
            release,
            |module| module,
            |package| match conflicts {
                "" => package,
                name => package.conflicts(name),
            },
        );
        let path = format!("/api/v1/packages/{}?product={PRODUCT}", made.file_name);
        let ask = Ask::new("PUT", portal.url(&path)).token(&maker.token);
        ask.body(made.bytes).send()
    };
    let name = |base: &str| format!("{base}-kmp-{}", kernel(Role::Base).flavor);
    put("mill-net", "1", "").expect(201);
    // A build more of the same package is none of another name.
    put("mill-net", "2", "").expect(201);
    // Both files are called mill_net.ko.
    let problem = put("mill_net", "1", "").problem(409);
    let finding = &problem["findings"][0];
    assert_eq!(finding["check"], "same-module", "{problem}");
    assert_eq!(finding["severity"], "reject", "{problem}");
    let help = finding["help"].as_str().unwrap();
    assert!(
        help.contains(&format!("`Conflicts: {}`", name("mill-net"))),
        "{help}"
    );
    put("mill_net", "2", &name("mill-net")).expect(201);
    portal.finish();
}

/// A good package's upload with another query or caller.
fn good_upload(portal: &Portal, query: &str, vendor: &str) -> Ask {
    let package = driver("acme-net", Role::Base);
    let bytes = fs::read(&package.path).unwrap();
    portal.upload_of(&file_name(package), query, vendor, bytes)
}

fn bad_upload(portal: &Portal, kind: Kind) -> Ask {
    upload_of(portal, bad(kind))
}

fn upload_of(portal: &Portal, package: &Package) -> Ask {
    let bytes = fs::read(&package.path).unwrap();
    portal.upload_of(&file_name(package), "", &package.vendor, bytes)
}

/// Who may do what.
fn callers(portal: &Portal) -> Vec<Case> {
    let put = || {
        let path = format!("/api/v1/packages/a.rpm?product={PRODUCT}");
        Ask::new("PUT", portal.url(&path)).body("anything")
    };
    let kernels = |token: &str| {
        let kernel = kernel(Role::Breaking);
        let path = format!(
            "/api/v1/kernels?product={PRODUCT}&flavor={}&arch={}&release=9.9.9&status=preview",
            kernel.flavor, kernel.arch
        );
        // Refused before it is read, and nevertheless the answer arrives.
        let body = fs::read(&kernel.symvers).unwrap();
        let ask = Ask::new("POST", portal.url(&path)).body(body);
        if token.is_empty() {
            ask
        } else {
            ask.token(token)
        }
    };
    vec![
        Case::new(
            "no token",
            put(),
            401,
            &["No token", "Authorization: Bearer"],
        ),
        Case::new(
            "an unknown token",
            put().token("kmp_0000"),
            401,
            &["unknown or has expired"],
        ),
        Case::new(
            "no bearer token",
            put().header("authorization", "Basic YTpi"),
            401,
            &["Bearer TOKEN"],
        ),
        Case::new("a kernel without token", kernels(""), 401, &["No token"]),
        Case::new(
            "a kernel with a vendor's token",
            kernels(portal.token("acme")),
            403,
            &["distributors", "acme"],
        ),
        Case::new(
            "for another vendor",
            good_upload(portal, "vendor=beta", "acme"),
            403,
            &["`acme`", "`beta`"],
        ),
        Case::new(
            "a distributor who names no vendor",
            good_upload(portal, "", DISTRIBUTOR),
            403,
            &["?vendor=NAME"],
        ),
        Case::new(
            "the bytes of another vendor",
            good_upload(portal, "", "beta"),
            403,
            &["nother vendor"],
        ),
        Case::new(
            "signed by another vendor's key",
            portal.upload_of(
                "a.rpm",
                "",
                "beta",
                fs::read(&bad(Kind::SameNevra).path).unwrap(),
            ),
            403,
            &[],
        )
        .finding("other-vendors-key"),
        Case::new(
            "a name that is another vendor's",
            portal.upload_of("a.rpm", "", "beta", acmes_name_signed_by_beta()),
            403,
            &["acme"],
        )
        .finding("other-vendors-name"),
    ]
}

fn acmes_name_signed_by_beta() -> Vec<u8> {
    let folder = scratch();
    let file = folder.path().join("package.rpm");
    fs::copy(&bad(Kind::Unsigned).path, &file).unwrap();
    xtask::fixtures::rpm::sign(&file, &fixtures().keys["beta"]).unwrap();
    fs::read(file).unwrap()
}

fn bad_packages(portal: &Portal) -> Vec<Case> {
    let bytes = |text: &[u8]| portal.upload_of("a.rpm", "", "acme", text.to_vec());
    vec![
        Case::new("nothing", bytes(b""), 422, &["RPM"]).finding("not-a-package"),
        Case::new("four bytes", bytes(b"\xed\xab\xee\xdb"), 422, &["RPM"]).finding("not-a-package"),
        Case::new(
            "not an RPM",
            bad_upload(portal, Kind::NotAnRpm),
            422,
            &["RPM"],
        )
        .finding("not-a-package"),
        Case::new("truncated", bad_upload(portal, Kind::Truncated), 422, &[]),
        Case::new(
            "tampered",
            bad_upload(portal, Kind::Tampered),
            422,
            &["changed after it was built"],
        ),
        Case::new(
            "tampered header",
            bad_upload(portal, Kind::TamperedHeader),
            422,
            &[],
        ),
        Case::new(
            "unsigned",
            bad_upload(portal, Kind::Unsigned),
            422,
            &["sign", "rpmsign"],
        ),
        Case::new(
            "signed by a stranger",
            bad_upload(portal, Kind::Stranger),
            422,
            &["key"],
        ),
        Case::new(
            "not a KMP",
            bad_upload(portal, Kind::NotAKmp),
            422,
            &["module"],
        ),
        Case::new(
            "other content",
            bad_upload(portal, Kind::SameNevra),
            409,
            &["bytes differ"],
        )
        .finding("nevra-taken"),
    ]
}

fn wrong_places(portal: &Portal) -> Vec<Case> {
    let cases = [
        Case::new(
            "an unknown product",
            good_upload(portal, "product=no-such-product", "acme"),
            404,
            &["no-such-product", PRODUCT],
        ),
        Case::new(
            "an unknown channel",
            good_upload(portal, &format!("product={PRODUCT}&channel=moon"), "acme"),
            404,
            &["moon", "stable"],
        ),
        Case::new(
            "a parameter that does not exist",
            good_upload(portal, "prodcut=debian-12", "acme"),
            400,
            &["prodcut"],
        ),
        Case::new(
            "a time that is no number",
            good_upload(portal, "wait=long", "acme"),
            400,
            &["wait"],
        ),
    ];
    // Where there is but one kernel, nothing is built for another.
    let elsewhere = all_good().find(|package| package.kernel != kernel(Role::Base).release);
    let unplaced = elsewhere.map(|package| {
        let name = "for a kernel that no product has";
        Case::new(name, upload_of(portal, package), 422, &["?product=NAME"]).finding("no-product")
    });
    cases.into_iter().chain(unplaced).collect()
}

fn bad_kernels(portal: &Portal) -> Vec<Case> {
    let (arch, flavor) = (&kernel(Role::Base).arch, &kernel(Role::Base).flavor);
    let whole = format!("product={PRODUCT}&flavor={flavor}&arch={arch}&release=9.9.9-1-{flavor}");
    let symvers = || b"0x92997ed8\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n".to_vec();
    let post = |query: String, body: Vec<u8>| {
        let ask = Ask::new("POST", portal.url(&format!("/api/v1/kernels?{query}")));
        ask.token(portal.token(DISTRIBUTOR)).body(body)
    };
    let preview = |more: &str| format!("{whole}&status=preview{more}");
    vec![
        Case::new(
            "not a symvers file",
            post(preview(""), b"<html>moved</html>".to_vec()),
            422,
            &["Module.symvers"],
        ),
        Case::new(
            "an empty body",
            post(preview(""), Vec::new()),
            422,
            &["Module.symvers"],
        ),
        Case::new(
            "half a compressed file",
            post(preview(""), b"\x1f\x8b\x08\x00\x00\x00\x00\x00".to_vec()),
            422,
            &["Module.symvers"],
        ),
        Case::new(
            "an unknown status",
            post(format!("{whole}&status=old"), symvers()),
            400,
            &["`old`"],
        ),
        Case::new(
            "no status",
            post(whole.clone(), symvers()),
            400,
            &["status"],
        ),
        Case::new(
            "a date in another order",
            post(preview("&release_date=9.3.2031"), symvers()),
            400,
            &["release_date", "9.3.2031"],
        ),
        Case::new(
            "a parameter that does not exist",
            post(preview("&releasedate=2031-03-09"), symvers()),
            400,
            &["releasedate"],
        ),
        Case::new(
            "an unknown product",
            post(preview("").replace(PRODUCT, "windows"), symvers()),
            404,
            &["windows", PRODUCT],
        ),
        Case::new(
            "an unknown architecture",
            post(preview("").replace(&**arch, "vax"), symvers()),
            404,
            &["vax"],
        ),
        Case::new(
            "a release with a slash",
            post(preview("").replace("9.9.9", "..%2F9"), symvers()),
            400,
            &["uname -r"],
        ),
    ]
}

fn bad_addresses(portal: &Portal) -> Vec<Case> {
    let get = |path: &str| Ask::get(portal.url(path));
    vec![
        Case::new(
            "no such address",
            get("/api/v1/pakcages"),
            404,
            &["/packages", "/lookup"],
        ),
        Case::new(
            "an id that is none",
            get("/api/v1/packages/17"),
            404,
            &["17"],
        ),
        Case::new(
            "no such package",
            get(&format!("/api/v1/packages/{NOBODY}")),
            404,
            &[NOBODY],
        ),
        Case::new(
            "no such kernel",
            get(&format!("/api/v1/kernels/{NOBODY}")),
            404,
            &[NOBODY],
        ),
        Case::new(
            "no such impact",
            get(&format!("/api/v1/kernels/{NOBODY}/impact")),
            404,
            &[NOBODY],
        ),
        Case::new(
            "no such state",
            get("/api/v1/packages?state=lost"),
            400,
            &["lost", "published"],
        ),
        Case::new(
            "no such vendor",
            get("/api/v1/packages?vendor=nobody"),
            404,
            &["nobody"],
        ),
        Case::new(
            "a page that is no number",
            get("/api/v1/packages?page=x"),
            400,
            &["page"],
        ),
        Case::new(
            "a method that is not for it",
            Ask::new("DELETE", portal.url("/api/v1/packages")),
            405,
            &["`Allow`"],
        ),
    ]
}

/// Whether curl says the length beforehand or sends until it is cut off.
#[test]
fn uploads_are_limited_in_size() {
    let portal = Portal::open(&["--max-package-bytes", "100000"]);
    let folder = scratch();
    let file = folder.path().join("large.rpm");
    fs::write(&file, vec![0xed; 3_000_000]).unwrap();
    for (name, source) in [("announced", file.to_str().unwrap()), ("in chunks", "-")] {
        let mut curl = sh::command("curl");
        curl.args(["--silent", "--write-out", "\n%{http_code}", "-T", source]);
        curl.args([
            "-H",
            &format!("Authorization: Bearer {}", portal.token("acme")),
        ]);
        curl.arg(portal.url("/api/v1/packages/large.rpm"));
        let output = curl.stdin(File::open(&file).unwrap()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        assert_eq!(status, "413", "{name}: {body}");
        let problem: Value = serde_json::from_str(body).unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("100000") && detail.contains("max-package-bytes"),
            "{problem}"
        );
        assert_eq!(portal.server.files_in("incoming").len(), 0, "{name}");
        assert_eq!(portal.server.files_in("packages").len(), 0, "{name}");
    }
}
