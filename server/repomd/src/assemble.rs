//! Puts packed groups of packages together to a repository's metadata, as a stream: each document is
//! a head, groups, and a foot, every one of them packed by itself.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use crate::compression::Compression;
use crate::group::{Group, Mark, Member, group_ranges};
use crate::index::{Checksum, Data, DistroTag, Repomd};
use crate::render::Rendered;

/// How a repository's metadata is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Any text that changes with the content; usually a number that grows.
    pub revision: String,
    /// Written for every data file, seconds since 1970.
    pub timestamp: u64,
    /// Of all data files.
    pub compression: Compression,
    /// Whether to write `susedata`. Each package should have a record for it then, see
    /// [`Rendered::with_support`].
    pub susedata: bool,
    /// `<content>` tags, for example `gpg-pubkey-….asc?fpr=…` hints.
    pub content_tags: Vec<String>,
    /// `<repo>` tags: what the repository is, in words of its owner.
    pub repo_tags: Vec<String>,
    /// `<distro>` tags: what the repository is for.
    pub distro_tags: Vec<DistroTag>,
}

/// A whole repository's metadata in memory, not yet signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// `repodata/<sha256>-primary.xml.gz` and so on, named relative to the repository's root.
    pub files: Vec<DataFile>,
    /// Bytes of `repodata/repomd.xml`.
    pub repomd: Vec<u8>,
}

/// One file below `repodata/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Relative to the repository's root.
    pub location: String,
    /// As clients download it.
    pub bytes: Vec<u8>,
}

/// Assembles a repository from rendered packages, in the order given (`createrepo_c` orders by
/// file name).
pub fn assemble<'a>(
    packages: impl IntoIterator<Item = &'a Rendered>,
    options: &Options,
) -> Metadata {
    let packages: Vec<&Rendered> = packages.into_iter().collect();
    let groups = group_ranges(packages.iter().map(|package| Mark::of(package)))
        .into_iter()
        .map(|range| Group::pack(&packages[range], options.compression));
    assemble_groups(&groups.collect::<Vec<_>>(), options)
}

/// Assembles a repository from packed groups, in the order given. They must have been packed with the
/// compression of the options.
pub fn assemble_groups<'g>(
    groups: impl IntoIterator<Item = &'g Group>,
    options: &Options,
) -> Metadata {
    const MEMORY: &str = "writing into memory cannot fail";
    let groups: Vec<&Group> = groups.into_iter().collect();
    let packages = groups.iter().map(|group| group.packages()).sum();
    let mut assembler = Assembler::new(packages, options, &mut |_| Ok(Vec::new())).expect(MEMORY);
    for group in groups {
        assembler.add(group).expect(MEMORY);
    }
    assembler.finish().expect(MEMORY).into()
}

/// Writes the data files group by group; remembers nothing but digests.
pub struct Assembler<'o, W> {
    options: &'o Options,
    announced: usize,
    added: usize,
    /// primary, filelists and other, and susedata where it is wanted.
    documents: Vec<Document<W>>,
    extra: Vec<Document<W>>,
}

/// What an [`Assembler`] wrote.
#[derive(Debug)]
pub struct Assembled<W> {
    /// Bytes of `repodata/repomd.xml`.
    pub repomd: Vec<u8>,
    /// Each data file as `repomd.xml` describes it, and where it was written. Only now its name is
    /// known: it is [`Data::location`].
    pub files: Vec<(Data, W)>,
}

