//! A kernel under embargo, looked for by everybody it is not for, in everything the portal answers.
//!
//! The routes come from `routes.rs` itself: one that nobody said here how to ask fails the test. What
//! the public and an unnamed vendor are answered has to be the same, byte for byte, as in the world
//! without the kernel.

mod unnamed;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use xtask::demo::api::escape;
use xtask::demo::mail;
use xtask::demo::story::file_name;
use xtask::fixtures::manifest::KernelEntry;
use xtask::kernels::Role;

use crate::harness::http::{Ask, Reply};
use crate::harness::made::{Made, Maker};
use crate::harness::portal::{DISTRIBUTOR, PRODUCT, Portal};
use crate::harness::repository::{Repository, now};
use crate::harness::{driver, fixtures, kernel, scratch, until};

const ROUTES: &str = include_str!("../../server/portal/src/routes.rs");
/// In the release of the kernel, and nowhere else.
const WORD: &str = "77hush";
const RELEASE: &str = "6.1.0-77hush-amd64";
/// A release of no kernel, of the same length.
const NO_RELEASE: &str = "6.1.0-77none-amd64";
/// An id of nothing.
const NO_ID: &str = "01234567-89ab-7cde-8f01-23456789abcd";
/// Another one, asked for in the kernel's place before it is there.
const NOT_YET: &str = "01234567-89ab-7cde-8f01-000000000000";
/// A symbol that only this kernel exports, and that no module uses.
const NEW_SYMBOL: &str = "zz_hush_export";
/// The version of `module_layout` there: every module breaks by it.
const LAYOUT: u32 = 0xfeed_c0de;
/// Answers that tell of the process and change by themselves.
const VOLATILE: [&str; 2] = ["/metrics", "/healthz"];
/// Headers that are new each time.
const FRESH: [&str; 2] = ["date", "x-request-id"];
const PATIENCE: Duration = Duration::from_secs(60);

/// A portal, and those who ask it.
struct World {
    portal: Portal,
    mill: Maker,
    /// Published packages: of acme, beta and mill.
    packages: Vec<String>,
    /// The kernel under embargo; before it is registered, [`NOT_YET`].
    secret: String,
}

/// Everything one caller was answered: status, headers and body by method and address. The ids,
/// releases and symbols that the address names are taken out, as errors repeat them.
type Answers = BTreeMap<String, (String, String)>;

impl World {
    fn open() -> World {
        let portal = Portal::with_base_kernel(&["--timezone", "Pacific/Kiritimati"]);
        let mill = Maker::join(&portal);
        let mut packages = Vec::new();
        for base in ["acme-core", "beta-usb"] {
            let answer = portal.upload(driver(base, Role::Base), "").expect(201);
            packages.push(id_of(&answer));
        }
        let answer = put(&portal, &mill, &mill.make(1)).expect(201);
        packages.push(id_of(&answer));
        portal.finish();
        World {
            portal,
            mill,
            packages,
            secret: NOT_YET.to_owned(),
        }
    }

    fn token(&self, who: &str) -> Option<&str> {
        match who {
            "anonymous" => None,
            Maker::NAME => Some(&self.mill.token),
            _ => Some(self.portal.token(who)),
        }
    }

    fn send(&self, who: &str, method: &'static str, path: &str, body: Vec<u8>) -> Reply {
        let mut ask = Ask::new(method, self.portal.url(path));
        if let Some(token) = self.token(who) {
            ask = ask.token(token);
        }
        if body.starts_with(b"{") {
            ask = ask.header("content-type", "application/json");
        } else if body.starts_with(b"--") {
            ask = ask.header("content-type", crate::check::FORM);
        }
        ask.body(body).send()
    }

