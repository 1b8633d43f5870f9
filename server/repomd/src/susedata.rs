//! `susedata`: what the distributor says of support for a package, and the licence that a client
//! asks its user to agree to. libsolv reads it beside primary; zypper shows the level by `info`, the
//! text by `licenses` and before it installs. dnf passes the document over.
//!
//! ```text
//! susedata = package*
//! package  = (pkgid name arch) version(epoch ver rel) keyword* eula?
//! keyword  = "support_unsupported" | "support_acc" | "support_l1" | "support_l2" | "support_l3" | …
//! ```

use std::io::BufRead;

use crate::error::Result;
use crate::package_reader::PackageReader;
use crate::read::{Document, Limits, PackageHead};
use crate::render::Rendered;
use crate::xml::push_element;

/// The longest text of a licence, in bytes: every client has it once for each package in memory.
pub const EULA_LIMIT: usize = 64 << 10;

/// What is said of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Support {
    /// `support_l2` and the like; libzypp takes the first that it knows.
    pub keywords: Vec<String>,
    /// The licence to agree to; empty: there is none.
    pub eula: String,
}

impl Rendered {
    /// The package with a record in `susedata`. The text is put in as it is, but for characters that
    /// XML forbids.
    #[must_use]
    pub fn with_support(mut self, support: &Support) -> Self {
        let mut out = self.head().to_owned();
        for keyword in &support.keywords {
            push_element(&mut out, "  ", "keyword", keyword);
        }
        if !support.eula.is_empty() {
            push_element(&mut out, "  ", "eula", &support.eula);
        }
        out.push_str("</package>\n");
        self.susedata = out;
        self
    }
}

/// A package as susedata names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SusedataEntry {
    /// Of whom it is said.
    pub package: PackageHead,
    pub support: Support,
}

/// Reads susedata (unpacked) package by package.
///
/// # Errors
/// It is not well-formed, or beyond the limits.
pub fn read_susedata(
    reader: impl BufRead,
    limits: &Limits,
    each: &mut dyn FnMut(SusedataEntry) -> Result<()>,
) -> Result<()> {
    Document::susedata(limits).read(reader, &mut |pull, tag, number| {
        each(PackageReader::new(limits, number).susedata(pull, tag)?)
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assemble::{DataFile, Metadata, Options, assemble};
    use crate::check::{Checked, Supported, check};
    use crate::compression::{Compression, unpack};
    use crate::record::Record;
    use crate::render::render;

    fn record(name: &str) -> Record {
        Record {
            name: name.into(),
            epoch: 1,
            version: "2".into(),
            release: "3".into(),
            arch: "x86_64".into(),
            pkgid: hex::encode(name),
            location: format!("{name}.rpm"),
            ..Record::default()
        }
    }

    fn support(level: &str, eula: &str) -> Support {
        Support {
            keywords: vec![format!("support_{level}")],
            eula: eula.into(),
        }
    }

    fn published(packages: &[Rendered], compression: Compression) -> Metadata {
        let options = Options {
            compression,
            susedata: true,
            ..Options::default()
        };
        assemble(packages, &options)
    }

    fn checked(metadata: &Metadata) -> Result<Checked> {
        check(&metadata.repomd, &mut |location| {
            let mut files = metadata.files.iter();
            let file = files.find(|file| file.location == location);
            Ok(file.ok_or(std::io::ErrorKind::NotFound)?.bytes.clone())
        })
    }

    fn susedata(metadata: &Metadata) -> String {
        let is_it = |file: &&DataFile| file.location.contains("-susedata.xml");
        let file = metadata.files.iter().find(is_it).unwrap();
        String::from_utf8(unpack("susedata", &file.bytes, 1 << 20).unwrap()).unwrap()
    }

    #[test]
    fn clients_read_what_was_said() {
        let eula = "You <agree> & pay.\r\n\n  2. Nothing.\n";
        let said = [support("l3", eula), support("unsupported", "")];
        let packages = ["a&\"\n/>", "b"].map(|name| render(&record(name)));
        let packages: Vec<Rendered> = packages
            .into_iter()
            .zip(&said)
            .map(|(package, said)| package.with_support(said))
            .collect();
        for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
            let metadata = published(&packages, compression);
            let checked = checked(&metadata).unwrap();
            let found: Vec<_> = checked.packages.into_iter().map(|p| p.support).collect();
            assert_eq!(found, said.each_ref().map(|it| Some(Supported::of(it))));
            let mut read = Vec::new();
            let text = susedata(&metadata);
            read_susedata(text.as_bytes(), &Limits::default(), &mut |entry| {
                read.push(entry);
                Ok(())
            })
            .unwrap();
            assert_eq!(read[0].support, said[0]);
            assert_eq!(read[0].package.name, "a&\"\n/>");
            assert_eq!(
                (read[1].package.epoch, read[1].package.arch.as_str()),
                (1, "x86_64")
            );
        }
    }

    #[test]
    fn a_record_is_laid_out_as_the_others() {
        let package = render(&record("b")).with_support(&support("l2", "Agree."));
        assert_eq!(
            package.susedata,
            "<package pkgid=\"62\" name=\"b\" arch=\"x86_64\">\n  \
             <version epoch=\"1\" ver=\"2\" rel=\"3\"/>\n  \
             <keyword>support_l2</keyword>\n  <eula>Agree.</eula>\n</package>\n"
        );
    }

    #[test]
    fn it_speaks_of_packages_that_are_there_and_once() {
        let supported = |name: &str| render(&record(name)).with_support(&support("l1", ""));
        let mut other = supported("a");
        other.susedata = supported("b").susedata;
        let mut twice = [supported("a"), supported("b")];
        twice[1].susedata = twice[0].susedata.clone();
        let mut silent = [supported("a"), supported("b")];
        silent[1].susedata.clear();
        let cases: [(&[Rendered], &str); 3] = [
            (&[other], "b-2-3.x86_64 (62) is only in susedata"),
            (&twice, "describes a-2-3.x86_64 (61) twice"),
            (&silent, "announces 2 packages"),
        ];
        for (packages, reason) in cases {
            let metadata = published(packages, Compression::Gzip);
            let error = checked(&metadata).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
