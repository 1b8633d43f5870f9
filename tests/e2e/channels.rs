//! Promotion, timed release, withdrawal and retention, as zypper and dnf see them.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use xtask::fixtures::manifest::Package;
use xtask::kernels::Role;

use crate::harness::client::{Client, REPOSITORY};
use crate::harness::http::{Ask, Reply};
use crate::harness::portal::{DISTRIBUTOR, PRODUCT, Portal};
use crate::harness::repository::now;
use crate::harness::{driver, kernel, until};

/// A portal and two machines that follow one of its channels.
struct World {
    portal: Portal,
    channel: &'static str,
    zypper: Client,
    dnf: Client,
    /// When they looked last.
    looked: Cell<Option<Instant>>,
}

/// A client that pauses so long has ended its refresh, and is shown the next generation.
const PAUSE: Duration = Duration::from_secs(11);

impl World {
    fn open(channel: &'static str) -> World {
        let portal = Portal::with_base_kernel(&[]);
        let key = portal.get("/keys/repository.asc").text();
        let vendors =
            ["acme", "beta"].map(|it| portal.get(&format!("/keys/vendors/{it}.asc")).text());
        let keys = [key.as_str(), &vendors[0], &vendors[1]];
        let url = portal.url(&format!(
            "/repos/{PRODUCT}/{channel}/{}/",
            kernel(Role::Base).arch
        ));
        let (zypper, dnf) = (Client::trusting(&keys), Client::trusting(&keys));
        zypper.add_for_zypper(&url);
        dnf.add_for_dnf(&url);
        World {
            portal,
            channel,
            zypper,
            dnf,
            looked: Cell::default(),
        }
    }

    fn post(&self, whose: &str, path: &str, body: &Value) -> Reply {
        Ask::new("POST", self.portal.url(path))
            .token(whose)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
    }

    fn token(&self, whose: &str) -> String {
        self.portal.token(whose).to_owned()
    }

    /// Another account of a vendor or, without one, of the distributor.
    fn another(&self, vendor: Option<&str>, label: &str) -> String {
        let mut command = vec!["token", "create", "--label", label];
        match vendor {
            Some(vendor) => command.extend(["--vendor", vendor]),
            None => command.push("--distributor"),
        }
        self.portal.server.admin(&command)
    }

    /// Whether both clients, after a refresh, have a package to offer.
    #[track_caller]
    fn sees(&self, package: &Package) -> bool {
        let paused = self.looked.get().map_or(PAUSE, |it| it.elapsed());
        thread::sleep(PAUSE.saturating_sub(paused));
        self.zypper.must_zypper(&["refresh", "--force"]);
        let name = package.name.as_str();
        let search = ["search", "--match-exact", "--repo", REPOSITORY, name];
        let zypper = self.zypper.zypper(&search).status.success();
        let query = [
            "--refresh",
            "--quiet",
            "repoquery",
            "--repo",
            REPOSITORY,
            name,
        ];
        let dnf = self.dnf.must_dnf(&query).contains(name);
        self.looked.set(Some(Instant::now()));
        assert_eq!(zypper, dnf, "of {name} in {}", self.channel);
        zypper
    }

    fn package(&self, id: &str) -> Value {
        self.portal.json(&format!("/api/v1/packages/{id}"))
    }
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

#[test]
fn two_people_promote_a_package() {
    let world = World::open("stable");
    let server = &world.portal.server;
    let rules = [
        "product",
        "promotion",
        PRODUCT,
        "--entry",
        "testing",
        "--two-person",
        "true",
    ];
    server.admin(&rules);
    let package = driver("acme-core", Role::Base);
    let straight = world
        .portal
        .upload(package, &format!("product={PRODUCT}&channel=stable"));
    straight.problem(403);
    let answer = world.portal.upload(package, "").expect(201).json();
    let id = id(&answer);
    assert_eq!(answer["placements"][0]["channel"], "testing", "{answer}");
    assert!(!world.sees(package), "it is in testing only");

    let promote = format!("/api/v1/packages/{id}/promote");
    let wish = json!({ "channel": "stable", "note": "Ran for a week." });
    world
        .post(&world.token("beta"), &promote, &wish)
        .problem(403);
    let asked = world
        .post(&world.token("acme"), &promote, &wish)
        .expect(202)
        .json();
    world
        .post(&world.token("acme"), &promote, &wish)
        .problem(409);
    let decide = format!("/api/v1/promotions/{}", asked["promotion"]);
    let yes = json!({ "decision": "confirm" });
    // Neither who asked and uploaded, nor somebody else's vendor.
    world.post(&world.token("acme"), &decide, &yes).problem(403);
    world.post(&world.token("beta"), &decide, &yes).problem(404);
    assert!(!world.sees(package), "one person is not enough");
    let second = world.another(Some("acme"), "acme-release-manager");
    let decided = world.post(&second, &decide, &yes).expect(200).json();
    assert_eq!(decided["decided_by"], "acme-release-manager");
    world.post(&second, &decide, &yes).problem(409);
    world.portal.finish();
    assert!(world.sees(package), "two are");
    world.dnf.must_dnf(&["install", &package.name]);
    assert_eq!(world.dnf.query(&package.name).trim(), package.nevra);

    // Who uploaded it does not confirm it, though another asked.
    let other = driver("acme-net", Role::Base);
    let other_id = self::id(&world.portal.upload(other, "").expect(201).json());
    let promote = format!("/api/v1/packages/{other_id}/promote");
    let asked = world.post(&second, &promote, &wish).expect(202).json();
    let decide = format!("/api/v1/promotions/{}", asked["promotion"]);
    world.post(&world.token("acme"), &decide, &yes).problem(403);
    let no = json!({ "decision": "refuse", "reason": "It needs another week." });
    world.post(&world.token("acme"), &decide, &no).expect(200);
    assert!(!world.sees(other), "refused");
    let trail = world.portal.json("/api/v1/audit").to_string();
    for action in [
        "promotion.rules",
        "promotion.asked",
        "promotion.refused",
        "package.promoted",
    ] {
        assert!(trail.contains(action), "{action} in {trail}");
    }
    let events = world.package(&id)["events"].to_string();
    assert!(events.contains("By acme-release-manager."), "{events}");
}

fn moment() -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(now().cast_signed()).unwrap()
}