    /// Asks every route as one caller.
    fn crawl(&self, who: &str) -> Answers {
        let mut answers = Answers::new();
        for pattern in patterns() {
            for (method, path, body) in self.questions(&pattern) {
                let reply = self.send(who, method, &path, body.clone());
                let without = |text: &str| {
                    let asked = format!("{path} {}", String::from_utf8_lossy(&body));
                    let layout = format!("{LAYOUT:x}");
                    let named = [
                        &*self.secret,
                        NO_ID,
                        RELEASE,
                        NO_RELEASE,
                        NEW_SYMBOL,
                        &layout,
                    ];
                    let named = named.iter().filter(|word| asked.contains(**word));
                    // Problem pages show the number of the request.
                    let text = match reply.header("x-request-id") {
                        "" => text.to_owned(),
                        id => text.replace(id, "#"),
                    };
                    named.fold(text, |text, word| text.replace(word, "*"))
                };
                let headers: Vec<String> = reply
                    .headers
                    .iter()
                    .filter(|(name, _)| !FRESH.contains(&name.as_str()))
                    .map(|(name, value)| format!("{name}: {value:?}"))
                    .collect();
                let head = format!("{} {}", reply.status, headers.join("; "));
                let body = String::from_utf8_lossy(&body).into_owned();
                let question = format!("{pattern} {method} {path} {:.80}", without(&body));
                let question = question.replace(&self.secret, "SECRET");
                answers.insert(question, (head, without(&reply.text())));
            }
        }
        answers
    }

