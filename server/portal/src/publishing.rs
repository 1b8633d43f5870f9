//! How a generation of a repository comes about: what is kept from earlier ones is put together with
//! what is new, written, signed, read back as a client would, and only then shown. Which packages it
//! is to hold is decided in `store::repositories::wanted`.
//!
//! The cost is that of what changed, plus reading and hashing the whole. Dying anywhere before the
//! commit leaves the current generation as it is.

mod check;
mod folder;
mod groups;
mod making;
mod support;
#[cfg(test)]
mod tests;

pub use check::Depth;
pub use folder::data_file;

use crate::app::App;
use crate::jobs::Job;
use crate::repository_key::RepositoryKey;
use crate::served::Served;
use crate::storage::Storage;
use crate::views::rfc3339;
use anyhow::Context as _;
use check::check_current;
use making::{Order, compression, make};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::generations::{self, Changes, Generation};
use store::packages::State;
use store::repositories::{Member, Repository};
use store::{PgConnection, PgPool, Time};
use support::Susedata;
use uuid::Uuid;

/// So many generations are kept however old they are, to go back to.
const KEPT: i64 = 10;

/// Clocks are set back by a little now and then, and those of several machines differ.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// What publishing works with.
#[derive(Clone)]
pub struct Publisher {
    pub pool: PgPool,
    pub storage: Storage,
    pub key: Arc<RepositoryKey>,
    /// How long replaced generations are kept.
    pub grace: Duration,
}

impl Publisher {
    /// The portal's.
    #[must_use]
    pub fn of(app: &App) -> Self {
        Self {
            pool: app.pool.clone(),
            storage: app.storage.clone(),
            key: app.repository_key.clone(),
            grace: app.config.generation_grace,
        }
    }

    /// Makes the repository's next generation, if it would differ, and shows it to clients.
    ///
    /// # Errors
    /// The database, the disk or the signer fails, or what was written does not hold. Clients go on
    /// seeing the current generation.
    pub async fn publish(&self, served: &Served, id: i64, now: Time) -> anyhow::Result<()> {
        let mut tx = self.pool.begin().await?;
        // One publisher at a time over all processes; the next sees what this one did.
        store::lock(&mut tx, &format!("repository:{id}")).await?;
        let Some(repository) = store::repositories::by_id(&mut tx, id).await? else {
            return Ok(());
        };
        let current = match repository.current {
            Some(number) => generations::by_number(&mut tx, id, number).await?,
            None => None,
        };
        let jump = current.as_ref().and_then(|it| clock_jump(it, now));
        let files = self
            .bring_up_to_date(&mut tx, &repository, current, now)
            .await?;
        match jump {
            Some(fault) => {
                tracing::error!(repository = repository.name(), fault, "the clock went back");
                store::repositories::set_fault(&mut tx, id, &fault, now).await?;
            }
            None => store::repositories::clear_fault(&mut tx, id).await?,
        }
        generations::delete_old(&mut tx, id, now - self.grace, KEPT).await?;
        let kept = generations::numbers(&mut tx, id).await?;
        let turn = served.turn().await;
        tx.commit().await?;
        served
            .load_fresh(turn, &self.pool, &self.storage, id, files)
            .await?;
        sweep(&self.storage.generations(id), &kept);
        Ok(())
    }

