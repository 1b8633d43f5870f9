//! Packed groups of packages on disk, from one generation to the next. They are a cache: whatever is
//! missing or damaged is packed anew from the records in the database.

use super::support::Susedata;
use repomd::{Compression, Group, Mark};
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use store::repositories::Member;

/// To be raised when records are rendered or packed in another way: what is kept is then packed anew.
const FORMAT: u8 = 2;

/// A group of a repository's packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its members.
    pub range: Range<usize>,
    /// Says which packages in which order, and how they are packed; hex.
    key: String,
}

/// Cuts the members of a repository into groups.
#[must_use]
pub fn parts(members: &[Member], compression: Compression, susedata: &Susedata) -> Vec<Part> {
    let marks = members.iter().map(|member| {
        let bytes = u64::try_from(member.record_bytes).unwrap_or(0) + susedata.bytes(member);
        Mark::new(&hex::encode(&member.sha256), bytes)
    });
    repomd::group_ranges(marks)
        .into_iter()
        .map(|range| Part {
            key: key(&members[range.clone()], compression, susedata),
            range,
        })
        .collect()
}

/// A package's records are written once and never changed, so its id stands for them; what is said of
/// support may change.
fn key(members: &[Member], compression: Compression, susedata: &Susedata) -> String {
    let mut hash = Sha256::new();
    hash.update([FORMAT]);
    hash.update(compression.suffix());
    for member in members {
        hash.update(member.package_id.as_bytes());
    }
    hash.update(susedata.digest(members).unwrap_or_default());
    hex::encode(hash.finalize())
}

/// The folder with the groups of one repository.
#[derive(Clone, Debug)]
pub struct KeptGroups {
    folder: PathBuf,
}

impl KeptGroups {
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    fn path(&self, part: &Part) -> PathBuf {
        self.folder.join(&part.key)
    }

    /// Whether there is something; whether it is whole shows when it is read.
    #[must_use]
    pub fn has(&self, part: &Part) -> bool {
        self.path(part).is_file()
    }

    /// Reads a group into the memory of another; `None` when it is missing or damaged.
    ///
    /// # Errors
    /// The file cannot be read, though it is there.
    pub fn read(&self, part: &Part, mut memory: Vec<u8>) -> io::Result<Option<Group>> {
        memory.clear();
        match fs::File::open(self.path(part)) {
            Ok(mut file) => file.read_to_end(&mut memory)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let group = Group::from_kept(memory).ok();
        Ok(group.filter(|group| group.packages() == part.range.len()))
    }

    /// Keeps a group. It is not made lasting: a power cut costs packing it anew.
    ///
    /// # Errors
    /// The disk is full.
    pub fn put(&self, part: &Part, group: &Group) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(group.bytes())?;
        file.persist(self.path(part))?;
        Ok(())
    }

    /// Removes damaged groups.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn remove(&self, parts: &[Part]) -> io::Result<()> {
        for part in parts {
            match fs::remove_file(self.path(part)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes all groups but these, and what a killed publisher left.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn retain(&self, parts: &[Part]) -> io::Result<()> {
        let wanted: HashSet<&str> = parts.iter().map(|part| part.key.as_str()).collect();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if !name.to_str().is_some_and(|name| wanted.contains(name)) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use repomd::{Record, render};
    use uuid::Uuid;

    fn member(number: u128) -> Member {
        Member {
            package_id: Uuid::from_u128(number),
            vendor: "acme".to_owned(),
            sha256: Sha256::digest(number.to_be_bytes()).to_vec(),
            size: 1,
            location: format!("{number}.rpm"),
            is_new: false,
            record_bytes: 30_000,
        }
    }

    #[test]
    fn a_package_more_changes_one_key() {
        let members: Vec<Member> = (0..500).map(member).collect();
        let keys = |members: &[Member]| -> HashSet<String> {
            let parts = parts(members, Compression::Gzip, &Susedata::default());
            parts.into_iter().map(|part| part.key).collect()
        };
        let before = keys(&members[1..]);
        let after = keys(&members);
        assert!(after.len() > 10, "{}", after.len());
        assert_eq!(after.difference(&before).count(), 1);
        let zstd = parts(&members, Compression::Zstd, &Susedata::default());
        assert!(zstd.iter().all(|part| !after.contains(&part.key)));
        let said = r#"{"level": "l1", "vendors": {"acme": {"level": "l2", "eula": "Agree."}}}"#;
        let said = Susedata::new(serde_json::from_str(said).unwrap());
        let supported = parts(&members, Compression::Gzip, &said);
        assert!(supported.iter().all(|part| !after.contains(&part.key)));
    }

    #[test]
    fn what_is_damaged_counts_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptGroups::open(folder.path()).unwrap();
        let part = parts(&[member(1)], Compression::Gzip, &Susedata::default()).remove(0);
        let rendered = render(&Record::default());
        let group = Group::pack(&[&rendered], Compression::Gzip);
        assert!(!kept.has(&part));
        assert_eq!(kept.read(&part, Vec::new()).unwrap(), None);
        kept.put(&part, &group).unwrap();
        assert_eq!(kept.read(&part, Vec::new()).unwrap(), Some(group.clone()));
        let mut bytes = group.bytes().to_vec();
        bytes.pop();
        fs::write(kept.path(&part), bytes).unwrap();
        assert_eq!(kept.read(&part, Vec::new()).unwrap(), None);
        kept.put(&part, &group).unwrap();
        fs::write(folder.path().join(".tmpleft"), "x").unwrap();
        kept.retain(std::slice::from_ref(&part)).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        kept.retain(&[]).unwrap();
        assert!(!kept.has(&part));
    }
}
