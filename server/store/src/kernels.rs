//! Registered kernels. The exports are kept as one compressed text: they are only ever read whole.
//! Until a kernel is released it is under embargo: what shows kernels takes a [`Viewer`].

use crate::{PgConnection, Time, Viewer};
use time::Date;
use uuid::Uuid;

/// A kernel without its symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub id: Uuid,
    pub product_id: i64,
    pub product: String,
    pub arch: String,
    pub flavor: String,
    /// `uname -r`.
    pub release: String,
    /// `preview`, `released` or `retired`.
    pub status: String,
    /// Day of the planned release, in the portal's time zone.
    pub release_date: Option<Date>,
    /// Its moment: a preview is released then by itself.
    pub release_at: Option<Time>,
    /// Since when everybody may know of it. `None`: it is under embargo.
    pub released_at: Option<Time>,
    /// SHA-256 over the sorted exports.
    pub content_hash: Vec<u8>,
    pub modversions: bool,
    pub vermagic_tail: Option<String>,
    pub this_module_size: Option<i64>,
    pub symbol_count: i32,
    /// Counts the ABIs that this release has had, from 1.
    pub revision: i32,
    /// There is a later revision that the viewer may see.
    pub superseded: bool,
    /// What none of its sources told, in the words of `kernel_source::Unknown`.
    pub unknown: Vec<String>,
    pub created_at: Time,
    pub judged_at: Option<Time>,
}

impl Kernel {
    /// Only the distributor and the vendors it names may know of it.
    #[must_use]
    pub fn is_embargoed(&self) -> bool {
        self.released_at.is_none()
    }
}

#[derive(Clone, Debug)]
pub struct NewKernel<'a> {
    pub product_id: i64,
    pub arch: &'a str,
    pub flavor: &'a str,
    pub release: &'a str,
    pub status: &'a str,
    pub release_date: Option<Date>,
    pub release_at: Option<Time>,
    pub content_hash: &'a [u8],
    pub modversions: bool,
    pub vermagic_tail: Option<&'a str>,
    pub this_module_size: Option<i64>,
    pub symbol_count: i32,
    pub unknown: &'a [String],
    /// Canonical symvers text, zstd.
    pub symvers: &'a [u8],
}

/// Adds a kernel, or brings status and date of the same one (equal content) up to date. What is
/// already known of its vermagic and struct size stays when left out, and what was released once
/// never becomes a preview again. Other content under the same release is its next revision; the
/// caller holds the lock [`subject`] meanwhile.
/// Gives its id and whether it is new.
pub async fn upsert(
    conn: &mut PgConnection,
    new: &NewKernel<'_>,
    now: Time,
) -> sqlx::Result<(Uuid, bool)> {
    let revision = next_revision_for_judging(conn, new).await?;
    let row = sqlx::query!(
        r#"INSERT INTO kernels (id, product_id, arch, flavor, release, status, release_date,
               content_hash, modversions, vermagic_tail, this_module_size, symbol_count, symvers,
               created_at, released_at, release_at, unknown, revision)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
                   CASE WHEN $6 <> 'preview' THEN $14::timestamptz END, $15, $16, $17)
           ON CONFLICT ON CONSTRAINT kernels_identity_key DO UPDATE SET
               status = CASE WHEN $6 = 'preview' THEN kernels.status ELSE $6 END,
               released_at = CASE WHEN $6 = 'released' THEN coalesce(kernels.released_at, $14)
                                  ELSE kernels.released_at END,
               release_date = coalesce($7, kernels.release_date),
               release_at = coalesce($15, kernels.release_at),
               vermagic_tail = coalesce($10, kernels.vermagic_tail),
               this_module_size = coalesce($11, kernels.this_module_size)
           RETURNING id, (xmax = 0) AS "is_new!""#,
        Uuid::now_v7(),
        new.product_id,
        new.arch,
        new.flavor,
        new.release,
        new.status,
        new.release_date,
        new.content_hash,
        new.modversions,
        new.vermagic_tail,
        new.this_module_size,
        new.symbol_count,
        new.symvers,
        now,
        new.release_at,
        new.unknown,
        revision,
    )
    .fetch_one(conn)
    .await?;
    Ok((row.id, row.is_new))
}

/// The number of a release's next revision, whoever may see the earlier ones.
async fn next_revision_for_judging(
    conn: &mut PgConnection,
    new: &NewKernel<'_>,
) -> sqlx::Result<i32> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(max(revision), 0) + 1 AS "number!" FROM kernels
           WHERE product_id = $1 AND arch = $2 AND flavor = $3 AND release = $4"#,
        new.product_id,
        new.arch,
        new.flavor,
        new.release,
    )
    .fetch_one(conn)
    .await
}

