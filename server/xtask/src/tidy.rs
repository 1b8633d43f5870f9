//! `cargo xtask tidy`: habits that neither the compiler nor clippy enforces.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use serde::Deserialize;

use crate::{sh, test};

/// Longer files are split by topic.
const MOST_LINES: usize = 700;

/// Crates without I/O: bytes in, facts out.
const PURE: [&str; 8] = [
    "inspect",
    "kabi",
    "kernel-source",
    "keyring",
    "kmod",
    "kmp",
    "modalias",
    "repomd",
];

/// Crates that would let I/O into a pure one.
const IMPURE: [&str; 9] = [
    "axum",
    "fantoccini",
    "hyper",
    "lettre",
    "reqwest",
    "sqlx",
    "tokio",
    "tower",
    "ureq",
];

/// Which of our crates may use which others of ours. A crate that is not listed may use all.
const MAY_USE: [(&str, &[&str]); 14] = [
    ("confine", &[]),
    ("inspect", &["kabi", "kmod", "kmp", "modalias"]),
    ("kabi", &["kmod"]),
    ("kernel-source", &["kabi", "kmod", "kmp", "repomd"]),
    ("keyring", &["kmod", "kmp"]),
    ("kmod", &[]),
    ("kmp", &["kmod", "modalias"]),
    ("modalias", &[]),
    ("private-postgres", &[]),
    (
        "probe",
        &["kabi", "keyring", "kmod", "kmp", "modalias", "testkit"],
    ),
    ("repomd", &[]),
    ("store", &["inspect", "kabi", "kmod", "kmp", "modalias"]),
    ("testkit", &[]),
    ("xtask", &["private-postgres"]),
];

/// SQL as it is written in this project: statements begin in capitals.
const STATEMENTS: [&str; 5] = [
    "SELECT ",
    "INSERT INTO ",
    "DELETE FROM ",
    "UPDATE ",
    "sqlx::query",
];

/// Where SQL lives, and where it is about the database itself rather than our data.
const SQL_HOMES: [&str; 5] = [
    "server/store/",
    "server/private-postgres/",
    "server/xtask/src/bench/kabi.rs",
    "server/xtask/src/bench/lookup/http.rs",
    "server/xtask/src/tidy.rs",
];

/// Tables that tell of kernels under embargo: who queries them asks the one rule who may see what,
/// or says in the function's name that nobody is shown the answer.
const EMBARGOED: [&str; 4] = [
    "FROM kernels",
    "JOIN kernels",
    "FROM verdicts",
    "JOIN verdicts",
];
const EMBARGO_RULE: &str = "visible_kernels(";
const NOT_SHOWN: &str = "for_judging";
/// Handlers read of kernels through `shown.rs`, which notes what vendors are shown.
const SHOWN_UNNOTED: [&str; 6] = [
    "kernels::by_id(",
    "kernels::list(",
    "verdicts::of_package(",
    "verdicts::broken_on(",
    "verdicts::loading_on(",
    "verdicts::breaks_by_vendor(",
];
/// Keeps the audiences that the rule reads.
const AUDIENCES: &str = "server/store/src/audience.rs";

/// Prints what is amiss; an error if anything is.
pub fn run(project: &Path) -> Result<()> {
    let mut amiss = Vec::new();
    for path in files(project)? {
        if let Ok(text) = fs::read_to_string(project.join(&path)) {
            look_at(&path, &text, &mut amiss);
        }
    }
    look_at_dependencies(&packages(project)?, &mut amiss);
    if amiss.is_empty() {
        println!("tidy");
        return Ok(());
    }
    bail!("{} things to tidy:\n{}", amiss.len(), amiss.join("\n"));
}

/// Files of the project, committed or about to be.
fn files(project: &Path) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(project)
        .args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    Ok(sh::output(&mut git)?.lines().map(String::from).collect())
}

fn look_at(path: &str, text: &str, amiss: &mut Vec<String>) {
    let lines = text.lines().count();
    let source = [".rs", ".sql", ".html", ".js", ".sh"];
    if lines > MOST_LINES && source.iter().any(|end| path.ends_with(end)) {
        amiss.push(format!(
            "{path}: {lines} lines, more than {MOST_LINES}: split it by topic"
        ));
    }
    // Spelled in two parts, or this file would accuse itself.
    for mark in [concat!("TO", "DO"), concat!("FIX", "ME")] {
        for line in lines_with(text, mark) {
            amiss.push(format!("{path}:{line}: {mark}: do it, or write an issue"));
        }
    }
    if !path.ends_with(".rs") {
        return;
    }
    if !text.starts_with("//!") {
        amiss.push(format!("{path}: begins without saying what it is (//!)"));
    }
    if !SQL_HOMES.iter().any(|home| path.starts_with(home)) {
        for line in STATEMENTS
            .iter()
            .flat_map(|statement| lines_with(text, statement))
        {
            amiss.push(format!("{path}:{line}: SQL outside server/store"));
        }
    }
    if path.starts_with("server/portal/src/routes") {
        for line in SHOWN_UNNOTED.iter().flat_map(|call| lines_with(text, call)) {
            amiss.push(format!(
                "{path}:{line}: reads of kernels past `shown`, where looks are noted"
            ));
        }
    }
    if path.starts_with("server/store/src/") && path != AUDIENCES && !path.contains("tests") {
        for name in forgets_embargo(text) {
            amiss.push(format!(
                "{path}: `{name}` reads kernels or verdicts, and asks not `{EMBARGO_RULE}…)`: take \
                 a Viewer, or end its name in `{NOT_SHOWN}`"
            ));
        }
    }
}

