//! Dependencies as primary lists them: which of the header's are left out, merged or moved, and
//! how their versions are cut. The rules are `createrepo_c`'s (seen in its output, 0.17.3).

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use crate::record::{Dependency, Record};
use crate::vercmp::vercmp;

/// `RPMSENSE_LESS | GREATER | EQUAL`.
const COMPARISON: u32 = 0x0e;
/// `RPMSENSE_PREREQ | SCRIPT_PRE | SCRIPT_POST`: needed before the package's own scriptlets run.
const BEFORE_INSTALL: u32 = 0x40 | 0x200 | 0x400;
/// `RPMSENSE_MISSINGOK`: a requirement of old packages that is only a wish.
const MISSING_OK: u32 = 1 << 19;

/// A version cut into its three parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evr<'a> {
    /// Decimal text; `0` when the version names none. Empty only when the version is empty.
    pub epoch: &'a str,
    pub version: &'a str,
    /// Empty when the text has no dash.
    pub release: &'a str,
}

/// Cuts `[epoch:]version[-release]` at the first colon and the first dash after it; `None` when
/// what stands before the colon is no number.
///
/// A kernel's `6.1.190-54.1-default` has two dashes: its release is `54.1-default`.
pub fn split_evr(text: &str) -> Option<Evr<'_>> {
    if text.is_empty() {
        return Some(Evr::default());
    }
    let (epoch, rest) = match text.split_once(':') {
        Some(("", rest)) => ("0", rest),
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
        Some(_) => return None,
        None => ("0", text),
    };
    let (version, release) = rest.split_once('-').unwrap_or((rest, ""));
    Some(Evr {
        epoch,
        version,
        release,
    })
}

/// One `rpm:entry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub name: &'a str,
    /// `EQ`, `LT`, `LE`, `GT` or `GE`; without it no version is written.
    pub comparison: Option<&'static str>,
    pub evr: Evr<'a>,
    /// Needed before the installation; written for requirements only.
    pub pre: bool,
}

impl<'a> Entry<'a> {
    /// `None` for a dependency that cannot be expressed: without a name, or with an epoch that is
    /// no number.
    fn new(dependency: &'a Dependency) -> Option<Self> {
        Some(Self {
            name: Some(dependency.name.as_str()).filter(|name| !name.is_empty())?,
            comparison: comparison(dependency.flags),
            evr: split_evr(&dependency.version)?,
            pre: false,
        })
    }
}

/// The name that the metadata gives to the comparison bits.
pub(crate) fn comparison(flags: u32) -> Option<&'static str> {
    match flags & COMPARISON {
        0x2 => Some("LT"),
        0x4 => Some("GT"),
        0x8 => Some("EQ"),
        0xa => Some("LE"),
        0xc => Some("GE"),
        _ => None,
    }
}

/// The bits behind [`comparison`]'s names.
pub(crate) fn comparison_flags(name: &str) -> Option<u32> {
    [0x2, 0x4, 0x8, 0xa, 0xc]
        .into_iter()
        .find(|&flags| comparison(flags) == Some(name))
}

/// The bit that a reader sets for `pre="1"`, and the writer takes for it.
pub(crate) const PRE_FLAG: u32 = 0x40;

/// Provides, conflicts and the like: as in the header.
pub(crate) fn plain(dependencies: &[Dependency]) -> Vec<Entry<'_>> {
    dependencies.iter().filter_map(Entry::new).collect()
}

/// A package's requirements.
#[derive(Default)]
pub(crate) struct Requirements<'a> {
    pub required: Vec<Entry<'a>>,
    /// Requirements marked as dispensable: they become recommendations, before the package's own.
    pub dispensable: Vec<Entry<'a>>,
}

