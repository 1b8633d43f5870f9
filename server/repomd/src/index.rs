//! `repomd.xml`: the list of a repository's data files, the only file with a fixed name.
//!
//! ```text
//! repomd  = revision tags? data*
//! tags    = content* repo* distro(cpeid?)*
//! data    = (type) checksum(type) open-checksum(type)? location(href) timestamp? size? open-size?
//! ```

use std::fmt::Write as _;

use crate::error::{Error, Result, shortened};
use crate::pull::{Pull, Tag};
use crate::xml::{push_attribute, push_element, push_text};

/// The largest `repomd.xml` that is read, in bytes; real ones have 2 to 10 KB.
const REPOMD_LIMIT: usize = 4 << 20;
/// The most data files and tags that are read; real ones have 3 to 40.
const ENTRIES_LIMIT: usize = 4096;

/// What `repomd.xml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repomd {
    /// Free text, usually a growing number or a time.
    pub revision: String,
    /// The three kinds of tags; see [`Options`](crate::Options).
    pub content_tags: Vec<String>,
    pub repo_tags: Vec<String>,
    pub distro_tags: Vec<DistroTag>,
    /// In the order of the file.
    pub data: Vec<Data>,
}

/// A distribution that the repository is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistroTag {
    /// For example `cpe:/o:opensuse:leap:15.6`.
    pub cpe_id: Option<String>,
    /// For people.
    pub name: String,
}

/// One data file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// `primary`, `filelists`, `other`, `updateinfo`, ….
    pub kind: String,
    /// Relative to the repository's root.
    pub location: String,
    /// Of the file as it is.
    pub checksum: Checksum,
    /// Of the unpacked file.
    pub open_checksum: Option<Checksum>,
    /// Seconds since 1970.
    pub timestamp: Option<u64>,
    /// Bytes of the file as it is, and unpacked.
    pub size: Option<u64>,
    pub open_size: Option<u64>,
}

/// A digest and its algorithm's name (`sha256`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checksum {
    /// In lower case.
    pub algorithm: String,
    /// Lower-case hex.
    pub value: String,
}

impl Checksum {
    pub(crate) fn sha256(value: String) -> Self {
        Self {
            algorithm: "sha256".into(),
            value,
        }
    }
}

impl Repomd {
    /// The data file of this kind.
    pub fn data(&self, kind: &str) -> Option<&Data> {
        self.data.iter().find(|data| data.kind == kind)
    }

    /// The document, as `createrepo_c` lays it out.
    pub fn to_xml(&self) -> String {
        let mut out = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <repomd xmlns=\"http://linux.duke.edu/metadata/repo\" \
             xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n",
        );
        push_element(&mut out, "  ", "revision", &self.revision);
        self.push_tags(&mut out);
        for data in &self.data {
            data.push(&mut out);
        }
        out.push_str("</repomd>\n");
        out
    }

    fn push_tags(&self, out: &mut String) {
        let none = self.content_tags.is_empty() && self.repo_tags.is_empty();
        if none && self.distro_tags.is_empty() {
            return;
        }
        out.push_str("  <tags>\n");
        for tag in &self.content_tags {
            push_element(out, "    ", "content", tag);
        }
        for tag in &self.repo_tags {
            push_element(out, "    ", "repo", tag);
        }
        for tag in &self.distro_tags {
            out.push_str("    <distro");
            if let Some(cpe_id) = &tag.cpe_id {
                push_attribute(out, "cpeid", cpe_id);
            }
            out.push('>');
            push_text(out, &tag.name);
            out.push_str("</distro>\n");
        }
        out.push_str("  </tags>\n");
    }
}

impl Data {
    fn push(&self, out: &mut String) {
        out.push_str("  <data");
        push_attribute(out, "type", &self.kind);
        out.push_str(">\n");
        push_checksum(out, "checksum", &self.checksum);
        if let Some(checksum) = &self.open_checksum {
            push_checksum(out, "open-checksum", checksum);
        }
        out.push_str("    <location");
        push_attribute(out, "href", &self.location);
        out.push_str("/>\n");
        let numbers = [
            ("timestamp", self.timestamp),
            ("size", self.size),
            ("open-size", self.open_size),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                let _ = writeln!(out, "    <{name}>{number}</{name}>");
            }
        }
        out.push_str("  </data>\n");
    }
}