    /// How to ask a route: with every parameter it takes.
    fn questions(&self, pattern: &str) -> Vec<(&'static str, String, Vec<u8>)> {
        let get = |paths: &[&str]| -> Vec<(&'static str, String, Vec<u8>)> {
            paths
                .iter()
                .map(|path| ("GET", (*path).to_owned(), Vec::new()))
                .collect()
        };
        let each = |ids: &[String], path: &dyn Fn(&str) -> String| {
            let questions = ids.iter().map(|id| ("GET", path(id), Vec::new()));
            questions.collect::<Vec<_>>()
        };
        let base = &kernel(Role::Base);
        let kernels = [
            self.portal.json("/api/v1/kernels?status=released")["kernels"][0]["id"]
                .as_str()
                .unwrap()
                .to_owned(),
            self.secret.clone(),
            NO_ID.to_owned(),
        ];
        let filters = [
            "",
            "?q=77",
            "?q=mill",
            "?status=preview",
            "?status=released",
            "?state=published",
            "?state=accepted",
            "?state=withdrawn",
            "?vendor=mill",
            "?product=debian-12",
            "?page=2",
            "?per_page=1&page=2",
            "?arch=x86_64",
            "?flavor=amd64",
        ];
        let release = format!("?release={RELEASE}");
        let list = |path: &str| -> Vec<(&'static str, String, Vec<u8>)> {
            let all = filters.iter().copied().chain([release.as_str()]);
            all.map(|filter| ("GET", format!("{path}{filter}"), Vec::new()))
                .collect()
        };
        let change = br#"{"status":"released"}"#.to_vec();
        match pattern {
            "/api/v1/packages" | "/packages" | "/api/v1/kernels" | "/kernels" => list(pattern),
            "/api/v1/packages/{name}" => {
                let mut asks = each(&self.packages, &|id| format!("/api/v1/packages/{id}"));
                let beta = driver("beta-usb", Role::Base);
                let path = format!("/api/v1/packages/{}?wait=60", escape(&file_name(beta)));
                asks.push(("PUT", path, std::fs::read(&beta.path).unwrap()));
                asks
            }
            "/api/v1/packages/{id}/verdicts/{kernel}" => {
                let of = format!("/api/v1/packages/{}/verdicts", self.packages[1]);
                each(&kernels, &|id| format!("{of}/{id}"))
            }
            "/api/v1/check" => {
                let beta = std::fs::read(&driver("beta-usb", Role::Base).path).unwrap();
                let words = ["", RELEASE, NO_RELEASE, &self.secret];
                let ask = |word| ("POST", format!("/api/v1/check?kernel={word}"), beta.clone());
                words.into_iter().map(ask).collect()
            }
            "/check" => {
                let form = |kernel: &str| {
                    let lines = format!("0x{LAYOUT:08x} module_layout\r\n0x1 {NEW_SYMBOL}");
                    crate::check::form(&[("kernel", kernel), ("symbols", &lines)])
                };
                let words = ["", RELEASE, NO_RELEASE, &self.secret];
                let ask = |word| ("POST", "/check".to_owned(), form(word));
                words.into_iter().map(ask).chain(get(&["/check"])).collect()
            }
            "/kernels/{id}/change" => {
                let asks = kernels.iter().map(|id| pattern.replace("{id}", id));
                asks.map(|path| ("POST", path, b"status=released".to_vec()))
                    .collect()
            }
            "/packages/{id}" => each(&self.packages, &|id| format!("/packages/{id}")),
            "/api/v1/kernels/{id}" => {
                let mut asks = each(&kernels, &|id| format!("/api/v1/kernels/{id}"));
                asks.push(("PATCH", format!("/api/v1/kernels/{NO_ID}"), change.clone()));
                asks.push(("PATCH", format!("/api/v1/kernels/{}", self.secret), change));
                asks
            }
            "/api/v1/kernels/{id}/impact" => {
                each(&kernels, &|id| format!("/api/v1/kernels/{id}/impact"))
            }
            "/api/v1/kernels/{id}/parts" => {
                let asks = kernels
                    .iter()
                    .map(|id| format!("/api/v1/kernels/{id}/parts"));
                asks.map(|path| ("POST", path, b"x".to_vec())).collect()
            }
            "/api/v1/kernels/{id}/severities" | "/api/v1/kernels/{id}/stablelist" => {
                let asks = kernels.iter().map(|id| pattern.replace("{id}", id));
                asks.map(|path| ("PUT", path, b"x".to_vec())).collect()
            }
            "/api/v1/kernel-repositories" => vec![("POST", pattern.to_owned(), b"{}".to_vec())],
            "/api/v1/kernel-repositories/{id}" => {
                get(&["/api/v1/kernel-repositories/00000000-0000-0000-0000-000000000000"])
            }
            "/kernels/register" => get(&[pattern]),
            "/api/v1/kernels/{id}/accesses" => {
                each(&kernels, &|id| format!("/api/v1/kernels/{id}/accesses"))
            }
            "/kernels/{id}" => each(&kernels, &|id| format!("/kernels/{id}")),
            "/api/v1/lookup" => crate::hardware::questions(&[RELEASE, NO_RELEASE]),
            "/lookup.sh" => get(&[pattern]),
            "/hardware" => get(&["/hardware?q=be7a:0001", "/hardware?q=77"]),
            "/hardware/{bus}/{vendor}/{device}" => get(&["/hardware/usb/be7a/0001"]),
            "/api/v1/demand" => get(&["/api/v1/demand"]),
            "/repos/{product}/{file}" => get(&["/repos/debian-12/stable.sh"]),
            "/repos/{product}"
            | "/repos/{product}/vendors/{vendor}/{file}"
            | "/services/{product}/repo/repoindex.xml"
            | "/services/{product}/{vendor}/repo/repoindex.xml"
            | "/services/{product}/keys.asc"
            | "/services/{product}/{vendor}/keys.asc" => {
                let path = pattern.replace("{product}", PRODUCT);
                let path = path.replace("{vendor}", "mill");
                get(&[&path.replace("{file}", "stable.keys")])
            }
            "/repos/{product}/vendors/{vendor}/{channel}/{arch}/{*location}" => {
                let root = format!("/repos/{PRODUCT}/vendors/mill/stable/{}", base.arch);
                get(&[&(root + "/mirrorlist")])
            }
            "/api/v1/promotions"
            | "/api/v1/mirrors"
            | "/api/v1/products/{name}/promotion"
            | "/api/v1/products/{name}/policy"
            | "/api/v1/products/{name}/support" => get(&[&pattern.replace("{name}", PRODUCT)]),
            "/api/v1/packages/{id}/withdraw"
            | "/api/v1/packages/{id}/promote"
            | "/packages/{id}/promote"
            | "/packages/{id}/withdraw"
            | "/api/v1/promotions/{id}"
            | "/promotions/{id}" => {
                let path = pattern.replace("{id}", &self.packages[0]);
                vec![("POST", path, b"{}".to_vec())]
            }
            "/api/v1/mirrors/{id}" | "/api/v1/vendors/{name}/keys/{fingerprint}" => {
                let path = pattern.replace("{id}", "7").replace("{name}", "mill");
                vec![(
                    "DELETE",
                    path.replace("{fingerprint}", "00"),
                    b"{}".to_vec(),
                )]
            }
            "/repos/{product}/{channel}/{arch}/{*location}" => {
                let root = format!("/repos/{PRODUCT}/stable/{}", base.arch);
                ["repomd.xml", "repomd.xml.asc", "repomd.xml.key"]
                    .map(|file| ("GET", format!("{root}/repodata/{file}"), Vec::new()))
                    .to_vec()
            }
            "/keys/{file}" => get(&["/keys/repository.asc"]),
            "/keys/vendors/{file}" => get(&["/keys/vendors/mill.asc", "/keys/vendors/none.asc"]),
            "/static/{file}" => get(&["/static/portal.css"]),
            "/logout" | "/repos/{product}/support" => {
                vec![("POST", pattern.replace("{product}", PRODUCT), Vec::new())]
            }
            "/" | "/repos" | "/upload" | "/login" | "/keys" | "/help/checks" | "/help/problems"
            | "/healthz" | "/metrics" | "/api/v1/products" => get(&[pattern]),
            "/api/v1/vendors/{name}/policy" => get(&["/api/v1/vendors/mill/policy"]),
            "/api/v1/waivers" | "/waivers" | "/api/v1/audit" | "/audit" | "/api/v1/status"
            | "/status" | "/api/v1/sources" | "/sources" => get(&[pattern]),
            "/api/v1/jobs/{id}/retry" | "/status/jobs/{id}/retry" => {
                vec![("POST", pattern.replace("{id}", "1"), Vec::new())]
            }
            "/api/v1/repositories/{product}/{channel}/{arch}" => get(&[&format!(
                "/api/v1/repositories/debian-12/stable/{}",
                base.arch
            )]),
            "/api/v1/repositories/{product}/{channel}/{arch}/roll-back"
            | "/api/v1/repositories/{product}/{channel}/{arch}/resume"
            | "/status/repositories/{*name}" => {
                let name = format!("debian-12/stable/{}", base.arch);
                let path = pattern.replace("{product}/{channel}/{arch}", &name);
                let path = path.replace("{*name}", &name);
                let body = br#"{"generation":1,"reason":"x"}"#.to_vec();
                vec![("POST", path, body)]
            }
            "/api/v1/waivers/{id}" => {
                vec![("DELETE", format!("/api/v1/waivers/{NO_ID}"), Vec::new())]
            }
            "/waivers/{id}/revoke" => {
                vec![("POST", format!("/waivers/{NO_ID}/revoke"), Vec::new())]
            }
            "/api/v1/sources/{id}" | "/sources/{id}" | "/sources/{id}/external.repo" => {
                get(&[&pattern.replace("{id}", NO_ID)])
            }
            "/api/v1/sources/{id}/approve" | "/api/v1/sources/{id}/read" => {
                vec![("POST", pattern.replace("{id}", NO_ID), Vec::new())]
            }
            "/keys/sources/{file}" => get(&["/keys/sources/x.asc"]),
            view => match crate::views::questions(view, &kernels, &self.packages) {
                Some(questions) => questions,
                None => {
                    panic!("say here how to ask {view}, which must not tell of embargoed kernels")
                }
            },
        }
    }

