//! `kmp-portal inspect`, run as it is: exit codes, and what each format says.

use keyring::{KeyAlgorithm, SigningKey};
use quick_xml::events::Event;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Output};
use tempfile::TempDir;
use testkit::{ModuleBuilder, RpmBuilder};

/// `uname -r` of the kernel everything is built for.
const RELEASE: &str = "6.4.0-150600.21-default";
/// Seconds since 1970 when keys and signatures are made.
const SIGNED: u64 = 1_700_000_000;
/// Where rpm keeps a signature by such a key.
const TAG_OF_ED25519: u32 = 267;
const VERSION_OF_PRINTK: u32 = 0x9299_7ed8;

fn module() -> ModuleBuilder {
    ModuleBuilder::new("acme_net")
        .vermagic(&format!("{RELEASE} SMP preempt mod_unload modversions "))
        .imports("_printk", VERSION_OF_PRINTK)
        .imports_weak("acme_maybe")
        .exports_gpl_in_namespace("acme_send", 0x1a, "ACME")
        .alias("pci:v00001234d00005678sv*sd*bc*sc*i*")
        .modinfo("supported", "external")
        .modinfo("import_ns", "CRYPTO_INTERNAL")
}

fn package() -> RpmBuilder {
    RpmBuilder::new(
        "acme-net-kmp-default",
        "1.0_k6.4.0_150600.21",
        "1.1",
        "x86_64",
    )
    .kmp()
    .vendor("Acme")
    .requires("ksym(default:_printk) = 92997ed8")
    .requires("ksym(default:module_layout) = fa596f96")
    .provides("ksym(default:acme_send) = 1a")
    .supplements("modalias(kernel-default:pci:v00001234d00005678sv*sd*bc*sc*i*)")
    .file(
        &format!("/lib/modules/{RELEASE}/updates/acme_net.ko"),
        module().build(),
    )
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// A folder with one file of each kind.
struct Files(TempDir);

impl Files {
    fn new() -> Files {
        let files = Files(tempfile::tempdir().unwrap());
        let module = module().build();
        files.write("acme_net.ko", &module);
        files.write("packed.bin", &gzip(&module));
        files.write("cut.ko", &module[..module.len() / 2]);
        let package = package().build();
        files.write("good.rpm", &package);
        files.write("renamed.txt", &package);
        files.write("cut.rpm", &package[..package.len() - 20]);
        files.write("text.ko", b"this is no module\n");
        files.write("empty.rpm", b"");
        std::fs::create_dir(files.0.path().join("folder")).unwrap();
        files
    }

    /// The same package, signed; and the public half of a key.
    fn signed_by(self, key: &SigningKey) -> Files {
        let signer = key.clone();
        let package = package()
            .header_signature(TAG_OF_ED25519, move |header| {
                signer.sign_packet(header, SIGNED).unwrap()
            })
            .build();
        self.write("signed.rpm", &package);
        self.write("key.asc", key.certificate().to_armored().as_bytes());
        let other = SigningKey::generate("Other <o@example.com>", KeyAlgorithm::Ed25519, SIGNED);
        let other = other.unwrap().certificate().to_armored();
        self.write("other.asc", other.as_bytes());
        self
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.path().join(name), bytes).unwrap();
    }

    fn inspect(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_kmp-portal"))
            .arg("inspect")
            .args(arguments)
            .current_dir(self.0.path())
            .env("RUST_LOG", "warn")
            .output()
            .unwrap()
    }

    /// What each line says.
    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.inspect(&[&["--format", "json"], arguments].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[test]
fn the_exit_code_tells_clean_from_rejected_from_trouble() {
    let files = Files::new();
    let cases: [(&[&str], i32); 16] = [
        (&["acme_net.ko"], 0),
        (&["good.rpm"], 0),
        (&["renamed.txt"], 0),
        (&["good.rpm", "acme_net.ko"], 0),
        (&["packed.bin"], 0),
        (&["cut.ko"], 1),
        (&["cut.rpm"], 1),
        (&["text.ko"], 1),
        (&["empty.rpm"], 1),
        (&["good.rpm", "cut.ko"], 1),
        (&["missing.ko"], 2),
        (&["missing.ko", "cut.ko", "good.rpm"], 2),
        (&["folder"], 2),
        (&[], 2),
        (&["--format", "yaml", "good.rpm"], 2),
        (&["--certificate", "text.ko", "good.rpm"], 2),
    ];
    for (arguments, expected) in cases {
        for format in ["text", "json", "sarif", "junit"] {
            let chosen = ["--format", format];
            let all = match arguments.contains(&"--format") {
                true => arguments.to_vec(),
                false => [&chosen, arguments].concat(),
            };
            let output = files.inspect(&all);
            assert_eq!(output.status.code(), Some(expected), "{all:?}: {output:?}");
        }
    }
}

#[test]
fn a_module_is_one_object_with_these_keys() {
    let files = Files::new();
    let expected = |file: &str| {
        json!({
            "file": file,
            "name": "acme_net",
            "vermagic": "6.4.0-150600.21-default SMP preempt mod_unload modversions ",
            "license": ["GPL"],
            "depends": [],
            "aliases": ["pci:v00001234d00005678sv*sd*bc*sc*i*"],
            "imports": [
                {"symbol": "_printk", "crc": "0x92997ed8", "weak": false},
                {"symbol": "acme_maybe", "crc": null, "weak": true},
                {"symbol": "module_layout", "crc": "0xfa596f96", "weak": false},
            ],
            "exports": [
                {"symbol": "acme_send", "crc": "0x0000001a", "gpl": true, "namespace": "ACME"},
            ],
            "namespaces": ["CRYPTO_INTERNAL"],
            "versions": "basic",
            "this_module_size": 896,
            "signature": null,
        })
    };
    let lines = files.json(&["acme_net.ko", "packed.bin"]);
    assert_eq!(lines, [expected("acme_net.ko"), expected("packed.bin")]);

    let lines = files.json(&["good.rpm"]);
    let [package] = &lines[..] else {
        panic!("one line: {lines:?}")
    };
    assert_eq!(
        package["nevra"],
        "acme-net-kmp-default-1.0_k6.4.0_150600.21-1.1.x86_64"
    );
    let path = format!("/lib/modules/{RELEASE}/updates/acme_net.ko");
    assert_eq!(package["modules"], json!([expected(&path)]));
    assert_eq!(package["signatures"], json!([]));
    assert_eq!(package["decision"], "accept");
}

#[test]
fn every_file_has_its_line_whatever_becomes_of_it() {
    let files = Files::new();
    let lines = files.json(&["missing.ko", "cut.rpm", "text.ko", "good.rpm", "cut.ko"]);
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["file"].as_str().unwrap(),
                line["findings"][0]["check"].as_str(),
            )
        })
        .collect();
    let expected = [
        ("missing.ko", None),
        ("cut.rpm", Some("not-a-package")),
        ("text.ko", Some("unknown-file")),
        ("good.rpm", Some("signature")),
        ("cut.ko", Some("unreadable-module")),
    ];
    assert_eq!(told, expected);
    assert!(
        lines[0].get("decision").is_none(),
        "nothing is known of it: {}",
        lines[0]
    );
}

