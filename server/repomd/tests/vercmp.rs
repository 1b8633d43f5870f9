//! `vercmp` against rpm's own, which its Lua interpreter offers.

use std::fmt::Write as _;
use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use repomd::vercmp;

/// What rpm says of each pair of versions, which must not be empty.
fn rpm(pairs: &[(String, String)]) -> Vec<i32> {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("compare.lua");
    let answers = folder.path().join("answers");
    // Not `print`: rpm 4.18 corrupts its memory when a script prints much.
    let mut text = format!("local out = io.open('{}', 'w')\n", answers.display());
    for (left, right) in pairs {
        writeln!(text, "out:write(rpm.vercmp('{left}', '{right}'), '\\n')").unwrap();
    }
    text.push_str("out:close()\n");
    std::fs::write(&script, text).unwrap();
    let output = Command::new("rpm")
        .args([
            "--eval",
            &format!("%{{lua:dofile('{}')}}", script.display()),
        ])
        .output()
        .expect("rpm is needed to compare with: apt-get install rpm");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let answers = std::fs::read_to_string(answers).unwrap();
    answers.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn orders_random_versions_as_rpm_does() {
    let mut runner = TestRunner::default();
    let version = "[0-2ab.~^+_]{1,7}";
    let mut pair = || (version, version).new_tree(&mut runner).unwrap().current();
    let pairs: Vec<(String, String)> = (0..5000).map(|_| pair()).collect();
    let answers = rpm(&pairs);
    assert_eq!(answers.len(), pairs.len());
    for ((left, right), answer) in pairs.iter().zip(answers) {
        assert_eq!(
            vercmp(left, right) as i32,
            answer,
            "{left:?} against {right:?}"
        );
    }
}
