//! The index on everything that the modules of real kernels list: beside the C library's `fnmatch`,
//! which tries every pattern on every device, and beside libkmod, which looks modules up as
//! `modprobe -R` does. Both are small C programs, compiled when the test runs.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use modalias::Index;
use support::{Random, depmod, device, listed_in, varied};

/// Patterns besides the kernel's own.
const RANDOM_PATTERNS: usize = 100_000;
/// Devices that those are tried on.
const DEVICES_FOR_RANDOM: usize = 1_000;
/// A distribution's kernel lists more.
const PATTERNS_MIN: usize = 10_000;

#[test]
fn whole_kernels_patterns_match_as_the_c_library_says() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(
        folder.path(),
        "fnmatch",
        include_str!("peers/fnmatch.c"),
        &[],
    );
    for (release, listed) in kernels(folder.path()) {
        let mut random = Random::new(1);
        let patterns: Vec<String> = {
            let patterns: BTreeSet<&String> = listed.iter().map(|(pattern, _)| pattern).collect();
            patterns.into_iter().cloned().collect()
        };
        assert!(patterns.len() > PATTERNS_MIN, "{release}");
        let devices: Vec<String> = patterns.iter().map(|p| device(p, &mut random)).collect();
        compare(&program, folder.path(), &patterns, &devices, &release);

        let more: Vec<String> = (0..RANDOM_PATTERNS)
            .map(|_| random_pattern(&patterns, &mut random))
            .collect();
        let some: Vec<String> = (0..DEVICES_FOR_RANDOM)
            .map(|_| {
                let pattern = &more[random.below(more.len())];
                device(pattern, &mut random)
            })
            .collect();
        compare(&program, folder.path(), &more, &some, "random patterns");
    }
}

/// A real pattern for another device, with perhaps a wildcard more where it was exact.
fn random_pattern(patterns: &[String], random: &mut Random) -> String {
    let mut pattern = varied(&patterns[random.below(patterns.len())], random);
    let at = random.below(pattern.len().max(1));
    if random.below(2) == 0 && pattern.is_char_boundary(at) {
        pattern.insert_str(
            at,
            ["*", "?", "[0-9A-F]", "[!x]", "[", "\\", "*?"][random.below(7)],
        );
    }
    pattern
}

fn compare(program: &Path, folder: &Path, patterns: &[String], devices: &[String], what: &str) {
    let files = ["patterns", "devices"].map(|name| folder.join(name));
    fs::write(&files[0], patterns.join("\n")).unwrap();
    fs::write(&files[1], devices.join("\n")).unwrap();
    let done = Command::new(program).args(&files).output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let index = Index::build(patterns.iter().cloned().zip(0_usize..));
    let answers = String::from_utf8(done.stdout).unwrap();
    assert_eq!(answers.lines().count(), devices.len(), "{what}");
    let mut matches = 0;
    for (device, answer) in devices.iter().zip(answers.lines()) {
        let by_c: Vec<usize> = answer
            .split_whitespace()
            .map(|n| n.parse().unwrap())
            .collect();
        let mut found = Vec::new();
        index.each(device, |_, &number| found.push(number));
        found.sort_unstable();
        assert_eq!(found, by_c, "{what}: {device}");
        matches += found.len();
    }
    println!(
        "{what}: {} patterns, {} devices, {matches} matches",
        patterns.len(),
        devices.len()
    );
    assert!(
        matches > devices.len() / 2,
        "{what}: only {matches} matches, a weak test"
    );
}

#[test]
fn whole_kernels_modules_are_found_as_libkmod_finds_them() {
    let folder = tempfile::tempdir().unwrap();
    let source = include_str!("peers/libkmod_lookup.c");
    let program = compile(folder.path(), "libkmod_lookup", source, &["-lkmod"]);
    for (release, listed) in kernels(folder.path()) {
        let mut random = Random::new(2);
        let mut devices: Vec<String> = Vec::new();
        // What has no colon is no device, and libkmod would first take it for a module's name.
        for (pattern, _) in listed.iter().filter(|(pattern, _)| pattern.contains(':')) {
            let device = device(pattern, &mut random);
            devices.push(varied(&device, &mut random));
            devices.push(device);
        }
        // libkmod takes - for _, outside of sets; its patterns have become so, too.
        let entries = listed.into_iter().map(|(p, m)| (as_libkmod_has_it(&p), m));
        let index = Index::build(entries);
        let by_libkmod = ask_libkmod(&program, &listed_in(folder.path(), &release), &devices);
        let mut hits = 0;
        for (device, modules) in devices.iter().zip(&by_libkmod) {
            let mut found = BTreeSet::new();
            index.each(&as_libkmod_has_it(device), |_, module| {
                _ = found.insert(module.as_str())
            });
            let theirs: BTreeSet<&str> = modules.split_whitespace().collect();
            assert_eq!(found, theirs, "{release}: {device}");
            hits += found.len();
        }
        println!("{release}: {} devices, {hits} modules", devices.len());
        assert!(
            hits > devices.len() / 2,
            "{release}: only {hits} modules found"
        );
    }
}

fn as_libkmod_has_it(text: &str) -> String {
    let mut in_set = false;
    let normal = |c| {
        in_set = match c {
            '[' => true,
            ']' => false,
            _ => in_set,
        };
        if c == '-' && !in_set { '_' } else { c }
    };
    text.chars().map(normal).collect()
}

/// The modules that libkmod finds for each alias.
fn ask_libkmod(program: &Path, modules: &Path, devices: &[String]) -> Vec<String> {
    let mut child = Command::new(program)
        .arg(modules)
        .arg("0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = devices.join("\n") + "\n";
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let done = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(
        done.status.success(),
        "libkmod cannot read {}",
        modules.display()
    );
    let mut answers: Vec<String> = String::from_utf8(done.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    answers.pop();
    assert_eq!(answers.len(), devices.len());
    answers
}

fn compile(folder: &Path, name: &str, source: &str, libraries: &[&str]) -> PathBuf {
    let (file, program) = (folder.join(format!("{name}.c")), folder.join(name));
    fs::write(&file, source).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-o"])
        .arg(&program)
        .arg(&file)
        .args(libraries);
    let done = cc
        .output()
        .expect("a C compiler is needed: apt-get install gcc");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success(),
        "{said}\nlibkmod's headers: apt-get install libkmod-dev"
    );
    program
}

/// What depmod lists for the whole kernels of this machine's architecture, by release.
fn kernels(out: &Path) -> BTreeMap<String, Vec<support::Listed>> {
    let list = std::env::var_os("KMP_PORTAL_KERNELS").expect("run `cargo xtask test`");
    let images: serde_json::Value = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
    let images = images.as_array().unwrap();
    let own = images[0]["arch"].as_str().unwrap();
    let mut kernels = BTreeMap::new();
    for image in images.iter().filter(|image| image["arch"] == own) {
        let release = image["release"].as_str().unwrap();
        let modules = Path::new(image["modules"].as_str().unwrap());
        kernels.insert(release.to_owned(), depmod(modules, release, out));
    }
    assert!(!kernels.is_empty(), "no whole kernel at hand");
    kernels
}
