//! What the metadata of a package says of it as a driver: hardware, symbols, kernels.

use crate::fetch::is_below;
use kmp::{Dependency, KsymDependency};
use repomd::Record;
use std::collections::BTreeSet;
use store::sources::{Need, Package};

/// Patterns and symbols of one package that are kept; no driver has as many.
const ENTRIES: usize = 50_000;
/// Names of packages, versions and texts are cut here, in characters.
const TEXT: usize = 1_000;
/// What binds a package to one kernel (Tumbleweed's KMPs, Red Hat's `kernel-uname-r`).
const RELEASE: &str = "kernel-uname-r";

/// The package and the symbols it provides, if it names hardware or requires symbols of kernels, and
/// lies in its repository.
pub fn of(record: &Record) -> Option<(Package, BTreeSet<Need>)> {
    let aliases = aliases(record);
    let provides = symbols(&record.provides);
    let needs = symbols(&record.requires);
    let needs: Vec<Need> = needs.difference(&provides).cloned().collect();
    let is_driver = !aliases.is_empty() || !needs.is_empty();
    let names = [&record.name, &record.version, &record.release, &record.arch];
    if !is_driver || !is_below(&record.location) || !names.into_iter().all(|it| is_plain(it)) {
        return None;
    }
    let text = |text: &str| text.chars().take(TEXT).collect::<String>();
    let package = Package {
        pkgid: text(&record.pkgid),
        name: text(&record.name),
        epoch: i32::try_from(record.epoch).unwrap_or(i32::MAX),
        version: text(&record.version),
        release: text(&record.release),
        arch: text(&record.arch),
        summary: text(&record.summary),
        license: text(&record.license),
        location: record.location.clone(),
        size: i64::try_from(record.size_package).unwrap_or(i64::MAX),
        aliases,
        needs,
        needs_others: false,
        releases: releases(record),
    };
    Some((package, provides))
}

/// Whether a name or version is one that rpm takes. It is written into the files of installers, where
/// other characters would mean something.
fn is_plain(word: &str) -> bool {
    let mut bytes = word.bytes();
    bytes
        .next()
        .is_some_and(|it| it.is_ascii_alphanumeric() || it == b'_')
        && bytes.all(|it| it.is_ascii_alphanumeric() || b"._+-~^".contains(&it))
}

/// KMPs supplement hardware; older ones enhance it, and Red Hat's driver packages provide it.
fn aliases(record: &Record) -> Vec<String> {
    let told = record
        .supplements
        .iter()
        .chain(&record.enhances)
        .chain(&record.provides);
    let patterns = told
        .filter_map(|d| modalias::parse_supplement(&d.name))
        .map(|supplement| supplement.pattern)
        .filter(|pattern| !pattern.is_empty() && pattern.len() <= modalias::PATTERN_MAX);
    let distinct: BTreeSet<String> = patterns.take(ENTRIES).collect();
    distinct.into_iter().collect()
}

fn symbols(told: &[repomd::Dependency]) -> BTreeSet<Need> {
    let symbols = told.iter().filter_map(|d| {
        let ksym = KsymDependency::parse(&dependency(d))?.ok()?;
        Some(Need {
            flavor: ksym.flavor.unwrap_or_default(),
            symbol: ksym.symbol,
            crc: ksym.crc?.0,
        })
    });
    symbols.take(ENTRIES).collect()
}

fn releases(record: &Record) -> Vec<String> {
    let told = record.requires.iter().map(dependency);
    let exact = told.filter(|d| d.name == RELEASE && d.comparison() == "=");
    let distinct: BTreeSet<String> = exact.map(|d| d.version).take(ENTRIES).collect();
    distinct.into_iter().collect()
}

/// As the package's header says it: primary.xml has an epoch of zero before every version.
fn dependency(told: &repomd::Dependency) -> Dependency {
    let version = told.version.strip_prefix("0:").unwrap_or(&told.version);
    Dependency {
        name: told.name.clone(),
        flags: told.flags,
        version: version.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependency(name: &str, version: &str) -> repomd::Dependency {
        repomd::Dependency {
            name: name.to_owned(),
            flags: if version.is_empty() { 0 } else { 8 },
            version: version.to_owned(),
        }
    }

    fn record() -> Record {
        Record {
            name: "acme-kmp-default".to_owned(),
            version: "1.0~rc1".to_owned(),
            release: "1".to_owned(),
            arch: "x86_64".to_owned(),
            location: "x86_64/acme.rpm".to_owned(),
            ..Record::default()
        }
    }

    #[test]
    fn both_families_and_those_that_are_no_drivers() {
        assert_eq!(of(&record()), None);
        let suse = Record {
            requires: vec![
                dependency("ksym(default:printk)", "0:92997ed8"),
                dependency("ksym(default:printk)", "0:92997ed8"),
                dependency("ksym(default:", ""),
                dependency("kernel-uname-r", "0:6.4.0-1-default"),
                dependency("bash", ""),
                dependency("ksym(default:acme_call)", "0:1"),
            ],
            provides: vec![dependency("ksym(default:acme_call)", "0:1")],
            supplements: vec![
                dependency("modalias(kernel-default:pci:v00008086d*)", ""),
                dependency("modalias()", ""),
            ],
            ..record()
        };
        let (found, provides) = of(&suse).unwrap();
        assert_eq!(provides.len(), 1);
        assert_eq!(found.aliases, ["pci:v00008086d*"]);
        assert_eq!(found.releases, ["6.4.0-1-default"]);
        let need = Need {
            flavor: "default".to_owned(),
            symbol: "printk".to_owned(),
            crc: 0x9299_7ed8,
        };
        assert_eq!(found.needs, std::slice::from_ref(&need));
        let redhat = Record {
            requires: vec![dependency("kernel(printk)", "0x92997ed8")],
            ..record()
        };
        let need = Need {
            flavor: String::new(),
            ..need
        };
        assert_eq!(of(&redhat).unwrap().0.needs, [need]);
    }

    #[test]
    fn a_name_that_rpm_would_not_take_is_none() {
        let supplements = || vec![dependency("modalias(pci:v1*)", "")];
        for name in ["", "-y", "@core", "a b", "a\n%post", "a'b", "a*", "naïve"] {
            let odd = Record {
                name: name.to_owned(),
                supplements: supplements(),
                ..record()
            };
            assert_eq!(of(&odd), None, "{name:?}");
            let odd = Record {
                version: name.to_owned(),
                supplements: supplements(),
                ..record()
            };
            assert_eq!(of(&odd), None, "{name:?}");
        }
    }

    #[test]
    fn a_package_elsewhere_is_none_of_the_repository() {
        for location in ["../acme.rpm", "/acme.rpm", "https://example.com/acme.rpm"] {
            let elsewhere = Record {
                location: location.to_owned(),
                supplements: vec![dependency("modalias(pci:v1*)", "")],
                ..record()
            };
            assert_eq!(of(&elsewhere), None, "{location}");
        }
    }
}
