//! Servers with copies of the repositories, and what they were seen to have.

use crate::{PgConnection, Time};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    pub id: i64,
    /// What stands in place of the portal's own address, without a slash at its end.
    pub url: String,
    /// ISO 3166-1, upper case.
    pub country: Option<String>,
    /// 1 to 100, more is better.
    pub preference: i32,
    pub probed_at: Option<Time>,
}

/// Adds a mirror, or changes the one of this address. A wrong country is refused by
/// `mirrors_country_form`, a preference by `mirrors_preference_range`.
pub async fn upsert(
    conn: &mut PgConnection,
    url: &str,
    country: Option<&str>,
    preference: i32,
    now: Time,
) -> sqlx::Result<Mirror> {
    sqlx::query_as!(
        Mirror,
        "INSERT INTO mirrors (url, country, preference, added_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT ON CONSTRAINT mirrors_url_key
         DO UPDATE SET country = $2, preference = $3
         RETURNING id, url, country, preference, probed_at",
        url,
        country,
        preference,
        now,
    )
    .fetch_one(conn)
    .await
}

/// Says whether there was one.
pub async fn delete(conn: &mut PgConnection, id: i64) -> sqlx::Result<bool> {
    let done = sqlx::query!("DELETE FROM mirrors WHERE id = $1", id)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn by_id(conn: &mut PgConnection, id: i64) -> sqlx::Result<Option<Mirror>> {
    sqlx::query_as!(
        Mirror,
        "SELECT id, url, country, preference, probed_at FROM mirrors WHERE id = $1",
        id,
    )
    .fetch_optional(conn)
    .await
}

/// Best first.
pub async fn list(conn: &mut PgConnection) -> sqlx::Result<Vec<Mirror>> {
    sqlx::query_as!(
        Mirror,
        "SELECT id, url, country, preference, probed_at FROM mirrors
         ORDER BY preference DESC, id",
    )
    .fetch_all(conn)
    .await
}

/// Mirrors that were not asked since `before`, which are taken to be asked `now`. Of several
/// processes that try, each mirror is given to one.
pub async fn claim_due(conn: &mut PgConnection, before: Time, now: Time) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        "UPDATE mirrors SET probed_at = $2
         WHERE probed_at IS NULL OR probed_at <= $1
         RETURNING id",
        before,
        now,
    )
    .fetch_all(conn)
    .await
}

/// What a mirror was seen to have of a repository: the SHA-256 of its `repomd.xml`, or why none.
pub async fn set_state(
    conn: &mut PgConnection,
    mirror_id: i64,
    repository_id: i64,
    seen: Result<&[u8], &str>,
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO mirror_states (mirror_id, repository_id, repomd_sha256, trouble, seen_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ON CONSTRAINT mirror_states_pkey
         DO UPDATE SET repomd_sha256 = $3, trouble = $4, seen_at = $5",
        mirror_id,
        repository_id,
        seen.ok(),
        seen.err(),
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What was seen last.
#[derive(Clone, Debug)]
pub struct Seen {
    pub mirror_id: i64,
    pub repository_id: i64,
    /// Its `repomd.xml` is that of the current generation.
    pub is_fresh: bool,
    pub trouble: Option<String>,
    pub seen_at: Time,
}

/// What was seen of every mirror.
pub async fn seen(conn: &mut PgConnection) -> sqlx::Result<Vec<Seen>> {
    sqlx::query_as!(
        Seen,
        r#"SELECT s.mirror_id, s.repository_id,
                  coalesce(s.repomd_sha256 = sha256(g.repomd), false) AS "is_fresh!",
                  s.trouble, s.seen_at
           FROM mirror_states s JOIN repositories r ON r.id = s.repository_id
           LEFT JOIN generations g ON g.repository_id = r.id AND g.number = r.current
           ORDER BY s.mirror_id, s.repository_id"#,
    )
    .fetch_all(conn)
    .await
}

/// Mirrors that have the current generation of a repository and were seen to since `since`, best
/// first.
pub async fn fresh(
    conn: &mut PgConnection,
    repository_id: i64,
    since: Time,
) -> sqlx::Result<Vec<Mirror>> {
    sqlx::query_as!(
        Mirror,
        "SELECT m.id, m.url, m.country, m.preference, m.probed_at
         FROM mirrors m JOIN mirror_states s ON s.mirror_id = m.id
         JOIN repositories r ON r.id = s.repository_id
         JOIN generations g ON g.repository_id = r.id AND g.number = r.current
         WHERE r.id = $1 AND s.seen_at >= $2 AND s.repomd_sha256 = sha256(g.repomd)
         ORDER BY m.preference DESC, m.id",
        repository_id,
        since,
    )
    .fetch_all(conn)
    .await
}