    /// Registers the kernel; gives its answer.
    fn register(&mut self, vendors: &str) -> Value {
        let base = kernel(Role::Base);
        let symvers = std::fs::read_to_string(&base.symvers).unwrap();
        let lines =
            symvers.lines().map(
                |line| match line.split('\t').nth(1) == Some("module_layout") {
                    true => format!("{LAYOUT:#010x}\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t"),
                    false => line.to_owned(),
                },
            );
        let new = format!("0x0badf00d\t{NEW_SYMBOL}\tvmlinux\tEXPORT_SYMBOL\t");
        let symvers: Vec<String> = lines.chain([new]).collect();
        let folder = scratch();
        let file = folder.path().join("Module.symvers");
        std::fs::write(&file, symvers.join("\n") + "\n").unwrap();
        let entry = KernelEntry {
            symvers: file,
            ..secret_kernel()
        };
        let more = format!("&release_date=2031-03-09{vendors}");
        let answer = self.portal.register(PRODUCT, &entry, "preview", &more);
        let answer = answer.expect(201).json();
        self.secret = answer["id"].as_str().unwrap().to_owned();
        answer
    }

    /// What a vendor is told of a package for the kernel: state and findings, without its name.
    fn built_for_the_secret(&self, number: usize) -> (u16, String) {
        let made = self.mill.make_for(&secret_kernel(), LAYOUT, number);
        let answer = put(&self.portal, &self.mill, &made);
        let told = answer.json();
        let told = format!("{} {}", told["state"], told["findings"]);
        (
            answer.status,
            told.replace(&format!("mill{number:03}"), "mill"),
        )
    }

