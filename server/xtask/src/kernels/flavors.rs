//! The same kernels in other flavors (`rt`, `cloud`): their headers only, which hold symbols and
//! configuration. Modules of the ordinary flavor are judged against them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::apt::Apt;
use super::choose::Release;

/// Debian's flavors beside the ordinary one: other locks all over the kernel, and other drivers.
const FLAVORS: [&str; 2] = ["rt", "cloud"];

/// A kernel that is judged against, never run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Flavor {
    /// `uname -r`.
    pub release: String,
    /// `rt` or `cloud`.
    pub kind: String,
    /// Its `Module.symvers`.
    pub symvers: PathBuf,
    /// Its `.config`.
    pub config: PathBuf,
}

/// The file that describes them; `cargo xtask test` tells it to tests.
pub fn record(folder: &Path) -> PathBuf {
    folder.join("flavors.json")
}

/// Those of last time, if all their files are still there.
pub fn remembered(folder: &Path) -> Option<Vec<Flavor>> {
    let known: Vec<Flavor> = serde_json::from_slice(&fs::read(record(folder)).ok()?).ok()?;
    let whole = |flavor: &Flavor| flavor.symvers.is_file() && flavor.config.is_file();
    (!known.is_empty() && known.iter().all(whole)).then_some(known)
}

/// Keeps them for next time.
pub fn remember(folder: &Path, flavors: &[Flavor]) -> Result<()> {
    let record = record(folder);
    fs::write(&record, serde_json::to_vec_pretty(flavors)?)
        .with_context(|| format!("cannot write {}", record.display()))
}

/// Fetches the flavors of these kernels that the archive has; none at all is an error.
pub fn fetch(apt: &Apt, folder: &Path, releases: &[Release], arch: &str) -> Result<Vec<Flavor>> {
    let root = folder.join("flavors");
    let mut found = Vec::new();
    for release in releases {
        let release = release.to_string();
        let base = release.strip_suffix(&format!("-{arch}"));
        let base = base.with_context(|| format!("{release} is not the ordinary flavor"))?;
        for kind in FLAVORS {
            let release = format!("{base}-{kind}-{arch}");
            let package = [format!("linux-headers-{release}:{arch}")];
            if !apt.has(&package) {
                continue;
            }
            apt.unpack(&package, &root)?;
            let headers = root.join(format!("usr/src/linux-headers-{release}"));
            println!("  {arch}: symbols of {release}");
            found.push(Flavor {
                release,
                kind: kind.to_owned(),
                symvers: headers.join("Module.symvers"),
                config: headers.join(".config"),
            });
        }
    }
    ensure!(
        !found.is_empty(),
        "the archive has no other flavors of kernels for {arch}"
    );
    Ok(found)
}
