//! Reads primary, filelists and other, of our own or of anybody's making.
//!
//! The documents are read as a stream, one package at a time; every limit is checked before
//! memory is taken. Unknown elements are passed over.

use std::io::BufRead;

use crate::error::{Error, Result};
use crate::package_reader::{PackageReader, number};
use crate::pull::{Pull, Tag};
use crate::record::{ChangelogEntry, File, Record};

/// Upper bounds while reading a repository.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one unpacked document.
    pub open_size: u64,
    /// Packages of one document.
    pub packages: usize,
    /// Dependencies, files and changelog entries of one package.
    pub entries: usize,
    /// Bytes of one value: a name, a description, a tag with its attributes.
    pub value: usize,
}

impl Default for Limits {
    /// Ten times what the largest known repositories need.
    fn default() -> Self {
        Self {
            open_size: 16 << 30,
            packages: 1_000_000,
            entries: 1_000_000,
            value: 4 << 20,
        }
    }
}

/// A package as filelists names it, with all its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilelistsEntry {
    /// Whose files these are.
    pub package: PackageHead,
    pub files: Vec<File>,
}

/// A package as other names it, with its changelog, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherEntry {
    /// Whose changelog this is.
    pub package: PackageHead,
    pub changelog: Vec<ChangelogEntry>,
}

/// By what filelists, other and susedata name a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageHead {
    /// The file's digest, lower-case hex.
    pub pkgid: String,
    pub name: String,
    pub arch: String,
    pub epoch: u32,
    pub version: String,
    pub release: String,
}

/// Reads primary (unpacked) and returns all its packages.
pub fn parse_primary(bytes: &[u8]) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    read_primary(bytes, &Limits::default(), &mut |record| {
        records.push(record);
        Ok(())
    })?;
    Ok(records)
}

/// Reads filelists (unpacked) and returns all its packages.
pub fn parse_filelists(bytes: &[u8]) -> Result<Vec<FilelistsEntry>> {
    let mut entries = Vec::new();
    read_filelists(bytes, &Limits::default(), &mut |entry| {
        entries.push(entry);
        Ok(())
    })?;
    Ok(entries)
}

/// Reads other (unpacked) and returns all its packages.
pub fn parse_other(bytes: &[u8]) -> Result<Vec<OtherEntry>> {
    let mut entries = Vec::new();
    read_other(bytes, &Limits::default(), &mut |entry| {
        entries.push(entry);
        Ok(())
    })?;
    Ok(entries)
}

/// Reads primary (unpacked) package by package.
///
/// A record holds what primary says: `files` are only those that primary lists, `changelog` is
/// empty, dependencies are as the writer left them. `flags` of a dependency are the comparison
/// bits, and `RPMSENSE_PREREQ` for `pre="1"`.
pub fn read_primary(
    reader: impl BufRead,
    limits: &Limits,
    each: &mut dyn FnMut(Record) -> Result<()>,
) -> Result<()> {
    Document::primary(limits).read(reader, &mut |pull, _, number| {
        each(PackageReader::new(limits, number).primary(pull, true)?)
    })?;
    Ok(())
}

/// Reads filelists (unpacked) package by package.
pub fn read_filelists(
    reader: impl BufRead,
    limits: &Limits,
    each: &mut dyn FnMut(FilelistsEntry) -> Result<()>,
) -> Result<()> {
    Document::filelists(limits).read(reader, &mut |pull, tag, number| {
        each(PackageReader::new(limits, number).filelists(pull, tag, true)?)
    })?;
    Ok(())
}

/// Reads other (unpacked) package by package.
pub fn read_other(
    reader: impl BufRead,
    limits: &Limits,
    each: &mut dyn FnMut(OtherEntry) -> Result<()>,
) -> Result<()> {
    Document::other(limits).read(reader, &mut |pull, tag, number| {
        each(PackageReader::new(limits, number).other(pull, tag, true)?)
    })?;
    Ok(())
}

