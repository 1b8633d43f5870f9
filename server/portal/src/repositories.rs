//! What operators and distributors do with published repositories: see how they are, go back to an
//! earlier generation, choose how they are packed. Each change is in the audit trail and queues the
//! publication that makes it true.

use crate::error::{Error, Result};
use crate::jobs::Job;
use crate::views::rfc3339;
use crate::waivers::Actor;
use serde_json::{Value, json};
use store::audit::NewEvent;
use store::generations;
use store::repositories::{self, Repository};
use store::{PgConnection, Time};

/// Characters of a reason.
const LONGEST_REASON: usize = 1000;
/// Jobs that were given up, on the status page.
pub const GIVEN_UP: i64 = 100;
const COMPRESSIONS: [&str; 2] = ["gzip", "zstd"];

/// The repository at `product/channel/arch`.
///
/// # Errors
/// 404: there is none.
pub async fn by_name(conn: &mut PgConnection, name: &str) -> Result<Repository> {
    let all = repositories::list(conn).await?;
    let found = all.into_iter().find(|repository| repository.name() == name);
    found.ok_or_else(|| {
        Error::not_found(format!(
            "There is no repository `{name}`; names are PRODUCT/CHANNEL/ARCH."
        ))
    })
}

/// Shows clients the packages of an earlier generation, as the next generation, until
/// [`resume`]; the repositories of single vendors beside it show their part of them.
///
/// # Errors
/// 400: the generation is not kept, the reason is missing, or it is a single vendor's repository.
pub async fn roll_back(
    conn: &mut PgConnection,
    repository: &Repository,
    number: i64,
    reason: &str,
    by: Actor<'_>,
    now: Time,
) -> Result<()> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(Error::bad_request(format!(
            "Say why, in at most {LONGEST_REASON} characters: it stands on the status page and in \
             the audit trail."
        )));
    }
    require_whole(repository)?;
    let kept = generations::numbers(conn, repository.id).await?;
    if !kept.contains(&number) {
        return Err(Error::bad_request(format!(
            "Generation {number} of {} is not kept. Kept are {}.",
            repository.name(),
            kept.iter()
                .map(i64::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        )));
    }
    repositories::pin(conn, repository.id, number, reason, by.name).await?;
    let detail = format!("to the packages of generation {number}: {reason}");
    changed(conn, repository, "repository.rolled-back", &detail, by, now).await?;
    publish_views(conn, repository, now).await
}

/// Has the repositories of single vendors follow.
async fn publish_views(conn: &mut PgConnection, repository: &Repository, now: Time) -> Result<()> {
    for repository_id in repositories::views(conn, repository.id).await? {
        Job::PublishRepository { repository_id }
            .enqueue(conn, now)
            .await?;
    }
    Ok(())
}

/// One vendor's repository shows part of the whole one, always.
fn require_whole(repository: &Repository) -> Result<()> {
    if repository.vendor_id.is_none() {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "{} goes back and forth with the repository of all vendors: name {}/{}/{}.",
        repository.name(),
        repository.product,
        repository.channel,
        repository.arch
    )))
}

/// Shows clients again what the repository wants, and those of single vendors beside it theirs.
///
/// # Errors
/// 400: it is a single vendor's repository.
pub async fn resume(
    conn: &mut PgConnection,
    repository: &Repository,
    by: Actor<'_>,
    now: Time,
) -> Result<()> {
    require_whole(repository)?;
    repositories::unpin(conn, repository.id).await?;
    changed(conn, repository, "repository.resumed", "", by, now).await?;
    publish_views(conn, repository, now).await
}

/// Packs data files by `gzip` or `zstd` from the next generation on.
///
/// # Errors
/// 400: another word.
pub async fn set_compression(
    conn: &mut PgConnection,
    repository: &Repository,
    compression: &str,
    by: Actor<'_>,
    now: Time,
) -> Result<()> {
    if !COMPRESSIONS.contains(&compression) {
        return Err(Error::bad_request(format!(
            "`{compression}` is no compression; choose gzip, which every client reads, or zstd, \
             which is half as large and not read by SLE 12 and EL 7."
        )));
    }
    repositories::set_compression(conn, repository.id, compression).await?;
    let detail = format!("compression {compression}");
    changed(conn, repository, "repository.changed", &detail, by, now).await
}

/// Has it published again, whatever went wrong before.
///
/// # Errors
/// The database fails.
pub async fn publish_again(
    conn: &mut PgConnection,
    repository: &Repository,
    now: Time,
) -> Result<()> {
    let repository_id = repository.id;
    Job::PublishRepository { repository_id }
        .enqueue(conn, now)
        .await?;
    Ok(())
}

async fn changed(
    conn: &mut PgConnection,
    repository: &Repository,
    action: &str,
    detail: &str,
    by: Actor<'_>,
    now: Time,
) -> Result<()> {
    let event = NewEvent {
        actor: by.name,
        role: by.role,
        action,
        subject: &format!("repository {}", repository.name()),
        vendor_id: None,
        detail,
    };
    store::audit::record(conn, &event, now).await?;
    publish_again(conn, repository, now).await
}

/// Has a job tried again that was given up.
///
/// # Errors
/// 404: there is none of this number.
pub async fn revive_job(conn: &mut PgConnection, id: i64, by: Actor<'_>, now: Time) -> Result<()> {
    if !store::jobs::revive(conn, id, now).await? {
        return Err(Error::not_found(format!(
            "There is no job {id} that was given up; perhaps somebody else had it tried again."
        )));
    }
    let event = NewEvent {
        actor: by.name,
        role: by.role,
        action: "job.retried",
        subject: &format!("job {id}"),
        vendor_id: None,
        detail: "",
    };
    Ok(store::audit::record(conn, &event, now).await?)
}

/// How a repository is, for programs.
///
/// # Errors
/// The database fails.
pub async fn describe(conn: &mut PgConnection, repository: &Repository) -> sqlx::Result<Value> {
    let current = match repository.current {
        Some(number) => generations::by_number(conn, repository.id, number).await?,
        None => None,
    };
    Ok(json!({
        "repository": repository.name(),
        "compression": repository.compression,
        "generation": repository.current,
        "packages": current.as_ref().map(|it| it.package_count),
        "published_at": current.as_ref().map(|it| rfc3339(it.created_at)),
        "rolled_back_to": repository.pinned,
        "reason": repository.pinned_reason,
        "by": repository.pinned_by,
        "fault": repository.fault,
        "fault_since": repository.fault_at.map(rfc3339),
    }))
}

/// The kept generations, newest first, for programs.
///
/// # Errors
/// The database fails.
pub async fn history(conn: &mut PgConnection, repository: &Repository) -> sqlx::Result<Value> {
    let kept = generations::list(conn, repository.id).await?;
    Ok(kept
        .iter()
        .map(|it| {
            json!({
                "generation": it.number,
                "created_at": rfc3339(it.created_at),
                "packages": it.package_count,
                "added": it.added,
                "removed": it.removed,
            })
        })
        .collect())
}

/// A job that was given up, for programs.
#[must_use]
pub fn job_json(job: &store::jobs::GivenUp) -> Value {
    json!({
        "id": job.id,
        "kind": job.kind,
        "payload": job.payload,
        "attempts": job.attempts,
        "failed_at": rfc3339(job.failed_at),
        "error": job.error,
    })
}
