//! Generations of repositories: what clients were shown, immutable and numbered, and which package
//! was in which.

use crate::repositories::Member;
use crate::{PgConnection, Time, channel, notify};
use uuid::Uuid;

/// A generation as it is served.
#[derive(Clone, Debug)]
pub struct Generation {
    pub number: i64,
    pub created_at: Time,
    pub package_count: i32,
    /// `repomd.xml` and its armored signature.
    pub repomd: Vec<u8>,
    pub signature: String,
    /// Data files below the repository's root.
    pub files: Vec<String>,
    /// SHA-256 of what susedata says of each package; `None`: there is none.
    pub support: Option<Vec<u8>>,
}

/// How a generation differs from the current one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub added: Vec<Uuid>,
    pub removed: Vec<Uuid>,
}

impl Changes {
    /// Whether it has the same packages.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// What these packages would change.
pub async fn changes(
    conn: &mut PgConnection,
    repository_id: i64,
    packages: &[Uuid],
) -> sqlx::Result<Changes> {
    let current = sqlx::query_scalar!(
        "SELECT package_id FROM repository_packages WHERE repository_id = $1 AND removed IS NULL",
        repository_id,
    )
    .fetch_all(conn)
    .await?;
    let (mut before, mut after) = (current, packages.to_vec());
    before.sort_unstable();
    after.sort_unstable();
    let missing_in = |list: &[Uuid], from: &[Uuid]| {
        let found = from.iter().filter(|id| list.binary_search(id).is_err());
        found.copied().collect()
    };
    Ok(Changes {
        added: missing_in(&before, &after),
        removed: missing_in(&after, &before),
    })
}

/// Makes a generation the current one: its row, what came and went with it, and the news of it.
pub async fn switch(
    conn: &mut PgConnection,
    repository_id: i64,
    generation: &Generation,
    changes: &Changes,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO generations
             (repository_id, number, created_at, package_count, repomd, signature, files, support)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        repository_id,
        generation.number,
        generation.created_at,
        generation.package_count,
        generation.repomd,
        generation.signature,
        &generation.files,
        generation.support.as_deref(),
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE repository_packages SET removed = $2
         WHERE repository_id = $1 AND removed IS NULL AND package_id = ANY ($3)",
        repository_id,
        generation.number,
        &changes.removed,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "INSERT INTO repository_packages (repository_id, package_id, added)
         SELECT $1, w.id, $2 FROM unnest($3::uuid[]) AS w (id)",
        repository_id,
        generation.number,
        &changes.added,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE repositories SET current = $2 WHERE id = $1",
        repository_id,
        generation.number,
    )
    .execute(&mut *conn)
    .await?;
    notify(conn, channel::REPOSITORIES, &repository_id.to_string()).await
}

/// Accepted packages among these: they become visible with the generation being made.
pub async fn newly_visible(conn: &mut PgConnection, packages: &[Uuid]) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "SELECT id FROM packages WHERE id = ANY ($1) AND state = 'accepted' FOR UPDATE",
        packages,
    )
    .fetch_all(conn)
    .await
}

/// The highest generation number ever used, 0 before the first.
pub async fn last_number(conn: &mut PgConnection, repository_id: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(max(number), 0) AS "max!" FROM generations WHERE repository_id = $1"#,
        repository_id,
    )
    .fetch_one(conn)
    .await
}

/// Kept generations after this number, newest first; 0 for all.
pub async fn after(
    conn: &mut PgConnection,
    repository_id: i64,
    number: i64,
) -> sqlx::Result<Vec<Generation>> {
    sqlx::query_as!(
        Generation,
        "SELECT number, created_at, package_count, repomd, signature, files, support
         FROM generations
         WHERE repository_id = $1 AND number > $2 ORDER BY number DESC",
        repository_id,
        number,
    )
    .fetch_all(conn)
    .await
}

/// One kept generation.
pub async fn by_number(
    conn: &mut PgConnection,
    repository_id: i64,
    number: i64,
) -> sqlx::Result<Option<Generation>> {
    sqlx::query_as!(
        Generation,
        "SELECT number, created_at, package_count, repomd, signature, files, support
         FROM generations
         WHERE repository_id = $1 AND number = $2",
        repository_id,
        number,
    )
    .fetch_optional(conn)
    .await
}

/// A kept generation in a list.
#[derive(Clone, Debug)]
pub struct Brief {
    pub number: i64,
    pub created_at: Time,
    pub package_count: i32,
    /// Packages that came and went with it.
    pub added: i64,
    pub removed: i64,
}

