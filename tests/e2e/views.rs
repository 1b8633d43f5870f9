//! Comparisons of kernels, symbols, the histories of KMPs and what vendors acknowledge, over the
//! real lists of symbols of real kernels.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use xtask::kernels::Role;

use crate::harness::browser::Browser;
use crate::harness::http::{Ask, Reply};
use crate::harness::portal::{DISTRIBUTOR, PRODUCT, Portal, shared};
use crate::harness::{driver, kernel, until};

fn ask(path: &str, whose: &str) -> Reply {
    let portal = &shared().portal;
    Ask::get(portal.url(path)).token(portal.token(whose)).send()
}

/// Symbol to CRC, as a symvers file says it.
fn symvers(role: Role) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(&kernel(role).symvers).unwrap();
    let lines = text.lines().map(|line| {
        let mut columns = line.split('\t');
        let crc = columns.next().unwrap().to_owned();
        (columns.next().unwrap().to_owned(), crc)
    });
    lines.collect()
}

fn diff_path(more: &str) -> String {
    let (old, new) = (
        shared().kernel_id(Role::Base),
        shared().kernel_id(Role::Breaking),
    );
    format!("/api/v1/kernels/{old}/diff/{new}{more}")
}

/// The changes of one kind, page by page.
fn changes(kind: &str) -> BTreeSet<String> {
    let mut symbols = BTreeSet::new();
    for page in 1.. {
        let path = diff_path(&format!("?kind={kind}&per_page=700&page={page}"));
        let part = ask(&path, DISTRIBUTOR).expect(200).json();
        let part = part["changes"].as_array().unwrap().clone();
        if part.is_empty() {
            break;
        }
        for change in part {
            assert_eq!(change["kind"], kind);
            let symbol = change["symbol"].as_str().unwrap().to_owned();
            assert!(symbols.insert(symbol), "{change} twice");
        }
    }
    symbols
}

#[test]
fn the_difference_of_two_kernels_is_that_of_their_files() {
    let (old, new) = (symvers(Role::Base), symvers(Role::Breaking));
    let missing = |from: &BTreeMap<String, String>, in_: &BTreeMap<String, String>| {
        let names = from.keys().filter(|name| !in_.contains_key(*name));
        names.cloned().collect::<BTreeSet<String>>()
    };
    assert_eq!(changes("removed"), missing(&old, &new));
    assert_eq!(changes("added"), missing(&new, &old));
    let changed = old
        .iter()
        .filter(|(name, crc)| new.get(*name).is_some_and(|now| now != *crc));
    let changed: BTreeSet<String> = changed.map(|(name, _)| name.clone()).collect();
    assert!(!changed.is_empty(), "else nothing is tested");
    assert_eq!(changes("crc-changed"), changed);
}

#[test]
fn the_difference_is_told_as_csv_and_names_who_uses_it() {
    let csv = ask(&diff_path("?format=csv"), DISTRIBUTOR).expect(200);
    assert!(csv.header("content-type").starts_with("text/csv"));
    let mut reader = csv::Reader::from_reader(&csv.body[..]);
    let lines: Vec<BTreeMap<String, String>> =
        reader.deserialize().map(|line| line.unwrap()).collect();
    let whole = ask(&diff_path(""), DISTRIBUTOR).expect(200).json();
    assert_eq!(whole["total"], lines.len());
    let breaks = &driver("acme-net", Role::Base).breaks[&kernel(Role::Breaking).release];
    for broken in breaks {
        let line = lines.iter().find(|line| line["symbol"] == broken.symbol);
        let line = line.unwrap_or_else(|| panic!("no {}", broken.symbol));
        assert_ne!(line["packages"], "0", "{line:?}");
    }
    // The most used come first.
    let used: Vec<u32> = lines
        .iter()
        .map(|line| line["modules"].parse().unwrap())
        .collect();
    assert!(used.is_sorted_by(|a, b| a >= b));
    let reply = ask(&diff_path("?kind=painted"), DISTRIBUTOR);
    reply.problem(400);
}