impl<'o, W: Write> Assembler<'o, W> {
    /// `packages` is the number of packages that will be added: the documents announce it in their
    /// first line. `sink` gives a place to write the data file of each kind to.
    ///
    /// # Errors
    /// Those of the sinks.
    pub fn new(
        packages: usize,
        options: &'o Options,
        sink: &mut dyn FnMut(&str) -> io::Result<W>,
    ) -> io::Result<Self> {
        let mut begin = |kind: &str, root: &str, namespace: &str| {
            let mut document = Document::new(kind, options.compression, sink(kind)?);
            document.foot = format!("</{root}>");
            document.open(&format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                 <{root} xmlns=\"http://linux.duke.edu/metadata/{namespace}\" packages=\"{packages}\">\n"
            ))?;
            Ok::<_, io::Error>(document)
        };
        let common = "common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm";
        let mut documents = vec![
            begin("primary", "metadata", common)?,
            begin("filelists", "filelists", "filelists")?,
            begin("other", "otherdata", "other")?,
        ];
        if options.susedata {
            documents.push(begin("susedata", "susedata", "susedata")?);
        }
        Ok(Self {
            options,
            announced: packages,
            added: 0,
            documents,
            extra: Vec::new(),
        })
    }

    /// Adds the next group. It must have been packed with the compression of the options.
    ///
    /// # Errors
    /// Those of the sinks.
    pub fn add(&mut self, group: &Group) -> io::Result<()> {
        self.added += group.packages();
        for (document, member) in self.documents.iter_mut().zip(group.members()) {
            document.add(member)?;
        }
        Ok(())
    }

    /// Adds a whole document of its own, such as `updateinfo`. Clients download every
    /// kind they do not know, too, so add only what they use.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn add_document(&mut self, kind: &str, open: &[u8], sink: W) -> io::Result<()> {
        let mut document = Document::new(kind, self.options.compression, sink);
        document.pack(open)?;
        self.extra.push(document);
        Ok(())
    }

    /// Ends the documents.
    ///
    /// # Errors
    /// Those of the sinks.
    ///
    /// # Panics
    /// When other than the announced number of packages were added: the documents would be invalid.
    pub fn finish(self) -> io::Result<Assembled<W>> {
        assert_eq!(self.announced, self.added, "packages announced and added");
        let mut repomd = Repomd {
            revision: self.options.revision.clone(),
            content_tags: self.options.content_tags.clone(),
            repo_tags: self.options.repo_tags.clone(),
            distro_tags: self.options.distro_tags.clone(),
            data: Vec::new(),
        };
        let mut files = Vec::new();
        for document in self.documents.into_iter().chain(self.extra) {
            let (data, sink) = document.finish(self.options.timestamp)?;
            repomd.data.push(data.clone());
            files.push((data, sink));
        }
        Ok(Assembled {
            repomd: repomd.to_xml().into_bytes(),
            files,
        })
    }
}

impl From<Assembled<Vec<u8>>> for Metadata {
    fn from(assembled: Assembled<Vec<u8>>) -> Self {
        let files = assembled.files.into_iter().map(|(data, bytes)| DataFile {
            location: data.location,
            bytes,
        });
        Self {
            files: files.collect(),
            repomd: assembled.repomd,
        }
    }
}

/// One document while it grows.
struct Document<W> {
    kind: String,
    foot: String,
    compression: Compression,
    open_digest: Sha256,
    open_size: u64,
    digest: Sha256,
    size: u64,
    sink: W,
}

impl<W: Write> Document<W> {
    fn new(kind: &str, compression: Compression, sink: W) -> Self {
        Self {
            kind: kind.to_owned(),
            foot: String::new(),
            compression,
            open_digest: Sha256::new(),
            open_size: 0,
            digest: Sha256::new(),
            size: 0,
            sink,
        }
    }

    fn open(&mut self, text: &str) -> io::Result<()> {
        self.pack(text.as_bytes())
    }

    fn pack(&mut self, open: &[u8]) -> io::Result<()> {
        let packed = self.compression.pack(open);
        self.add(Member {
            open,
            packed: &packed,
        })
    }

    fn add(&mut self, member: Member<'_>) -> io::Result<()> {
        self.open_digest.update(member.open);
        self.open_size += member.open.len() as u64;
        self.digest.update(member.packed);
        self.size += member.packed.len() as u64;
        self.sink.write_all(member.packed)
    }

