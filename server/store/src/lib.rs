//! The only SQL of the product: one file per aggregate, free functions over a connection that the
//! caller composes into transactions. Lookups give `Option`; whether none is an error is the
//! caller's business. Times come from the caller, too.

pub mod accesses;
pub mod accounts;
pub mod acknowledgements;
pub mod audience;
pub mod audit;
pub mod channels;
pub mod embargo;
pub mod gates;
pub mod generations;
pub mod jobs;
pub mod judging;
pub mod kernel_parts;
pub mod kernel_repositories;
pub mod kernels;
pub mod kmps;
pub mod lookup;
pub mod mails;
pub mod matrix;
pub mod mirrors;
pub mod packages;
pub mod policies;
pub mod products;
pub mod repositories;
pub mod sources;
pub mod support;
pub mod symbols;
pub mod vendors;
pub mod verdicts;
mod viewer;
pub mod waivers;

pub use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
pub use viewer::Viewer;

/// All migrations, forward only.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// Channels on which the database tells every server process that something changed.
pub mod channel {
    /// A job may be due.
    pub const JOBS: &str = "jobs";
    /// A package changed its state; the payload is its id.
    pub const PACKAGES: &str = "packages";
    /// A repository has a new current generation; the payload is the repository's id.
    pub const REPOSITORIES: &str = "repositories";
    /// A kernel was judged; the payload is its id.
    pub const KERNELS: &str = "kernels";
    /// A source was read or judged; the payload is its id.
    pub const SOURCES: &str = "sources";
}

/// Tells all listening processes, once the surrounding transaction commits.
pub async fn notify(conn: &mut PgConnection, channel: &str, payload: &str) -> sqlx::Result<()> {
    sqlx::query!("SELECT pg_notify($1, $2)", channel, payload)
        .execute(conn)
        .await?;
    Ok(())
}

/// Serialises work on one subject over all processes until the transaction ends.
pub async fn lock(conn: &mut PgConnection, subject: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
        subject
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The name of the constraint that refused a statement, if that is why it failed.
#[must_use]
pub fn violated_constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|e| e.constraint())
}

/// A page of a list: newest first, at most `limit` rows after skipping `offset`.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub limit: i64,
    pub offset: i64,
}

/// Shorthand used by every aggregate.
pub type Time = OffsetDateTime;

#[cfg(test)]
mod tests;
