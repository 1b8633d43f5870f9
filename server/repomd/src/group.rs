//! Groups of packages, packed by themselves so that a packed group can be kept and used again:
//! adding a package costs packing its group anew, plus the digest of the whole.
//!
//! Where groups end depends on the packages alone, not on history, so the same packages in the
//! same order always give the same bytes.
//!
//! ```text
//! kept group   "KMPGRP2\n"  packages u64  { open u64, packed u64, CRC-32 of open u64 } x 4
//!              SHA-256 of the above and of all packed members
//!              open primary, filelists, other, susedata; the same packed
//! ```
//! Numbers are little-endian. Order of the documents: primary, filelists, other, susedata. The last is
//! empty, open and packed, where nothing is said of support.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::assemble::{Options, assemble_groups};
use crate::check::{CheckedPackage, check};
use crate::compression::Compression;
use crate::error::{Error, Result};
use crate::render::Rendered;

/// Bytes of records in a group, on average. Each group costs what the packer has to learn anew, one
/// to two percent of its size; packing one of this size takes about 5 ms.
const GROUP_BYTES: u64 = 512 << 10;
/// A group is closed here at the latest.
const LONGEST: u64 = 4 * GROUP_BYTES;

const MAGIC: &[u8; 8] = b"KMPGRP2\n";
const NUMBER: usize = size_of::<u64>();
/// Open length, packed length, CRC-32: for each document.
const FACTS: usize = 3;
const DOCUMENTS: usize = 4;
const HEAD: usize = MAGIC.len() + NUMBER * (1 + FACTS * DOCUMENTS);
const DIGEST: usize = 32;

/// What of a package decides where groups end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    bytes: u64,
    ends: bool,
}

impl Mark {
    /// `pkgid` in lower-case hex, `bytes` of the records together.
    ///
    /// A package that ends a group does so by its own identity, and the more likely the longer its
    /// records are: inserting or removing a package changes the group it belongs to and leaves the
    /// others as they are.
    #[must_use]
    pub fn new(pkgid: &str, bytes: u64) -> Self {
        // FNV-1a: any spread will do, but it must never change.
        let hash = pkgid.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let ends = ((hash >> 32) * GROUP_BYTES) >> 32 < bytes;
        Self { bytes, ends }
    }

    /// Of a package whose records are at hand.
    #[must_use]
    pub fn of(package: &Rendered) -> Self {
        Self::new(package.pkgid(), package.bytes())
    }
}

/// Where to cut packages into groups.
pub fn group_ranges(packages: impl IntoIterator<Item = Mark>) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut end, mut bytes) = (0, 0, 0);
    for mark in packages {
        bytes += mark.bytes;
        end += 1;
        if mark.ends || bytes >= LONGEST {
            ranges.push(start..end);
            (start, bytes) = (end, 0);
        }
    }
    if start < end {
        ranges.push(start..end);
    }
    ranges
}

/// Some packages' part of each document, open and packed. Can be added to any repository of the same
/// compression, and kept as [`bytes`](Self::bytes) until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    packages: usize,
    open: [Range<usize>; DOCUMENTS],
    packed: [Range<usize>; DOCUMENTS],
    bytes: Vec<u8>,
}

impl Group {
    /// Joins and packs these packages, in the order given.
    #[must_use]
    pub fn pack(packages: &[&Rendered], compression: Compression) -> Self {
        let parts: [fn(&Rendered) -> &str; DOCUMENTS] = [
            |package| &package.primary,
            |package| &package.filelists,
            |package| &package.other,
            |package| &package.susedata,
        ];
        let open = parts.map(|part| packages.iter().map(|p| part(p)).collect::<String>());
        let packed = open.each_ref().map(|text| match text.as_str() {
            "" => Vec::new(),
            text => compression.pack(text.as_bytes()),
        });

        let mut bytes = MAGIC.to_vec();
        push_number(&mut bytes, packages.len());
        for (open, packed) in open.iter().zip(&packed) {
            push_number(&mut bytes, open.len());
            push_number(&mut bytes, packed.len());
            push_number(&mut bytes, crc32fast::hash(open.as_bytes()) as usize);
        }
        let packed = packed.concat();
        let digest = Sha256::new().chain_update(&bytes).chain_update(&packed);
        bytes.extend_from_slice(&digest.finalize());
        open.iter()
            .for_each(|text| bytes.extend_from_slice(text.as_bytes()));
        bytes.extend_from_slice(&packed);
        Self::laid_out(bytes).expect("it was laid out just now")
    }

