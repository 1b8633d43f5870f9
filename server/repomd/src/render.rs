//! The `<package>` elements of one package, byte for byte as `createrepo_c` lays them out
//! (two blanks per level, no namespace declarations: those stand at the documents' roots).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::dependency::{Entry, is_primary_file, plain, requirements};
use crate::record::{ChangelogEntry, File, FileKind, Record};
use crate::xml::{push_attribute, push_attribute_value, push_element, push_text};

/// How many changelog entries are kept (the default of `createrepo_c --changelog-limit`).
const CHANGELOG_ENTRIES: usize = 10;

/// The `<package>` elements of one package, ready to be put between the documents' tags; each ends
/// with a line feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    pub primary: String,
    pub filelists: String,
    pub other: String,
    /// Empty unless the distributor says something of support:
    /// [`with_support`](Self::with_support).
    pub susedata: String,
}

impl Rendered {
    /// The package's digest, as the records have it.
    pub(crate) fn pkgid(&self) -> &str {
        let after = self.filelists.split_once("pkgid=\"");
        after
            .and_then(|(_, rest)| rest.split('"').next())
            .unwrap_or_default()
    }

    /// The tag and the version with which the package's elements begin, but for primary's.
    pub(crate) fn head(&self) -> &str {
        // Values have neither quotes nor line feeds: it is the version that ends the head.
        let end = self.filelists.find("/>\n").map(|at| at + 3);
        end.map_or("", |end| &self.filelists[..end])
    }

    /// Length of the records together.
    pub(crate) fn bytes(&self) -> u64 {
        let records = [&self.primary, &self.filelists, &self.other, &self.susedata];
        records.iter().map(|record| record.len() as u64).sum()
    }
}

/// Renders one package. The same record always gives the same bytes.
///
/// Dependencies that the metadata cannot express (no name, an epoch that is no number) are left
/// out, characters that XML forbids are dropped; everything else is kept verbatim.
pub fn render(record: &Record) -> Rendered {
    Rendered {
        primary: primary(record),
        filelists: filelists(record),
        other: other(record),
        susedata: String::new(),
    }
}

fn primary(record: &Record) -> String {
    let mut out = String::with_capacity(primary_size(record));
    out.push_str("<package type=\"rpm\">\n");
    push_element(&mut out, "  ", "name", &record.name);
    push_element(&mut out, "  ", "arch", &record.arch);
    push_version(&mut out, record);
    out.push_str("  <checksum type=\"sha256\" pkgid=\"YES\">");
    push_text(&mut out, &record.pkgid);
    out.push_str("</checksum>\n");
    push_element(&mut out, "  ", "summary", &record.summary);
    push_element(&mut out, "  ", "description", &record.description);
    push_element(&mut out, "  ", "packager", &record.packager);
    push_element(&mut out, "  ", "url", &record.url);
    push_numbers(
        &mut out,
        "  ",
        "time",
        [("file", record.file_time), ("build", record.build_time)],
    );
    let sizes = [
        ("package", record.size_package),
        ("installed", record.size_installed),
        ("archive", record.size_archive),
    ];
    push_numbers(&mut out, "  ", "size", sizes);
    out.push_str("  <location");
    push_attribute(&mut out, "href", &record.location);
    out.push_str("/>\n");
    push_format(&mut out, record);
    out.push_str("</package>\n");
    out
}

/// What rpm's own fields say, after the fields that any package format has.
fn push_format(out: &mut String, record: &Record) {
    out.push_str("  <format>\n");
    push_element(out, "    ", "rpm:license", &record.license);
    push_element(out, "    ", "rpm:vendor", &record.vendor);
    push_element(out, "    ", "rpm:group", &record.group);
    push_element(out, "    ", "rpm:buildhost", &record.build_host);
    push_element(out, "    ", "rpm:sourcerpm", &record.source_rpm);
    let range = [("start", record.header_start), ("end", record.header_end)];
    push_numbers(out, "    ", "rpm:header-range", range);
    push_dependencies(out, record);
    push_files(
        out,
        "    ",
        record
            .files
            .iter()
            .filter(|file| is_primary_file(&file.path)),
    );
    out.push_str("  </format>\n");
}

