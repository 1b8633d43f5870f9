//! Whether what clients are shown holds: piece by piece while a generation is made, and as a whole
//! when the server starts or somebody asks.

use super::support::Susedata;
use super::{Publisher, folder};
use crate::repository_key::RepositoryKey;
use crate::storage::Storage;
use anyhow::{Context as _, ensure};
use repomd::{Compression, Group, Supported};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io;
use store::Time;
use store::generations::Generation;
use store::repositories::{Member, Repository};

/// How much of a repository is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// All metadata is parsed; packages are there with their sizes.
    Metadata,
    /// Packages have their digests, too: reads all of them.
    Packages,
}

/// Reads a repository's current generation as a client would, from the disk, and says what is wrong.
///
/// # Errors
/// It cannot be checked: the database fails.
pub async fn check_current(
    publisher: &Publisher,
    repository: &Repository,
    depth: Depth,
    now: Time,
) -> anyhow::Result<Vec<String>> {
    let mut conn = publisher.pool.acquire().await?;
    let Some(number) = repository.current else {
        return Ok(Vec::new());
    };
    let generation = store::generations::by_number(&mut conn, repository.id, number)
        .await?
        .with_context(|| format!("the database has no generation {number}"))?;
    let members = store::generations::current_members(&mut conn, repository.id).await?;
    let said = store::support::of_product(&mut conn, repository.product_id).await?;
    drop(conn);
    let susedata = Susedata::new(said);
    // It was changed, and the generation that says so is on its way.
    let is_outdated = susedata.digest(&members) != generation.support;
    let susedata = (!is_outdated).then_some(susedata);
    let (publisher, id) = (publisher.clone(), repository.id);
    tokio::task::spawn_blocking(move || {
        let susedata = susedata.as_ref();
        whole(&publisher, id, &generation, &members, susedata, depth, now)
    })
    .await
    .map_err(Into::into)
}

fn whole(
    publisher: &Publisher,
    id: i64,
    generation: &Generation,
    members: &[Member],
    susedata: Option<&Susedata>,
    depth: Depth,
    now: Time,
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut note = |result: anyhow::Result<()>| {
        if let Err(error) = result {
            faults.push(format!("{error:#}"));
        }
    };
    note(signature(&publisher.key, generation, now));
    let storage = &publisher.storage;
    note(metadata(
        &storage.generation(id, generation.number),
        generation,
        members,
        susedata,
    ));
    for member in members {
        note(match depth {
            Depth::Metadata => has_size(storage, member),
            Depth::Packages => has_size(storage, member).and_then(|()| has_digest(storage, member)),
        });
    }
    faults
}

/// Parses everything.
fn metadata(
    folder: &std::path::Path,
    generation: &Generation,
    members: &[Member],
    susedata: Option<&Susedata>,
) -> anyhow::Result<()> {
    let checked = repomd::check(&generation.repomd, &mut |location| {
        fs::read(folder.join(location))
    })?;
    for data in &checked.repomd.data {
        folder::data_file(folder, data)?;
    }
    same_packages(&checked.packages, members)?;
    susedata.map_or(Ok(()), |said| {
        same_support(&checked.packages, members, said)
    })
}

/// The group's packed members are what its packages rendered to.
///
/// # Errors
/// They are not: then it is our packing that is wrong, or the memory.
pub fn group(
    group: &Group,
    compression: Compression,
    members: &[Member],
    susedata: &Susedata,
) -> anyhow::Result<()> {
    let found = group.check(compression)?;
    same_packages(&found, members)?;
    same_support(&found, members, susedata)
}

fn same_support(
    found: &[repomd::CheckedPackage],
    members: &[Member],
    susedata: &Susedata,
) -> anyhow::Result<()> {
    for (found, member) in found.iter().zip(members) {
        let said = susedata.of(member).as_ref().map(Supported::of);
        ensure!(
            found.support == said,
            "the metadata says of support for {}: {:?}, where the product says {said:?}",
            found.location,
            found.support
        );
    }
    Ok(())
}

fn same_packages(found: &[repomd::CheckedPackage], members: &[Member]) -> anyhow::Result<()> {
    ensure!(
        found.len() == members.len(),
        "the metadata lists {} packages, {} were put in",
        found.len(),
        members.len()
    );
    for (found, member) in found.iter().zip(members) {
        ensure!(
            found.location == member.location
                && found.pkgid == hex::encode(&member.sha256)
                && i64::try_from(found.size) == Ok(member.size),
            "the metadata says {} with {} bytes where {} with {} bytes was put in",
            found.location,
            found.size,
            member.location,
            member.size
        );
    }
    Ok(())
}

/// # Errors
/// The signature is not the repository key's over this document.
pub fn signature(key: &RepositoryKey, generation: &Generation, now: Time) -> anyhow::Result<()> {
    keyring::verify_detached(
        &generation.repomd,
        generation.signature.as_bytes(),
        std::slice::from_ref(&key.certificate()),
        now.unix_timestamp().cast_unsigned(),
    )?;
    Ok(())
}

/// # Errors
/// The package's file is missing or of another length.
pub fn has_size(storage: &Storage, member: &Member) -> anyhow::Result<()> {
    let path = storage.package(&member.sha256);
    let size = fs::metadata(&path)
        .with_context(|| format!("{} at {}", member.location, path.display()))?
        .len();
    ensure!(
        i64::try_from(size) == Ok(member.size),
        "{} has {size} bytes on disk, {} were received",
        member.location,
        member.size
    );
    Ok(())
}

/// # Errors
/// The package's bytes are not the ones that were received.
pub fn has_digest(storage: &Storage, member: &Member) -> anyhow::Result<()> {
    let path = storage.package(&member.sha256);
    let mut hash = Sha256::new();
    fs::File::open(&path)
        .and_then(|mut file| io::copy(&mut file, &mut hash))
        .with_context(|| format!("{} at {}", member.location, path.display()))?;
    ensure!(
        hash.finalize()[..] == member.sha256[..],
        "{} was altered on the disk: its bytes are not the ones that were received",
        member.location
    );
    Ok(())
}
