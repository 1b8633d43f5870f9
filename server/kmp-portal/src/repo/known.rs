//! What the existing metadata says of packages that did not change, so that they need not be read.
//!
//! A package counts as unchanged when location, size and time of the file are the ones that the
//! metadata says, as with `createrepo_c --update`.

use super::find::Found;
use super::folder::{REPOMD, read_file};
use anyhow::Context as _;
use repomd::{Limits, Record, Rendered, Repomd};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::path::Path;

/// Characters of a SHA-256 in hex: other package checksums are not ours to carry on.
const DIGEST_LENGTH: usize = 64;

/// The packages of `found` that the metadata in `root` describes as they are, by location.
///
/// # Errors
/// There is no metadata, or it does not hold together: then nothing of it can be trusted.
pub fn unchanged(root: &Path, found: &[Found]) -> anyhow::Result<HashMap<String, Rendered>> {
    let repomd = repomd::parse_repomd(&read_file(&root.join(REPOMD)).context(REPOMD)?)?;
    let limits = Limits::default();
    let wanted: HashMap<&str, &Found> = found.iter().map(|f| (f.location.as_str(), f)).collect();

    let mut files = HashMap::new();
    let filelists = document(root, &repomd, "filelists", &limits)?;
    repomd::read_filelists(filelists.as_slice(), &limits, &mut |entry| {
        files.insert(entry.package.pkgid, entry.files);
        Ok(())
    })?;
    drop(filelists);
    let mut changelogs = HashMap::new();
    let other = document(root, &repomd, "other", &limits)?;
    repomd::read_other(other.as_slice(), &limits, &mut |entry| {
        changelogs.insert(entry.package.pkgid, entry.changelog);
        Ok(())
    })?;
    drop(other);

    let mut known = HashMap::new();
    let primary = document(root, &repomd, "primary", &limits)?;
    repomd::read_primary(primary.as_slice(), &limits, &mut |mut record| {
        let same = wanted.get(record.location.as_str());
        if same.is_some_and(|found| describes(&record, found)) {
            // Two copies of one package share their lists, so these are not taken out.
            let lists = (files.get(&record.pkgid), changelogs.get(&record.pkgid));
            if let (Some(files), Some(changelog)) = lists {
                record.files.clone_from(files);
                record.changelog.clone_from(changelog);
                known.insert(record.location.clone(), repomd::render(&record));
            }
        }
        Ok(())
    })?;
    Ok(known)
}

fn describes(record: &Record, found: &Found) -> bool {
    record.size_package == found.size
        && record.file_time == found.time
        && record.pkgid.len() == DIGEST_LENGTH
}

/// The unpacked document of this kind, if its bytes are the ones that `repomd.xml` describes.
fn document(root: &Path, repomd: &Repomd, kind: &str, limits: &Limits) -> anyhow::Result<Vec<u8>> {
    let data = repomd
        .data(kind)
        .with_context(|| format!("{REPOMD} lists no {kind}"))?;
    let location = &data.location;
    let packed = read_file(&root.join(location)).with_context(|| location.clone())?;
    anyhow::ensure!(
        data.checksum.algorithm == "sha256"
            && data.checksum.value == hex::encode(Sha256::digest(&packed)),
        "{location} does not have the digest that {REPOMD} says"
    );
    Ok(repomd::unpack(location, &packed, limits.open_size)?)
}