/// The requirements without rpm's own features, what the package itself brings, and repetitions.
pub(crate) fn requirements(record: &Record) -> Requirements<'_> {
    let own_files: HashSet<&str> = record
        .files
        .iter()
        .map(|file| file.path.as_str())
        .filter(|path| is_primary_file(path))
        .collect();
    let provided: HashSet<_> = record
        .provides
        .iter()
        .filter(|p| Entry::new(p).is_some())
        .map(key)
        .collect();

    let mut result = Requirements::default();
    let mut latest_of_name = HashMap::new();
    let mut libc: Option<Entry<'_>> = None;
    for dependency in &record.requires {
        if dependency.name.starts_with("rpmlib(")
            || own_files.contains(dependency.name.as_str())
            || provided.contains(&key(dependency))
        {
            continue;
        }
        let pre = dependency.flags & BEFORE_INSTALL != 0;
        let repetition = (
            comparison(dependency.flags),
            dependency.version.as_str(),
            pre,
        );
        // Only the name's latest entry counts: A = 1, A = 2, A = 1 stays three entries.
        if latest_of_name.get(dependency.name.as_str()) == Some(&repetition) {
            continue;
        }
        let Some(entry) = Entry::new(dependency) else {
            continue;
        };
        if dependency.flags & MISSING_OK != 0 {
            result.dispensable.push(entry);
        } else if entry.name.starts_with("libc.so.6") {
            libc = Some(newer_libc(libc, Entry { pre, ..entry }));
        } else {
            result.required.push(Entry { pre, ..entry });
            latest_of_name.insert(entry.name, repetition);
        }
    }
    result.required.extend(libc);
    result
}

/// The text by which `createrepo_c` recognises a requirement among the provides.
fn key(dependency: &Dependency) -> (&str, Option<&'static str>, &str) {
    (
        &dependency.name,
        comparison(dependency.flags),
        &dependency.version,
    )
}

/// Of all `libc.so.6(GLIBC_…)` requirements only the highest is kept, at the end.
fn newer_libc<'a>(kept: Option<Entry<'a>>, entry: Entry<'a>) -> Entry<'a> {
    match kept {
        Some(kept) if compare_symbol_versions(kept.name, entry.name) != Ordering::Less => kept,
        _ => entry,
    }
}

/// Orders `libc.so.6()(64bit)` before `libc.so.6(GLIBC_2.3.4)(64bit)` before `…(GLIBC_2.34)…`.
fn compare_symbol_versions(left: &str, right: &str) -> Ordering {
    let (l, r) = (symbol_version(left), symbol_version(right));
    l.0.cmp(&r.0).then_with(|| vercmp(l.1, r.1))
}

/// How much version the first parenthesis holds (0 to 4), and the version.
fn symbol_version(name: &str) -> (u8, &str) {
    let Some((_, rest)) = name.split_once('(') else {
        return (0, "");
    };
    let Some((inside, _)) = rest.split_once(')') else {
        return (1, "");
    };
    if inside.is_empty() {
        return (2, "");
    }
    match inside.find(|c: char| c.is_ascii_digit()) {
        None => (3, ""),
        Some(digit) => (4, &inside[digit..]),
    }
}

