//! The queue: leased jobs, so that a worker may die at any instruction and its work is taken up
//! again. A job must therefore be idempotent.

use crate::{PgConnection, Time, channel, notify};
use serde_json::Value;

/// A claimed job. It is the claimer's until `locked_until`.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: i64,
    pub kind: String,
    pub payload: Value,
    /// How often it was claimed, this time included.
    pub attempts: i32,
}

/// Queues work, in the transaction that made it necessary. The same work waits once.
pub async fn enqueue(
    conn: &mut PgConnection,
    kind: &str,
    payload: &Value,
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO jobs (kind, payload, created_at, run_at) VALUES ($1, $2, $3, $3)
         ON CONFLICT (kind, payload) WHERE locked_until IS NULL AND failed_at IS NULL
         DO UPDATE SET run_at = least(jobs.run_at, $3)",
        kind,
        payload,
        now,
    )
    .execute(&mut *conn)
    .await?;
    notify(conn, channel::JOBS, kind).await
}

/// Queues much work of one kind, as [`enqueue`] does.
pub async fn enqueue_all(
    conn: &mut PgConnection,
    kind: &str,
    payloads: &[Value],
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO jobs (kind, payload, created_at, run_at)
         SELECT $1, payload, $3, $3 FROM unnest($2::jsonb[]) AS p (payload)
         ON CONFLICT (kind, payload) WHERE locked_until IS NULL AND failed_at IS NULL
         DO UPDATE SET run_at = least(jobs.run_at, $3)",
        kind,
        payloads,
        now,
    )
    .execute(&mut *conn)
    .await?;
    notify(conn, channel::JOBS, kind).await
}

/// Takes the job that is due longest and leases it until `lease_end`.
pub async fn claim(
    conn: &mut PgConnection,
    now: Time,
    lease_end: Time,
) -> sqlx::Result<Option<Job>> {
    sqlx::query_as!(
        Job,
        "UPDATE jobs SET locked_until = $2, attempts = attempts + 1
         WHERE id = (
             SELECT id FROM jobs
             WHERE failed_at IS NULL AND run_at <= $1
               AND (locked_until IS NULL OR locked_until <= $1)
             ORDER BY run_at, id
             FOR UPDATE SKIP LOCKED
             LIMIT 1)
         RETURNING id, kind, payload, attempts",
        now,
        lease_end,
    )
    .fetch_optional(conn)
    .await
}

/// Prolongs a lease while the work goes on.
pub async fn extend(conn: &mut PgConnection, id: i64, lease_end: Time) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE jobs SET locked_until = $2 WHERE id = $1",
        id,
        lease_end
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn finish(conn: &mut PgConnection, id: i64) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM jobs WHERE id = $1", id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Puts a job back. When the same work was queued meanwhile, that one does.
pub async fn retry(
    conn: &mut PgConnection,
    id: i64,
    run_at: Time,
    error: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM jobs j WHERE j.id = $1 AND EXISTS (
             SELECT 1 FROM jobs o WHERE o.id <> j.id AND o.kind = j.kind AND o.payload = j.payload
               AND o.locked_until IS NULL AND o.failed_at IS NULL)",
        id,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE jobs SET locked_until = NULL, run_at = $2, last_error = $3 WHERE id = $1",
        id,
        run_at,
        error,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Puts a job back as [`retry`] does, but as if it had not been claimed.
pub async fn postpone(
    conn: &mut PgConnection,
    id: i64,
    run_at: Time,
    error: &str,
) -> sqlx::Result<()> {
    sqlx::query!("UPDATE jobs SET attempts = attempts - 1 WHERE id = $1", id)
        .execute(&mut *conn)
        .await?;
    retry(conn, id, run_at, error).await
}

/// Gives a job up; it stays for the operator to look at.
pub async fn give_up(conn: &mut PgConnection, id: i64, error: &str, now: Time) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE jobs SET locked_until = NULL, failed_at = $2, last_error = $3 WHERE id = $1",
        id,
        now,
        error,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Frees every lease: only for a process that knows it is the only worker on this database.
pub async fn release_all(conn: &mut PgConnection) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM jobs j WHERE j.locked_until IS NOT NULL AND EXISTS (
             SELECT 1 FROM jobs o WHERE o.id <> j.id AND o.kind = j.kind AND o.payload = j.payload
               AND o.failed_at IS NULL AND (o.locked_until IS NULL OR o.id < j.id))",
    )
    .execute(&mut *conn)
    .await?
    .rows_affected();
    let freed = sqlx::query!("UPDATE jobs SET locked_until = NULL WHERE locked_until IS NOT NULL")
        .execute(conn)
        .await?
        .rows_affected();
    Ok(done + freed)
}

/// Waiting or running, and given up: for metrics and the status page.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    pub open: i64,
    pub failed: i64,
}

pub async fn counts(conn: &mut PgConnection) -> sqlx::Result<Counts> {
    sqlx::query_as!(
        Counts,
        r#"SELECT count(*) FILTER (WHERE failed_at IS NULL) AS "open!",
                  count(*) FILTER (WHERE failed_at IS NOT NULL) AS "failed!"
           FROM jobs"#,
    )
    .fetch_one(conn)
    .await
}

/// A job that was given up.
#[derive(Clone, Debug)]
pub struct GivenUp {
    pub id: i64,
    pub kind: String,
    pub payload: Value,
    pub attempts: i32,
    pub failed_at: Time,
    pub error: String,
}

/// Jobs that were given up, newest first.
pub async fn given_up(conn: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<GivenUp>> {
    sqlx::query_as!(
        GivenUp,
        r#"SELECT id, kind, payload, attempts, failed_at AS "failed_at!",
                  coalesce(last_error, '') AS "error!"
           FROM jobs WHERE failed_at IS NOT NULL ORDER BY failed_at DESC, id DESC LIMIT $1"#,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Queues a job anew that was given up; false when there is none of this id.
pub async fn revive(conn: &mut PgConnection, id: i64, now: Time) -> sqlx::Result<bool> {
    let row = sqlx::query!(
        "DELETE FROM jobs WHERE id = $1 AND failed_at IS NOT NULL RETURNING kind, payload",
        id,
    )
    .fetch_optional(&mut *conn)
    .await?;
    match row {
        Some(row) => enqueue(conn, &row.kind, &row.payload, now)
            .await
            .map(|()| true),
        None => Ok(false),
    }
}
