//! Who was shown which kernel under embargo: counted by account, route and hour, never removed.

use crate::{PgConnection, Time};
use uuid::Uuid;

/// The one who looked, and by which way.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    pub vendor: &'a str,
    /// Label of the token or name of the user.
    pub account: &'a str,
    /// Method and route: `GET /api/v1/kernels/{id}`.
    pub route: &'a str,
}

/// Notes that these kernels were shown.
pub async fn note(
    conn: &mut PgConnection,
    look: &Look<'_>,
    kernels: &[Uuid],
    now: Time,
) -> sqlx::Result<()> {
    // In one order, so that two requests never wait for each other's rows.
    sqlx::query!(
        "INSERT INTO kernel_accesses (kernel_id, vendor, account, route, hour, times, last_at)
         SELECT DISTINCT k.id, $2, $3, $4, date_trunc('hour', $5::timestamptz, 'UTC'), 1,
                $5::timestamptz
         FROM unnest($1::uuid[]) AS k (id)
         ORDER BY k.id
         ON CONFLICT ON CONSTRAINT kernel_accesses_pkey DO UPDATE SET
             times = kernel_accesses.times + 1,
             last_at = greatest(kernel_accesses.last_at, excluded.last_at)",
        kernels,
        look.vendor,
        look.account,
        look.route,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One account's looks at a kernel by one route within an hour.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Access {
    pub vendor: String,
    pub account: String,
    pub route: String,
    #[serde(with = "time::serde::rfc3339")]
    pub hour: Time,
    pub times: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub last_at: Time,
}

/// The latest looks at a kernel, at most `limit`.
pub async fn of_kernel(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<Access>> {
    sqlx::query_as!(
        Access,
        "SELECT vendor, account, route, hour, times, last_at FROM kernel_accesses
         WHERE kernel_id = $1
         ORDER BY last_at DESC, vendor, account, route
         LIMIT $2",
        kernel_id,
        limit,
    )
    .fetch_all(conn)
    .await
}
