//! Who the package is: the header's single-valued tags and its change log.

use crate::header::Header;
use crate::oddities::{Oddities, quoted};
use crate::text::text;
use crate::{ChangelogEntry, Error, Limits, tag};

/// The part of [`crate::Package`] that stands in single tags.
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) epoch: Option<u32>,
    pub(crate) version: String,
    pub(crate) release: String,
    pub(crate) arch: String,
    pub(crate) is_source: bool,
    pub(crate) rpm_format: u8,
}

impl Identity {
    pub(crate) fn read(header: &Header, oddities: &mut Oddities) -> Result<Identity, Error> {
        // As rpm decides it; the tag that says so outright came only with rpm 4.
        let is_source = !header.contains(tag::SOURCE_RPM);
        let arch = match (is_source, is_without_source(header)) {
            (false, _) => required(header, tag::ARCH, "architecture")?,
            (true, false) => "src".to_owned(),
            (true, true) => "nosrc".to_owned(),
        };
        let identity = Identity {
            name: required(header, tag::NAME, "name")?,
            epoch: header
                .number(tag::EPOCH)
                .and_then(|epoch| u32::try_from(epoch).ok()),
            version: required(header, tag::VERSION, "version")?,
            release: required(header, tag::RELEASE, "release")?,
            arch,
            is_source,
            rpm_format: rpm_format(header),
        };
        identity.note_odd_characters(oddities);
        Ok(identity)
    }

    /// `[epoch:]version-release`
    pub(crate) fn evr(&self) -> String {
        let epoch = self
            .epoch
            .map_or(String::new(), |epoch| format!("{epoch}:"));
        format!("{epoch}{}-{}", self.version, self.release)
    }

    /// rpmbuild allows few characters here, and file names are made of them.
    fn note_odd_characters(&self, oddities: &mut Oddities) {
        let parts = [
            ("name", &self.name, "+-._"),
            ("version", &self.version, "+._~^"),
            ("release", &self.release, "+._~^"),
            ("architecture", &self.arch, "_"),
        ];
        for (what, value, signs) in parts {
            if !value
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
            {
                oddities.note("odd-identity", || {
                    format!(
                        "the {what} {} holds characters that rpmbuild refuses",
                        quoted(value)
                    )
                });
            }
        }
    }
}

fn required(header: &Header, tag: u32, name: &'static str) -> Result<String, Error> {
    let value = text(header, tag).filter(|value| !value.is_empty());
    value.ok_or(Error::MissingTag { name, tag })
}

fn is_without_source(header: &Header) -> bool {
    header.contains(tag::NO_SOURCE) || header.contains(tag::NO_PATCH)
}

fn rpm_format(header: &Header) -> u8 {
    match header.number(tag::RPM_FORMAT) {
        Some(format) => u8::try_from(format).unwrap_or(u8::MAX),
        None if header.has_region => 4,
        None => 3,
    }
}

/// The change log, in header order.
pub(crate) fn changelog(
    header: &Header,
    limits: &Limits,
    oddities: &mut Oddities,
) -> Result<Vec<ChangelogEntry>, Error> {
    let Some(times) = header.numbers(tag::CHANGELOG_TIMES) else {
        return Ok(Vec::new());
    };
    let count = times.len();
    if count > limits.changelog_entries {
        let (found, limit) = (count as u64, limits.changelog_entries as u64);
        return Err(Error::OverLimit {
            what: "entries of the change log",
            found,
            limit,
            name: Some("changelog-entries"),
        });
    }
    let mut authors = header.texts(tag::CHANGELOG_AUTHORS).into_iter().flatten();
    let mut texts = header.texts(tag::CHANGELOG_TEXTS).into_iter().flatten();
    let entries = times.map(|time| ChangelogEntry {
        // The header has 32 bits, and the number is counted from 1970 without a sign.
        time: time as i64,
        author: crate::text::decode(authors.next().unwrap_or_default()),
        text: crate::text::decode(texts.next().unwrap_or_default()),
    });
    let entries: Vec<ChangelogEntry> = entries.collect();
    let counts = [
        header.count(tag::CHANGELOG_AUTHORS),
        header.count(tag::CHANGELOG_TEXTS),
    ];
    if counts.iter().any(|&other| other != count) {
        oddities.note("changelog-lengths", || {
            format!(
                "{count} dates, {} authors and {} texts in the change log",
                counts[0], counts[1]
            )
        });
    }
    Ok(entries)
}