/// Functions that read of kernels without asking who looks.
fn forgets_embargo(text: &str) -> impl Iterator<Item = &str> {
    text.split(" fn ").skip(1).filter_map(|function| {
        let name = function.split(['(', '<']).next().unwrap_or_default();
        let reads = EMBARGOED.iter().any(|table| function.contains(table));
        let asks = function.contains(EMBARGO_RULE) || name.ends_with(NOT_SHOWN);
        (reads && !asks).then_some(name)
    })
}

/// Numbers of the lines that contain a word, comments left out for SQL's sake: prose has capitals,
/// too, but not in front of a blank.
fn lines_with<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.lines()
        .enumerate()
        .filter(move |(_, line)| line.contains(word))
        .map(|(at, _)| at + 1)
}

/// A package of the workspace, as cargo describes it.
#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing.
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

fn packages(project: &Path) -> Result<Vec<Package>> {
    let mut metadata = test::cargo(project);
    metadata.args([
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
        "--offline",
    ]);
    Ok(serde_json::from_str::<Metadata>(&sh::output(&mut metadata)?)?.packages)
}

fn look_at_dependencies(packages: &[Package], amiss: &mut Vec<String>) {
    let ours: BTreeSet<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    for package in packages {
        let name = package.name.as_str();
        let may_use = MAY_USE
            .iter()
            .find(|(crate_, _)| *crate_ == name)
            .map(|(_, list)| *list);
        for dependency in package.dependencies.iter().filter(|d| d.kind.is_none()) {
            let other = dependency.name.as_str();
            if PURE.contains(&name) && IMPURE.contains(&other) {
                amiss.push(format!("{name} does no I/O and must not use {other}"));
            }
            if ours.contains(other) && may_use.is_some_and(|list| !list.contains(&other)) {
                amiss.push(format!(
                    "{name} must not use {other}: dependencies go one way"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amiss(path: &str, text: &str) -> Vec<String> {
        let mut amiss = Vec::new();
        look_at(path, text, &mut amiss);
        amiss
    }

    #[test]
    fn each_habit_is_noticed() {
        let long = format!("//! x\n{}", "fn a() {}\n".repeat(MOST_LINES));
        let marked = format!("//! x\n// {}: later\n", concat!("TO", "DO"));
        let table = [
            ("server/a/src/lib.rs", "//! x\n", 0),
            ("server/a/src/lib.rs", long.as_str(), 1),
            ("server/a/src/lib.rs", marked.as_str(), 1),
            ("server/a/src/lib.rs", "fn main() {}\n", 1),
            ("server/a/src/lib.rs", "//! x\nlet q = \"SELECT 1\";\n", 1),
            (
                "server/store/src/lib.rs",
                "//! x\nlet q = \"SELECT 1\";\n",
                0,
            ),
            ("README.md", "SELECT 1\n", 0),
            (
                "server/portal/src/routes/kernels.rs",
                "//! x\nlet k = store::kernels::list(conn);\n",
                1,
            ),
            (
                "server/store/src/kernels.rs",
                "//! x\npub async fn list() { \"SELECT 1 FROM kernels\" }\n",
                1,
            ),
            (
                "server/store/src/kernels.rs",
                "//! x\npub async fn list_for_judging() { \"SELECT 1 FROM kernels\" }\n",
                0,
            ),
            (
                "server/store/src/kernels.rs",
                "//! x\nfn a() {}\nfn b() { \"JOIN kernels k visible_kernels($1)\" }\n",
                0,
            ),
        ];
        for (path, text, expected) in table {
            assert_eq!(amiss(path, text).len(), expected, "{path}: {:.30}", text);
        }
    }

    #[test]
    fn dependencies_go_one_way() {
        let package = |name: &str, dependencies: &[(&str, Option<&str>)]| Package {
            name: name.into(),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency {
                    name: (*name).into(),
                    kind: kind.map(String::from),
                })
                .collect(),
        };
        let workspace = [
            package(
                "kmod",
                &[("tokio", None), ("store", None), ("testkit", Some("dev"))],
            ),
            package("store", &[("sqlx", None), ("kabi", None), ("portal", None)]),
            package("portal", &[("store", None), ("axum", None)]),
            package("kabi", &[]),
            package("testkit", &[]),
        ];
        let mut amiss = Vec::new();
        look_at_dependencies(&workspace, &mut amiss);
        assert_eq!(
            amiss,
            [
                "kmod does no I/O and must not use tokio",
                "kmod must not use store: dependencies go one way",
                "store must not use portal: dependencies go one way",
            ]
        );
    }
}