    /// A group that was kept.
    ///
    /// # Errors
    /// [`Error::KeptGroup`]: these are not the bytes that [`bytes`](Self::bytes) gave. What becomes
    /// part of a repository's packed documents is compared by SHA-256, the rest by CRC-32: the
    /// former is what clients read.
    pub fn from_kept(bytes: Vec<u8>) -> Result<Self> {
        let group = Self::laid_out(bytes)?;
        let (head, rest) = group.bytes.split_at(HEAD);
        let packed = &group.bytes[group.packed[0].start..];
        let digest = Sha256::new().chain_update(head).chain_update(packed);
        if !rest.starts_with(&digest.finalize()) {
            return Err(kept("its packed bytes were altered"));
        }
        for (document, open) in group.open.iter().enumerate() {
            let stated = number(head, 1 + FACTS * document + 2);
            if crc32fast::hash(&group.bytes[open.clone()]) as usize != stated {
                return Err(kept("its open bytes were altered"));
            }
        }
        Ok(group)
    }

    /// Finds the members; compares nothing.
    fn laid_out(bytes: Vec<u8>) -> Result<Self> {
        if bytes.len() < HEAD + DIGEST || !bytes.starts_with(MAGIC) {
            return Err(kept("it has no head"));
        }
        let mut at = HEAD + DIGEST;
        let mut next = |index: usize| {
            let start = at;
            at = at.saturating_add(number(&bytes, index));
            start..at
        };
        let open = [1, 4, 7, 10].map(&mut next);
        let packed = [2, 5, 8, 11].map(&mut next);
        if at != bytes.len() {
            return Err(kept("its length is another"));
        }
        Ok(Self {
            packages: number(&bytes, 0),
            open,
            packed,
            bytes,
        })
    }

    /// How many packages it describes.
    #[must_use]
    pub fn packages(&self) -> usize {
        self.packages
    }

    /// The form in which it can be kept.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its memory, to read the next one into.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Its part of primary, filelists, other and susedata: open, and one gzip member, zstd frame, or
    /// the open bytes again.
    pub(crate) fn members(&self) -> [Member<'_>; DOCUMENTS] {
        [0, 1, 2, 3].map(|document| Member {
            open: &self.bytes[self.open[document].clone()],
            packed: &self.bytes[self.packed[document].clone()],
        })
    }

    /// A packed member, to damage it.
    #[cfg(test)]
    pub(crate) fn packed_mut(&mut self, document: usize) -> &mut [u8] {
        &mut self.bytes[self.packed[document].clone()]
    }

    /// Reads the group as a client would read a repository of nothing else, and gives its packages.
    ///
    /// # Errors
    /// The packed members are not the open ones, or describe no packages, or not the same ones.
    pub fn check(&self, compression: Compression) -> Result<Vec<CheckedPackage>> {
        let options = Options {
            compression,
            susedata: !self.open[3].is_empty(),
            ..Options::default()
        };
        let metadata = assemble_groups([self], &options);
        let checked = check(&metadata.repomd, &mut |location| {
            let file = metadata.files.iter().find(|file| file.location == location);
            let file = file.ok_or(std::io::ErrorKind::NotFound)?;
            Ok(file.bytes.clone())
        })?;
        Ok(checked.packages)
    }
}

/// A piece of a document.
#[derive(Clone, Copy)]
pub(crate) struct Member<'g> {
    pub open: &'g [u8],
    pub packed: &'g [u8],
}

