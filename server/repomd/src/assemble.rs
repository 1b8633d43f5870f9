//! Puts rendered packages together to a repository's metadata.
//!
//! Each document is a head, groups of packages, and a foot, every one of them packed by itself, so
//! that a packed group can be kept and used again: adding a package costs packing its group anew,
//! plus the digest of the whole. Where groups end depends on the packages alone, not on history,
//! so the same packages in the same order always give the same bytes.

use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::compression::Compression;
use crate::index::{Checksum, Data, DistroTag, Repomd};
use crate::render::Rendered;

/// Packages in a group, on average. Larger groups pack little better, smaller ones noticeably
/// worse.
const GROUP: u64 = 50;
/// A group is closed here at the latest.
const GROUP_MAX: usize = 4 * GROUP as usize;
/// A group is closed once primary's part of it has this many bytes: kernels take 2 MB each.
const GROUP_MAX_BYTES: usize = 8 << 20;

/// How a repository's metadata is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Any text that changes with the content; usually a number that grows.
    pub revision: String,
    /// Written for every data file, seconds since 1970.
    pub timestamp: u64,
    /// Of all data files.
    pub compression: Compression,
    /// `<content>` tags, for example `gpg-pubkey-….asc?fpr=…` hints.
    pub content_tags: Vec<String>,
    /// `<repo>` tags: what the repository is, in words of its owner.
    pub repo_tags: Vec<String>,
    /// `<distro>` tags: what the repository is for.
    pub distro_tags: Vec<DistroTag>,
}

/// A whole repository's metadata, not yet signed.
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
    let mut assembler = Assembler::new(packages.len(), options);
    for range in group_ranges(&packages) {
        assembler.add(&Group::pack(&packages[range], options.compression));
    }
    assembler.finish()
}

/// Where to cut packages into groups.
///
/// A package that ends a group does so by its own identity: inserting or removing a package
/// changes the group it belongs to and leaves the others as they are.
pub fn group_ranges(packages: &[&Rendered]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    let mut bytes = 0;
    for (index, package) in packages.iter().enumerate() {
        bytes += package.primary.len();
        let end = index + 1;
        if ends_group(package) || end - start == GROUP_MAX || bytes >= GROUP_MAX_BYTES {
            ranges.push(start..end);
            start = end;
            bytes = 0;
        }
    }
    if start < packages.len() {
        ranges.push(start..packages.len());
    }
    ranges
}

/// True for one package in [`GROUP`], by a hash of its filelists head (pkgid, name, arch).
fn ends_group(package: &Rendered) -> bool {
    // FNV-1a: any spread will do, but it must never change.
    let head = package.filelists.split('>').next().unwrap_or_default();
    let hash = head.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 32).is_multiple_of(GROUP)
}

/// Some packages' part of each document, open and packed. Can be kept and added to any later
/// repository of the same compression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// How many packages the members describe.
    pub packages: usize,
    pub primary: Member,
    pub filelists: Member,
    pub other: Member,
}

impl Group {
    /// Joins and packs these packages, in the order given.
    pub fn pack(packages: &[&Rendered], compression: Compression) -> Self {
        let member = |part: fn(&Rendered) -> &str| {
            let open: String = packages.iter().map(|package| part(package)).collect();
            Member::pack(open.into_bytes(), compression)
        };
        Self {
            packages: packages.len(),
            primary: member(|package| &package.primary),
            filelists: member(|package| &package.filelists),
            other: member(|package| &package.other),
        }
    }
}

/// A piece of a document: its bytes, and the same packed so that they unpack alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Unpacked.
    pub open: Vec<u8>,
    /// One gzip member or zstd frame, or the open bytes again.
    pub packed: Vec<u8>,
}

impl Member {
    /// Packs these bytes.
    pub fn pack(open: Vec<u8>, compression: Compression) -> Self {
        let packed = compression.pack(&open);
        Self { open, packed }
    }
}

/// Builds the metadata group by group; holds only packed bytes.
pub struct Assembler<'o> {
    options: &'o Options,
    announced: usize,
    added: usize,
    documents: [Document; 3],
    extra: Vec<Document>,
}

