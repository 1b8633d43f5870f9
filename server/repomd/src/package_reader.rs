//! Reads one `<package>` element of primary, filelists or other.

use std::io::BufRead;

use crate::dependency::{PRE_FLAG, comparison_flags};
use crate::error::{Error, Result, shortened};
use crate::pull::{Pull, Tag};
use crate::read::{FilelistsEntry, Limits, OtherEntry, PackageHead};
use crate::record::{ChangelogEntry, Dependency, File, FileKind, Record};
use crate::susedata::{Support, SusedataEntry};

/// Reads one `<package>` element.
pub(crate) struct PackageReader<'l> {
    limits: &'l Limits,
    /// Of the package in the document, from 1; for errors.
    number: usize,
    /// Dependencies, files and changelog entries read so far.
    entries: usize,
}

impl<'l> PackageReader<'l> {
    pub fn new(limits: &'l Limits, number: usize) -> Self {
        Self {
            limits,
            number,
            entries: 0,
        }
    }

    /// A record of primary; without `format` only what identifies and locates the package.
    pub fn primary<R: BufRead>(mut self, pull: &mut Pull<R>, format: bool) -> Result<Record> {
        let mut record = Record::default();
        while let Some(tag) = pull.child()? {
            match tag.name() {
                "name" => record.name = pull.text()?,
                "arch" => record.arch = pull.text()?,
                "version" => {
                    (record.epoch, record.version, record.release) = self.version(pull, &tag)?;
                }
                "checksum" => record.pkgid = pull.text()?.trim().to_ascii_lowercase(),
                "location" => {
                    record.location = tag.attribute("href").unwrap_or_default();
                    pull.skip()?;
                }
                "size" => {
                    record.size_package = self.attribute_number(pull, &tag, "package")?;
                    record.size_installed = self.attribute_number(pull, &tag, "installed")?;
                    record.size_archive = self.attribute_number(pull, &tag, "archive")?;
                    pull.skip()?;
                }
                _ if !format => pull.skip()?,
                "summary" => record.summary = pull.text()?,
                "description" => record.description = pull.text()?,
                "packager" => record.packager = pull.text()?,
                "url" => record.url = pull.text()?,
                "time" => {
                    record.file_time = self.attribute_number(pull, &tag, "file")?;
                    record.build_time = self.attribute_number(pull, &tag, "build")?;
                    pull.skip()?;
                }
                "format" => self.format(pull, &mut record)?,
                _ => pull.skip()?,
            }
        }
        let needed = [
            ("a name", &record.name),
            ("an arch", &record.arch),
            ("a version", &record.version),
            ("a checksum", &record.pkgid),
            ("a location", &record.location),
        ];
        for (what, value) in needed {
            if value.is_empty() {
                return Err(self.missing(pull.document(), what));
            }
        }
        Ok(record)
    }

    fn format<R: BufRead>(&mut self, pull: &mut Pull<R>, record: &mut Record) -> Result<()> {
        while let Some(tag) = pull.child()? {
            match tag.name() {
                "license" => record.license = pull.text()?,
                "vendor" => record.vendor = pull.text()?,
                "group" => record.group = pull.text()?,
                "buildhost" => record.build_host = pull.text()?,
                "sourcerpm" => record.source_rpm = pull.text()?,
                "header-range" => {
                    record.header_start = self.attribute_number(pull, &tag, "start")?;
                    record.header_end = self.attribute_number(pull, &tag, "end")?;
                    pull.skip()?;
                }
                "provides" => self.dependencies(pull, &mut record.provides)?,
                "requires" => self.dependencies(pull, &mut record.requires)?,
                "conflicts" => self.dependencies(pull, &mut record.conflicts)?,
                "obsoletes" => self.dependencies(pull, &mut record.obsoletes)?,
                "suggests" => self.dependencies(pull, &mut record.suggests)?,
                "enhances" => self.dependencies(pull, &mut record.enhances)?,
                "recommends" => self.dependencies(pull, &mut record.recommends)?,
                "supplements" => self.dependencies(pull, &mut record.supplements)?,
                "file" => record.files.push(self.file(pull, &tag)?),
                _ => pull.skip()?,
            }
        }
        Ok(())
    }

    fn dependencies<R: BufRead>(
        &mut self,
        pull: &mut Pull<R>,
        list: &mut Vec<Dependency>,
    ) -> Result<()> {
        while let Some(tag) = pull.child()? {
            if tag.name() == "entry" {
                self.count_entry(pull.document())?;
                let name = tag.attribute("name");
                list.push(dependency(
                    &tag,
                    name.ok_or(self.missing(pull.document(), "a name"))?,
                ));
            }
            pull.skip()?;
        }
        Ok(())
    }

    /// A package of filelists; without `files` only its head.
    pub fn filelists<R: BufRead>(
        mut self,
        pull: &mut Pull<R>,
        tag: &Tag,
        files: bool,
    ) -> Result<FilelistsEntry> {
        let mut entry = FilelistsEntry {
            package: self.head(pull, tag)?,
            files: Vec::new(),
        };
        while let Some(tag) = pull.child()? {
            match tag.name() {
                "version" => self.head_version(pull, &tag, &mut entry.package)?,
                "file" if files => entry.files.push(self.file(pull, &tag)?),
                _ => pull.skip()?,
            }
        }
        Ok(entry)
    }

    /// A package of other; without `changelog` only its head.
    pub fn other<R: BufRead>(
        mut self,
        pull: &mut Pull<R>,
        tag: &Tag,
        changelog: bool,
    ) -> Result<OtherEntry> {
        let mut entry = OtherEntry {
            package: self.head(pull, tag)?,
            changelog: Vec::new(),
        };
        while let Some(tag) = pull.child()? {
            match tag.name() {
                "version" => self.head_version(pull, &tag, &mut entry.package)?,
                "changelog" if changelog => {
                    entry.changelog.push(self.changelog_entry(pull, &tag)?);
                }
                _ => pull.skip()?,
            }
        }
        entry.changelog.reverse();
        Ok(entry)
    }

