//! Channels: how packages come into them, from when on, and by whose word. Which of them a repository
//! lists is said by the view `offers`.

use crate::{PgConnection, Time};
use uuid::Uuid;

/// Puts a package into a channel, shown from a moment on; of one that is there and still waits, the
/// moment is changed. Says whether that made a difference.
pub async fn place_since(
    conn: &mut PgConnection,
    package_id: Uuid,
    product_id: i64,
    channel: &str,
    since: Option<Time>,
    by: &str,
    now: Time,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO placements (package_id, product_id, channel, waits_until, placed_by, placed_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT ON CONSTRAINT placements_pkey
         DO UPDATE SET waits_until = $4, placed_by = $5, placed_at = $6
         WHERE placements.waits_until IS NOT NULL",
        package_id,
        product_id,
        channel,
        since,
        by,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A package whose time has come in a channel.
#[derive(Clone, Debug)]
pub struct Due {
    pub package_id: Uuid,
    pub product_id: i64,
    pub channel: String,
}

/// Shows every package whose moment has come, and gives them. Of several processes that try, each is
/// given to one.
pub async fn release_due(conn: &mut PgConnection, now: Time) -> sqlx::Result<Vec<Due>> {
    sqlx::query_as!(
        Due,
        "UPDATE placements SET waits_until = NULL WHERE waits_until <= $1
         RETURNING package_id, product_id, channel",
        now,
    )
    .fetch_all(conn)
    .await
}

/// Whether no repository lists the package now, and nothing that is under way will change that: it
/// waits for its time, for a kernel's release, or for a kernel on which it loads.
pub async fn is_waiting(conn: &mut PgConnection, package_id: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT (NOT EXISTS (SELECT 1 FROM offers o WHERE o.package_id = p.id)
                   AND (p.held_for IS NOT NULL
                        OR NOT EXISTS (SELECT 1 FROM placements l
                                       WHERE l.package_id = p.id AND l.waits_until IS NULL)
                        OR EXISTS (SELECT 1 FROM verdicts v WHERE v.package_id = p.id
                                   AND v.kernel_id IN (SELECT id FROM visible_kernels(false, NULL)))
                  )) AS "waits!"
           FROM packages p WHERE p.id = $1"#,
        package_id,
    )
    .fetch_one(conn)
    .await
}

/// What somebody asked another to confirm.
#[derive(Clone, Debug)]
pub struct Promotion {
    pub id: i64,
    pub package_id: Uuid,
    /// File name in repositories.
    pub location: Option<String>,
    pub vendor_id: i64,
    pub vendor: String,
    pub product_id: i64,
    pub product: String,
    pub channel: String,
    pub since: Option<Time>,
    pub note: String,
    pub asked_by: String,
    pub asked_at: Time,
    /// `confirmed` or `refused`.
    pub decision: Option<String>,
    pub decided_by: Option<String>,
    pub decided_at: Option<Time>,
    pub reason: Option<String>,
}

/// A wish that waits for another's word.
#[derive(Clone, Copy, Debug)]
pub struct NewPromotion<'a> {
    pub package_id: Uuid,
    pub product_id: i64,
    pub channel: &'a str,
    pub since: Option<Time>,
    pub note: &'a str,
    pub asked_by: &'a str,
}

/// Notes the wish. A second one for the same channel is refused by `promotions_open_key`.
pub async fn insert_promotion(
    conn: &mut PgConnection,
    new: &NewPromotion<'_>,
    now: Time,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        "INSERT INTO promotions (package_id, product_id, channel, since, note, asked_by, asked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         RETURNING id",
        new.package_id,
        new.product_id,
        new.channel,
        new.since,
        new.note,
        new.asked_by,
        now,
    )
    .fetch_one(conn)
    .await
}

/// Notes the answer; says whether it was still open.
pub async fn decide_promotion(
    conn: &mut PgConnection,
    id: i64,
    decision: &str,
    by: &str,
    reason: &str,
    now: Time,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE promotions SET decision = $2, decided_by = $3, reason = $4, decided_at = $5
         WHERE id = $1 AND decision IS NULL",
        id,
        decision,
        by,
        reason,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Which promotions are listed; `None` does not restrict.
#[derive(Clone, Copy, Debug, Default)]
pub struct PromotionFilter {
    pub id: Option<i64>,
    pub package_id: Option<Uuid>,
    pub vendor_id: Option<i64>,
    pub only_open: bool,
}

/// Newest first, at most 1,000.
pub async fn promotions(
    conn: &mut PgConnection,
    filter: &PromotionFilter,
) -> sqlx::Result<Vec<Promotion>> {
    sqlx::query_as!(
        Promotion,
        "SELECT r.id, r.package_id, p.location, p.vendor_id, v.name AS vendor, r.product_id,
                d.name AS product, r.channel, r.since, r.note, r.asked_by, r.asked_at, r.decision,
                r.decided_by, r.decided_at, r.reason
         FROM promotions r JOIN packages p ON p.id = r.package_id
         JOIN vendors v ON v.id = p.vendor_id JOIN products d ON d.id = r.product_id
         WHERE ($1::bigint IS NULL OR r.id = $1) AND ($2::uuid IS NULL OR r.package_id = $2)
           AND ($3::bigint IS NULL OR p.vendor_id = $3) AND (NOT $4 OR r.decision IS NULL)
         ORDER BY r.id DESC LIMIT 1000",
        filter.id,
        filter.package_id,
        filter.vendor_id,
        filter.only_open,
    )
    .fetch_all(conn)
    .await
}

/// Who uploaded a package: user or label of the token; `None` if that was not kept.
pub async fn uploader(conn: &mut PgConnection, package_id: Uuid) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!("SELECT uploaded_by FROM packages WHERE id = $1", package_id)
        .fetch_one(conn)
        .await
}