#[test]
fn the_lists_of_the_distributor_rule_on_changes_and_at_the_gate() {
    let portal = breaking_portal();
    let id = breaking_id(&portal);
    let broken = &driver("acme-net", Role::Base).breaks[&kernel(Role::Breaking).release][0];
    let put = |list: &str, text: String| {
        let path = portal.url(&format!("/api/v1/kernels/{id}/{list}"));
        let ask = Ask::new("PUT", path).token(portal.token(DISTRIBUTOR));
        ask.body(text).send().expect(200);
    };
    put("severities", format!("{} FAIL\n* PASS\n", broken.symbol));
    put("stablelist", format!("{}\n", broken.symbol));
    let base = portal.json("/api/v1/kernels?status=released")["kernels"][0]["id"].clone();
    let path = format!(
        "/api/v1/kernels/{}/diff/{id}?q={}",
        base.as_str().unwrap(),
        broken.symbol
    );
    let diff = portal.json(&path);
    assert_eq!(
        (&diff["severities"]["passes"], &diff["severities"]["fails"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(diff["stablelist"]["passes"], false);
    let mut changes = diff["changes"].as_array().unwrap().iter();
    let change = changes
        .find(|change| change["symbol"] == *broken.symbol)
        .unwrap();
    assert_eq!(
        (&change["severities"], &change["stablelist"]),
        (&json!("fails"), &json!("fails"))
    );
    assert_eq!(change["rule"], *broken.symbol);

    let outcomes = |portal: &Portal| -> Vec<Value> {
        let gate = portal.json(&format!("/api/v1/kernels/{id}/gate"));
        let rules = gate["rules"].as_array().unwrap().clone();
        rules
            .iter()
            .skip(5)
            .map(|rule| rule["outcome"].clone())
            .collect()
    };
    assert_eq!(outcomes(&portal), ["fail", "fail"]);
    put("severities", "* PASS\n".to_owned());
    put("stablelist", String::new());
    assert_eq!(outcomes(&portal), ["not-applicable", "pass"]);
}

/// Of a kernel under embargo a vendor is shown the symbols that its own modules use.
#[test]
fn a_vendor_is_shown_its_own_symbols_of_a_preview() {
    let portal = &shared().portal;
    portal.get(&diff_path("")).problem(404);
    let own = |vendor: &str| -> BTreeSet<String> {
        let mut symbols = BTreeSet::new();
        for (file, upload) in &shared().uploads {
            if !file.starts_with(vendor) {
                continue;
            }
            let path = format!("/api/v1/packages/{}", upload["id"].as_str().unwrap());
            let package = portal.json(&path);
            for module in package["modules"].as_array().unwrap() {
                for import in module["imports"].as_array().unwrap() {
                    symbols.insert(import["symbol"].as_str().unwrap().to_owned());
                }
            }
        }
        symbols
    };
    for vendor in ["acme", "beta"] {
        let path = diff_path("?per_page=1000");
        let seen = ask(&path, vendor).expect(200).json();
        let own = own(vendor);
        for change in seen["changes"].as_array().unwrap() {
            let symbol = change["symbol"].as_str().unwrap();
            assert!(own.contains(symbol), "{vendor} is shown {symbol}");
        }
    }
    let breaks = &driver("acme-net", Role::Base).breaks[&kernel(Role::Breaking).release];
    let symbol = &breaks[0].symbol;
    let kernels = |whose: &str| -> u64 {
        let found = ask(&format!("/api/v1/symbols/{symbol}"), whose)
            .expect(200)
            .json();
        let lines = found["lines"].as_array().unwrap().iter();
        let line = lines.filter(|line| line["product"] == PRODUCT);
        line.map(|line| line["kernels"].as_u64().unwrap()).sum()
    };
    assert_eq!(kernels("acme"), kernels(DISTRIBUTOR));
    // Paths of modules may name it: packages are published that were built for it.
    let public = portal
        .get(&format!("/api/v1/symbols/{symbol}"))
        .expect(200)
        .json();
    let lines = public["lines"].to_string();
    assert!(
        !lines.contains(kernel(Role::Breaking).release.as_str()),
        "{lines}"
    );
}

#[test]
fn a_symbol_tells_its_history_and_its_users() {
    let net = driver("acme-net", Role::Base);
    let release = &kernel(Role::Breaking).release;
    let broken = &net.breaks[release][0];
    let path = format!("/api/v1/symbols/{}", broken.symbol);
    let symbol = ask(&path, DISTRIBUTOR).expect(200).json();
    let mut lines = symbol["lines"].as_array().unwrap().iter();
    let line = lines.find(|line| line["product"] == PRODUCT).unwrap();
    let runs = line["runs"].as_array().unwrap();
    let shown: u64 = runs
        .iter()
        .map(|run| run["kernels"].as_u64().unwrap())
        .sum();
    assert_eq!(line["kernels"], shown, "every kernel is in one run");
    let changed = line["changes"].as_u64().unwrap() + line["removals"].as_u64().unwrap();
    assert_eq!(changed, 1, "{line}");
    let uses = symbol["uses"].as_array().unwrap();
    assert_eq!(symbol["modules"], uses.len());
    let id = shared().package_id(net);
    assert!(
        uses.iter().any(|used| used["package_id"] == *id),
        "{symbol}"
    );
    let mut paged = BTreeSet::new();
    for page in 1..=uses.len() {
        let part = ask(&format!("{path}?per_page=1&page={page}"), DISTRIBUTOR).json();
        let used = &part["uses"][0];
        paged.insert((used["package_id"].to_string(), used["module"].to_string()));
    }
    assert_eq!(paged.len(), uses.len(), "each once");

    let part = &broken.symbol[..broken.symbol.len() - 1];
    let found = ask(&format!("/api/v1/symbols?q={part}"), "acme")
        .expect(200)
        .json();
    let names = found["symbols"].as_array().unwrap();
    assert!(
        names.iter().any(|it| it["symbol"] == *broken.symbol),
        "{found}"
    );
    ask("/api/v1/symbols/nobody_exports_this", DISTRIBUTOR).problem(404);
}

#[test]
fn a_package_tells_which_symbols_did_not_stay() {
    let net = driver("acme-net", Role::Base);
    let path = format!("/api/v1/packages/{}/risk", shared().package_id(net));
    let risk = ask(&path, "acme").expect(200).json();
    let mut lines = risk["lines"].as_array().unwrap().iter();
    let line = lines.find(|line| line["product"] == PRODUCT).unwrap();
    assert_eq!(
        (&line["updates"], &line["broke"]),
        (&json!(1), &json!(1)),
        "{line}"
    );
    assert!(line["score"].as_u64().unwrap() > 50, "{line}");
    let avoid = line["avoid"].as_array().unwrap();
    for broken in &net.breaks[&kernel(Role::Breaking).release] {
        assert!(
            avoid.iter().any(|it| it["symbol"] == *broken.symbol),
            "{line}"
        );
    }
    // The public does not know of the second kernel.
    let public = shared().portal.get(&path).expect(200).json();
    let mut lines = public["lines"].as_array().unwrap().iter();
    let line = lines.find(|line| line["product"] == PRODUCT).unwrap();
    assert_eq!(line["score"], Value::Null, "{line}");
}

#[test]
fn a_kmp_lists_all_its_builds() {
    let net = driver("acme-net", Role::Base);
    let kmp = ask(&format!("/api/v1/kmps/{}", net.name), "acme")
        .expect(200)
        .json();
    let builds = kmp["builds"].as_array().unwrap();
    assert_eq!(kmp["total"], builds.len());
    let id = shared().package_id(net);
    let build = builds.iter().find(|build| build["id"] == *id).unwrap();
    assert_ne!(build["published_at"], Value::Null);
    let breaking = shared().kernel_id(Role::Breaking);
    assert_eq!(build["verdicts"][breaking], "incompatible");
    let public = shared()
        .portal
        .get(&format!("/api/v1/kmps/{}", net.name))
        .expect(200);
    assert!(!public.text().contains(breaking));
    shared().portal.get("/api/v1/kmps/none").problem(404);
}

#[test]
fn a_vendor_acknowledges_and_the_distributor_sees_it() {
    let portal = breaking_portal();
    let id = breaking_id(&portal);
    let password = portal
        .server
        .admin(&["user", "add", "alice", "--vendor", "acme"]);
    let browser = Browser::open();
    browser.go(&portal.url(&format!("/login?next=/kernels/{id}")));
    browser.find("#name").enter("alice");
    browser.find("#password").enter(&password);
    browser.find("form.form button").click();
    until("on the kernel's page", Duration::from_secs(20), || {
        browser.url().contains("/kernels/").then_some(())
    });
    browser.find("#note").enter("We build on Monday.");
    browser
        .find("section[aria-labelledby=acknowledge] button")
        .click();
    until("acknowledged", Duration::from_secs(20), || {
        let text = browser.read("section[aria-labelledby=acknowledge]")?;
        text.contains("You said on").then_some(())
    });
    assert_eq!(browser.complaints(), [""; 0]);
    let impact = portal.json(&format!("/api/v1/kernels/{id}/impact"));
    let said = &impact["acknowledged"][0];
    assert_eq!(
        (&said["vendor"], &said["note"]),
        (&json!("acme"), &json!("We build on Monday."))
    );

    let path = portal.url(&format!("/api/v1/kernels/{id}/acknowledge"));
    let word = json!({ "note": "On Tuesday.", "planned_date": "2031-01-31" });
    let reply = Ask::new("POST", &path)
        .token(portal.token("acme"))
        .body(word.to_string())
        .send();
    assert_eq!(reply.expect(200).json()["planned_date"], "2031-01-31");
    Ask::new("POST", &path).send().problem(401);
    let distributor = Ask::new("POST", &path).token(portal.token(DISTRIBUTOR));
    distributor.send().problem(403);
    let late = Ask::new("POST", &path).token(portal.token("acme"));
    late.body(r#"{"planned_date": "soon"}"#).send().problem(400);
    let impact = portal.json(&format!("/api/v1/kernels/{id}/impact"));
    assert_eq!(impact["acknowledged"].as_array().unwrap().len(), 1);
    assert_eq!(impact["acknowledged"][0]["note"], "On Tuesday.");
}

/// One whose preview kernel breaks the network driver of acme.
pub fn breaking_portal() -> Portal {
    let portal = Portal::with_base_kernel(&[]);
    for base in ["acme-core", "acme-net"] {
        portal.upload(driver(base, Role::Base), "").expect(201);
    }
    portal
        .register(PRODUCT, kernel(Role::Breaking), "preview", "&vendors=acme")
        .expect(201);
    portal
}

pub fn breaking_id(portal: &Portal) -> String {
    let kernels = portal.json("/api/v1/kernels");
    let mut kernels = kernels["kernels"].as_array().unwrap().iter();
    let found = kernels.find(|k| k["release"] == *kernel(Role::Breaking).release);
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

/// How the views are asked, for the test that looks for a kernel under embargo in every answer;
/// `None` for another route. The second of the kernels is the one under embargo.
pub fn questions(pattern: &str, kernels: &[String; 3], packages: &[String]) -> Option<Questions> {
    let [base, secret, none] = kernels;
    let release = "6.1.0-77hush-amd64";
    let get = |paths: Vec<String>| -> Questions {
        paths
            .into_iter()
            .map(|path| ("GET", path, Vec::new()))
            .collect()
    };
    let with = |queries: &[&str]| -> Questions {
        get(queries
            .iter()
            .map(|query| format!("{pattern}{query}"))
            .collect())
    };
    let named = |from: &str, names: &[&str]| -> Questions {
        get(names
            .iter()
            .map(|name| pattern.replace(from, name))
            .collect())
    };
    let pairs = [(base, secret), (secret, base), (base, base), (none, secret)];
    Some(match pattern {
        "/api/v1/matrix" | "/matrix" => with(&[
            "",
            "?format=csv",
            "?status=preview",
            "?verdict=incompatible",
            "?newest=true&per_page=1&page=2",
            "?kernels_per_page=1&kernels_page=2",
            "?product=debian-12&arch=x86_64&flavor=amd64",
            &format!("?kernel={release}"),
        ]),
        "/api/v1/symbols" | "/symbols" => with(&["", "?q=zz_hus", "?q=module_lay"]),
        "/api/v1/symbols/{name}" | "/symbols/{name}" => named(
            "{name}",
            &[
                "module_layout",
                "_printk",
                "usb_deregister",
                "zz_hush_export",
            ],
        ),
        "/api/v1/kmps/{name}" | "/kmps/{name}" => {
            named("{name}", &[&driver("acme-core", Role::Base).name, "none"])
        }
        "/api/v1/packages/{id}/risk" => {
            let ids: Vec<&str> = packages.iter().map(String::as_str).collect();
            named("{id}", &ids)
        }
        "/api/v1/kernels/{id}/diff/{new}" | "/kernels/{id}/diff/{new}" => {
            let paths = pairs.iter().flat_map(|(old, new)| {
                let path = pattern.replace("{id}", old).replace("{new}", new);
                ["", "?kind=added", "?format=csv"].map(|query| format!("{path}{query}"))
            });
            get(paths.collect())
        }
        "/kernels/{id}/diff" => {
            let paths = pairs
                .iter()
                .map(|(old, new)| format!("/kernels/{new}/diff?against={old}"));
            get(paths.chain([format!("/kernels/{base}/diff")]).collect())
        }
        "/api/v1/kernels/{id}/gate"
        | "/api/v1/kernels/{id}/gate/reports"
        | "/api/v1/kernels/{id}/gate/{file}"
        | "/kernels/{id}/gate" => {
            let paths = named("{id}", &[base, secret, none]).into_iter();
            let paths = paths.map(|(_, path, _)| path.replace("{file}", "1.json"));
            get(paths.collect())
        }
        "/api/v1/kernels/{id}/acknowledge" | "/kernels/{id}/acknowledge" => [secret, none]
            .map(|id| ("POST", pattern.replace("{id}", id), Vec::new()))
            .to_vec(),
        "/api/v1/products/{name}/gate-policy" => named("{name}", &[PRODUCT]),
        _ => return None,
    })
}

/// Method, path and body of requests.
type Questions = Vec<(&'static str, String, Vec<u8>)>;