fn push_checksum(out: &mut String, name: &str, checksum: &Checksum) {
    let _ = write!(out, "    <{name}");
    push_attribute(out, "type", &checksum.algorithm);
    out.push('>');
    push_text(out, &checksum.value);
    let _ = writeln!(out, "</{name}>");
}

/// Reads `repomd.xml`. Elements it does not know are passed over.
pub fn parse_repomd(bytes: &[u8]) -> Result<Repomd> {
    if bytes.len() > REPOMD_LIMIT {
        return Err(too_large("bytes", REPOMD_LIMIT));
    }
    let mut pull = Pull::new(bytes, "repomd.xml", REPOMD_LIMIT);
    let mut repomd = Repomd::default();
    pull.root("repomd")?;
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "revision" => repomd.revision = pull.text()?,
            "tags" => read_tags(&mut pull, &mut repomd)?,
            "data" if repomd.data.len() == ENTRIES_LIMIT => {
                return Err(too_large("data records", ENTRIES_LIMIT));
            }
            "data" => {
                let number = repomd.data.len() + 1;
                repomd.data.push(read_data(&mut pull, &tag, number)?);
            }
            _ => pull.skip()?,
        }
    }
    pull.finish()?;
    Ok(repomd)
}

fn read_tags(pull: &mut Pull<&[u8]>, repomd: &mut Repomd) -> Result<()> {
    while let Some(tag) = pull.child()? {
        let read = repomd.content_tags.len() + repomd.repo_tags.len() + repomd.distro_tags.len();
        if read == ENTRIES_LIMIT {
            return Err(too_large("tags", ENTRIES_LIMIT));
        }
        let text = pull.text()?;
        match tag.name() {
            "content" => repomd.content_tags.push(text),
            "repo" => repomd.repo_tags.push(text),
            "distro" => {
                repomd.distro_tags.push(DistroTag {
                    cpe_id: tag.attribute("cpeid"),
                    name: text,
                });
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_data(pull: &mut Pull<&[u8]>, tag: &Tag, number: usize) -> Result<Data> {
    let missing = |what| Error::Missing {
        document: "repomd.xml".into(),
        what,
        record: number,
    };
    let mut data = Data {
        kind: tag.attribute("type").ok_or(missing("a type"))?,
        ..Data::default()
    };
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "checksum" => data.checksum = read_checksum(pull, &tag)?,
            "open-checksum" => data.open_checksum = Some(read_checksum(pull, &tag)?),
            "location" => {
                data.location = tag.attribute("href").unwrap_or_default();
                pull.skip()?;
            }
            "timestamp" => data.timestamp = read_timestamp(&pull.text()?),
            "size" => data.size = Some(read_number("size", &pull.text()?)?),
            "open-size" => data.open_size = Some(read_number("open-size", &pull.text()?)?),
            _ => pull.skip()?,
        }
    }
    if data.location.is_empty() {
        return Err(missing("a location"));
    }
    if data.checksum.value.is_empty() {
        return Err(missing("a checksum"));
    }
    Ok(data)
}

fn read_checksum(pull: &mut Pull<&[u8]>, tag: &Tag) -> Result<Checksum> {
    let algorithm = tag
        .attribute("type")
        .unwrap_or_default()
        .to_ascii_lowercase();
    Ok(Checksum {
        algorithm,
        value: pull.text()?.trim().to_ascii_lowercase(),
    })
}

/// Old writers gave fractions of a second; nobody needs the time, so an odd one is no error.
fn read_timestamp(text: &str) -> Option<u64> {
    text.trim().split('.').next()?.parse().ok()
}

fn read_number(what: &'static str, text: &str) -> Result<u64> {
    text.trim().parse().map_err(|_| Error::Malformed {
        document: "repomd.xml".into(),
        what,
        found: shortened(text),
        expected: "a number of bytes",
    })
}

fn too_large(what: &'static str, limit: usize) -> Error {
    Error::TooLarge {
        document: "repomd.xml".into(),
        what,
        limit: limit as u64,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Repomd {
        Repomd {
            revision: "7 <&>".into(),
            content_tags: vec!["gpg-pubkey-1.asc?fpr=AB&C".into()],
            repo_tags: vec!["r".into(), "s".into()],
            distro_tags: vec![
                DistroTag {
                    cpe_id: Some("cpe:/o:\"x\"".into()),
                    name: "X".into(),
                },
                DistroTag {
                    cpe_id: None,
                    name: String::new(),
                },
            ],
            data: vec![Data {
                kind: "primary".into(),
                location: "repodata/x-primary.xml.gz".into(),
                checksum: Checksum::sha256("ab".into()),
                open_checksum: Some(Checksum {
                    algorithm: "sha512".into(),
                    value: "cd".into(),
                }),
                timestamp: Some(1),
                size: Some(2),
                open_size: Some(3),
            }],
        }
    }

    #[test]
    fn reads_what_it_writes() {
        for repomd in [sample(), Repomd::default()] {
            assert_eq!(parse_repomd(repomd.to_xml().as_bytes()).unwrap(), repomd);
        }
    }

    #[test]
    fn reads_what_others_write() {
        let text = "<?xml version='1.0'?><!-- c --><r:repomd xmlns:r='x'><new><a/>t</new>
            <r:data type='primary_zck'><r:checksum type='SHA256'> AB\n</r:checksum>
            <r:header-checksum type='sha256'>00</r:header-checksum><r:location href='a&amp;b'/>
            <r:timestamp>1.5</r:timestamp></r:data></r:repomd>\n<!-- end -->";
        let repomd = parse_repomd(text.as_bytes()).unwrap();
        let data = repomd.data("primary_zck").unwrap();
        assert_eq!(data.location, "a&b");
        assert_eq!(data.checksum, Checksum::sha256("ab".into()));
        assert_eq!(
            (data.timestamp, data.size, data.open_size),
            (Some(1), None, None)
        );
    }

    #[test]
    fn refuses_what_is_no_repomd() {
        let data = |inside: &str| format!("<repomd><data type='primary'>{inside}</data></repomd>");
        let cases = [
            ("", "there is no element"),
            ("plain", "there is no element"),
            ("<html/>", "starts with <html>"),
            ("<repomd>", "ends inside an element"),
            ("<repomd></data>", "not well-formed"),
            ("<repomd/><repomd/>", "second root"),
            ("<!DOCTYPE x [<!ENTITY a 'b'>]><repomd/>", "document type"),
            ("<repomd>&nbsp;</repomd>", "entity"),
            (
                "<repomd><data/></repomd>",
                "lacks a type in its record number 1",
            ),
            (&data("<checksum>a</checksum>"), "lacks a location"),
            (&data("<location href='a'/>"), "lacks a checksum"),
            (&data("<size>x</size>"), "size is `x`"),
            (&data("<open-size>-1</open-size>"), "open-size is `-1`"),
            (&"<a>".repeat(100), "starts with <a>"),
            (
                &format!("<repomd>{}", "<a>".repeat(100)),
                "nested too deeply",
            ),
        ];
        for (text, reason) in cases {
            let error = parse_repomd(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let endless = vec![b' '; REPOMD_LIMIT + 1];
        assert!(matches!(
            parse_repomd(&endless),
            Err(Error::TooLarge { .. })
        ));
        let many = format!(
            "<repomd><tags>{}</tags></repomd>",
            "<repo/>".repeat(ENTRIES_LIMIT + 1)
        );
        assert!(matches!(
            parse_repomd(many.as_bytes()),
            Err(Error::TooLarge { .. })
        ));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_repomd(&bytes);
        }

        #[test]
        fn never_panics_on_mutations(at in 0_usize..900, byte in any::<u8>(), cut in 0_usize..900) {
            let mut bytes = sample().to_xml().into_bytes();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let _ = parse_repomd(&bytes);
            bytes.truncate(cut);
            let _ = parse_repomd(&bytes);
        }
    }
}