/// Notes who uploaded a package, and from when on it is to be shown.
pub async fn set_upload(
    conn: &mut PgConnection,
    package_id: Uuid,
    by: &str,
    since: Option<Time>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE packages SET uploaded_by = $2, wanted_since = $3 WHERE id = $1",
        package_id,
        by,
        since,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// From when on the uploader wants a package to be shown.
pub async fn wanted_since(conn: &mut PgConnection, package_id: Uuid) -> sqlx::Result<Option<Time>> {
    sqlx::query_scalar!(
        "SELECT wanted_since FROM packages WHERE id = $1",
        package_id
    )
    .fetch_one(conn)
    .await
}

/// Takes a package out of one channel, and notes why; says whether it was there.
pub async fn take_out(
    conn: &mut PgConnection,
    removal: &NewRemoval<'_>,
    now: Time,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "WITH gone AS (
             DELETE FROM placements WHERE package_id = $1 AND product_id = $2 AND channel = $3
             RETURNING package_id, product_id, channel)
         INSERT INTO removals (package_id, product_id, channel, reason, removed_by, removed_at)
         SELECT package_id, product_id, channel, $4, $5, $6 FROM gone",
        removal.package_id,
        removal.product_id,
        removal.channel,
        removal.reason,
        removal.by,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A package that is to leave a channel.
#[derive(Clone, Copy, Debug)]
pub struct NewRemoval<'a> {
    pub package_id: Uuid,
    pub product_id: i64,
    pub channel: &'a str,
    pub reason: &'a str,
    pub by: &'a str,
}

/// A channel that a package was taken out of, and did not come back to.
#[derive(Clone, Debug)]
pub struct Removal {
    pub product_id: i64,
    pub product: String,
    pub channel: String,
    pub reason: String,
    pub by: String,
    pub at: Time,
}

/// The channels that a package was taken out of, by product and channel.
pub async fn removals(conn: &mut PgConnection, package_id: Uuid) -> sqlx::Result<Vec<Removal>> {
    sqlx::query_as!(
        Removal,
        r#"SELECT DISTINCT ON (d.name, r.channel) r.product_id, d.name AS product, r.channel,
                  r.reason, r.removed_by AS "by", r.removed_at AS at
           FROM removals r JOIN products d ON d.id = r.product_id
           WHERE r.package_id = $1
             AND NOT EXISTS (SELECT 1 FROM placements l WHERE l.package_id = r.package_id
                             AND l.product_id = r.product_id AND l.channel = r.channel)
           ORDER BY d.name, r.channel, r.id DESC"#,
        package_id,
    )
    .fetch_all(conn)
    .await
}

/// A package that was taken back.
#[derive(Clone, Debug)]
pub struct Withdrawn {
    pub package_id: Uuid,
    pub location: String,
    /// From this channel only; `None`: from everywhere.
    pub channel: Option<String>,
    pub reason: String,
    pub at: Time,
}

/// Packages of a product that were published and taken back, all of them or out of one channel, latest
/// first, at most 100.
pub async fn withdrawn(conn: &mut PgConnection, product_id: i64) -> sqlx::Result<Vec<Withdrawn>> {
    sqlx::query_as!(
        Withdrawn,
        r#"SELECT package_id AS "package_id!", location AS "location!", channel,
                  reason AS "reason!", at AS "at!"
           FROM (
               SELECT p.id AS package_id, p.location, NULL AS channel, e.reason, e.at
               FROM packages p
               JOIN LATERAL (SELECT reason, at FROM package_events
                             WHERE package_id = p.id AND state = 'withdrawn'
                             ORDER BY id DESC LIMIT 1) e ON true
               WHERE p.state = 'withdrawn' AND p.location IS NOT NULL
                 AND EXISTS (SELECT 1 FROM repository_packages rp
                             JOIN repositories r ON r.id = rp.repository_id
                             WHERE rp.package_id = p.id AND r.product_id = $1)
               UNION ALL
               SELECT p.id, p.location, m.channel, m.reason, m.at
               FROM packages p
               JOIN LATERAL (SELECT DISTINCT ON (channel) channel, reason, removed_at AS at
                             FROM removals WHERE package_id = p.id AND product_id = $1
                             ORDER BY channel, id DESC) m ON true
               WHERE p.state = 'published'
                 AND EXISTS (SELECT 1 FROM repository_packages rp
                             JOIN repositories r ON r.id = rp.repository_id
                             WHERE rp.package_id = p.id AND r.product_id = $1
                               AND r.channel = m.channel)
                 AND NOT EXISTS (SELECT 1 FROM placements l WHERE l.package_id = p.id
                                 AND l.product_id = $1 AND l.channel = m.channel)
           ) AS taken_back
           ORDER BY at DESC LIMIT 100"#,
        product_id,
    )
    .fetch_all(conn)
    .await
}

/// How many packages the current generations of these repositories have together, and when the last
/// of them was made.
pub async fn held(
    conn: &mut PgConnection,
    repositories: &[i64],
) -> sqlx::Result<(i64, Option<Time>)> {
    let row = sqlx::query!(
        r#"SELECT coalesce(sum(g.package_count), 0)::bigint AS "count!", max(g.created_at) AS updated
           FROM repositories r JOIN generations g ON g.repository_id = r.id AND g.number = r.current
           WHERE r.id = ANY ($1)"#,
        repositories,
    )
    .fetch_one(conn)
    .await?;
    Ok((row.count, row.updated))
}
