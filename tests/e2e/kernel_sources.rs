//! Kernels registered from everything a distributor has of them: each source tells what the
//! Module.symvers of the same kernel tells.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{ModuleBuilder, RpmBuilder};
use xtask::fixtures::manifest::KernelEntry;
use xtask::kernels::Role;

use crate::harness::http::{Ask, Reply};
use crate::harness::mirror;
use crate::harness::portal::{DISTRIBUTOR, PRODUCT, Portal};
use crate::harness::{fixtures, good, kernel, run, scratch, succeed, until, words};

const WAIT: &str = "wait=90";

fn post(portal: &Portal, path: &str, body: impl Into<Vec<u8>>) -> Reply {
    Ask::new("POST", portal.url(path))
        .token(portal.token(DISTRIBUTOR))
        .body(body)
        .send()
}

fn register(portal: &Portal, more: &str, body: impl Into<Vec<u8>>) -> Reply {
    let path = format!("/api/v1/kernels?product={PRODUCT}&status=released&{WAIT}{more}");
    post(portal, &path, body)
}

/// As browsers and curl write it.
fn form(files: &[(&str, &str, &[u8])]) -> (String, Vec<u8>) {
    const BOUNDARY: &str = "--------limit";
    let mut body = Vec::new();
    for (field, file, bytes) in files {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; \
             filename=\"{file}\"\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

fn register_form(portal: &Portal, more: &str, files: &[(&str, &str, &[u8])]) -> Reply {
    let (content_type, body) = form(files);
    let path = format!("/api/v1/kernels?product={PRODUCT}&status=released&{WAIT}{more}");
    Ask::new("POST", portal.url(&path))
        .token(portal.token(DISTRIBUTOR))
        .header("content-type", &content_type)
        .body(body)
        .send()
}

/// The package that provides a kernel's real symbols and holds its symvers file.
fn rpm_of(kernel: &KernelEntry) -> &'static Path {
    let mut rpms = fixtures().kernel_rpms.iter();
    let rpm = rpms.find(|rpm| rpm.release == kernel.release);
    &rpm.unwrap_or_else(|| panic!("there is no package of {}", kernel.release))
        .path
}

/// A Debian package of the real headers of a kernel.
fn headers_deb(kernel: &KernelEntry, folder: &Path) -> PathBuf {
    let build = kernel.symvers.parent().unwrap();
    let root = folder.join("root");
    let place = root.join("usr/src").join(build.file_name().unwrap());
    fs::create_dir_all(place.join("include/generated")).unwrap();
    for file in [
        "Module.symvers",
        ".config",
        "include/generated/utsrelease.h",
    ] {
        fs::copy(build.join(file), place.join(file)).unwrap();
    }
    fs::create_dir_all(root.join("DEBIAN")).unwrap();
    let control = format!(
        "Package: linux-headers-{}\nVersion: 1\nArchitecture: amd64\nMaintainer: Nobody \
         <nobody@example.com>\nDescription: headers\n",
        kernel.release
    );
    fs::write(root.join("DEBIAN/control"), control).unwrap();
    let file = folder.join("headers.deb");
    let mut command = Command::new("dpkg-deb");
    command.args(["--root-owner-group", "-Zxz", "-b"]);
    succeed(command.args([&root, &file]));
    file
}

#[test]
fn every_kind_of_source_gives_the_same_kernel() {
    let portal = Portal::open(&[]);
    let kernel = kernel(Role::Base);
    let symvers = fs::read(&kernel.symvers).unwrap();
    let release = kernel.release.replace('+', "%2B");
    let said = format!(
        "&release={release}&arch={}&flavor={}",
        kernel.arch, kernel.flavor
    );
    let first = register(&portal, &said, symvers).expect(201).json();
    assert_eq!(first["revision"], 1);
    assert_eq!(first["unknown"], json!(["vermagic", "this_module_size"]));

    // The same kernel by its RPM, which has a symvers file, and by Debian's headers.
    let rpm = fs::read(rpm_of(kernel)).unwrap();
    let folder = scratch();
    let deb = fs::read(headers_deb(kernel, folder.path())).unwrap();
    for (what, body) in [("rpm", rpm.clone()), ("deb", deb)] {
        let again = register(&portal, "", body).expect(200).json();
        assert_eq!(again["id"], first["id"], "{what}");
        assert_eq!(again["content_hash"], first["content_hash"], "{what}");
    }
    let known = portal.json(&format!(
        "/api/v1/kernels/{}",
        first["id"].as_str().unwrap()
    ));
    let kinds: Vec<&Value> = known["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["kind"])
        .collect();
    assert_eq!(kinds, ["symvers", "rpm", "deb"]);
    // Debian's headers tell the build options, which a module confirms.
    assert!(
        known["vermagic_tail"]
            .as_str()
            .unwrap()
            .ends_with("mod_unload modversions ")
    );
    assert_eq!(known["unknown"], json!(["this_module_size"]));

    // What the caller says otherwise is refused with both words.
    let problem = register(&portal, "&release=1.2.3-amd64", rpm).problem(422);
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("`1.2.3-amd64`") && detail.contains(&kernel.release),
        "{detail}"
    );
}

#[test]
fn a_repository_by_url_gives_its_kernels() {
    let url = mirror::serve(&fixtures().client_repository);
    let portal = Portal::open(&["--fetch-allow", "127.0.0.0/8"]);
    let wanted = json!({ "url": url, "product": PRODUCT, "status": "released" });
    let done = read_repository(&portal, &wanted);
    assert_eq!(done["state"], "done", "{done}");
    let found = done["outcome"]["kernels"].as_array().unwrap();
    let releases: BTreeSet<&str> = found
        .iter()
        .map(|k| k["release"].as_str().unwrap())
        .collect();
    let base = kernel(Role::Base);
    assert!(releases.contains(base.release.as_str()), "{releases:?}");

    // Symbols and versions are those of the symvers file, which then fills in the rest.
    let said = format!(
        "&release={}&arch={}&flavor={}",
        base.release, base.arch, base.flavor
    );
    let symvers = fs::read(&base.symvers).unwrap();
    let full = register(&portal, &said, symvers).expect(200).json();
    assert_eq!(full["revision"], 1, "{full}");
    assert_eq!(full["unknown"], json!(["vermagic", "this_module_size"]));
    let kinds = full["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["kind"].as_str().unwrap());
    assert_eq!(kinds.collect::<Vec<_>>(), ["primary", "symvers"]);
}

/// The answer once the repository is read.
fn read_repository(portal: &Portal, wanted: &Value) -> Value {
    let asked = post(portal, "/api/v1/kernel-repositories", wanted.to_string());
    let asked = asked.expect(202).json();
    let path = format!(
        "/api/v1/kernel-repositories/{}",
        asked["id"].as_str().unwrap()
    );
    until("the repository is read", Duration::from_secs(90), || {
        Some(portal.json(&path)).filter(|found| found["state"] != "waiting")
    })
}

#[test]
fn an_address_inside_the_operators_network_is_not_asked() {
    let portal = Portal::open(&[]);
    for url in [
        portal.url("/"),
        format!("http://localhost:{}/", portal.server.port()),
    ] {
        let wanted = json!({ "url": url, "product": PRODUCT, "status": "released" });
        let done = read_repository(&portal, &wanted);
        assert_eq!(done["state"], "failed", "{done}");
        let error = done["outcome"]["error"].as_str().unwrap();
        assert!(error.contains("not a public address"), "{error}");
    }
    for url in ["file:///etc/passwd", "ftp://example.com/", "no address"] {
        let wanted = json!({ "url": url, "product": PRODUCT, "status": "released" });
        post(&portal, "/api/v1/kernel-repositories", wanted.to_string()).problem(400);
    }
}

const RELEASE: &str = "6.4.0-1-amd64";

/// The package with the image: two symbols and no symvers file.
fn base_rpm(layout: u32) -> Vec<u8> {
    RpmBuilder::new("kernel-amd64", "6.4.0", "1", "x86_64")
        .provides(&format!("kernel-uname-r = {RELEASE}"))
        .provides(&format!("ksym(amd64:module_layout) = {layout:x}"))
        .provides("ksym(amd64:_printk) = 2")
        .build()
}

fn extra_rpm(crc: u32) -> Vec<u8> {
    let module = ModuleBuilder::new("extra")
        .vermagic(&format!("{RELEASE} SMP preempt mod_unload modversions "))
        .exports("extra_call", crc)
        .build();
    RpmBuilder::new("kernel-amd64-extra", "6.4.0", "1", "x86_64")
        .provides(&format!("ksym(amd64:extra_call) = {crc:x}"))
        .file(
            &format!("/lib/modules/{RELEASE}/kernel/drivers/extra.ko"),
            module,
        )
        .build()
}

#[test]
fn parts_add_up_and_a_respin_is_the_next_revision() {
    let portal = Portal::open(&[]);
    // Alone, modules would break every package.
    let problem = register(&portal, "", extra_rpm(5)).problem(422);
    assert!(
        problem["detail"].as_str().unwrap().contains("image"),
        "{problem}"
    );

    let first = register(&portal, "", base_rpm(1)).expect(201).json();
    let id = first["id"].as_str().unwrap();
    assert_eq!(
        (&first["release"], &first["symbols"]),
        (&json!(RELEASE), &json!(2))
    );
    let parts = format!("/api/v1/kernels/{id}/parts?{WAIT}");
    let sum = post(&portal, &parts, extra_rpm(5)).expect(200).json();
    assert_eq!((&sum["id"], &sum["symbols"]), (&first["id"], &json!(3)));
    assert_ne!(sum["content_hash"], first["content_hash"]);
    assert_eq!(sum["vermagic_tail"], "SMP preempt mod_unload modversions ");
    assert_eq!(sum["parts"].as_array().unwrap().len(), 2);
    // The same part again, by either address, and the base package again.
    assert_eq!(post(&portal, &parts, extra_rpm(5)).expect(200).json(), sum);
    for body in [extra_rpm(5), base_rpm(1)] {
        let again = register(&portal, "", body).expect(200).json();
        assert_eq!(
            (&again["id"], &again["content_hash"]),
            (&sum["id"], &sum["content_hash"])
        );
    }
    // Another version of a symbol is refused with a list, and nothing changes.
    let problem = post(&portal, &parts, extra_rpm(6)).problem(409);
    let list = problem["contradictions"].as_array().unwrap();
    assert!(
        list[0].as_str().unwrap().contains("extra_call"),
        "{problem}"
    );
    assert_eq!(
        portal.json(&format!("/api/v1/kernels/{id}"))["content_hash"],
        sum["content_hash"]
    );

    // Built anew with another ABI, both parts in one form.
    let files: [(&str, &str, &[u8]); 3] = [
        ("file", "base.rpm", &base_rpm(9)),
        ("file", "extra.rpm", &extra_rpm(5)),
        ("severities", "severities", b"drivers/* PASS\n"),
    ];
    let respin = register_form(&portal, "", &files).expect(201).json();
    assert_eq!(
        (&respin["revision"], &respin["superseded"]),
        (&json!(2), &json!(false))
    );
    assert_eq!(respin["has_severities"], true);
    let first = portal.json(&format!("/api/v1/kernels/{id}"));
    assert_eq!(
        (&first["revision"], &first["superseded"]),
        (&json!(1), &json!(true))
    );
    let page = portal.get(&format!("/kernels/{id}")).expect(200).text();
    assert!(page.contains("Superseded by a later revision"), "{page}");
    assert!(page.contains("kernel-amd64-extra-6.4.0-1.x86_64"), "{page}");

    let patch = Ask::new("PATCH", portal.url(&format!("/api/v1/kernels/{id}")))
        .token(portal.token(DISTRIBUTOR))
        .header("content-type", "application/json")
        .body(r#"{"status": "retired"}"#);
    assert_eq!(patch.send().expect(200).json()["status"], "retired");
}

#[test]
fn a_rebuild_with_the_same_abi_mails_nobody() {
    let portal = Portal::with_base_kernel(&[]);
    for package in good(Role::Base) {
        portal.upload(package, "").expect(201);
    }
    let breaking = kernel(Role::Breaking);
    portal
        .register(PRODUCT, breaking, "released", "")
        .expect(201);
    let mails = || portal.server.mails().len();
    until("a mail is written", Duration::from_secs(60), || {
        (mails() == 1).then_some(())
    });
    // The same symbols under another release, and the same release from another source.
    let said = format!(
        "&release=9.9.9-rebuilt-amd64&arch={}&flavor={}",
        breaking.arch, breaking.flavor
    );
    let symvers = fs::read(&breaking.symvers).unwrap();
    let twin = register(&portal, &said, symvers).expect(201).json();
    let rpm = fs::read(rpm_of(breaking)).unwrap();
    register(&portal, "", rpm).expect(200);
    let impact = portal.json(&format!(
        "/api/v1/kernels/{}/impact",
        twin["id"].as_str().unwrap()
    ));
    assert_ne!(impact["packages_break"], 0, "else nothing is tested");
    portal.finish();
    assert_eq!(mails(), 1);
}

#[test]
fn hostile_sources_are_refused() {
    let portal = Portal::open(&["--max-kernel-bytes", "2000000"]);
    let said = "&release=1.2-amd64&arch=x86_64&flavor=amd64";
    let kmp = RpmBuilder::new("acme-kmp-amd64", "1", "1", "x86_64").build();
    let mut torn = base_rpm(1);
    torn.truncate(200);
    let cases: [(&[u8], u16, &str); 6] = [
        (&kmp, 422, "driver package"),
        (&torn, 422, "RPM"),
        (b"\x7fELF\x02\x01\x01", 422, "ELF"),
        (b"!<arch>\nx", 422, "Debian"),
        (b"<metadata>", 422, "XML"),
        (&[b'x'; 2_000_001], 413, "2000000"),
    ];
    for (body, status, words) in cases {
        let problem = register(&portal, said, body).problem(status);
        assert!(
            problem["detail"].as_str().unwrap().contains(words),
            "{problem}"
        );
    }
    assert_eq!(portal.json("/api/v1/kernels")["total"], 0);
    let token = portal.token("acme");
    let ask = Ask::new(
        "POST",
        portal.url(&format!(
            "/api/v1/kernels?product={PRODUCT}&status=released"
        )),
    );
    ask.token(token).body(base_rpm(1)).send().problem(403);
}

#[test]
fn the_command_line_registers_files_and_folders() {
    let portal = Portal::open(&[]);
    let server = &portal.server;
    let base = kernel(Role::Base);
    let file = rpm_of(base).to_str().unwrap();
    let common = ["--product", PRODUCT, "--status", "released"];
    let line = server.admin(&[&["kernel", "register", file], &common[..]].concat());
    assert!(
        line.contains(&format!("release={}", base.release)),
        "{line}"
    );
    // The folder of its headers is the same kernel.
    let folder: TempDir = scratch();
    headers_deb(base, folder.path());
    let root = folder.path().join("root/usr");
    let folder = root.to_str().unwrap();
    let again = server.admin(&[&["kernel", "register", folder], &common[..]].concat());
    assert!(again.contains("is_new=false"), "{again}");
    portal.finish();
    assert_eq!(portal.json("/api/v1/kernels")["total"], 1);
    let mut wrong = server.admin_command();
    wrong
        .args(["kernel", "register", "/etc/hostname"])
        .args(common);
    let output = run(&mut wrong);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        words(&output).contains("/etc/hostname"),
        "{}",
        words(&output)
    );
}