#[test]
fn signatures_are_judged_by_the_given_certificates_only() {
    let key = SigningKey::generate("Acme <a@example.com>", KeyAlgorithm::Ed25519, SIGNED).unwrap();
    let files = Files::new().signed_by(&key);
    // File, certificates; state of the first signature, severity of the finding about signatures.
    let cases: [(&[&str], Value, Option<&str>); 6] = [
        (&["signed.rpm"], Value::Null, None),
        (&["good.rpm"], Value::Null, Some("warning")),
        (
            &["signed.rpm", "--certificate", "key.asc"],
            json!("good"),
            None,
        ),
        (
            &["signed.rpm", "--certificate", "other.asc"],
            json!("unknown-key"),
            Some("reject"),
        ),
        (
            &["good.rpm", "--certificate", "key.asc"],
            Value::Null,
            Some("reject"),
        ),
        (
            &[
                "signed.rpm",
                "--certificate",
                "other.asc",
                "--certificate",
                "key.asc",
            ],
            json!("good"),
            None,
        ),
    ];
    for (arguments, state, severity) in cases {
        let line = files.json(arguments).remove(0);
        assert_eq!(
            line["signatures"][0]["verdict"]["state"], state,
            "{arguments:?}"
        );
        let findings = line["findings"].as_array().unwrap();
        let about = findings
            .iter()
            .find(|finding| finding["check"] == "signature");
        let found = about.and_then(|finding| finding["severity"].as_str());
        assert_eq!(found, severity, "{arguments:?}");
        let code = files.inspect(arguments).status.code();
        assert_eq!(
            code,
            Some(i32::from(severity == Some("reject"))),
            "{arguments:?}"
        );
    }
}