impl<'o> Assembler<'o> {
    /// `packages` is the number of packages that will be added: the documents announce it in their
    /// first line.
    pub fn new(packages: usize, options: &'o Options) -> Self {
        let documents = [
            (
                "primary",
                "metadata",
                "common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm",
            ),
            ("filelists", "filelists", "filelists"),
            ("other", "otherdata", "other"),
        ]
        .map(|(kind, root, namespace)| {
            let mut document = Document::new(kind, format!("</{root}>"), options.compression);
            document.open(format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                 <{root} xmlns=\"http://linux.duke.edu/metadata/{namespace}\" packages=\"{packages}\">\n"
            ));
            document
        });
        Self {
            options,
            announced: packages,
            added: 0,
            documents,
            extra: Vec::new(),
        }
    }

    /// Adds the next group. It must have been packed with the compression of the options.
    pub fn add(&mut self, group: &Group) {
        self.added += group.packages;
        let [primary, filelists, other] = &mut self.documents;
        primary.add(&group.primary);
        filelists.add(&group.filelists);
        other.add(&group.other);
    }

    /// Adds a whole document of its own, such as `updateinfo` or `susedata`. Clients download every
    /// kind they do not know, too, so add only what they use.
    pub fn add_document(&mut self, kind: &str, open: Vec<u8>) {
        let mut document = Document::new(kind, String::new(), self.options.compression);
        document.add(&Member::pack(open, self.options.compression));
        self.extra.push(document);
    }

    /// # Panics
    /// When other than the announced number of packages were added: the documents would be invalid.
    pub fn finish(self) -> Metadata {
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
            let (data, file) = document.finish(self.options.timestamp);
            repomd.data.push(data);
            files.push(file);
        }
        Metadata {
            files,
            repomd: repomd.to_xml().into_bytes(),
        }
    }
}

/// One document while it grows.
struct Document {
    kind: String,
    foot: String,
    compression: Compression,
    open_digest: Sha256,
    open_size: u64,
    packed: Vec<u8>,
}

impl Document {
    fn new(kind: &str, foot: String, compression: Compression) -> Self {
        Self {
            kind: kind.to_owned(),
            foot,
            compression,
            open_digest: Sha256::new(),
            open_size: 0,
            packed: Vec::new(),
        }
    }

    fn open(&mut self, text: String) {
        self.add(&Member::pack(text.into_bytes(), self.compression));
    }

    fn add(&mut self, member: &Member) {
        self.open_digest.update(&member.open);
        self.open_size += member.open.len() as u64;
        self.packed.extend_from_slice(&member.packed);
    }

    fn finish(mut self, timestamp: u64) -> (Data, DataFile) {
        let foot = std::mem::take(&mut self.foot);
        if !foot.is_empty() {
            self.open(foot);
        }
        let digest = hex::encode(Sha256::digest(&self.packed));
        let location = format!(
            "repodata/{digest}-{}.xml{}",
            self.kind,
            self.compression.suffix()
        );
        let data = Data {
            kind: self.kind,
            location: location.clone(),
            checksum: Checksum::sha256(digest),
            open_checksum: Some(Checksum::sha256(hex::encode(self.open_digest.finalize()))),
            timestamp: Some(timestamp),
            size: Some(self.packed.len() as u64),
            open_size: Some(self.open_size),
        };
        (
            data,
            DataFile {
                location,
                bytes: self.packed,
            },
        )
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
        let mut assembler = Assembler::new(refs.len(), &options);
        let kept: Vec<Group> = group_ranges(&refs)
            .into_iter()
            .map(|range| Group::pack(&refs[range], options.compression))
            .collect();
        kept.iter().for_each(|group| assembler.add(group));
        assert_eq!(assembler.finish(), assemble(&packages, &options));
    }

    #[test]
    fn a_new_package_changes_one_group() {
        let packages = packages(3000);
        let all: Vec<&Rendered> = packages.iter().collect();
        let groups = |packages: &[&Rendered]| -> Vec<String> {
            let text =
                |range: Range<usize>| packages[range].iter().map(|p| p.other.as_str()).collect();
            group_ranges(packages).into_iter().map(text).collect()
        };
        let before = groups(&all);
        assert!(
            (30..=100).contains(&before.len()),
            "{} groups of 3,000 packages",
            before.len()
        );
        for removed in [0, 1, 1234, 2999] {
            let mut fewer = all.clone();
            fewer.remove(removed);
            let after = groups(&fewer);
            let new = after.iter().filter(|group| !before.contains(group)).count();
            assert!(new <= 1, "without package {removed}, {new} groups are new");
        }
    }

    #[test]
    fn groups_stay_small_enough() {
        // Clones end groups all or never; neither may make a group of everything.
        for package in packages(60) {
            let clones = vec![&package; 1000];
            let ranges = group_ranges(&clones);
            assert!(ranges.iter().all(|range| range.len() <= GROUP_MAX));
            assert_eq!(
                ranges.iter().map(ExactSizeIterator::len).sum::<usize>(),
                1000
            );
        }
        assert_eq!(group_ranges(&[]), []);
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
        let mut assembler = Assembler::new(0, &options);
        assembler.add_document("updateinfo", b"<updates/>".to_vec());
        let metadata = assembler.finish();
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
        Assembler::new(1, &Options::default()).finish();
    }
}
