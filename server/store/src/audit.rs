//! The audit trail: who did what to what, and when. Rows are added and read, nothing else; the
//! database refuses the rest.

use crate::{Page, PgConnection, Time};

/// Something that somebody did.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a> {
    /// Name of the user, label of the token, or `portal`.
    pub actor: &'a str,
    /// `distributor`, `vendor`, `operator` (command line) or `portal` (by itself).
    pub role: &'a str,
    /// Subject and what became of it: `waiver.granted`, `policy.changed` …
    pub action: &'a str,
    /// `waiver 12`, `product sle-15`, `package UUID` …
    pub subject: &'a str,
    /// The vendor whom it concerns.
    pub vendor_id: Option<i64>,
    /// The rest, in a sentence.
    pub detail: &'a str,
}

/// A row of the trail.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: i64,
    pub at: Time,
    pub actor: String,
    pub role: String,
    pub action: String,
    pub subject: String,
    /// Name of the vendor whom it concerns.
    pub vendor: Option<String>,
    pub detail: String,
}

/// Adds to the trail, in the transaction of what was done.
pub async fn record(conn: &mut PgConnection, event: &NewEvent<'_>, now: Time) -> sqlx::Result<()> {
    // PostgreSQL's text holds no NUL, and texts here may come from packages.
    let detail = event.detail.replace('\0', "\u{fffd}");
    sqlx::query!(
        "INSERT INTO audit_events (at, actor, role, action, subject, vendor_id, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        now,
        event.actor,
        event.role,
        event.action,
        event.subject,
        event.vendor_id,
        detail,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The trail, newest first, and how long it is; with `action` that of one kind only.
pub async fn list(
    conn: &mut PgConnection,
    action: Option<&str>,
    page: Page,
) -> sqlx::Result<(Vec<Event>, i64)> {
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM audit_events WHERE $1::text IS NULL OR action = $1"#,
        action,
    )
    .fetch_one(&mut *conn)
    .await?;
    let rows = sqlx::query_as!(
        Event,
        r#"SELECT e.id, e.at, e.actor, e.role, e.action, e.subject, v.name AS "vendor?", e.detail
           FROM audit_events e LEFT JOIN vendors v ON v.id = e.vendor_id
           WHERE $1::text IS NULL OR e.action = $1
           ORDER BY e.id DESC
           LIMIT $2 OFFSET $3"#,
        action,
        page.limit,
        page.offset,
    )
    .fetch_all(conn)
    .await?;
    Ok((rows, total))
}

/// The kinds of actions that were ever recorded.
pub async fn actions(conn: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!("SELECT DISTINCT action FROM audit_events ORDER BY action")
        .fetch_all(conn)
        .await
}