fn push_dependencies(out: &mut String, record: &Record) {
    let needed = requirements(record);
    let mut recommends = needed.dispensable;
    recommends.extend(plain(&record.recommends));
    push_entries(out, "rpm:provides", &plain(&record.provides));
    push_entries(out, "rpm:requires", &needed.required);
    push_entries(out, "rpm:conflicts", &plain(&record.conflicts));
    push_entries(out, "rpm:obsoletes", &plain(&record.obsoletes));
    push_entries(out, "rpm:suggests", &plain(&record.suggests));
    push_entries(out, "rpm:enhances", &plain(&record.enhances));
    push_entries(out, "rpm:recommends", &recommends);
    push_entries(out, "rpm:supplements", &plain(&record.supplements));
}

fn push_entries(out: &mut String, element: &str, entries: &[Entry<'_>]) {
    if entries.is_empty() {
        return;
    }
    let _ = writeln!(out, "    <{element}>");
    for entry in entries {
        push_entry(out, entry);
    }
    let _ = writeln!(out, "    </{element}>");
}

fn push_entry(out: &mut String, entry: &Entry<'_>) {
    out.push_str("      <rpm:entry name=\"");
    push_attribute_value(out, entry.name);
    out.push('"');
    if let Some(comparison) = entry.comparison {
        push_attribute(out, "flags", comparison);
        let evr = entry.evr;
        for (name, value) in [
            ("epoch", evr.epoch),
            ("ver", evr.version),
            ("rel", evr.release),
        ] {
            if !value.is_empty() {
                push_attribute(out, name, value);
            }
        }
    }
    if entry.pre {
        push_attribute(out, "pre", "1");
    }
    out.push_str("/>\n");
}

fn filelists(record: &Record) -> String {
    let mut out = String::new();
    push_package_head(&mut out, record);
    push_files(&mut out, "  ", record.files.iter());
    out.push_str("</package>\n");
    out
}

fn push_files<'a>(out: &mut String, indent: &str, files: impl Iterator<Item = &'a File>) {
    for file in files {
        out.push_str(indent);
        out.push_str(match file.kind {
            FileKind::File => "<file>",
            FileKind::Dir => "<file type=\"dir\">",
            FileKind::Ghost => "<file type=\"ghost\">",
        });
        push_text(out, &file.path);
        out.push_str("</file>\n");
    }
}

fn other(record: &Record) -> String {
    let mut out = String::new();
    push_package_head(&mut out, record);
    for entry in newest_entries(&record.changelog) {
        out.push_str("  <changelog");
        push_attribute(&mut out, "author", &entry.author);
        push_attribute(&mut out, "date", &entry.time.to_string());
        out.push('>');
        push_text(&mut out, &entry.text);
        out.push_str("</changelog>\n");
    }
    out.push_str("</package>\n");
    out
}

/// The newest entries, oldest first; authors lose the blanks at their end.
fn newest_entries(changelog: &[ChangelogEntry]) -> Vec<ChangelogEntry> {
    let mut entries: Vec<_> = changelog.iter().take(CHANGELOG_ENTRIES).cloned().collect();
    part_equal_times(&mut entries);
    for entry in &mut entries {
        let kept = entry.author.trim_end_matches(' ').len();
        entry.author.truncate(kept);
    }
    entries.reverse();
    entries
}

/// Clients order entries by time alone, so of several entries of one day (newest first) each newer
/// one is moved a second past the one below it.
fn part_equal_times(entries: &mut [ChangelogEntry]) {
    let mut day = 0;
    for index in 0..entries.len() {
        let (newer, rest) = entries.split_at_mut(index);
        let Some(entry) = rest.first() else { break };
        if entry.time != day {
            day = entry.time;
            continue;
        }
        let mut taken = day;
        for entry in newer.iter_mut().rev() {
            if entry.time != taken {
                break;
            }
            taken = taken.saturating_add(1);
            entry.time = taken;
        }
    }
}

/// `<package pkgid name arch>` with the version, as filelists and other begin.
fn push_package_head(out: &mut String, record: &Record) {
    out.push_str("<package");
    push_attribute(out, "pkgid", &record.pkgid);
    push_attribute(out, "name", &record.name);
    push_attribute(out, "arch", &record.arch);
    out.push_str(">\n");
    push_version(out, record);
}

fn push_version(out: &mut String, record: &Record) {
    out.push_str("  <version");
    push_attribute(out, "epoch", &record.epoch.to_string());
    push_attribute(out, "ver", &record.version);
    push_attribute(out, "rel", &record.release);
    out.push_str("/>\n");
}

