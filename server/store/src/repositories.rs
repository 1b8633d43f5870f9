//! Published repositories: which packages they want, and their immutable generations.

use crate::{PgConnection, Time, channel, notify};
use uuid::Uuid;

/// A repository clients can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub id: i64,
    pub product_id: i64,
    pub product: String,
    pub channel: String,
    pub arch: String,
    /// Number of the generation clients see.
    pub current: Option<i64>,
}

/// A package that a repository is to hold.
#[derive(Clone, Debug)]
pub struct Member {
    pub package_id: Uuid,
    pub sha256: Vec<u8>,
    pub size: i64,
    pub location: String,
    pub repomd_primary: String,
    pub repomd_filelists: String,
    pub repomd_other: String,
}

/// A generation as it is served.
#[derive(Clone, Debug)]
pub struct Generation {
    pub number: i64,
    pub created_at: Time,
    pub package_count: i32,
    pub repomd: Vec<u8>,
    pub signature: String,
    pub files: Vec<String>,
}

/// The repository of a product, channel and arch; it comes into being when first asked for.
pub async fn get_or_insert(
    conn: &mut PgConnection,
    product_id: i64,
    channel: &str,
    arch: &str,
) -> sqlx::Result<i64> {
    sqlx::query!(
        "INSERT INTO repositories (product_id, channel, arch) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING",
        product_id,
        channel,
        arch,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query_scalar!(
        "SELECT id FROM repositories WHERE product_id = $1 AND channel = $2 AND arch = $3",
        product_id,
        channel,
        arch,
    )
    .fetch_one(conn)
    .await
}

pub async fn by_id(conn: &mut PgConnection, id: i64) -> sqlx::Result<Option<Repository>> {
    sqlx::query_as!(
        Repository,
        "SELECT r.id, r.product_id, p.name AS product, r.channel, r.arch, r.current
         FROM repositories r JOIN products p ON p.id = r.product_id
         WHERE r.id = $1",
        id,
    )
    .fetch_optional(conn)
    .await
}

pub async fn list(conn: &mut PgConnection) -> sqlx::Result<Vec<Repository>> {
    sqlx::query_as!(
        Repository,
        "SELECT r.id, r.product_id, p.name AS product, r.channel, r.arch, r.current
         FROM repositories r JOIN products p ON p.id = r.product_id
         ORDER BY p.name, r.channel, r.arch",
    )
    .fetch_all(conn)
    .await
}

/// What the repository is to hold now, in the order of the metadata. What would tell of a kernel
/// under embargo waits.
pub async fn wanted(conn: &mut PgConnection, repository: &Repository) -> sqlx::Result<Vec<Member>> {
    sqlx::query_as!(
        Member,
        r#"SELECT p.id AS package_id, p.sha256, p.size, p.location AS "location!",
                  p.repomd_primary AS "repomd_primary!",
                  p.repomd_filelists AS "repomd_filelists!", p.repomd_other AS "repomd_other!"
           FROM placements l JOIN packages p ON p.id = l.package_id
           WHERE l.product_id = $1 AND l.channel = $2
             AND p.arch IN ($3, 'noarch')
             AND p.state IN ('accepted', 'published')
             AND (p.held_for IS NULL OR p.held_for IN (
                 SELECT id FROM visible_kernels(false, NULL)))
           ORDER BY p.location COLLATE "C""#,
        repository.product_id,
        repository.channel,
        repository.arch,
    )
    .fetch_all(conn)
    .await
}

/// Makes a generation the current one: its row, the packages it holds, and the news of it.
pub async fn switch(
    conn: &mut PgConnection,
    repository_id: i64,
    generation: &Generation,
    packages: &[Uuid],
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO generations
             (repository_id, number, created_at, package_count, repomd, signature, files)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        repository_id,
        generation.number,
        generation.created_at,
        generation.package_count,
        generation.repomd,
        generation.signature,
        &generation.files,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE repository_packages SET removed = $2
         WHERE repository_id = $1 AND removed IS NULL AND package_id <> ALL ($3)",
        repository_id,
        generation.number,
        packages,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "INSERT INTO repository_packages (repository_id, package_id, added)
         SELECT $1, w.id, $2 FROM unnest($3::uuid[]) AS w (id)
         WHERE NOT EXISTS (SELECT 1 FROM repository_packages o
                           WHERE o.repository_id = $1 AND o.package_id = w.id
                             AND o.removed IS NULL)",
        repository_id,
        generation.number,
        packages,
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

/// Kept generations, newest first.
pub async fn generations(
    conn: &mut PgConnection,
    repository_id: i64,
) -> sqlx::Result<Vec<Generation>> {
    sqlx::query_as!(
        Generation,
        "SELECT number, created_at, package_count, repomd, signature, files FROM generations
         WHERE repository_id = $1 ORDER BY number DESC",
        repository_id,
    )
    .fetch_all(conn)
    .await
}

/// A file of a package that some kept generation names.
#[derive(Clone, Debug)]
pub struct PackageFile {
    pub location: String,
    pub sha256: Vec<u8>,
}

/// Every package file that a kept generation of the repository names.
pub async fn package_files(
    conn: &mut PgConnection,
    repository_id: i64,
) -> sqlx::Result<Vec<PackageFile>> {
    sqlx::query_as!(
        PackageFile,
        r#"SELECT DISTINCT p.location AS "location!", p.sha256
           FROM repository_packages rp JOIN packages p ON p.id = rp.package_id
           WHERE rp.repository_id = $1
             AND (rp.removed IS NULL OR rp.removed > (
                 SELECT min(g.number) FROM generations g WHERE g.repository_id = $1))"#,
        repository_id,
    )
    .fetch_all(conn)
    .await
}

/// Forgets generations older than `before`, but never the current one; gives their numbers.
pub async fn delete_old(
    conn: &mut PgConnection,
    repository_id: i64,
    before: Time,
) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        "DELETE FROM generations g USING repositories r
         WHERE r.id = $1 AND g.repository_id = $1 AND g.number <> r.current
           AND EXISTS (SELECT 1 FROM generations n WHERE n.repository_id = $1
                       AND n.number > g.number AND n.created_at < $2)
         RETURNING g.number",
        repository_id,
        before,
    )
    .fetch_all(conn)
    .await
}
