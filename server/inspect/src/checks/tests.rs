//! The registry against the files: nothing forgotten, nothing without help.

use super::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Files in this folder that are not checks.
const OTHERS: [&str; 3] = ["mod", "rules", "tests"];

/// Every check's file, by the name without `.rs`.
fn files() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/checks");
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| !OTHERS.contains(&name.as_str()))
        .collect()
}

#[test]
fn every_file_is_a_registered_check_of_that_name() {
    let ids: Vec<String> = CHECKS
        .iter()
        .map(|check| check.id.replace('-', "_"))
        .collect();
    let unique: BTreeSet<String> = ids.iter().cloned().collect();
    assert_eq!(ids.len(), unique.len(), "an id stands twice");
    assert_eq!(unique, files());
}

#[test]
fn every_check_says_what_it_is_and_what_to_do() {
    for check in CHECKS {
        let id = check.id;
        assert!(
            check.title.len() > 10 && !check.title.ends_with('.'),
            "{id}: {}",
            check.title
        );
        assert!(
            check.help.len() > 20 && check.help.ends_with('.'),
            "{id}: {}",
            check.help
        );
        assert!(check.source.len() > 5, "{id}: {}", check.source);
        assert!(
            id.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
            "{id}"
        );
    }
}

#[test]
fn every_check_has_a_headline_and_tests() {
    for file in files() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/checks/{file}.rs"));
        let text = fs::read_to_string(path).unwrap();
        let headline = text.lines().next().unwrap();
        assert!(
            headline.starts_with("//! ") && headline.len() > 30,
            "{file}: {headline}"
        );
        assert!(text.contains("#[test]"), "{file} has no test");
    }
}