fn push_number(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(&(number as u64).to_le_bytes());
}

/// The number at this place of the head; one that does not fit into memory is too large anyway.
fn number(head: &[u8], index: usize) -> usize {
    let at = MAGIC.len() + NUMBER * index;
    let bytes = head[at..at + NUMBER]
        .try_into()
        .expect("the slice has the length of a number");
    usize::try_from(u64::from_le_bytes(bytes)).unwrap_or(usize::MAX)
}

fn kept(what: &'static str) -> Error {
    Error::KeptGroup { what }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::Record;
    use crate::render::render;

    fn packages(count: usize, summary: usize) -> Vec<Rendered> {
        let record = |number: usize| Record {
            name: format!("package-{number:05}"),
            version: "1".into(),
            release: "1".into(),
            arch: "x86_64".into(),
            summary: "s".repeat(summary),
            pkgid: hex::encode(Sha256::digest(number.to_be_bytes())),
            location: format!("package-{number:05}.rpm"),
            ..Record::default()
        };
        (0..count).map(|number| render(&record(number))).collect()
    }

    fn packed(count: usize, compression: Compression) -> Group {
        let packages = packages(count, 10);
        Group::pack(&packages.iter().collect::<Vec<_>>(), compression)
    }

    #[test]
    fn a_new_package_changes_one_group() {
        let packages = packages(3000, 10_000);
        let all: Vec<&Rendered> = packages.iter().collect();
        let groups = |packages: &[&Rendered]| -> Vec<String> {
            let text =
                |range: Range<usize>| packages[range].iter().map(|p| p.other.as_str()).collect();
            let marks = packages.iter().map(|package| Mark::of(package));
            group_ranges(marks).into_iter().map(text).collect()
        };
        let before = groups(&all);
        // 3,000 packages of 11 KB.
        assert!((40..=100).contains(&before.len()), "{}", before.len());
        for removed in [0, 1, 1234, 2999] {
            let mut fewer = all.clone();
            fewer.remove(removed);
            let after = groups(&fewer);
            let new = after.iter().filter(|group| !before.contains(group)).count();
            assert!(new <= 1, "without package {removed}, {new} groups are new");
        }
    }

    #[test]
    fn groups_are_bounded() {
        let quiet = Mark {
            bytes: 1 << 20,
            ends: false,
        };
        assert_eq!(group_ranges([quiet; 5]), [0..2, 2..4, 4..5]);
        assert_eq!(group_ranges([]), Vec::<Range<usize>>::new());
        // A package of a group's size always ends one.
        assert_eq!(group_ranges([Mark::new("", GROUP_BYTES); 2]), [0..1, 1..2]);
    }

    #[test]
    fn comes_back_as_it_was_kept() {
        for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
            let group = packed(3, compression);
            let again = Group::from_kept(group.bytes().to_vec()).unwrap();
            assert_eq!(again, group);
            let names = again.check(compression).unwrap();
            assert_eq!(names.len(), 3);
            assert_eq!(names[2].location, "package-00002.rpm");
        }
    }

    #[test]
    fn checks_that_both_forms_are_the_same() {
        let mut group = packed(2, Compression::Gzip);
        let open = group.open[0].start;
        let at = group.bytes[open..]
            .windows(7)
            .position(|w| w == b"package")
            .unwrap();
        group.bytes[open + at + 1] = b'x';
        assert!(group.check(Compression::Gzip).is_err());
    }

    proptest! {
        #[test]
        fn no_damage_goes_unnoticed(at in any::<prop::sample::Index>(), bit in 0..8, cut in 0..3) {
            let group = packed(2, Compression::Gzip);
            let mut bytes = group.bytes().to_vec();
            match cut {
                0 => bytes.truncate(at.index(bytes.len())),
                1 => { bytes.remove(at.index(bytes.len())); }
                _ => *at.get_mut(&mut bytes) ^= 1_u8 << bit,
            }
            prop_assert!(Group::from_kept(bytes).is_err());
        }
    }
}