    fn change(&self, change: &Value) -> Reply {
        let path = format!("/api/v1/kernels/{}", self.secret);
        self.send(DISTRIBUTOR, "PATCH", &path, change.to_string().into_bytes())
    }

    /// Whom mails told of the kernel, and that nobody else was.
    fn told(&self) -> BTreeSet<String> {
        let files = self.portal.server.mails().into_iter();
        files
            .map(|file| mail::read(file).unwrap())
            .filter(|mail| mail.text.contains(WORD))
            .map(|mail| mail.to)
            .collect()
    }

    #[track_caller]
    fn until_told(&self, expected: &[&str]) {
        until("the mails arrive", PATIENCE, || {
            let told = self.told();
            let all = expected
                .iter()
                .all(|to| told.iter().any(|t| t.contains(to)));
            all.then_some(())
        });
        self.portal.finish();
        assert_eq!(self.told().len(), expected.len(), "{:?}", self.told());
    }
}

/// Paths of all routes, read from where they are made.
fn patterns() -> Vec<String> {
    let mut patterns = Vec::new();
    let (mut is_api, mut rest) = (false, ROUTES);
    while let Some(at) = rest.find(".route(") {
        let passed = &rest[..at];
        is_api = match (passed.rfind("let api ="), passed.rfind("let html =")) {
            (Some(api), html) if html.is_none_or(|html| html < api) => true,
            (_, Some(_)) => false,
            _ => is_api,
        };
        rest = &rest[at..];
        let path = rest.split('"').nth(1).unwrap();
        patterns.push(match is_api {
            true => format!("/api/v1{path}"),
            false => path.to_owned(),
        });
        rest = &rest[".route(".len()..];
    }
    assert!(
        patterns.contains(&"/api/v1/lookup".to_owned()),
        "{patterns:?}"
    );
    assert!(patterns.contains(&"/metrics".to_owned()), "{patterns:?}");
    patterns
}

fn secret_kernel() -> KernelEntry {
    KernelEntry {
        release: RELEASE.to_owned(),
        version: format!("6.1.0-{WORD}"),
        vermagic: Some(format!("{RELEASE} SMP preempt mod_unload modversions ")),
        ..kernel(Role::Base).clone()
    }
}

fn put(portal: &Portal, mill: &Maker, made: &Made) -> Reply {
    let path = format!(
        "/api/v1/packages/{}?product={PRODUCT}&wait=60",
        escape(&made.file_name)
    );
    Ask::new("PUT", portal.url(&path))
        .token(&mill.token)
        .body(made.bytes.clone())
        .send()
}

fn id_of(reply: &Reply) -> String {
    reply.json()["id"].as_str().unwrap().to_owned()
}

/// Where clients would find the file of a package that was taken.
fn file_address(answer: &Reply) -> String {
    let answer = answer.json();
    let (arch, location) = (&kernel(Role::Base).arch, answer["location"].as_str());
    format!("/repos/{PRODUCT}/stable/{arch}/{}", location.unwrap())
}

/// No answer may hold one of these words.
#[track_caller]
fn assert_silent(who: &str, answers: &Answers, words: &[&str]) {
    for (question, (head, body)) in answers {
        for word in words {
            let tells = head.contains(word) || body.contains(word);
            assert!(
                !tells,
                "{who} reads {word:?} at {question}: {head}\n{body:.3000}"
            );
        }
    }
}

