//! Kernels from files and folders, for `check` and `admin kernel register`.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, bail};
use kernel_source::{Description, Found, Kind, Limits, Part, Tree};

/// Folders within folders; a kernel's modules are some ten deep.
const DEPTH: usize = 32;

/// Every kernel that a file tells of, or the files of a folder.
///
/// # Errors
/// The file is no source of kernels, or cannot be read.
pub fn read(path: &Path) -> anyhow::Result<Vec<Description>> {
    match open(path)? {
        Found::Kernels(kernels) => Ok(kernels),
        Found::Repository(kernels) => Ok(kernels.collect::<Result<_, _>>()?),
    }
}

/// The same; of a repository's metadata, one kernel after the other.
///
/// # Errors
/// As [`read`].
pub fn open(path: &Path) -> anyhow::Result<Found> {
    let limits = Limits::default();
    if path.is_dir() {
        return read_folder(path, &limits).map(Found::Kernels);
    }
    let file = File::open(path).context("cannot be opened")?;
    // What the place of a file tells is in its whole path.
    let name = std::path::absolute(path)?;
    Ok(kernel_source::read(file, &name.to_string_lossy(), &limits)?)
}

fn read_folder(folder: &Path, limits: &Limits) -> anyhow::Result<Vec<Description>> {
    let name = folder.display().to_string();
    let mut tree = Tree::new(&name, limits);
    gather(&mut tree, &std::path::absolute(folder)?, DEPTH)?;
    let part = Part {
        kind: Kind::Modules,
        name: name.clone(),
        build: None,
        label: name,
        sha256: None,
        symbols: 0,
        modules: 0,
    };
    let found = tree.finish(&part)?;
    if found.is_empty() {
        bail!("holds neither modules nor a symvers file nor a kernel image");
    }
    Ok(found)
}

/// Links are not followed: `build` leads to the headers, `weak-updates` to other kernels.
fn gather(tree: &mut Tree<'_>, folder: &Path, depth: usize) -> anyhow::Result<()> {
    if depth == 0 {
        bail!("{} lies too deep", folder.display());
    }
    let reading = || format!("{} cannot be read", folder.display());
    let mut entries = fs::read_dir(folder)
        .and_then(|entries| entries.collect::<Result<Vec<_>, _>>())
        .with_context(reading)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (kind, path) = (entry.file_type().with_context(reading)?, entry.path());
        if kind.is_dir() {
            gather(tree, &path, depth - 1)?;
        } else if kind.is_file() && Tree::wants(&path.to_string_lossy()) {
            let mut file = File::open(&path).with_context(|| format!("{}", path.display()))?;
            tree.add(&path.to_string_lossy(), &mut file)?;
        }
    }
    Ok(())
}