/// `<element name="number" …/>`.
fn push_numbers<const N: usize>(
    out: &mut String,
    indent: &str,
    element: &str,
    numbers: [(&str, u64); N],
) {
    let _ = write!(out, "{indent}<{element}");
    for (name, number) in numbers {
        let _ = write!(out, " {name}=\"{number}\"");
    }
    out.push_str("/>\n");
}

/// A guess of primary's length that spares most reallocations: a dependency takes about 90 bytes.
fn primary_size(record: &Record) -> usize {
    1500 + 90 * (record.requires.len() + record.provides.len() + record.supplements.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Dependency;

    fn changelog(times: &[i64]) -> Vec<ChangelogEntry> {
        let entry = |(index, &time): (usize, &i64)| ChangelogEntry {
            time,
            author: format!("author {index}  "),
            text: String::new(),
        };
        times.iter().enumerate().map(entry).collect()
    }

    #[test]
    fn an_empty_record_gives_empty_elements() {
        let rendered = render(&Record {
            name: "n".into(),
            arch: "a".into(),
            ..Record::default()
        });
        assert!(rendered.primary.contains("  <packager></packager>\n"));
        assert!(!rendered.primary.contains("rpm:provides"));
        assert_eq!(
            rendered.other,
            "<package pkgid=\"\" name=\"n\" arch=\"a\">\n  \
             <version epoch=\"0\" ver=\"\" rel=\"\"/>\n</package>\n"
        );
    }

    #[test]
    fn text_stays_as_it_is_but_for_what_xml_forbids() {
        let vendors = "ksym(default:\u{2}";
        let record = Record {
            description: "a\u{1}b\u{b}\n  c\r\n".into(),
            requires: vec![Dependency {
                name: vendors.into(),
                flags: 8,
                version: "\u{7f}".into(),
            }],
            ..Record::default()
        };
        let primary = render(&record).primary;
        assert!(
            primary.contains("<description>ab\n  c&#13;\n</description>"),
            "{primary}"
        );
        assert!(
            primary.contains(
                "<rpm:entry name=\"ksym(default:\" flags=\"EQ\" epoch=\"0\" ver=\"\u{7f}\"/>"
            ),
            "{primary}"
        );
    }

    #[test]
    fn an_equality_with_nothing_keeps_its_flag() {
        // What rpm's generator makes of a CRC of zero: `ksym(default:x) = `.
        let nothing = Dependency {
            name: "ksym(default:x)".into(),
            flags: 8,
            version: "".into(),
        };
        let record = Record {
            requires: vec![nothing],
            ..Record::default()
        };
        let primary = render(&record).primary;
        assert!(
            primary.contains("<rpm:entry name=\"ksym(default:x)\" flags=\"EQ\"/>"),
            "{primary}"
        );
    }

    #[test]
    fn dispensable_requirements_come_first_among_recommendations() {
        let dependency = |name: &str, flags| Dependency {
            name: name.into(),
            flags,
            version: "".into(),
        };
        let record = Record {
            requires: vec![dependency("wish", 1 << 19), dependency("need", 0)],
            recommends: vec![dependency("own", 0)],
            ..Record::default()
        };
        let primary = render(&record).primary;
        let at = |text: &str| primary.find(text).unwrap();
        assert!(at("name=\"need\"") < at("<rpm:recommends>"));
        assert!(at("<rpm:recommends>") < at("name=\"wish\""));
        assert!(at("name=\"wish\"") < at("name=\"own\""));
    }

    #[test]
    fn changelogs_are_cut_turned_and_parted() {
        // (times newest first, times written)
        let cases: [(&[i64], &[i64]); 5] = [
            (&[], &[]),
            (&[30, 20, 10], &[10, 20, 30]),
            (&[20, 20, 20, 10], &[10, 20, 21, 22]),
            (&[21, 20, 20], &[20, 21, 22]),
            (
                &[9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9],
                &[9, 10, 11, 12, 13, 14, 15, 16, 17, 18],
            ),
        ];
        for (times, expected) in cases {
            let entries = newest_entries(&changelog(times));
            let written: Vec<_> = entries.iter().map(|entry| entry.time).collect();
            assert_eq!(written, expected, "{times:?}");
            assert!(entries.iter().all(|entry| !entry.author.ends_with(' ')));
        }
    }

    #[test]
    fn times_at_the_edge_do_not_overflow() {
        let entries = newest_entries(&changelog(&[i64::MAX, i64::MAX, i64::MIN]));
        assert_eq!(entries[0].time, i64::MIN);
    }
}
