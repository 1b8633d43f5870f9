//! Finds the packages of a repository in its folder.

use super::folder::NEXT;
use anyhow::Context as _;
use std::fs::{self, DirEntry, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The folder of the metadata, below the repository's.
pub const REPODATA: &str = "repodata";

/// A package file that was found, not yet opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it can be opened.
    pub path: PathBuf,
    /// Relative to the repository's root, `/` between folders.
    pub location: String,
    /// In bytes.
    pub size: u64,
    /// When it was last written, seconds since 1970.
    pub time: u64,
}

/// What is in the folder.
#[derive(Debug, Default)]
pub struct Findings {
    /// Ordered by file name, then by path, byte by byte, as `createrepo_c` does.
    pub packages: Vec<Found>,
    /// Names that look like packages and were not taken, each with the reason.
    pub passed_over: Vec<String>,
}

/// Looks for `*.rpm` below `root`, leaving out its `repodata`.
///
/// Links to files inside `root` count as files; links that lead out of it and links to folders,
/// which may run in circles, are passed over.
///
/// # Errors
/// A folder cannot be read.
pub fn packages(root: &Path) -> anyhow::Result<Findings> {
    let resolved = fs::canonicalize(root).with_context(|| root.display().to_string())?;
    let mut findings = Findings::default();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let entry = entry.with_context(|| folder.display().to_string())?;
            let path = entry.path();
            let kind = entry
                .file_type()
                .with_context(|| path.display().to_string())?;
            if kind.is_dir() {
                if path != root.join(REPODATA) && path != root.join(NEXT) {
                    folders.push(path);
                }
            } else if path.as_os_str().as_encoded_bytes().ends_with(b".rpm") {
                match take(root, &resolved, &entry) {
                    Ok(found) => findings.packages.push(found),
                    Err(why) => findings
                        .passed_over
                        .push(format!("{} is left out: {why:#}", path.display())),
                }
            }
        }
    }
    findings
        .packages
        .sort_unstable_by(|a, b| order(&a.location).cmp(&order(&b.location)));
    findings.passed_over.sort_unstable();
    Ok(findings)
}

/// The file name, then the whole location.
fn order(location: &str) -> (&str, &str) {
    (location.rsplit('/').next().unwrap_or(location), location)
}

fn take(root: &Path, resolved: &Path, entry: &DirEntry) -> anyhow::Result<Found> {
    let path = entry.path();
    let target = fs::canonicalize(&path)?;
    anyhow::ensure!(
        target.starts_with(resolved),
        "it links to {}, outside the repository",
        target.display()
    );
    let metadata = fs::metadata(&path)?;
    anyhow::ensure!(metadata.is_file(), "it is not a file");
    Ok(Found {
        location: location(root, &path)?,
        size: metadata.len(),
        time: modified(&metadata),
        path,
    })
}

/// The path as metadata names it; the same rules by which clients refuse locations.
fn location(root: &Path, path: &Path) -> anyhow::Result<String> {
    let relative = path.strip_prefix(root)?;
    let text = relative.to_str().context("its name is not UTF-8")?;
    let unspeakable = |c: char| c.is_control() || matches!(c, '\\' | '\u{fffe}' | '\u{ffff}');
    anyhow::ensure!(
        !text.contains(unspeakable),
        "its name holds characters that clients refuse; rename it"
    );
    let first = text.split('/').next().unwrap_or_default();
    anyhow::ensure!(
        !first.contains(':'),
        "clients take `{first}` for the beginning of a URL; rename it"
    );
    Ok(text.to_owned())
}

/// When a file was last written, seconds since 1970; 0 for times before.
pub fn modified(metadata: &Metadata) -> u64 {
    u64::try_from(metadata.mtime()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn takes_packages_and_stays_inside() {
        let work = tempfile::tempdir().unwrap();
        let root = work.path().join("repository");
        for folder in ["b/deep", "repodata", "b/repodata"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for name in [
            "b/deep/a.rpm",
            "c.rpm",
            "B.rpm",
            "b/c.rpm",
            "b/repodata/d.rpm",
            "repodata/not.rpm",
            "not.RPM",
            "not.rpm.txt",
            "scheme:e.rpm",
            "b/fine:f.rpm",
        ] {
            fs::write(root.join(name), "12345").unwrap();
        }
        fs::write(work.path().join("outside.rpm"), "").unwrap();
        symlink("../outside.rpm", root.join("out.rpm")).unwrap();
        symlink("c.rpm", root.join("in.rpm")).unwrap();
        symlink("missing", root.join("dangling.rpm")).unwrap();
        symlink(".", root.join("circle")).unwrap();
        fs::create_dir(root.join("folder.rpm")).unwrap();

        let findings = packages(&root).unwrap();
        let locations: Vec<&str> = findings.packages.iter().map(|f| &*f.location).collect();
        let expected = [
            "B.rpm",
            "b/deep/a.rpm",
            "b/c.rpm",
            "c.rpm",
            "b/repodata/d.rpm",
            "b/fine:f.rpm",
            "in.rpm",
        ];
        assert_eq!(locations, expected);
        assert!(findings.packages.iter().all(|found| found.size == 5));
        let passed_over = findings.passed_over.join("\n");
        for (name, why) in [
            ("dangling.rpm", "No such file"),
            ("out.rpm", "outside the repository"),
            ("scheme:e.rpm", "a URL"),
        ] {
            let line = passed_over.lines().find(|line| line.contains(name));
            assert!(line.is_some_and(|l| l.contains(why)), "{passed_over}");
        }
        assert_eq!(findings.passed_over.len(), 3);
    }
}
