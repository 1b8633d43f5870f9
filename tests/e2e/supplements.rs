//! Which packages libzypp takes for the hardware, and which our reading of their supplements says it
//! should: patterns of every bus, written in every way that packages write them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use sha2::{Digest as _, Sha256};
use xtask::demo::root::Root;

use crate::harness::{scratch, succeed};

const PATTERNS: &str = include_str!("../../server/modalias/tests/patterns.txt");
const DEVICES: &str = include_str!("../../server/modalias/tests/aliases.txt");
/// The package beside which drivers are for the hardware.
const MACHINE: &str = "machine";

#[test]
fn libzypp_takes_the_packages_whose_supplements_match() {
    let supplements = supplements();
    let folder = scratch();
    let repository = folder.path().join("repository");
    write_repository(&repository, &supplements);
    let devices: Vec<&str> = lines(DEVICES).collect();
    let sysfs = folder.path().join("devices");
    fs::write(&sysfs, devices.join("\n") + "\n").unwrap();

    let root = Root::empty(folder.path().join("root")).unwrap();
    let mut add = root.zypper();
    add.args(["--no-gpg-checks", "addrepo", "--no-gpgcheck"]);
    succeed(add.arg(&repository).arg("drivers"));
    // Drivers for the package that is being installed, and those for the hardware alone.
    let told = ["install", "install-new-recommends"].map(|command| {
        let mut zypper = root.zypper();
        zypper.env("ZYPP_MODALIAS_SYSFS", &sysfs);
        zypper.args(["--no-gpg-checks", command, "--dry-run", "--no-recommends"]);
        zypper.args((command == "install").then_some(MACHINE));
        succeed(&mut zypper)
    });
    let told = told.concat();

    let taken: BTreeSet<usize> = told
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("driver-")?.parse().ok())
        .collect();
    let expected: BTreeSet<usize> = supplements
        .iter()
        .enumerate()
        .filter(|(_, supplement)| is_for(supplement, &devices))
        .map(|(number, _)| number)
        .collect();
    let told = |numbers: Vec<&usize>| -> Vec<&str> {
        numbers
            .into_iter()
            .map(|&number| &*supplements[number])
            .collect()
    };
    assert_eq!(
        (
            told(taken.difference(&expected).collect()),
            told(expected.difference(&taken).collect())
        ),
        (Vec::new(), Vec::new()),
        "taken, though they should not be; and not taken, though they should"
    );
    assert!(
        expected.len() > 100,
        "only {} match, a weak test",
        expected.len()
    );
    assert!(
        expected.len() + 20 < supplements.len(),
        "nearly all match, a weak test"
    );
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
}

/// Every pattern as rpm's generator writes it, as people do, and without a package before it.
fn supplements() -> Vec<String> {
    let mut all = Vec::new();
    for pattern in lines(PATTERNS) {
        all.push(format!("modalias({MACHINE}:{})", encoded(pattern, b"*:")));
        all.push(format!(
            "modalias({MACHINE}:{})",
            encoded(pattern, b"*:-_[]?!.")
        ));
        all.push(format!("modalias({})", encoded(pattern, b"*:")));
        all.push(format!("modalias({})", encoded(pattern, b"*")));
        all.push(format!("modalias(nowhere:{})", encoded(pattern, b"*:")));
    }
    // What the generator does wrongly when it gathers patterns into one.
    all.push(format!("modalias({MACHINE}:of:N*T*Cfoo%2[CD]bar)"));
    all
}

/// With every byte as %XX that is neither a letter, a digit nor one of these.
fn encoded(pattern: &str, plain: &[u8]) -> String {
    let mut text = String::new();
    for byte in pattern.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").unwrap();
        }
    }
    text
}

/// What we make of it.
fn is_for(supplement: &str, devices: &[&str]) -> bool {
    let supplement = modalias::parse_supplement(supplement).unwrap();
    let is_there = supplement.package.is_none_or(|package| package == MACHINE);
    let pattern = supplement.pattern.as_bytes();
    let fits = |device: &&str| modalias::fnmatch(pattern, device.as_bytes());
    is_there && devices.iter().any(fits)
}

fn write_repository(folder: &std::path::Path, supplements: &[String]) {
    let mut primary = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xmlns=\"http://linux.duke.edu/metadata/common\" \
         xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"1\">\n",
    );
    primary.push_str(&package(MACHINE, None));
    for (number, supplement) in supplements.iter().enumerate() {
        primary.push_str(&package(&format!("driver-{number}"), Some(supplement)));
    }
    primary.push_str("</metadata>\n");
    let digest = hex::encode(Sha256::digest(primary.as_bytes()));
    let repomd = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\
         <revision>1</revision><data type=\"primary\"><checksum type=\"sha256\">{digest}</checksum>\
         <location href=\"repodata/primary.xml\"/><timestamp>1</timestamp></data></repomd>\n"
    );
    fs::create_dir_all(folder.join("repodata")).unwrap();
    fs::write(folder.join("repodata/primary.xml"), primary).unwrap();
    fs::write(folder.join("repodata/repomd.xml"), repomd).unwrap();
}

fn package(name: &str, supplement: Option<&String>) -> String {
    let escaped = |text: &String| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;")
    };
    let supplements = supplement.map_or(String::new(), |text| {
        let name = escaped(text);
        format!("<rpm:supplements><rpm:entry name=\"{name}\"/></rpm:supplements>")
    });
    let digest = hex::encode(Sha256::digest(name.as_bytes()));
    format!(
        "<package type=\"rpm\"><name>{name}</name><arch>noarch</arch>\
         <version epoch=\"0\" ver=\"1\" rel=\"1\"/>\
         <checksum type=\"sha256\" pkgid=\"YES\">{digest}</checksum>\
         <summary>{name}</summary><description>{name}</description><packager/><url/>\
         <time file=\"1\" build=\"1\"/><size package=\"1\" installed=\"1\" archive=\"1\"/>\
         <location href=\"{name}.rpm\"/><format><rpm:license>MIT</rpm:license><rpm:vendor/>\
         <rpm:group/><rpm:buildhost/><rpm:sourcerpm/><rpm:header-range start=\"1\" end=\"2\"/>\
         <rpm:provides><rpm:entry name=\"{name}\" flags=\"EQ\" epoch=\"0\" ver=\"1\" rel=\"1\"/>\
         </rpm:provides>{supplements}</format></package>\n"
    )
}