/// The frame that the documents share.
pub(crate) struct Document<'l> {
    /// For errors.
    name: &'static str,
    root: &'static str,
    limits: &'l Limits,
}

/// Reads one `<package>` element, given its tag and its number from 1, to its end.
type EachPackage<'e, R> = dyn FnMut(&mut Pull<R>, &Tag, usize) -> Result<()> + 'e;

impl<'l> Document<'l> {
    pub fn primary(limits: &'l Limits) -> Self {
        Self {
            name: "primary",
            root: "metadata",
            limits,
        }
    }

    pub fn filelists(limits: &'l Limits) -> Self {
        Self {
            name: "filelists",
            root: "filelists",
            limits,
        }
    }

    pub fn other(limits: &'l Limits) -> Self {
        Self {
            name: "other",
            root: "otherdata",
            limits,
        }
    }

    pub fn susedata(limits: &'l Limits) -> Self {
        Self {
            name: "susedata",
            root: "susedata",
            limits,
        }
    }

    /// Calls `each` for every package; returns the reader, read to the end of the document.
    pub fn read<R: BufRead>(&self, reader: R, each: &mut EachPackage<'_, R>) -> Result<R> {
        let mut pull = Pull::new(reader, self.name, self.limits.value);
        let announced = self.announced(&pull.root(self.root)?)?;
        let mut found = 0;
        while let Some(tag) = pull.child()? {
            if tag.name() != "package" {
                pull.skip()?;
                continue;
            }
            if found == self.limits.packages {
                let limit = self.limits.packages as u64;
                let document = self.name.to_owned();
                return Err(Error::TooLarge {
                    document,
                    what: "packages",
                    limit,
                });
            }
            found += 1;
            each(&mut pull, &tag, found)?;
        }
        match announced {
            Some(announced) if announced != found as u64 => {
                let (document, found) = (self.name.to_owned(), found as u64);
                Err(Error::Count {
                    document,
                    announced,
                    found,
                })
            }
            _ => pull.finish(),
        }
    }

