//! Kernel headers that are installed already: what there is without apt or without network.

use std::fs;
use std::path::{Path, PathBuf};

use super::choose::Release;

/// Header folders of this machine with their releases.
pub fn header_folders() -> Vec<(Release, PathBuf)> {
    candidates()
        .into_iter()
        .filter_map(|folder| Some((release_of(&folder)?, folder)))
        .collect()
}

/// Debian's and Ubuntu's `linux-headers-*`, Red Hat's `kernels/*`, SUSE's `linux-*-obj/ARCH/FLAVOR`.
fn candidates() -> Vec<PathBuf> {
    let sources = Path::new("/usr/src");
    let mut found = Vec::new();
    for folder in children(sources) {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.ends_with("-obj") {
            found.extend(children(&folder).iter().flat_map(|arch| children(arch)));
        } else if name.starts_with("linux-headers-") {
            found.push(folder);
        }
    }
    found.extend(children(&sources.join("kernels")));
    found
}

/// `UTS_RELEASE`, if modules can be built here and the release reads as we need it.
fn release_of(folder: &Path) -> Option<Release> {
    if !folder.join("Module.symvers").is_file() || !folder.join("scripts").exists() {
        return None;
    }
    let text = fs::read_to_string(folder.join("include/generated/utsrelease.h")).ok()?;
    Release::parse(text.split('"').nth(1)?)
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}