/// Registering kernels of one identity is done by one at a time.
#[must_use]
pub fn subject(product_id: i64, arch: &str, flavor: &str, release: &str) -> String {
    format!("kernel:{product_id}:{arch}:{flavor}:{release}")
}

/// The kernel, if it is for the viewer.
pub async fn by_id(
    conn: &mut PgConnection,
    viewer: Viewer,
    id: Uuid,
) -> sqlx::Result<Option<Kernel>> {
    let (sees_all, own) = viewer.parameters();
    sqlx::query_as!(
        Kernel,
        r#"SELECT k.id, k.product_id, p.name AS product, k.arch, k.flavor, k.release, k.status,
                k.release_date, k.release_at, k.released_at, k.content_hash, k.modversions,
                k.vermagic_tail, k.this_module_size, k.symbol_count, k.revision, k.unknown,
                EXISTS (SELECT 1 FROM kernels n
                        WHERE n.product_id = k.product_id AND n.arch = k.arch
                          AND n.flavor = k.flavor AND n.release = k.release
                          AND n.revision > k.revision
                          AND n.id IN (SELECT id FROM visible_kernels($2, $3))) AS "superseded!",
                k.created_at, k.judged_at
         FROM kernels k JOIN products p ON p.id = k.product_id
         WHERE k.id = $1 AND k.id IN (SELECT id FROM visible_kernels($2, $3))"#,
        id,
        sees_all,
        own,
    )
    .fetch_optional(conn)
    .await
}

/// Which kernels a list shows; `None` does not restrict.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub product_id: Option<i64>,
    pub arch: Option<String>,
    pub flavor: Option<String>,
    pub release: Option<String>,
    /// Part of the release.
    pub release_contains: Option<String>,
    pub status: Option<String>,
}

/// Kernels the viewer may see, newest registration first.
pub async fn list(
    conn: &mut PgConnection,
    viewer: Viewer,
    filter: &Filter,
) -> sqlx::Result<Vec<Kernel>> {
    let (sees_all, own) = viewer.parameters();
    sqlx::query_as!(
        Kernel,
        r#"SELECT k.id, k.product_id, p.name AS product, k.arch, k.flavor, k.release, k.status,
                k.release_date, k.release_at, k.released_at, k.content_hash, k.modversions,
                k.vermagic_tail, k.this_module_size, k.symbol_count, k.revision, k.unknown,
                EXISTS (SELECT 1 FROM kernels n
                        WHERE n.product_id = k.product_id AND n.arch = k.arch
                          AND n.flavor = k.flavor AND n.release = k.release
                          AND n.revision > k.revision
                          AND n.id IN (SELECT id FROM visible_kernels($6, $7))) AS "superseded!",
                k.created_at, k.judged_at
         FROM kernels k JOIN products p ON p.id = k.product_id
         WHERE ($1::bigint IS NULL OR k.product_id = $1)
           AND ($2::text IS NULL OR k.arch = $2)
           AND ($3::text IS NULL OR k.flavor = $3)
           AND ($4::text IS NULL OR k.release = $4)
           AND ($5::text IS NULL OR k.status = $5)
           AND k.id IN (SELECT id FROM visible_kernels($6, $7))
           AND ($8::text IS NULL OR strpos(k.release, $8) > 0)
         ORDER BY k.created_at DESC, k.id DESC"#,
        filter.product_id,
        filter.arch,
        filter.flavor,
        filter.release,
        filter.status,
        sees_all,
        own,
        filter.release_contains,
    )
    .fetch_all(conn)
    .await
}

/// The kernel, whoever may see it.
pub async fn for_judging(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Kernel>> {
    by_id(conn, Viewer::Distributor, id).await
}

/// The compressed canonical symvers of a kernel, whoever may see it.
pub async fn symvers_for_judging(
    conn: &mut PgConnection,
    id: Uuid,
) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!("SELECT symvers FROM kernels WHERE id = $1", id)
        .fetch_optional(conn)
        .await
}

pub async fn set_judged(conn: &mut PgConnection, id: Uuid, now: Time) -> sqlx::Result<()> {
    sqlx::query!("UPDATE kernels SET judged_at = $2 WHERE id = $1", id, now)
        .execute(conn)
        .await?;
    Ok(())
}

/// A kernel whose verdicts have to be made anew.
pub async fn set_unjudged(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("UPDATE kernels SET judged_at = NULL WHERE id = $1", id)
        .execute(conn)
        .await?;
    Ok(())
}