    fn announced(&self, root: &Tag) -> Result<Option<u64>> {
        let Some(text) = root.attribute("packages") else {
            return Ok(None);
        };
        number(self.name, "its number of packages", &text).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::assemble::{Options, assemble};
    use crate::compression::Compression;
    use crate::dependency::PRE_FLAG;
    use crate::record::{Dependency, FileKind};
    use crate::render::render;

    /// The open documents of some packages.
    fn documents(records: &[Record]) -> [String; 3] {
        let rendered: Vec<_> = records.iter().map(render).collect();
        let options = Options {
            compression: Compression::None,
            ..Options::default()
        };
        let files = assemble(&rendered, &options).files;
        let texts: Vec<_> = files
            .into_iter()
            .map(|file| String::from_utf8(file.bytes).unwrap())
            .collect();
        texts.try_into().unwrap()
    }

    fn sample() -> Record {
        let dependency = |name: &str, flags, version: &str| Dependency {
            name: name.into(),
            flags,
            version: version.into(),
        };
        Record {
            name: "acme-foo-kmp-default".into(),
            epoch: 1,
            version: "1.0_k6.4.0".into(),
            release: "2".into(),
            arch: "x86_64".into(),
            pkgid: "00ff".into(),
            summary: "A <driver>".into(),
            description: "\n  two\nlines\r".into(),
            file_time: 1,
            build_time: 2,
            size_package: 3,
            size_installed: 4,
            size_archive: 5,
            location: "a b&c.rpm".into(),
            header_start: 6,
            header_end: 7,
            provides: vec![
                dependency("foo", 8, "2:3-4-default"),
                dependency("bare", 0, ""),
            ],
            requires: vec![dependency("sh\t", PRE_FLAG, ""), dependency("x", 0xa, "1")],
            supplements: vec![dependency("modalias(kernel-default:pci:v*\"<)", 0, "")],
            files: vec![
                File {
                    path: "/etc/a".into(),
                    kind: FileKind::File,
                },
                File {
                    path: "/etc/b&".into(),
                    kind: FileKind::Dir,
                },
                File {
                    path: "/etc/c".into(),
                    kind: FileKind::Ghost,
                },
            ],
            changelog: vec![ChangelogEntry {
                time: -5,
                author: "A <a>".into(),
                text: "- x".into(),
            }],
            ..Record::default()
        }
    }

    #[test]
    fn reads_every_field() {
        let record = sample();
        let [primary, filelists, other] = documents(std::slice::from_ref(&record));
        let read = &parse_primary(primary.as_bytes()).unwrap()[0];
        assert_eq!(
            *read,
            Record {
                changelog: Vec::new(),
                ..record.clone()
            }
        );
        let files = &parse_filelists(filelists.as_bytes()).unwrap()[0];
        assert_eq!(files.files, record.files);
        assert_eq!(
            (files.package.epoch, files.package.name.as_str()),
            (1, record.name.as_str())
        );
        assert_eq!(
            parse_other(other.as_bytes()).unwrap()[0].changelog,
            record.changelog
        );
    }

    #[test]
    fn refuses_what_is_no_primary() {
        let package = |inside: &str| {
            format!(
                "<metadata packages='1'><package type='rpm'><name>n</name><arch>a</arch>\
                 <version ver='1' rel='1'/><checksum>c</checksum>{inside}</package></metadata>"
            )
        };
        let cases = [
            ("<filelists/>".to_owned(), "starts with <filelists>"),
            (
                "<metadata packages='2'/>".into(),
                "announces 2 packages and holds 0",
            ),
            (
                "<metadata packages='many'/>".into(),
                "`many`, which is not a number",
            ),
            (
                "<metadata><package/></metadata>".into(),
                "lacks a name in its record number 1",
            ),
            (package(""), "lacks a location"),
            (package("<location href='x'/><size package='-1'/>"), "`-1`"),
            (
                package("<location href='x'/><version epoch='4294967296'/>"),
                "`4294967296`",
            ),
            (
                package("<format><requires><entry/></requires></format>"),
                "lacks a name",
            ),
            (
                package("<location href='x'/>").replace("</metadata>", ""),
                "ends inside",
            ),
            (package("&bogus;"), "entity"),
        ];
        for (text, reason) in cases {
            let error = parse_primary(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn stops_at_limits() {
        let [primary, filelists, _] = documents(&[sample(), sample()]);
        let generous = Limits::default();
        let read = |limits: Limits| read_primary(primary.as_bytes(), &limits, &mut |_| Ok(()));
        read(generous).unwrap();
        let cases = [
            (
                Limits {
                    packages: 1,
                    ..generous
                },
                "packages",
            ),
            (
                Limits {
                    entries: 7,
                    ..generous
                },
                "entries in one package",
            ),
            (
                Limits {
                    value: 20,
                    ..generous
                },
                "bytes in one value",
            ),
        ];
        for (limits, what) in cases {
            let error = read(limits).unwrap_err().to_string();
            assert!(
                error.contains("more than") && error.contains(what),
                "{error}"
            );
        }
        let limits = Limits {
            entries: 2,
            ..generous
        };
        assert!(read_filelists(filelists.as_bytes(), &limits, &mut |_| Ok(())).is_err());
    }

    #[test]
    fn a_callback_can_stop_the_reading() {
        let [primary, ..] = documents(&[sample(), sample()]);
        let mut read = 0;
        let result = read_primary(primary.as_bytes(), &Limits::default(), &mut |_| {
            read += 1;
            Err(Error::NoData { kind: "primary" })
        });
        assert!(matches!(result, Err(Error::NoData { .. })));
        assert_eq!(read, 1);
    }

    fn text() -> impl Strategy<Value = String> {
        "[a-z<>&\"' é\r\n\t\u{1}]{0,12}"
    }

    fn dependencies() -> impl Strategy<Value = Vec<Dependency>> {
        let flags = prop::sample::select(vec![0, 0x2, 0x4, 0x8, 0xa, 0xc, 0x40, 0x208, 1 << 19]);
        let one = (
            "(libc\\.so\\.6\\([A-Z_]{0,3}[0-9.]{0,4}\\)|rpmlib\\(x\\)|/usr/bin/[ab]|[a-z<&]{1,3})",
            flags,
            "([1-9]:)?[a-z0-9.~^]{1,4}(-[a-z0-9-]{1,4})?",
        );
        let dependency = one.prop_map(|(name, flags, version)| Dependency {
            version: if comparison_name(flags) {
                version
            } else {
                String::new()
            },
            name,
            flags,
        });
        prop::collection::vec(dependency, 0..8)
    }

    fn comparison_name(flags: u32) -> bool {
        crate::dependency::comparison(flags).is_some()
    }

    prop_compose! {
        fn record()(
            texts in prop::collection::vec(text(), 10),
            numbers in prop::array::uniform7(any::<u64>()),
            name in "[a-z&]{1,8}",
            lists in prop::collection::vec(dependencies(), 8),
            files in prop::collection::vec(("/(usr/bin|etc|opt)/[a-c<]{1,2}", 0_u8..3), 0..6),
            changelog in prop::collection::vec((0_i64..4, text()), 0..14),
        ) -> Record {
            let mut texts = texts.into_iter();
            let mut text = || texts.next().unwrap();
            let mut lists = lists.into_iter();
            let mut list = || lists.next().unwrap();
            Record {
                name: name.clone(), version: name.clone(), release: text(), arch: "noarch".into(),
                epoch: numbers[0] as u32, pkgid: hex::encode(name.as_bytes()), location: name,
                summary: text(), description: text(), packager: text(), url: text(),
                license: text(), vendor: text(), group: text(), build_host: text(),
                source_rpm: text(), file_time: numbers[0], build_time: numbers[1],
                size_package: numbers[2], size_installed: numbers[3], size_archive: numbers[4],
                header_start: numbers[5], header_end: numbers[6],
                provides: list(), requires: list(), conflicts: list(), obsoletes: list(),
                suggests: list(), enhances: list(), recommends: list(), supplements: list(),
                files: files.into_iter().map(|(path, kind)| File {
                    path,
                    kind: [FileKind::File, FileKind::Dir, FileKind::Ghost][usize::from(kind)],
                }).collect(),
                changelog: changelog.into_iter().map(|(time, text)| ChangelogEntry {
                    time, author: "A".into(), text,
                }).collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_read_renders_to_the_same(record in record()) {
            let [primary, filelists, other] = documents(std::slice::from_ref(&record));
            let mut read = parse_primary(primary.as_bytes()).unwrap().remove(0);
            read.files = parse_filelists(filelists.as_bytes()).unwrap().remove(0).files;
            read.changelog = parse_other(other.as_bytes()).unwrap().remove(0).changelog;
            prop_assert_eq!(render(&read), render(&record));
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_primary(&bytes);
            let _ = parse_filelists(&bytes);
            let _ = parse_other(&bytes);
        }

        #[test]
        fn never_panics_on_mutations(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in any::<prop::sample::Index>(),
        ) {
            for document in documents(&[sample()]) {
                let mut bytes = document.into_bytes();
                for (at, byte) in &changes {
                    *at.get_mut(&mut bytes) = *byte;
                }
                let _ = parse_primary(&bytes);
                let _ = parse_filelists(&bytes);
                let _ = parse_other(&bytes);
                bytes.truncate(cut.index(bytes.len()));
                let _ = parse_primary(&bytes);
            }
        }
    }
}