/// Whether primary lists this file (and can resolve a file requirement by it).
pub(crate) fn is_primary_file(path: &str) -> bool {
    path.starts_with("/etc/") || path.contains("bin/") || path == "/usr/lib/sendmail"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{File, FileKind};

    fn dependency(name: &str, flags: u32, version: &str) -> Dependency {
        Dependency {
            name: name.into(),
            flags,
            version: version.into(),
        }
    }

    #[test]
    fn cuts_versions() {
        let cases = [
            ("", Some(("", "", ""))),
            ("1.0", Some(("0", "1.0", ""))),
            ("1.0-2", Some(("0", "1.0", "2"))),
            ("3:1.0-2", Some(("3", "1.0", "2"))),
            (":1.0", Some(("0", "1.0", ""))),
            (
                "6.1.190-54.1-default",
                Some(("0", "6.1.190", "54.1-default")),
            ),
            ("1.0-", Some(("0", "1.0", ""))),
            ("-1", Some(("0", "", "1"))),
            ("92997ed8", Some(("0", "92997ed8", ""))),
            ("a:1", None),
            ("1-2:3", None),
        ];
        for (text, expected) in cases {
            let found = split_evr(text).map(|evr| (evr.epoch, evr.version, evr.release));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn names_comparisons() {
        for (flags, name) in [
            (0x8, "EQ"),
            (0x2, "LT"),
            (0xa, "LE"),
            (0x4, "GT"),
            (0xc, "GE"),
        ] {
            assert_eq!(comparison(flags | 0x1000_0100), Some(name));
            assert_eq!(comparison_flags(name), Some(flags));
        }
        for flags in [0, 0x6, 0xe, 0x100] {
            assert_eq!(comparison(flags), None, "{flags:#x}");
        }
        assert_eq!(comparison_flags("NE"), None);
    }

    #[test]
    fn leaves_out_what_needs_no_provider() {
        let record = Record {
            files: vec![
                File {
                    path: "/usr/bin/tool".into(),
                    kind: FileKind::File,
                },
                File {
                    path: "/opt/data".into(),
                    kind: FileKind::File,
                },
            ],
            provides: vec![dependency("tool", 8, "1.0-1"), dependency("bare", 0, "")],
            requires: vec![
                dependency("rpmlib(CompressedFileNames)", 0x0100_000a, "3.0.4-1"),
                dependency("/usr/bin/tool", 0, ""),
                dependency("/opt/data", 0, ""),
                dependency("tool", 8, "1.0-1"),
                dependency("tool", 12, "1.0-1"),
                dependency("bare", 0, ""),
                dependency("bad", 8, "x:1"),
                dependency("wish", MISSING_OK, ""),
                dependency("", 0, ""),
            ],
            ..Record::default()
        };
        let found = requirements(&record);
        let names: Vec<_> = found
            .required
            .iter()
            .map(|e| (e.name, e.comparison))
            .collect();
        assert_eq!(names, [("/opt/data", None), ("tool", Some("GE"))]);
        assert_eq!(
            found.dispensable.iter().map(|e| e.name).collect::<Vec<_>>(),
            ["wish"]
        );
    }

    #[test]
    fn merges_repetitions_of_the_latest_entry_only() {
        let record = Record {
            requires: vec![
                dependency("/bin/sh", 0x100, ""),
                dependency("/bin/sh", 0x500, ""),
                dependency("/bin/sh", 0x600, ""),
                dependency("a", 8, "1"),
                dependency("a", 8, "2"),
                dependency("a", 8, "1"),
                dependency("a", 8, "1"),
            ],
            ..Record::default()
        };
        let found: Vec<_> = requirements(&record)
            .required
            .iter()
            .map(|e| (e.name, e.evr.version, e.pre))
            .collect();
        let expected = [
            ("/bin/sh", "", false),
            ("/bin/sh", "", true),
            ("a", "1", false),
            ("a", "2", false),
            ("a", "1", false),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn keeps_the_highest_libc_at_the_end() {
        let names = [
            "libc.so.6()(64bit)",
            "libc.so.6(GLIBC_2.34)(64bit)",
            "libc.so.6(GLIBC_2.4)(64bit)",
            "libc.so.6",
            "libc.so.6(GLIBC_PRIVATE)(64bit)",
            "libm.so.6()(64bit)",
        ];
        let requires = names.iter().map(|name| dependency(name, 0, "")).collect();
        let record = Record {
            requires,
            ..Record::default()
        };
        let found: Vec<_> = requirements(&record)
            .required
            .iter()
            .map(|e| e.name)
            .collect();
        assert_eq!(
            found,
            ["libm.so.6()(64bit)", "libc.so.6(GLIBC_2.34)(64bit)"]
        );
    }

    #[test]
    fn knows_primary_files() {
        for path in [
            "/etc/x",
            "/usr/bin/x",
            "/opt/sbin/x",
            "/usr/lib/sendmail",
            "/a/robin/x",
        ] {
            assert!(is_primary_file(path), "{path}");
        }
        for path in [
            "/etcetera",
            "/usr/lib/sendmail2",
            "/lib/modules/x.ko",
            "/usr/bin",
        ] {
            assert!(!is_primary_file(path), "{path}");
        }
    }
}
