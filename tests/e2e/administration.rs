//! `kmp-portal admin …`, as scripts use it.

use std::fs::File;

use serde_json::Value;

use crate::harness::http::Ask;
use crate::harness::portal::{DISTRIBUTOR, PRODUCT, Portal};
use crate::harness::server::Server;
use crate::harness::{fixtures, run, words};

fn list(server: &Server, what: &str) -> Value {
    serde_json::from_str(&server.admin(&["--json", "list", what])).unwrap()
}

#[test]
fn every_command_can_be_repeated() {
    let portal = Portal::open(&[]);
    let server = &portal.server;
    let key = fixtures().keys["acme"].public.to_str().unwrap();
    let commands: [&[&str]; 4] = [
        &[
            "product", "add", "sle", "--family", "suse", "--arch", "x86_64", "--flavor", "default",
        ],
        &[
            "vendor",
            "add",
            "acme",
            "--display-name",
            "Acme",
            "--email",
            "new@acme.example",
        ],
        &["vendor-key", "add", "acme", key],
        &["user", "add", "carol", "--vendor", "acme"],
    ];
    let all = || ["products", "vendors", "vendor-keys", "users"].map(|what| list(server, what));
    for command in commands {
        server.admin(command);
    }
    let once = all();
    for command in commands {
        server.admin(command);
    }
    assert_eq!(all(), once);
    let vendors = once[1].as_array().unwrap();
    let acme = vendors
        .iter()
        .find(|vendor| vendor["name"] == "acme")
        .unwrap();
    assert_eq!(acme["email"], "new@acme.example", "said anew is changed");
    let names: Vec<&Value> = once[0]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["name"])
        .collect();
    assert_eq!(names, [PRODUCT, "sle"]);
    let keys = once[2].to_string();
    assert!(
        keys.contains(&fixtures().keys["acme"].fingerprint),
        "{keys}"
    );
}

#[test]
fn tokens_come_alone_and_open_doors() {
    let portal = Portal::open(&[]);
    let server = &portal.server;
    let output = run(server
        .admin_command()
        .args(["token", "create", "--distributor"]));
    let text = String::from_utf8(output.stdout).unwrap();
    let token = text.trim_end();
    assert!(
        !token.contains(char::is_whitespace) && text.ends_with('\n'),
        "{text:?}"
    );
    let kernels = |token: &str| {
        let path = format!("/api/v1/kernels?product={PRODUCT}&flavor=amd64&arch=x86_64&release=x");
        Ask::new("POST", portal.url(&path))
            .token(token)
            .body("x")
            .send()
    };
    // Understood: only the missing parameter is amiss.
    kernels(token).problem(400);
    kernels(&token[..token.len() - 1]).problem(401);
    let tokens = list(server, "tokens").to_string();
    for secret in [token, portal.token("acme"), portal.token(DISTRIBUTOR)] {
        assert!(
            !tokens.contains(secret),
            "a list shows no secrets: {tokens}"
        );
    }
    let json = server.admin(&[
        "--json",
        "token",
        "create",
        "--vendor",
        "acme",
        "--expires",
        "7",
    ]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["token"].is_string(), "{json}");

    let lost = server.admin(&["token", "create", "--distributor", "--label", "laptop"]);
    kernels(lost.trim()).problem(400);
    server.admin(&["token", "revoke", "laptop"]);
    kernels(lost.trim()).problem(401);
    kernels(token).problem(400);
}

#[test]
fn mistakes_are_explained() {
    let portal = Portal::open(&[]);
    let acmes = fixtures().keys["acme"].public.to_str().unwrap();
    let table: [(&[&str], &str); 5] = [
        (&["token", "create", "--vendor", "nobody"], "nobody"),
        (&["vendor-key", "add", "beta", acmes], "another vendor"),
        (&["vendor-key", "add", "acme", "/etc/passwd"], "key"),
        (
            &["vendor", "add", "Ac me", "--email", "a@b.example"],
            "lower-case",
        ),
        (
            &[
                "product", "add", "x", "--family", "debian", "--arch", "x86_64",
            ],
            "suse",
        ),
    ];
    for (command, word) in table {
        let output = run(portal.server.admin_command().args(command));
        let text = words(&output);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {text}");
        assert!(text.contains(word), "{command:?}: {text}");
        assert!(!text.contains("panicked"), "{command:?}: {text}");
    }
}

#[test]
fn who_guesses_passwords_has_to_wait() {
    let server = Server::start(&["--trusted-proxies", "127.0.0.0/8"]);
    let password = server.admin(&["user", "add", "dist", "--distributor"]);
    let login = |address: &str, password: &str| {
        Ask::new("POST", format!("{}/login", server.api.base()))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-forwarded-for", address)
            .body(format!("name=dist&password={}", password.trim()))
            .send()
    };
    let refused = (0..30)
        .map(|_| login("192.0.2.1", "guess"))
        .find(|reply| reply.status != 401)
        .expect("thirty guesses are too many");
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // The one whose name it is gets in from elsewhere.
    assert_eq!(login("192.0.2.2", &password).status, 303);
}

#[test]
fn the_portal_ends_in_order() {
    let server = Server::start(&[]);
    // The folder is removed with the portal, but what is open can be read.
    let log = File::open(server.log()).unwrap();
    let status = server.stop();
    let text = std::io::read_to_string(log).unwrap();
    assert!(status.success(), "{status}: {text}");
    assert!(text.contains("stopping"), "{text}");
}
