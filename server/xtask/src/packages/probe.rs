//! Looks whether something is installed, without asking a package manager.

use std::fs::{self, File as Handle};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::sh;

/// How to see that something is there.
pub enum Probe {
    /// Any of these programs.
    Program(&'static [&'static str]),
    /// Any of these files; `*` stands for any text within one folder's name.
    File(&'static [&'static str]),
    /// A program that runs without shared libraries.
    StaticProgram(&'static str),
}

impl Probe {
    pub fn found(&self) -> bool {
        match self {
            Probe::Program(names) => names.iter().any(|name| sh::find_program(name).is_some()),
            Probe::File(patterns) => patterns.iter().any(|pattern| any_matches(pattern)),
            Probe::StaticProgram(name) => {
                sh::find_program(name).is_some_and(|file| !names_a_loader(&file))
            }
        }
    }
}

/// Programs with shared libraries name the dynamic loader near their beginning.
fn names_a_loader(program: &Path) -> bool {
    const BEGINNING: u64 = 4096;
    let mut start = Vec::new();
    let read = Handle::open(program).and_then(|f| f.take(BEGINNING).read_to_end(&mut start));
    read.is_err() || start.windows(4).any(|window| window == b"/ld-")
}

fn any_matches(pattern: &str) -> bool {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = found
            .iter()
            .flat_map(|folder| matching_children(folder, part))
            .collect();
    }
    !found.is_empty()
}

fn matching_children(folder: &Path, part: &str) -> Vec<PathBuf> {
    let Some((start, end)) = part.split_once('*') else {
        let path = folder.join(part);
        return if path.exists() {
            vec![path]
        } else {
            Vec::new()
        };
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
    });
    named.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_within_one_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("lib-14/bin")).unwrap();
        let matches = |end: &str| any_matches(&format!("{}/{end}", folder.path().display()));
        assert!(matches("lib-*/bin") && matches("*/bin") && matches("lib-14/b*n"));
        assert!(!matches("*bin") && !matches("lib-14*14/bin") && !matches("lib-*/sbin"));
    }
}
