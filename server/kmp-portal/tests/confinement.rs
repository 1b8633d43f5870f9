//! `kmp-portal inspect-upload`, run as the portal runs it: what it may still do when it reads the
//! first byte of a package.

use serde_json::{Value, json};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output, Stdio};
use testkit::RpmBuilder;

const MEMORY: u64 = 64 << 20;

/// Asks a new process for some work.
fn ask(parent: u32, memory: u64, work: &Value) -> Output {
    let bounds = json!({
        "memory": memory,
        "cpu": {"secs": 10, "nanos": 0},
        "wall": {"secs": 60, "nanos": 0},
        "answer": 1 << 20,
    });
    let mut child = Command::new(env!("CARGO_BIN_EXE_kmp-portal"))
        .arg("inspect-upload")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let request = json!({"parent": parent, "bounds": bounds, "work": work}).to_string();
    let mut input = child.stdin.take().unwrap();
    input.write_all(request.as_bytes()).unwrap();
    drop(input);
    child.wait_with_output().unwrap()
}

fn answer(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn it_can_do_what_the_kernel_does_not_offer_to_forbid_and_nothing_else() {
    let reply = answer(&ask(std::process::id(), MEMORY, &json!("try_walls")));
    let walls = &reply["walls"];
    let holds = |protection: &str| walls["protections"][protection] == "full";
    let (landlock, seccomp) = (holds("landlock"), holds("seccomp"));
    let possible: Vec<&str> = walls["still_possible"]
        .as_array()
        .unwrap()
        .iter()
        .map(|deed| deed.as_str().unwrap())
        .collect();
    // Memory is bounded on every system.
    let mut expected = vec!["open_file", "make_file", "use_network", "start_program"];
    if landlock {
        expected.retain(|deed| *deed == "use_network");
    }
    if seccomp {
        expected.clear();
    }
    assert_eq!(possible, expected, "{walls}");
}

#[test]
fn it_works_for_nobody_but_its_parent() {
    let stranger = std::process::id() + 1;
    let output = ask(stranger, MEMORY, &json!("try_walls"));
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("nobody waits"), "{words}");
}

#[test]
fn a_package_that_takes_more_memory_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.rpm");
    let noise: Vec<u8> = (0..40_u32 << 20)
        .map(|at| (at.wrapping_mul(at) >> 11) as u8)
        .collect();
    let package = RpmBuilder::new("a-kmp-default", "1", "1", "x86_64")
        .compressor("none")
        .file("/lib/modules/6.4.0-default/updates/a.ko", noise)
        .build();
    std::fs::write(&path, package).unwrap();
    let task = json!({
        "limits": kmp::Limits::default(),
        "policies": [inspect::Policy::for_family(inspect::Family::Suse)],
        "own_keys": [],
        "other_keys": [],
        "now": 1_700_000_000,
    });
    let work = json!({"inspect": [path, task]});
    let reply = answer(&ask(std::process::id(), 4 * MEMORY, &work));
    assert_eq!(reply["inspected"]["read"]["facts"]["name"], "a-kmp-default");

    let died = ask(std::process::id(), 8 << 20, &work);
    let words = String::from_utf8_lossy(&died.stderr);
    assert!(died.status.signal().is_some(), "{words}");
    assert!(words.contains("memory allocation of"), "{words}");
}
