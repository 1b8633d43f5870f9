//! Folders for the clusters of tests, and the removal of those that killed tests left behind.

use std::env;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::{Durability, Error, Settings, lock};

const PREFIX: &str = "kmp-portal-throwaway-";

/// A folder younger than this may be about to be locked by its maker.
const TOO_YOUNG: Duration = Duration::from_secs(60);

/// Settings of a new throwaway cluster.
pub(crate) fn settings() -> Result<Settings, Error> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let parent = env::temp_dir();
    remove_abandoned(&parent);
    let data_dir = loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let candidate = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
        if !candidate.exists() {
            break candidate;
        }
    };
    Ok(Settings {
        data_dir,
        durability: Durability::Throwaway,
        extra: Vec::new(),
    })
}

fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let folder = entry.path();
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && is_abandoned(&folder) {
            // Not ours to remove, or being removed by another: either way not our trouble.
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

fn is_abandoned(folder: &Path) -> bool {
    let age = |path: &Path| fs::metadata(path).ok()?.modified().ok()?.elapsed().ok();
    age(&lock::path(folder)).is_some_and(|age| age > TOO_YOUNG) && !lock::Lock::is_held(folder)
}