    fn finish(mut self, timestamp: u64) -> io::Result<(Data, W)> {
        let foot = std::mem::take(&mut self.foot);
        if !foot.is_empty() {
            self.open(&foot)?;
        }
        self.sink.flush()?;
        let digest = hex::encode(self.digest.finalize());
        let location = format!(
            "repodata/{digest}-{}.xml{}",
            self.kind,
            self.compression.suffix()
        );
        let data = Data {
            kind: self.kind,
            location,
            checksum: Checksum::sha256(digest),
            open_checksum: Some(Checksum::sha256(hex::encode(self.open_digest.finalize()))),
            timestamp: Some(timestamp),
            size: Some(self.size),
            open_size: Some(self.open_size),
        };
        Ok((data, self.sink))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compression::unpack;
    use crate::index::parse_repomd;
    use crate::record::Record;
    use crate::render::render;

    fn packages(count: usize) -> Vec<Rendered> {
        let record = |number: usize| Record {
            name: format!("package-{number:05}"),
            version: "1".into(),
            release: "1".into(),
            arch: "x86_64".into(),
            pkgid: hex::encode(Sha256::digest(number.to_be_bytes())),
            location: format!("package-{number:05}.rpm"),
            ..Record::default()
        };
        (0..count)
            .map(record)
            .map(|record| render(&record))
            .collect()
    }

    fn options(compression: Compression) -> Options {
        Options {
            revision: "1".into(),
            timestamp: 5,
            compression,
            ..Options::default()
        }
    }

    #[test]
    fn the_same_packages_give_the_same_bytes() {
        let packages = packages(300);
        for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
            let metadata = assemble(&packages, &options(compression));
            assert_eq!(metadata, assemble(&packages, &options(compression)));
            for file in &metadata.files {
                assert!(
                    file.location
                        .ends_with(&format!(".xml{}", compression.suffix()))
                );
            }
        }
    }

    #[test]
    fn kept_groups_give_the_same_bytes_as_a_new_start() {
        let packages = packages(700);
        let refs: Vec<&Rendered> = packages.iter().collect();
        let options = options(Compression::Gzip);
        let kept: Vec<Group> = group_ranges(refs.iter().map(|package| Mark::of(package)))
            .into_iter()
            .map(|range| Group::pack(&refs[range], options.compression))
            .map(|group| Group::from_kept(group.into_bytes()).unwrap())
            .collect();
        assert_eq!(
            assemble_groups(&kept, &options),
            assemble(&packages, &options)
        );
    }

    #[test]
    fn an_empty_repository_is_a_repository() {
        let metadata = assemble(&[], &options(Compression::Gzip));
        let primary = unpack("primary", &metadata.files[0].bytes, 1000).unwrap();
        assert_eq!(
            String::from_utf8(primary).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <metadata xmlns=\"http://linux.duke.edu/metadata/common\" \
             xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"0\">\n</metadata>"
        );
    }

    #[test]
    fn further_documents_are_listed() {
        let options = options(Compression::Zstd);
        let mut assembler = Assembler::new(0, &options, &mut |_| Ok(Vec::new())).unwrap();
        let added = assembler.add_document("updateinfo", b"<updates/>", Vec::new());
        added.unwrap();
        let metadata: Metadata = assembler.finish().unwrap().into();
        let repomd = parse_repomd(&metadata.repomd).unwrap();
        let data = repomd.data("updateinfo").unwrap();
        assert_eq!(data.location, metadata.files[3].location);
        assert_eq!(data.open_size, Some(10));
        assert_eq!(
            unpack("x", &metadata.files[3].bytes, 100).unwrap(),
            b"<updates/>"
        );
    }

    #[test]
    #[should_panic(expected = "packages announced and added")]
    fn a_wrong_count_is_never_published() {
        let options = Options::default();
        let assembler = Assembler::new(1, &options, &mut |_| Ok(Vec::new())).unwrap();
        let _ = assembler.finish();
    }
}