#[test]
fn a_package_is_shown_when_its_time_has_come() {
    let world = World::open("stable");
    let package = driver("beta-usb", Role::Base);
    let in_a_while = moment() + time::Duration::seconds(45);
    // A moment is a moment, wherever its clock stands.
    let tokyo = in_a_while.to_offset(time::UtcOffset::from_hms(9, 0, 0).unwrap());
    let since = tokyo
        .replace_nanosecond(0)
        .unwrap()
        .format(&Rfc3339)
        .unwrap();
    let query = format!("product={PRODUCT}&since={}", since.replace('+', "%2B"));
    let answer = world.portal.upload(package, &query).expect(201).json();
    assert_eq!(answer["state"], "accepted", "{answer}");
    let placement = &answer["placements"][0];
    assert!(placement["since"].is_string(), "{answer}");
    assert_eq!(placement["is_offered"], false);
    assert!(!world.sees(package), "not yet");
    let id = id(&answer);
    until("its time has come", Duration::from_secs(90), || {
        (world.package(&id)["state"] == "published").then_some(())
    });
    assert!(moment() >= in_a_while - time::Duration::seconds(1));
    world.portal.finish();
    assert!(world.sees(package));
    assert_eq!(world.package(&id)["placements"][0]["since"], Value::Null);
}

#[test]
fn a_withdrawn_package_is_hidden_and_its_file_stays() {
    let world = World::open("stable");
    let package = driver("beta-usb", Role::Base);
    let id = id(&world.portal.upload(package, "").expect(201).json());
    assert!(world.sees(package));
    let url = format!("/api/v1/packages/{id}/withdraw");
    let why = json!({ "reason": "Loses packets; 1.1 mends it." });
    world
        .post(&world.token("beta"), &url, &json!({ "reason": " " }))
        .problem(422);
    world.post(&world.token("acme"), &url, &why).problem(403);
    let answer = world
        .post(&world.token("beta"), &url, &why)
        .expect(200)
        .json();
    assert_eq!(answer["state"], "withdrawn");
    assert_eq!(
        answer["withdrawn"]["reason"],
        "Loses packets; 1.1 mends it."
    );
    world.portal.finish();
    assert!(!world.sees(package), "the solver finds it no more");
    let location = answer["location"].as_str().unwrap();
    let arch = &kernel(Role::Base).arch;
    let file = format!("/repos/{PRODUCT}/stable/{arch}/{location}");
    let bytes = world.portal.get(&file).expect(200).body;
    assert_eq!(
        bytes,
        std::fs::read(&package.path).unwrap(),
        "for those who name it"
    );
    for page in [format!("/packages/{id}"), format!("/repos/{PRODUCT}")] {
        let page = world.portal.get(&page).expect(200).text();
        assert!(page.contains("Loses packets; 1.1 mends it."), "{page}");
    }
    // Its name is not given to anything else.
    world.portal.upload(package, "").expect(200);
    world.portal.finish();
    assert!(!world.sees(package), "the same bytes again change nothing");
}