    /// A package of susedata.
    pub fn susedata<R: BufRead>(mut self, pull: &mut Pull<R>, tag: &Tag) -> Result<SusedataEntry> {
        let mut entry = SusedataEntry {
            package: self.head(pull, tag)?,
            support: Support::default(),
        };
        while let Some(tag) = pull.child()? {
            match tag.name() {
                "version" => self.head_version(pull, &tag, &mut entry.package)?,
                "keyword" => {
                    self.count_entry(pull.document())?;
                    entry.support.keywords.push(pull.text()?);
                }
                "eula" => entry.support.eula = pull.text()?,
                _ => pull.skip()?,
            }
        }
        Ok(entry)
    }

    fn changelog_entry<R: BufRead>(
        &mut self,
        pull: &mut Pull<R>,
        tag: &Tag,
    ) -> Result<ChangelogEntry> {
        self.count_entry(pull.document())?;
        let date = tag.attribute("date").unwrap_or_default();
        Ok(ChangelogEntry {
            time: date.parse().map_err(|_| Error::Malformed {
                document: pull.document().to_owned(),
                what: "the date of a changelog entry",
                found: shortened(&date),
                expected: "a number of seconds",
            })?,
            author: tag.attribute("author").unwrap_or_default(),
            text: pull.text()?,
        })
    }

    fn file<R: BufRead>(&mut self, pull: &mut Pull<R>, tag: &Tag) -> Result<File> {
        self.count_entry(pull.document())?;
        let kind = match tag.attribute("type").as_deref() {
            Some("dir") => FileKind::Dir,
            Some("ghost") => FileKind::Ghost,
            _ => FileKind::File,
        };
        Ok(File {
            path: pull.text()?,
            kind,
        })
    }

    fn head<R: BufRead>(&self, pull: &Pull<R>, tag: &Tag) -> Result<PackageHead> {
        let needed = |name, what| {
            tag.attribute(name)
                .ok_or(self.missing(pull.document(), what))
        };
        Ok(PackageHead {
            pkgid: needed("pkgid", "a pkgid")?.trim().to_ascii_lowercase(),
            name: needed("name", "a name")?,
            arch: needed("arch", "an arch")?,
            ..PackageHead::default()
        })
    }

    fn head_version<R: BufRead>(
        &self,
        pull: &mut Pull<R>,
        tag: &Tag,
        head: &mut PackageHead,
    ) -> Result<()> {
        (head.epoch, head.version, head.release) = self.version(pull, tag)?;
        Ok(())
    }

    fn version<R: BufRead>(&self, pull: &mut Pull<R>, tag: &Tag) -> Result<(u32, String, String)> {
        let epoch = tag.attribute("epoch").filter(|text| !text.is_empty());
        let epoch = match epoch {
            Some(text) => text.trim().parse().map_err(|_| Error::Malformed {
                document: pull.document().to_owned(),
                what: "an epoch",
                found: shortened(&text),
                expected: "a 32-bit number",
            })?,
            None => 0,
        };
        let version = tag.attribute("ver").unwrap_or_default();
        let release = tag.attribute("rel").unwrap_or_default();
        pull.skip()?;
        Ok((epoch, version, release))
    }

    /// The number in an attribute; 0 when it is absent or empty.
    fn attribute_number<R: BufRead>(
        &self,
        pull: &Pull<R>,
        tag: &Tag,
        name: &'static str,
    ) -> Result<u64> {
        match tag.attribute(name).filter(|text| !text.is_empty()) {
            Some(text) => number(pull.document(), name, &text),
            None => Ok(0),
        }
    }

    fn count_entry(&mut self, document: &str) -> Result<()> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(Error::TooLarge {
                document: document.to_owned(),
                what: "entries in one package",
                limit: self.limits.entries as u64,
            });
        }
        Ok(())
    }

    fn missing(&self, document: &str, what: &'static str) -> Error {
        Error::Missing {
            document: document.to_owned(),
            what,
            record: self.number,
        }
    }
}

/// The dependency of a `rpm:entry`. Without comparison its version means nothing.
fn dependency(tag: &Tag, name: String) -> Dependency {
    let comparison = tag
        .attribute("flags")
        .and_then(|flags| comparison_flags(&flags));
    let pre = tag.attribute("pre").is_some_and(|pre| pre == "1");
    let version = if comparison.is_some() {
        version_text(tag)
    } else {
        String::new()
    };
    Dependency {
        name,
        flags: comparison.unwrap_or(0) | if pre { PRE_FLAG } else { 0 },
        version,
    }
}

/// `[epoch:]version[-release]` again; an epoch of 0 is left out, as in headers.
fn version_text(tag: &Tag) -> String {
    let mut text = String::new();
    if let Some(epoch) = tag
        .attribute("epoch")
        .filter(|epoch| !epoch.is_empty() && epoch != "0")
    {
        text.push_str(&epoch);
        text.push(':');
    }
    text.push_str(&tag.attribute("ver").unwrap_or_default());
    if let Some(release) = tag.attribute("rel").filter(|release| !release.is_empty()) {
        text.push('-');
        text.push_str(&release);
    }
    text
}

/// The number that `text` is.
pub(crate) fn number(document: &str, what: &'static str, text: &str) -> Result<u64> {
    text.trim().parse().map_err(|_| Error::Malformed {
        document: document.to_owned(),
        what,
        found: shortened(text),
        expected: "a number",
    })
}