/// What is not for the caller is as if it were not there.
#[track_caller]
fn assert_same(who: &str, before: &Answers, after: &Answers) {
    assert_eq!(before.len(), after.len());
    for (question, answer) in after {
        if VOLATILE.iter().any(|path| question.starts_with(path)) {
            continue;
        }
        let (head, body) = answer;
        let then = &before[question];
        assert_eq!(&then.0, head, "{who}: {question}");
        assert!(
            then.1 == *body,
            "{who}: {question}\n{:.3000}\n{body:.3000}",
            then.1
        );
    }
}

#[test]
fn a_kernel_under_embargo_is_seen_by_nobody_it_is_not_for() {
    let mut world = World::open();
    let outsiders = ["anonymous", "beta"];
    let before = outsiders.map(|who| world.crawl(who));

    let registered = world.register(&format!("&vendors={}", Maker::NAME));
    assert_eq!(registered["vendors"], json!([Maker::NAME]));
    assert_eq!(
        registered["release_at"], "2031-03-08T10:00:00Z",
        "Kiritimati is early"
    );
    // A rebuild for it, and one that is taken back, wait: they would tell of the kernel.
    let (mut held, mut files) = (Vec::new(), Vec::new());
    for number in [2, 3] {
        let made = world.mill.make_for(&secret_kernel(), LAYOUT, number);
        let answer = put(&world.portal, &world.mill, &made).expect(201);
        assert_eq!(answer.json()["state"], "accepted", "{}", answer.text());
        held.push(id_of(&answer));
        files.push(file_address(&answer));
    }
    let path = format!("/api/v1/packages/{}/withdraw", held[1]);
    let reason = br#"{"reason":"Faulty."}"#.to_vec();
    world.send(Maker::NAME, "POST", &path, reason).expect(200);
    world.until_told(&["mill@mill.example"]);

    let secret = world.secret.clone();
    let hash = registered["content_hash"].as_str().unwrap().to_owned();
    let layout = format!("{LAYOUT:x}");
    let words = [
        WORD, NEW_SYMBOL, &layout, &secret, &hash, &held[0], &held[1],
    ];
    for (who, before) in outsiders.into_iter().zip(&before) {
        let after = world.crawl(who);
        assert_silent(who, &after, &words);
        assert_same(who, before, &after);
        for id in &held {
            for path in [format!("/api/v1/packages/{id}"), format!("/packages/{id}")] {
                assert_eq!(world.send(who, "GET", &path, Vec::new()).status, 404);
            }
        }
    }
    // Nor does who guesses the address of a file get it, not even who made it.
    for who in ["anonymous", "beta", Maker::NAME] {
        for file in &files {
            assert_eq!(
                world.send(who, "GET", file, Vec::new()).status,
                404,
                "{who}"
            );
        }
    }
    assert!(!repository(&world).iter().any(|name| name.contains(WORD)));

    the_named_vendor_sees_what_concerns_its_modules(&world, &hash);
    it_becomes_known(&world, &held);
    assert_eq!(world.portal.get(&files[0]).status, 200);
}