#[test]
fn the_policy_chooses_the_checks() {
    let files = Files::new();
    let holds = |policy, check: &str| {
        let output = files.inspect(&["--policy", policy, "--format", "junit", "good.rpm"]);
        let text = String::from_utf8(output.stdout).unwrap();
        text.contains(&format!(r#" name="{check}""#))
    };
    for (check, of_suse, of_redhat) in [
        ("supplement-without-alias", true, false),
        ("driver-disk", false, true),
        ("signature", true, true),
    ] {
        let found = (holds("suse", check), holds("redhat", check));
        assert_eq!(found, (of_suse, of_redhat), "{check}");
    }
}

#[test]
fn a_policy_comes_from_a_file() {
    let files = Files::new();
    files.write("off.toml", b"[severities]\nmultiversion = 'off'\n");
    files.write("redhat.json", br#"{"family": "redhat"}"#);
    files.write("boot.toml", b"secure_boot = true\n");
    files.write("wrong.toml", b"[severities]\nmulti-version = 'off'\n");
    let ids = |policy: &str| {
        let output = files.inspect(&["--policy", policy, "--format", "junit", "good.rpm"]);
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, text) = ids("off.toml");
    assert!(
        code == Some(0) && !text.contains(r#" name="multiversion""#),
        "{text}"
    );
    assert!(ids("redhat.json").1.contains(r#" name="driver-disk""#));
    assert_eq!(ids("boot.toml").0, Some(1), "its module is not signed");
    for (policy, says) in [
        ("wrong.toml", "the nearest are `multiversion`"),
        ("suze", "`suse`, `redhat` or a file"),
    ] {
        let output = files.inspect(&["--policy", policy, "good.rpm"]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{policy}");
        assert!(told.contains(says), "{told}");
    }
}

#[test]
fn the_kit_must_bring_certificates() {
    let files = Files::new();
    let output = files.inspect(&["--kit", "good.rpm", "good.rpm"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("holds no file in /etc/uefi/certs"), "{told}");
}

#[test]
fn text_puts_the_fix_under_each_finding_and_is_plain_in_a_pipe() {
    let files = Files::new();
    let output = files.inspect(&["--progress", "good.rpm", "cut.ko"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "",
        "no bar without a terminal"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("good.rpm: in order\n  package     acme-net-kmp-default-1.0"));
    assert!(text.contains("\ncut.ko: rejected\n  reject      A module cannot be read"));
    assert!(!text.contains('\x1b'));
    let count = |wanted: &str| text.matches(wanted).count();
    let findings = count("\n  reject ") + count("\n  warning ") + count("\n  note ");
    assert!(findings > 1);
    assert_eq!(count("              Fix: "), findings, "{text}");
}

#[test]
fn sarif_results_refer_to_rules_with_help() {
    let files = Files::new();
    let arguments = [
        "--format",
        "sarif",
        "good.rpm",
        "cut.ko",
        "text.ko",
        "cut.rpm",
        "missing.ko",
    ];
    let log: Value = serde_json::from_slice(&files.inspect(&arguments).stdout).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    for result in results {
        let rule = rules.iter().find(|rule| rule["id"] == result["ruleId"]);
        let help = &rule.unwrap_or_else(|| panic!("no rule: {result}"))["help"]["text"];
        assert!(!help.as_str().unwrap().is_empty());
    }
    let errors: Vec<_> = results
        .iter()
        .filter(|result| result["level"] == "error")
        .map(|result| &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        .collect();
    assert_eq!(errors, ["cut.ko", "text.ko", "cut.rpm"]);
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let trouble = &run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"];
    assert!(
        trouble.as_str().unwrap().starts_with("missing.ko: "),
        "{trouble}"
    );
}

#[test]
fn junit_has_a_suite_for_each_file_and_a_case_for_each_check() {
    let files = Files::new();
    files.write("<&\">.ko", b"neither");
    let arguments = [
        "--format",
        "junit",
        "good.rpm",
        "acme_net.ko",
        "<&\">.ko",
        "missing.ko",
    ];
    let xml = String::from_utf8(files.inspect(&arguments).stdout).unwrap();
    let of_suse = |check: &&&inspect::Check| check.scope.covers(inspect::Family::Suse);
    let checks = inspect::CHECKS.iter().filter(of_suse).count();
    let expected = [
        ("good.rpm".to_owned(), checks, 0, 0),
        ("acme_net.ko".to_owned(), 2, 0, 0),
        ("<&\">.ko".to_owned(), 1, 1, 0),
        ("missing.ko".to_owned(), 1, 0, 1),
    ];
    assert_eq!(suites(&xml), expected, "{xml}");
}

/// Name of each suite, and how many cases, failures and errors it really holds. The numbers it
/// gives itself must be the same.
fn suites(xml: &str) -> Vec<(String, usize, usize, usize)> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut suites: Vec<(String, usize, usize, usize)> = Vec::new();
    let mut claims = Vec::new();
    loop {
        let element = match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(element) | Event::Empty(element) => element,
            _ => continue,
        };
        let attribute = |name: &str| {
            let attribute = element.try_get_attribute(name).unwrap().unwrap();
            attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .unwrap()
                .into_owned()
        };
        match element.name().as_ref() {
            "testsuite" => {
                suites.push((attribute("name"), 0, 0, 0));
                let number = |name| attribute(name).parse::<usize>().unwrap();
                claims.push((number("tests"), number("failures"), number("errors")));
            }
            "testcase" => suites.last_mut().unwrap().1 += 1,
            "failure" => suites.last_mut().unwrap().2 += 1,
            "error" => suites.last_mut().unwrap().3 += 1,
            _ => {}
        }
    }
    let counted: Vec<_> = suites
        .iter()
        .map(|suite| (suite.1, suite.2, suite.3))
        .collect();
    assert_eq!(counted, claims);
    suites
}
