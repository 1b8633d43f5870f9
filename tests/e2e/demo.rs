//! `cargo xtask demo --check`, as a newcomer would run it.

use std::process::Command;

use crate::harness::{free_port, given, run, scratch, words};

#[test]
fn the_demo_finds_everything_in_order() {
    let folder = scratch();
    let mut demo = Command::new(given("KMP_PORTAL_XTASK"));
    demo.args([
        "demo",
        "--check",
        "--listen",
        &format!("127.0.0.1:{}", free_port()),
    ]);
    demo.arg("--program").arg(given("KMP_PORTAL_PROGRAM"));
    demo.arg("--data").arg(folder.path().join("data"));
    let output = run(&mut demo);
    let text = words(&output);
    assert!(output.status.success(), "{}\n{text}", output.status);
    assert!(text.contains("stations as promised"), "{text}");
    assert!(!text.contains("WRONG"), "{text}");
}
