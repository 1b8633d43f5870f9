//! What a read package becomes in the database and in repository metadata.

use kmp::{KmpName, ModulePath, Package, SignatureReport};
use std::collections::BTreeSet;
use store::packages::Inspected;

/// The columns of an inspected package.
#[must_use]
pub fn facts(package: Package, signatures: &SignatureReport) -> Inspected {
    let location = package.file_name();
    let rendered = repomd::render(&record(&package, &location));
    Inspected {
        epoch: package.epoch.map(i64::from),
        flavor: flavor(&package),
        kernel_release: kernel_release(&package),
        signature: store::packages::storable(signatures),
        repomd_primary: rendered.primary,
        repomd_filelists: rendered.filelists,
        repomd_other: rendered.other,
        aliases: aliases(&package),
        excludes: excludes(&package),
        location,
        name: package.name,
        version: package.version,
        release: package.release,
        arch: package.arch,
        summary: package.summary,
        license: package.license,
        rpm_vendor: package.vendor,
        modules: package
            .modules
            .into_iter()
            .filter_map(|m| Some((m.path, m.module.ok()?)))
            .collect(),
        certificates: package
            .certificates
            .into_iter()
            .filter_map(|c| Some((c.path, c.certificate.ok()?)))
            .collect(),
    }
}

/// From the package name (`-kmp-FLAVOR`), else from the modules' folder.
fn flavor(package: &Package) -> Option<String> {
    KmpName::parse(&package.name).map(|n| n.flavor).or_else(|| {
        let release = kernel_release(package)?;
        release
            .rsplit_once('-')
            .map(|(_, flavor)| flavor.to_owned())
    })
}

/// From the modules' own vermagic, else from their folder.
fn kernel_release(package: &Package) -> Option<String> {
    let stated = package
        .modules
        .iter()
        .find_map(|m| m.module.as_ref().ok()?.kernel_release());
    stated.map(str::to_owned).or_else(|| {
        package
            .modules
            .iter()
            .find_map(|m| ModulePath::parse(&m.path).map(|p| p.kernel_release))
    })
}

/// Hardware patterns of each module, and those that only the package's dependencies name.
fn aliases(package: &Package) -> Vec<(String, String)> {
    let mut found = BTreeSet::new();
    for module in package
        .modules
        .iter()
        .filter_map(|m| m.module.as_ref().ok())
    {
        for alias in module.aliases().filter(|a| a.contains(':')) {
            found.insert((module.name.clone(), alias.to_owned()));
        }
    }
    let dependencies = &package.dependencies;
    for dependency in dependencies
        .supplements
        .iter()
        .chain(&dependencies.provides)
    {
        if let Some(supplement) = modalias::parse_supplement(&dependency.name) {
            let pattern = supplement.pattern;
            if !found.iter().any(|(_, p)| *p == pattern) {
                found.insert((String::new(), pattern));
            }
        }
    }
    // PostgreSQL's text holds no NUL, and no hardware has one in its name.
    found
        .into_iter()
        .filter(|(m, p)| !m.contains('\0') && !p.contains('\0'))
        .collect()
}

/// Names in `Conflicts` and `Obsoletes`, whatever the version.
fn excludes(package: &Package) -> Vec<String> {
    let dependencies = &package.dependencies;
    let names = dependencies.conflicts.iter().chain(&dependencies.obsoletes);
    let names = names.map(|dependency| dependency.name.replace('\0', ""));
    names.collect::<BTreeSet<String>>().into_iter().collect()
}

/// The package as repository metadata describes it. The file's time is the build's: the same
/// package gives the same bytes wherever it is published. `location` is relative to the
/// repository's root.
#[must_use]
pub fn record(package: &Package, location: &str) -> repomd::Record {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let dependencies = &package.dependencies;
    repomd::Record {
        name: package.name.clone(),
        epoch: package.epoch.unwrap_or(0),
        version: package.version.clone(),
        release: package.release.clone(),
        arch: package.arch.clone(),
        pkgid: hex::encode(package.sha256),
        summary: package.summary.clone(),
        description: package.description.clone(),
        packager: text(&package.packager),
        url: text(&package.url),
        file_time: package.build_time,
        build_time: package.build_time,
        size_package: package.file_size,
        size_installed: package.installed_size,
        size_archive: package.archive_size,
        location: location.to_owned(),
        license: text(&package.license),
        vendor: text(&package.vendor),
        group: text(&package.group),
        build_host: text(&package.build_host),
        source_rpm: text(&package.source_rpm),
        header_start: package.header_start,
        header_end: package.header_end,
        provides: convert(&dependencies.provides),
        requires: convert(&dependencies.requires),
        conflicts: convert(&dependencies.conflicts),
        obsoletes: convert(&dependencies.obsoletes),
        suggests: convert(&dependencies.suggests),
        enhances: convert(&dependencies.enhances),
        recommends: convert(&dependencies.recommends),
        supplements: convert(&dependencies.supplements),
        files: package.files.iter().map(file).collect(),
        changelog: package
            .changelog
            .iter()
            .map(|entry| repomd::ChangelogEntry {
                time: entry.time,
                author: entry.author.clone(),
                text: entry.text.clone(),
            })
            .collect(),
    }
}

fn convert(dependencies: &[kmp::Dependency]) -> Vec<repomd::Dependency> {
    dependencies
        .iter()
        .map(|d| repomd::Dependency {
            name: d.name.clone(),
            flags: d.flags,
            version: d.version.clone(),
        })
        .collect()
}

fn file(file: &kmp::File) -> repomd::File {
    let kind = if file.is_dir() {
        repomd::FileKind::Dir
    } else if file.is_ghost() {
        repomd::FileKind::Ghost
    } else {
        repomd::FileKind::File
    };
    repomd::File {
        path: file.path.clone(),
        kind,
    }
}