#[test]
fn a_package_leaves_one_channel_and_stays_in_another() {
    let world = World::open("stable");
    let (portal, arch) = (&world.portal, &kernel(Role::Base).arch);
    let package = driver("beta-usb", Role::Base);
    let to = |channel: &str| format!("product={PRODUCT}&channel={channel}");
    let id = id(&portal.upload(package, &to("testing")).expect(201).json());
    let withdraw = format!("/api/v1/packages/{id}/withdraw");
    let why = json!({ "channel": "stable", "reason": "Loses packets at 10 Gbit/s." });
    let beta = world.token("beta");
    world.post(&beta, &withdraw, &why).problem(409);
    portal.upload(package, &to("stable")).expect(200);
    assert!(world.sees(package));
    let tester = Client::trusting(&[
        &portal.get("/keys/repository.asc").text(),
        &portal.get("/keys/vendors/beta.asc").text(),
    ]);
    let testing = format!("/repos/{PRODUCT}/testing/{arch}");
    tester.add_for_zypper(&portal.url(&format!("{testing}/")));

    world
        .post(&world.token("acme"), &withdraw, &why)
        .problem(403);
    let elsewhere = json!({ "channel": "beta", "reason": "x" });
    world.post(&beta, &withdraw, &elsewhere).problem(409);
    let answer = world.post(&beta, &withdraw, &why).expect(200).json();
    assert_eq!(answer["state"], "published");
    assert_eq!(answer["taken_out"][0]["channel"], "stable", "{answer}");
    portal.finish();
    assert!(!world.sees(package), "stable lists it no more");
    tester.must_zypper(&["refresh", "--force"]);
    tester.must_zypper(&["install", &package.name]);
    assert_eq!(tester.query(&package.name).trim(), package.nevra);
    let location = answer["location"].as_str().unwrap();
    let file = portal.get(&format!("/repos/{PRODUCT}/stable/{arch}/{location}"));
    assert_eq!(file.expect(200).body, std::fs::read(&package.path).unwrap());
    for page in [format!("/packages/{id}"), format!("/repos/{PRODUCT}")] {
        let page = portal.get(&page).expect(200).text();
        assert!(page.contains("Loses packets at 10 Gbit/s."), "{page}");
    }
    // The last channel is left by withdrawal only.
    let last = json!({ "channel": "testing", "reason": "x" });
    let refused = world.post(&beta, &withdraw, &last).problem(409);
    assert!(
        refused.to_string().contains("Withdraw it instead"),
        "{refused}"
    );
    // A build server that sends it again does not bring it back; a promotion does.
    let refused = portal.upload(package, &to("stable")).problem(409);
    assert!(refused.to_string().contains("Loses packets"), "{refused}");
    assert!(!world.sees(package));
    let promote = format!("/api/v1/packages/{id}/promote");
    world
        .post(&beta, &promote, &json!({ "channel": "stable" }))
        .expect(200);
    portal.finish();
    assert!(world.sees(package));
    assert_eq!(world.package(&id)["taken_out"], json!([]));
}

#[test]
fn a_build_stays_for_as_long_as_a_kernel_it_fits_is_supported() {
    let world = World::open("stable");
    let package = driver("beta-usb", Role::Base);
    let id = id(&world.portal.upload(package, "").expect(201).json());
    assert!(world.sees(package));
    let kernels = world
        .portal
        .json(&format!("/api/v1/kernels?product={PRODUCT}"));
    let kernel_id = kernels["kernels"][0]["id"].as_str().unwrap();
    let become_ = |status: &str| {
        Ask::new(
            "PATCH",
            world.portal.url(&format!("/api/v1/kernels/{kernel_id}")),
        )
        .token(world.portal.token(DISTRIBUTOR))
        .header("content-type", "application/json")
        .body(json!({ "status": status }).to_string())
        .send()
        .expect(200);
        world.portal.finish();
    };
    become_("retired");
    assert!(!world.sees(package), "no supported kernel takes it");
    let answer = world.package(&id);
    assert_eq!(answer["state"], "published", "nobody took it back");
    assert_eq!(answer["placements"][0]["is_offered"], false);
    let page = world.portal.get(&format!("/packages/{id}")).text();
    assert!(page.contains("it loads on no kernel of the product that is supported"));
    become_("released");
    assert!(world.sees(package), "supported again");
}

#[test]
fn a_retired_key_lets_nothing_in_any_more() {
    let world = World::open("stable");
    let package = driver("beta-usb", Role::Base);
    world.portal.upload(package, "").expect(201);
    let fingerprint = &crate::harness::fixtures().keys["beta"].fingerprint;
    let server = &world.portal.server;
    let retire = [
        "vendor-key",
        "retire",
        "beta",
        fingerprint,
        "--reason",
        "A laptop was lost.",
    ];
    server.admin(&retire);
    let other = driver("beta-usb", Role::Breaking);
    let refused = world
        .portal
        .upload(other, &format!("product={PRODUCT}"))
        .problem(422);
    assert_eq!(refused["findings"][0]["check"], "signature", "{refused}");
    let keys = world.portal.get("/keys").expect(200).text();
    assert!(keys.contains("A laptop was lost."), "{keys}");
    assert!(world.sees(package), "what it signed stays");
    let again = world
        .portal
        .server
        .admin_command()
        .args(retire)
        .output()
        .unwrap();
    assert!(!again.status.success(), "retired once");
    let by_vendor = Ask::new(
        "DELETE",
        world
            .portal
            .url(&format!("/api/v1/vendors/beta/keys/{fingerprint}")),
    );
    by_vendor
        .token(world.portal.token("beta"))
        .header("content-type", "application/json")
        .body(r#"{"reason": "x"}"#)
        .send()
        .problem(403);
}