    /// Reads all repositories as clients would. What is wrong is noted for the status page, and a
    /// publication queued that heals what can be healed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn check_all(
        &self,
        depth: Depth,
        now: Time,
    ) -> anyhow::Result<Vec<(Repository, Vec<String>)>> {
        let repositories = {
            let mut conn = self.pool.acquire().await?;
            store::repositories::list(&mut conn).await?
        };
        let mut checked = Vec::new();
        for repository in repositories {
            let faults = check_current(self, &repository, depth, now).await?;
            if !faults.is_empty() {
                let fault = faults.join("; ");
                tracing::error!(
                    repository = repository.name(),
                    fault,
                    "a published repository is damaged"
                );
                self.note_fault(repository.id, &fault, now).await?;
            }
            checked.push((repository, faults));
        }
        Ok(checked)
    }

    /// Notes what is wrong with a repository, and has it published anew.
    ///
    /// # Errors
    /// The database fails.
    pub async fn note_fault(&self, repository_id: i64, fault: &str, now: Time) -> sqlx::Result<()> {
        let mut conn = self.pool.acquire().await?;
        store::repositories::set_fault(&mut conn, repository_id, fault, now).await?;
        let job = Job::PublishRepository { repository_id };
        job.enqueue(&mut conn, now).await
    }

    /// Makes and switches to the next generation, or finds that the current one will do. Gives what
    /// was read back.
    async fn bring_up_to_date(
        &self,
        tx: &mut PgConnection,
        repository: &Repository,
        current: Option<Generation>,
        now: Time,
    ) -> anyhow::Result<making::Files> {
        let id = repository.id;
        let members = match repository.pinned {
            Some(number) => {
                let (whole, vendor) = (repository.whole_id, repository.vendor_id);
                generations::members(tx, whole, number, vendor).await?
            }
            None => store::repositories::wanted(tx, repository).await?,
        };
        let susedata = Susedata::new(store::support::of_product(tx, repository.product_id).await?);
        let packages: Vec<Uuid> = members.iter().map(|m| m.package_id).collect();
        let is_new: Vec<Uuid> = members
            .iter()
            .filter(|m| m.is_new)
            .map(|m| m.package_id)
            .collect();
        let changes = generations::changes(tx, id, &packages).await?;
        if let Some(current) = &current
            && changes.is_empty()
            && current.support == susedata.digest(&members)
            && is_whole(self, repository, current, &members).await?
        {
            mark_published(tx, repository, current.number, &is_new, now).await?;
            return Ok(HashMap::new());
        }
        let number = generations::last_number(tx, id).await? + 1;
        let order = Order {
            repository,
            number,
            // A clock that went back must not make the newest generation look older.
            dated: current.map_or(now, |current| current.created_at.max(now)),
            now,
            members,
            changes: &changes,
            susedata,
        };
        let made = make(self, tx, order).await?;
        generations::switch(tx, id, &made.generation, &changes).await?;
        mark_published(tx, repository, number, &is_new, now).await?;
        tell(repository, &made.generation, &changes);
        Ok(made.files)
    }
}

/// What is wrong with a clock that says an earlier time than when the current generation was made.
fn clock_jump(current: &Generation, now: Time) -> Option<String> {
    let behind = current.created_at - now;
    (behind > CLOCK_SLACK).then(|| {
        format!(
            "the clock of this machine went back: it says {}, and generation {} was made at {}. Set \
             it; until then new generations bear the later date",
            rfc3339(now),
            current.number,
            rfc3339(current.created_at)
        )
    })
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
///
/// # Errors
/// A package's file is not there: making it anew would not help.
async fn is_whole(
    publisher: &Publisher,
    repository: &Repository,
    current: &Generation,
    members: &[Member],
) -> anyhow::Result<bool> {
    let suffix = compression(repository)?.suffix();
    if !current.files.iter().all(|file| file.ends_with(suffix)) {
        return Ok(false);
    }
    let folder = publisher.storage.generation(repository.id, current.number);
    let repomd = repomd::parse_repomd(&current.repomd)?;
    let (storage, members) = (publisher.storage.clone(), members.to_vec());
    let damage = tokio::task::spawn_blocking(move || {
        for member in &members {
            check::has_size(&storage, member).context("a published package")?;
        }
        let mut data = repomd.data.iter();
        let whole = data.try_for_each(|data| data_file(&folder, data).map(|_| ()));
        anyhow::Ok(whole.err())
    });
    let Some(error) = damage.await?? else {
        return Ok(true);
    };
    tracing::error!(
        repository = repository.name(),
        error = format!("{error:#}"),
        "the current generation was damaged; it is made anew"
    );
    Ok(false)
}

async fn mark_published(
    conn: &mut PgConnection,
    repository: &Repository,
    number: i64,
    packages: &[Uuid],
    now: Time,
) -> sqlx::Result<()> {
    // The repository with all packages says when one is published.
    if repository.vendor_id.is_some() {
        return Ok(());
    }
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
