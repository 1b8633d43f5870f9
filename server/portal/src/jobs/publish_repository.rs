//! Makes a repository's next generation and shows it to clients. Dying anywhere before the commit
//! leaves the current generation as it is; so does every fault, which the status page names until a
//! publication goes well.

use super::JobError;
use crate::app::App;
use crate::publishing::{self, Order};
use repomd::Compression;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use store::generations::{self, Changes, Generation};
use store::packages::State;
use store::repositories::Repository;
use store::{PgConnection, Time};
use uuid::Uuid;

/// So many generations are kept however old they are, to go back to.
const KEPT: i64 = 10;

/// # Errors
/// Whatever it is, it lies in this machine: it is tried until it goes well.
pub async fn run(app: &Arc<App>, repository_id: i64) -> Result<(), JobError> {
    let Err(error) = publish(app, repository_id).await else {
        return Ok(());
    };
    let noted = async {
        let mut conn = app.pool.acquire().await?;
        let fault = format!("{error:#}");
        store::repositories::set_fault(&mut conn, repository_id, &fault, app.now()).await
    };
    if let Err(error) = noted.await {
        tracing::warn!(%error, "cannot note why a repository was not published");
    }
    Err(JobError::Later(error))
}

async fn publish(app: &Arc<App>, repository_id: i64) -> anyhow::Result<()> {
    let mut tx = app.pool.begin().await?;
    // One publisher at a time over all processes; the next sees what this one did.
    store::lock(&mut tx, &format!("repository:{repository_id}")).await?;
    let Some(repository) = store::repositories::by_id(&mut tx, repository_id).await? else {
        return Ok(());
    };
    let members = match repository.pinned {
        Some(number) => generations::members(&mut tx, repository_id, number).await?,
        None => store::repositories::wanted(&mut tx, &repository).await?,
    };
    let packages: Vec<Uuid> = members.iter().map(|m| m.package_id).collect();
    let is_new = members.iter().filter(|m| m.is_new).map(|m| m.package_id);
    let is_new: Vec<Uuid> = is_new.collect();
    let changes = generations::changes(&mut tx, repository_id, &packages).await?;
    let current = match repository.current {
        Some(number) => generations::by_number(&mut tx, repository_id, number).await?,
        None => None,
    };
    let now = app.now();
    let mut number = repository.current.unwrap_or(0);
    let mut fresh = HashMap::new();
    let stays = match &current {
        Some(current) => changes.is_empty() && is_whole(app, &repository, current).await?,
        None => false,
    };
    if !stays {
        number = generations::last_number(&mut tx, repository_id).await? + 1;
        let order = Order {
            repository: &repository,
            number,
            // A clock that jumped back must not make the newest generation look older.
            dated: current.map_or(now, |c| c.created_at.max(now)),
            now,
            members,
            changes: &changes,
        };
        let made = publishing::make(app, &mut tx, order).await?;
        generations::switch(&mut tx, repository_id, &made.generation, &changes).await?;
        tell(&repository, &made.generation, &changes);
        fresh = made.files;
    }
    mark_published(&mut tx, &repository, number, &is_new, now).await?;
    store::repositories::clear_fault(&mut tx, repository_id).await?;
    let before = now - app.config.generation_grace;
    generations::delete_old(&mut tx, repository_id, before, KEPT).await?;
    let kept = generations::numbers(&mut tx, repository_id).await?;
    let turn = app.served.turn().await;
    tx.commit().await?;
    app.served
        .load_fresh(turn, &app.pool, &app.storage, repository_id, fresh)
        .await?;
    app.hardware.mark_stale();
    sweep(&app.storage.generations(repository_id), &kept);
    Ok(())
}

fn tell(repository: &Repository, generation: &Generation, changes: &Changes) {
    tracing::info!(
        repository = repository.name(),
        generation = generation.number,
        packages = generation.package_count,
        added = changes.added.len(),
        removed = changes.removed.len(),
        "a new generation is current"
    );
}

/// Whether the current generation is packed as wanted, and still what it was.
async fn is_whole(
    app: &Arc<App>,
    repository: &Repository,
    current: &Generation,
) -> anyhow::Result<bool> {
    let suffix = match publishing::compression(repository)? {
        Compression::None => ".xml",
        packed => packed.suffix(),
    };
    if !current.files.iter().all(|file| file.ends_with(suffix)) {
        return Ok(false);
    }
    let folder = app.storage.generation(repository.id, current.number);
    let repomd = repomd::parse_repomd(&current.repomd)?;
    let found = tokio::task::spawn_blocking(move || {
        let mut data = repomd.data.iter();
        data.try_for_each(|data| publishing::data_file(&folder, data).map(|_| ()))
    });
    if let Err(error) = found.await? {
        tracing::error!(
            repository = repository.name(),
            error = format!("{error:#}"),
            "the current generation was damaged; it is made anew"
        );
        return Ok(false);
    }
    Ok(true)
}

async fn mark_published(
    conn: &mut PgConnection,
    repository: &Repository,
    number: i64,
    packages: &[Uuid],
    now: Time,
) -> sqlx::Result<()> {
    for id in generations::newly_visible(conn, packages).await? {
        let reason = format!("In generation {number} of {}.", repository.name());
        store::packages::set_state(conn, id, State::Published, &reason, now).await?;
    }
    Ok(())
}

/// Removes the folders of generations that are not kept any more, or never were finished. The lock on
/// the repository is gone by now, so a later number may be another publisher's.
fn sweep(folder: &Path, kept: &[i64]) {
    let newest = kept.iter().max().copied().unwrap_or(0);
    let kept: HashSet<i64> = kept.iter().copied().collect();
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let number: Option<i64> = name.to_str().and_then(|name| name.parse().ok());
        if number.is_some_and(|number| number < newest && !kept.contains(&number))
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            let folder = entry.path();
            tracing::warn!(%error, folder = %folder.display(), "cannot remove an old generation");
        }
    }
}
