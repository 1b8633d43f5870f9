//! Makes a repository's next generation: assemble, sign, write, read back as a client would, and
//! only then switch. Dying anywhere before the commit leaves the current generation as it is.

use super::JobError;
use crate::app::App;
use crate::storage::{self, Storage};
use anyhow::{Context as _, ensure};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use store::packages::State;
use store::repositories::{Generation, Member, Repository};
use store::{PgConnection, Time};
use uuid::Uuid;

pub async fn run(app: &Arc<App>, repository_id: i64) -> Result<(), JobError> {
    let mut tx = app.pool.begin().await?;
    // One publisher at a time over all processes; the next sees what this one did.
    store::lock(&mut tx, &format!("repository:{repository_id}")).await?;
    let Some(repository) = store::repositories::by_id(&mut tx, repository_id).await? else {
        return Ok(());
    };
    let number = store::repositories::last_number(&mut tx, repository_id).await? + 1;
    let members = store::repositories::wanted(&mut tx, &repository).await?;
    let packages: Vec<Uuid> = members.iter().map(|m| m.package_id).collect();
    let now = app.now();
    let generation = prepare(app, &repository, number, members, now).await?;
    if same_as_current(&mut tx, &repository, &generation).await? {
        // Another run of this job was faster; only the folder is new.
        fs::remove_dir_all(app.storage.generation(repository_id, number))?;
    } else {
        store::repositories::switch(&mut tx, repository_id, &generation, &packages).await?;
        tracing::info!(
            repository = format!(
                "{}/{}/{}",
                repository.product, repository.channel, repository.arch
            ),
            generation = number,
            packages = packages.len(),
            "a new generation is current"
        );
    }
    mark_published(&mut tx, &repository, number, &packages, now).await?;
    let outdated =
        store::repositories::delete_old(&mut tx, repository_id, now - app.config.generation_grace)
            .await?;
    tx.commit().await?;
    app.served
        .reload(&app.pool, &app.storage, repository_id)
        .await?;
    app.hardware.mark_stale();
    for old in outdated {
        remove_folder(&app.storage.generation(repository_id, old));
    }
    Ok(())
}

/// Builds the generation on disk and reads it back.
async fn prepare(
    app: &Arc<App>,
    repository: &Repository,
    number: i64,
    members: Vec<Member>,
    now: Time,
) -> anyhow::Result<Generation> {
    let app = app.clone();
    let id = repository.id;
    tokio::task::spawn_blocking(move || {
        let folder = app.storage.generation(id, number);
        // Left by a run that died before its commit.
        remove_folder(&folder);
        let package_count = i32::try_from(members.len()).context("too many packages")?;
        let metadata = assemble(&members, now);
        let signature = app
            .repository_key
            .sign_detached(&metadata.repomd, now.unix_timestamp().cast_unsigned())?;
        write(&folder, &metadata)?;
        let generation = Generation {
            number,
            created_at: now,
            package_count,
            files: metadata.files.into_iter().map(|f| f.location).collect(),
            repomd: metadata.repomd,
            signature: String::from_utf8(signature).context("the signature is not armored")?,
        };
        read_back(&app, &folder, &generation, &members).context("self-check")?;
        Ok(generation)
    })
    .await?
}

fn assemble(members: &[Member], now: Time) -> repomd::Metadata {
    let rendered: Vec<repomd::Rendered> = members
        .iter()
        .map(|m| repomd::Rendered {
            primary: m.repomd_primary.clone(),
            filelists: m.repomd_filelists.clone(),
            other: m.repomd_other.clone(),
        })
        .collect();
    let timestamp = now.unix_timestamp().cast_unsigned();
    repomd::assemble(
        &rendered,
        &repomd::Options {
            revision: timestamp.to_string(),
            timestamp,
            ..Default::default()
        },
    )
}

fn write(folder: &Path, metadata: &repomd::Metadata) -> std::io::Result<()> {
    for file in &metadata.files {
        let path = folder.join(&file.location);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)?;
        storage::write_lasting(&path, &file.bytes)?;
    }
    for level in [folder.join("repodata"), folder.to_owned()] {
        if level.is_dir() {
            storage::sync_folder(&level)?;
        }
    }
    folder.parent().map_or(Ok(()), storage::sync_folder)
}

/// What a client would verify: signature, documents, checksums, and that every package is there.
fn read_back(
    app: &App,
    folder: &Path,
    generation: &Generation,
    members: &[Member],
) -> anyhow::Result<()> {
    keyring::verify_detached(
        &generation.repomd,
        generation.signature.as_bytes(),
        std::slice::from_ref(&app.repository_key.certificate()),
        generation.created_at.unix_timestamp().cast_unsigned(),
    )?;
    let checked = repomd::check(&generation.repomd, &mut |location| {
        fs::read(folder.join(location))
    })?;
    ensure!(
        checked.packages.len() == members.len(),
        "the metadata lists {} packages, {} were put in",
        checked.packages.len(),
        members.len()
    );
    for member in members {
        has_size(&app.storage, member)?;
    }
    Ok(())
}

fn has_size(storage: &Storage, member: &Member) -> anyhow::Result<()> {
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

async fn same_as_current(
    conn: &mut PgConnection,
    repository: &Repository,
    generation: &Generation,
) -> sqlx::Result<bool> {
    let Some(current) = repository.current else {
        return Ok(false);
    };
    let kept = store::repositories::generations(conn, repository.id).await?;
    // Data files are named by content: equal names, equal repository.
    Ok(kept
        .iter()
        .any(|g| g.number == current && g.files == generation.files))
}

async fn mark_published(
    conn: &mut PgConnection,
    repository: &Repository,
    number: i64,
    packages: &[Uuid],
    now: Time,
) -> sqlx::Result<()> {
    for id in store::repositories::newly_visible(conn, packages).await? {
        let reason = format!(
            "In generation {number} of {}/{}/{}.",
            repository.product, repository.channel, repository.arch
        );
        store::packages::set_state(conn, id, State::Published, &reason, now).await?;
    }
    Ok(())
}

fn remove_folder(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, folder = %folder.display(), "cannot remove an old generation");
    }
}