/// Kept generations, newest first.
pub async fn list(conn: &mut PgConnection, repository_id: i64) -> sqlx::Result<Vec<Brief>> {
    sqlx::query_as!(
        Brief,
        r#"SELECT g.number, g.created_at, g.package_count,
                  (SELECT count(*) FROM repository_packages p
                   WHERE p.repository_id = $1 AND p.added = g.number) AS "added!",
                  (SELECT count(*) FROM repository_packages p
                   WHERE p.repository_id = $1 AND p.removed = g.number) AS "removed!"
           FROM generations g WHERE g.repository_id = $1 ORDER BY g.number DESC"#,
        repository_id,
    )
    .fetch_all(conn)
    .await
}

/// Numbers of the kept generations, newest first.
pub async fn numbers(conn: &mut PgConnection, repository_id: i64) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        "SELECT number FROM generations WHERE repository_id = $1 ORDER BY number DESC",
        repository_id,
    )
    .fetch_all(conn)
    .await
}

/// What an earlier generation held, in the order of the metadata, all of it or one vendor's: without
/// what was withdrawn or taken out of the channel since, and without what would tell of a kernel that is
/// under embargo now.
pub async fn members(
    conn: &mut PgConnection,
    repository_id: i64,
    number: i64,
    vendor_id: Option<i64>,
) -> sqlx::Result<Vec<Member>> {
    sqlx::query_as!(
        Member,
        r#"SELECT p.id AS package_id, v.name AS vendor, p.sha256, p.size,
                  p.location AS "location!", p.state = 'accepted' AS "is_new!",
                  (octet_length(p.repomd_primary) + octet_length(p.repomd_filelists)
                   + octet_length(p.repomd_other))::bigint AS "record_bytes!"
           FROM repository_packages l JOIN packages p ON p.id = l.package_id
           JOIN vendors v ON v.id = p.vendor_id
           JOIN repositories r ON r.id = l.repository_id
           WHERE l.repository_id = $1 AND l.added <= $2 AND (l.removed IS NULL OR l.removed > $2)
             AND ($3::bigint IS NULL OR p.vendor_id = $3)
             AND p.state IN ('accepted', 'published')
             AND EXISTS (SELECT 1 FROM placements c WHERE c.package_id = p.id
                         AND c.product_id = r.product_id AND c.channel = r.channel)
             AND (p.held_for IS NULL OR p.held_for IN (
                 SELECT id FROM visible_kernels(false, NULL)))
           ORDER BY p.location COLLATE "C""#,
        repository_id,
        number,
        vendor_id,
    )
    .fetch_all(conn)
    .await
}

/// What clients are shown now, in the order of the metadata.
pub async fn current_members(
    conn: &mut PgConnection,
    repository_id: i64,
) -> sqlx::Result<Vec<Member>> {
    sqlx::query_as!(
        Member,
        r#"SELECT p.id AS package_id, v.name AS vendor, p.sha256, p.size,
                  p.location AS "location!", false AS "is_new!",
                  (octet_length(p.repomd_primary) + octet_length(p.repomd_filelists)
                   + octet_length(p.repomd_other))::bigint AS "record_bytes!"
           FROM repository_packages l JOIN packages p ON p.id = l.package_id
           JOIN vendors v ON v.id = p.vendor_id
           WHERE l.repository_id = $1 AND l.removed IS NULL
           ORDER BY p.location COLLATE "C""#,
        repository_id,
    )
    .fetch_all(conn)
    .await
}

/// A file of a package that was ever in the repository.
#[derive(Clone, Debug)]
pub struct PackageFile {
    pub location: String,
    pub sha256: Vec<u8>,
}

/// Package files that came to the repository after a generation; 0 for all. They stay for those who
/// name them, though no generation may list them any more.
pub async fn package_files(
    conn: &mut PgConnection,
    repository_id: i64,
    after: i64,
) -> sqlx::Result<Vec<PackageFile>> {
    sqlx::query_as!(
        PackageFile,
        r#"SELECT p.location AS "location!", p.sha256
           FROM repository_packages l JOIN packages p ON p.id = l.package_id
           WHERE l.repository_id = $1 AND l.added > $2
           ORDER BY l.added"#,
        repository_id,
        after,
    )
    .fetch_all(conn)
    .await
}

/// Forgets generations that were replaced before `before`, but never the newest `kept` ones.
pub async fn delete_old(
    conn: &mut PgConnection,
    repository_id: i64,
    before: Time,
    kept: i64,
) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        "DELETE FROM generations g USING repositories r
         WHERE r.id = $1 AND g.repository_id = $1 AND g.number <> r.current
           AND EXISTS (SELECT 1 FROM generations n WHERE n.repository_id = $1
                       AND n.number > g.number AND n.created_at < $2)
           AND g.number NOT IN (SELECT k.number FROM generations k WHERE k.repository_id = $1
                                ORDER BY k.number DESC LIMIT $3)
         RETURNING g.number",
        repository_id,
        before,
        kept,
    )
    .fetch_all(conn)
    .await
}