/// Neither how many symbols there are nor what they do to others, and every look is noted.
fn the_named_vendor_sees_what_concerns_its_modules(world: &World, hash: &str) {
    let answers = world.crawl(Maker::NAME);
    let symbols = world
        .portal
        .json(&format!("/api/v1/kernels/{}", world.secret))["symbols"]
        .as_u64()
        .unwrap();
    let count = symbols.to_string();
    let grouped = format!(
        "{},{}",
        &count[..count.len() - 3],
        &count[count.len() - 3..]
    );
    let mut routes = BTreeSet::new();
    for (question, (_, body)) in &answers {
        assert!(
            !body.contains(NEW_SYMBOL) && !body.contains(hash),
            "{question}"
        );
        let mut words = question.split(' ');
        let (pattern, method) = (words.next().unwrap(), words.next().unwrap());
        let asks_for_it = question.contains("SECRET") && method == "GET";
        if body.contains(WORD) && pattern != "/repos/{product}/{file}" {
            routes.insert(format!("{method} {pattern}"));
        }
        if asks_for_it && pattern.contains("/kernels/") && !pattern.ends_with("accesses") {
            assert!(
                body.contains("mill001-kmp") || !pattern.ends_with("impact"),
                "{body}"
            );
            for other in [&count, &grouped, "acme-core", "beta-usb"] {
                assert!(!body.contains(other), "{other} at {question}: {body:.3000}");
            }
        }
    }
    assert!(routes.contains("GET /api/v1/kernels"), "{routes:?}");
    assert!(routes.contains("GET /kernels/{id}"), "{routes:?}");
    assert!(routes.contains("GET /"), "{routes:?}");

    let path = format!("/api/v1/kernels/{}/accesses", world.secret);
    let accesses = world.portal.json(&path);
    let noted: BTreeSet<String> = accesses["accesses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|access| {
            assert_eq!(access["vendor"], Maker::NAME, "{access}");
            access["route"].as_str().unwrap().to_owned()
        })
        .collect();
    // Held packages name the kernel they were built for, which is their vendor's own word.
    let own = ["GET /api/v1/packages", "GET /packages"].map(str::to_owned);
    let unnoted: Vec<_> = routes
        .difference(&noted)
        .filter(|r| !own.contains(*r))
        .collect();
    assert!(unnoted.is_empty(), "{unnoted:?} of {noted:?}");
    let page = Ask::get(world.portal.url(&format!("/kernels/{}", world.secret)));
    let page = page
        .token(world.portal.token(DISTRIBUTOR))
        .send()
        .expect(200)
        .text();
    assert!(
        page.contains("Who looked") && page.contains("GET /api/v1/kernels/{id}"),
        "{page}"
    );
}

/// First to one more vendor, then to everybody, by the clock.
fn it_becomes_known(world: &World, held: &[String]) {
    let id = &world.secret;
    let text = world
        .portal
        .server
        .admin(&["kernel", "audience", id, "--add", "acme"]);
    assert!(text.contains("vendors=acme,mill"), "{text}");
    let acme = &fixtures().keys["acme"].email;
    world.until_told(&["mill@mill.example", acme]);
    world
        .change(&json!({ "add_vendors": ["nobody"] }))
        .problem(404);
    world
        .change(&json!({ "release_date": "soon" }))
        .problem(400);

    let soon = OffsetDateTime::from_unix_timestamp(i64::try_from(now()).unwrap() + 2).unwrap();
    let soon = soon.to_offset(UtcOffset::from_hms(-5, 0, 0).unwrap());
    let answer = world.change(&json!({ "release_date": soon.format(&Rfc3339).unwrap() }));
    assert_eq!(answer.expect(200).json()["status"], "preview");
    until("it is released by itself", PATIENCE, || {
        let kernel = world.portal.get(&format!("/api/v1/kernels/{id}"));
        (kernel.status == 200 && kernel.json()["status"] == "released").then_some(())
    });
    let beta = &fixtures().keys["beta"].email;
    world.until_told(&["mill@mill.example", acme, beta]);
    until("what waited is published", PATIENCE, || {
        let package = world.portal.get(&format!("/api/v1/packages/{}", held[0]));
        (package.status == 200 && package.json()["state"] == "published").then_some(())
    });
    let listed = repository(world);
    assert!(
        listed.iter().any(|name| name.contains("mill002")),
        "{listed:?}"
    );
    assert!(
        !listed.iter().any(|name| name.contains("mill003")),
        "{listed:?}"
    );
    let answers = world.crawl("anonymous");
    let told = |pattern: &str| {
        let mut all = answers
            .iter()
            .filter(|(question, _)| question.starts_with(pattern));
        all.any(|(_, (_, body))| body.contains(WORD))
    };
    for pattern in [
        "/api/v1/kernels GET",
        "/kernels GET",
        "/api/v1/packages GET",
    ] {
        assert!(told(pattern), "{pattern}");
    }
    world.change(&json!({ "status": "preview" })).problem(409);
    world.change(&json!({ "status": "retired" })).expect(200);
    assert_eq!(world.portal.get(&format!("/kernels/{id}")).status, 200);
}

/// Names of the packages that clients are offered.
fn repository(world: &World) -> Vec<String> {
    let key = world.portal.get("/keys/repository.asc").text();
    let path = format!("/repos/{PRODUCT}/stable/{}/", kernel(Role::Base).arch);
    Repository::at(&world.portal.url(&path), &key)
        .look(now())
        .unwrap()
}
