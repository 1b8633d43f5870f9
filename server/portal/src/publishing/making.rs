//! Makes one generation on disk: kept groups and new ones are put together, written, signed, and read
//! back.

use super::groups::{self, KeptGroups, Part};
use super::support::Susedata;
use super::{Publisher, check, folder};
use crate::key_hints;
use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use repomd::{Compression, Group, Options, Rendered};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use store::generations::{Changes, Generation};
use store::repositories::{Member, Records, Repository};
use store::{PgConnection, Time};
use uuid::Uuid;

/// How often damaged groups are packed anew before the disk is given up.
const ROUNDS: usize = 3;

/// What is to be made.
pub struct Order<'a> {
    pub repository: &'a Repository,
    pub number: i64,
    /// What the metadata says of its age; never earlier than the generation before.
    pub dated: Time,
    /// By the clock, for the signature: clients refuse one from the future.
    pub now: Time,
    /// In the order of the metadata.
    pub members: Vec<Member>,
    pub changes: &'a Changes,
    /// What is said of support for them.
    pub susedata: Susedata,
}

/// A generation on disk that held when it was read back.
pub struct Made {
    pub generation: Generation,
    pub files: Files,
}

/// Data files by location, as they were read back.
pub type Files = HashMap<String, Bytes>;

/// Makes a generation.
///
/// # Errors
/// It cannot be written or signed, or does not hold. What there was stays as it was.
pub async fn make(
    publisher: &Publisher,
    conn: &mut PgConnection,
    order: Order<'_>,
) -> anyhow::Result<Made> {
    let id = order.repository.id;
    let compression = compression(order.repository)?;
    let kept = KeptGroups::open(&publisher.storage.groups(id))?;
    let susedata = Arc::new(order.susedata);
    let parts = groups::parts(&order.members, compression, &susedata);
    let members = Arc::new(order.members);
    let options = Options {
        content_tags: key_hints::hints(conn, &members).await?,
        ..options(order.dated, compression, &susedata)
    };
    for _ in 0..ROUNDS {
        pack_missing(conn, &kept, &parts, &members, compression, &susedata).await?;
        let work = Writing {
            publisher: publisher.clone(),
            folder: publisher.storage.generation(id, order.number),
            kept: kept.clone(),
            parts: parts.clone(),
            members: members.clone(),
            added: order.changes.added.clone(),
            options: options.clone(),
            support: susedata.digest(&members),
            number: order.number,
            dated: order.dated,
            now: order.now,
        };
        match tokio::task::spawn_blocking(move || work.write()).await?? {
            Outcome::Made(made) => {
                kept.retain(&parts)?;
                return Ok(made);
            }
            Outcome::Damaged(damaged) => {
                tracing::warn!(
                    repository = id,
                    groups = damaged.len(),
                    "kept groups of packages were damaged; they are packed anew"
                );
                kept.remove(&damaged)?;
            }
        }
    }
    bail!("kept groups of packages are damaged again and again: look after the disk")
}

/// How the repository's data files are packed.
///
/// # Errors
/// The database says a word that it does not allow.
pub fn compression(repository: &Repository) -> anyhow::Result<Compression> {
    match repository.compression.as_str() {
        "gzip" => Ok(Compression::Gzip),
        "zstd" => Ok(Compression::Zstd),
        other => bail!("no compression is called `{other}`"),
    }
}

fn options(dated: Time, compression: Compression, susedata: &Susedata) -> Options {
    let timestamp = dated.unix_timestamp().cast_unsigned();
    Options {
        revision: timestamp.to_string(),
        timestamp,
        compression,
        susedata: susedata.is_wanted(),
        ..Options::default()
    }
}

/// Packs the groups that are not kept, from the records in the database, and reads each back.
async fn pack_missing(
    conn: &mut PgConnection,
    kept: &KeptGroups,
    parts: &[Part],
    members: &Arc<Vec<Member>>,
    compression: Compression,
    susedata: &Arc<Susedata>,
) -> anyhow::Result<()> {
    for part in parts.iter().filter(|part| !kept.has(part)) {
        let ids: Vec<Uuid> = members[part.range.clone()]
            .iter()
            .map(|member| member.package_id)
            .collect();
        let records = store::repositories::records(conn, &ids).await?;
        let (kept, part, members) = (kept.clone(), part.clone(), members.clone());
        let susedata = susedata.clone();
        tokio::task::spawn_blocking(move || {
            let members = &members[part.range.clone()];
            let rendered: Vec<Rendered> = records
                .into_iter()
                .zip(members)
                .map(|(records, member)| susedata.add(rendered(records), member))
                .collect();
            let group = Group::pack(&rendered.iter().collect::<Vec<_>>(), compression);
            check::group(&group, compression, members, &susedata)?;
            kept.put(&part, &group)
                .context("keeping a group of packages")
        })
        .await??;
    }
    Ok(())
}

fn rendered(records: Records) -> Rendered {
    Rendered {
        primary: records.primary,
        filelists: records.filelists,
        other: records.other,
        susedata: String::new(),
    }
}

enum Outcome {
    Made(Made),
    /// These have to be packed anew.
    Damaged(Vec<Part>),
}

/// The part of the work that waits for the disk and the signer.
struct Writing {
    publisher: Publisher,
    folder: PathBuf,
    kept: KeptGroups,
    parts: Vec<Part>,
    members: Arc<Vec<Member>>,
    added: Vec<Uuid>,
    options: Options,
    support: Option<Vec<u8>>,
    number: i64,
    dated: Time,
    now: Time,
}

impl Writing {
    fn write(self) -> anyhow::Result<Outcome> {
        let written = match folder::write(&self.folder, &self.kept, &self.parts, &self.options)
            .with_context(|| format!("writing {}", self.folder.display()))?
        {
            folder::Outcome::Written(written) => written,
            folder::Outcome::Damaged(damaged) => return Ok(Outcome::Damaged(damaged)),
        };
        let now = self.now.unix_timestamp().cast_unsigned();
        let key = &self.publisher.key;
        let signature = key
            .sign_detached(&written.repomd, now)
            .context("signing the repository")?;
        let generation = Generation {
            number: self.number,
            created_at: self.dated,
            package_count: i32::try_from(self.members.len()).context("too many packages")?,
            files: written.locations,
            repomd: written.repomd,
            signature: String::from_utf8(signature).context("the signature is not armored")?,
            support: self.support.clone(),
        };
        let files = self.read_back(&generation).context("self-check")?;
        Ok(Outcome::Made(Made { generation, files }))
    }

    /// What a client would verify. Groups were parsed when they were packed, and compared with their
    /// digests when they were put in; the digests of the whole say that they arrived on the disk.
    fn read_back(&self, generation: &Generation) -> anyhow::Result<Files> {
        check::signature(&self.publisher.key, generation, self.now)?;
        let repomd = repomd::parse_repomd(&generation.repomd)?;
        let packed: usize = self.parts.iter().map(|part| part.range.len()).sum();
        ensure!(
            packed == self.members.len(),
            "the metadata lists {packed} packages, {} were put in",
            self.members.len()
        );
        let added: HashSet<&Uuid> = self.added.iter().collect();
        for member in self.members.iter() {
            check::has_size(&self.publisher.storage, member)?;
            if added.contains(&member.package_id) {
                check::has_digest(&self.publisher.storage, member)?;
            }
        }
        repomd
            .data
            .iter()
            .map(|data| {
                Ok((
                    data.location.clone(),
                    folder::data_file(&self.folder, data)?,
                ))
            })
            .collect()
    }
}
