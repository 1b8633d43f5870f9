//! Published repositories, and which packages they want. What was made of that is in
//! [`generations`](crate::generations).

use crate::{PgConnection, Time};
use uuid::Uuid;

/// A repository clients can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub id: i64,
    pub product_id: i64,
    pub product: String,
    pub channel: String,
    pub arch: String,
    /// It holds only this vendor's packages.
    pub vendor_id: Option<i64>,
    pub vendor: Option<String>,
    /// Number of the generation clients see.
    pub current: Option<i64>,
    /// How data files are packed: `gzip` or `zstd`.
    pub compression: String,
    /// The repository of all vendors, whose decisions hold for this one: itself, unless it holds one
    /// vendor's packages only.
    pub whole_id: i64,
    /// Number of the generation of the whole repository whose packages clients see until somebody
    /// lets go.
    pub pinned: Option<i64>,
    /// Why, and by whom.
    pub pinned_reason: Option<String>,
    pub pinned_by: Option<String>,
    /// What went wrong with the last publication.
    pub fault: Option<String>,
    /// Since when.
    pub fault_at: Option<Time>,
}

impl Repository {
    /// The channel as it stands in addresses: `stable`, or `vendors/acme/stable`.
    #[must_use]
    pub fn view(&self) -> String {
        match &self.vendor {
            Some(vendor) => format!("vendors/{vendor}/{}", self.channel),
            None => self.channel.clone(),
        }
    }

    /// Product, channel and arch, as in its address.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.product, self.view(), self.arch)
    }
}

/// A package that a repository is to hold.
#[derive(Clone, Debug)]
pub struct Member {
    pub package_id: Uuid,
    /// Name of its vendor.
    pub vendor: String,
    pub sha256: Vec<u8>,
    pub size: i64,
    pub location: String,
    /// Accepted: nobody sees it yet.
    pub is_new: bool,
    /// Length of its records in the metadata; [`records`] gives them.
    pub record_bytes: i64,
}

/// What a package is in repository metadata: rendered once, when it was inspected.
#[derive(Clone, Debug)]
pub struct Records {
    pub primary: String,
    pub filelists: String,
    pub other: String,
}

/// The repository of a product, channel and arch, whole or of one vendor; it comes into being when
/// first asked for.
pub async fn get_or_insert(
    conn: &mut PgConnection,
    product_id: i64,
    channel: &str,
    arch: &str,
    vendor_id: Option<i64>,
) -> sqlx::Result<i64> {
    sqlx::query!(
        "INSERT INTO repositories (product_id, channel, arch, vendor_id) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
        product_id,
        channel,
        arch,
        vendor_id,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query_scalar!(
        "SELECT id FROM repositories
         WHERE product_id = $1 AND channel = $2 AND arch = $3
           AND vendor_id IS NOT DISTINCT FROM $4",
        product_id,
        channel,
        arch,
        vendor_id,
    )
    .fetch_one(conn)
    .await
}

pub async fn by_id(conn: &mut PgConnection, id: i64) -> sqlx::Result<Option<Repository>> {
    sqlx::query_as!(
        Repository,
        r#"SELECT r.id, r.product_id, p.name AS product, r.channel, r.arch, r.vendor_id,
                v.name AS "vendor?", r.current,
                r.compression, coalesce(w.id, r.id) AS "whole_id!", w.pinned AS "pinned?",
                w.pinned_reason AS "pinned_reason?", w.pinned_by AS "pinned_by?",
                r.fault, r.fault_at
         FROM repositories r JOIN products p ON p.id = r.product_id
         LEFT JOIN vendors v ON v.id = r.vendor_id
         LEFT JOIN repositories w ON w.product_id = r.product_id AND w.channel = r.channel
             AND w.arch = r.arch AND w.vendor_id IS NULL
         WHERE r.id = $1"#,
        id,
    )
    .fetch_optional(conn)
    .await
}

pub async fn list(conn: &mut PgConnection) -> sqlx::Result<Vec<Repository>> {
    sqlx::query_as!(
        Repository,
        r#"SELECT r.id, r.product_id, p.name AS product, r.channel, r.arch, r.vendor_id,
                v.name AS "vendor?", r.current,
                r.compression, coalesce(w.id, r.id) AS "whole_id!", w.pinned AS "pinned?",
                w.pinned_reason AS "pinned_reason?", w.pinned_by AS "pinned_by?",
                r.fault, r.fault_at
         FROM repositories r JOIN products p ON p.id = r.product_id
         LEFT JOIN vendors v ON v.id = r.vendor_id
         LEFT JOIN repositories w ON w.product_id = r.product_id AND w.channel = r.channel
             AND w.arch = r.arch AND w.vendor_id IS NULL
         ORDER BY p.name, r.channel, r.arch, v.name NULLS FIRST"#,
    )
    .fetch_all(conn)
    .await
}

/// What the repository is to hold now, in the order of the metadata.
pub async fn wanted(conn: &mut PgConnection, repository: &Repository) -> sqlx::Result<Vec<Member>> {
    sqlx::query_as!(
        Member,
        r#"SELECT p.id AS package_id, v.name AS vendor, p.sha256, p.size, p.location AS "location!",
                  p.state = 'accepted' AS "is_new!",
                  (octet_length(p.repomd_primary) + octet_length(p.repomd_filelists)
                   + octet_length(p.repomd_other))::bigint AS "record_bytes!"
           FROM offers l JOIN packages p ON p.id = l.package_id
           JOIN vendors v ON v.id = p.vendor_id
           WHERE l.product_id = $1 AND l.channel = $2
             AND p.arch IN ($3, 'noarch')
             AND ($4::bigint IS NULL OR p.vendor_id = $4)
           ORDER BY p.location COLLATE "C""#,
        repository.product_id,
        repository.channel,
        repository.arch,
        repository.vendor_id,
    )
    .fetch_all(conn)
    .await
}

/// The records of these packages, in their order.
pub async fn records(conn: &mut PgConnection, packages: &[Uuid]) -> sqlx::Result<Vec<Records>> {
    sqlx::query_as!(
        Records,
        r#"SELECT p.repomd_primary AS "primary!", p.repomd_filelists AS "filelists!",
                  p.repomd_other AS "other!"
           FROM unnest($1::uuid[]) WITH ORDINALITY AS w (id, place) JOIN packages p USING (id)
           ORDER BY w.place"#,
        packages,
    )
    .fetch_all(conn)
    .await
}

/// How the data files of the next generation are to be packed: `gzip` or `zstd`.
pub async fn set_compression(
    conn: &mut PgConnection,
    repository_id: i64,
    compression: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE repositories SET compression = $2 WHERE id = $1",
        repository_id,
        compression,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Shows clients the packages of an earlier generation from the next publication on.
pub async fn pin(
    conn: &mut PgConnection,
    repository_id: i64,
    number: i64,
    reason: &str,
    by: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE repositories SET pinned = $2, pinned_reason = $3, pinned_by = $4 WHERE id = $1",
        repository_id,
        number,
        reason,
        by,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Shows clients what the repository wants from the next publication on.
pub async fn unpin(conn: &mut PgConnection, repository_id: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE repositories SET pinned = NULL, pinned_reason = NULL, pinned_by = NULL
         WHERE id = $1",
        repository_id,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes what went wrong with a publication; the time is that of the first of several in a row.
pub async fn set_fault(
    conn: &mut PgConnection,
    repository_id: i64,
    fault: &str,
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE repositories SET fault = $2, fault_at = coalesce(fault_at, $3) WHERE id = $1",
        repository_id,
        fault,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// It went well again.
pub async fn clear_fault(conn: &mut PgConnection, repository_id: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE repositories SET fault = NULL, fault_at = NULL
         WHERE id = $1 AND fault IS NOT NULL",
        repository_id,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The repositories of single vendors' packages beside a whole one.
pub async fn views(conn: &mut PgConnection, whole_id: i64) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        "SELECT r.id FROM repositories r JOIN repositories w
             ON w.product_id = r.product_id AND w.channel = r.channel AND w.arch = r.arch
         WHERE w.id = $1 AND w.vendor_id IS NULL AND r.vendor_id IS NOT NULL ORDER BY r.id",
        whole_id,
    )
    .fetch_all(conn)
    .await
}

/// All repositories of a product.
pub async fn of_product(conn: &mut PgConnection, product_id: i64) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        "SELECT id FROM repositories WHERE product_id = $1 ORDER BY id",
        product_id,
    )
    .fetch_all(conn)
    .await
}

/// Repositories of a product whose current generation holds other packages than they want.
pub async fn changed(conn: &mut PgConnection, product_id: i64) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        "WITH wanted AS (
             SELECT r.id, o.package_id
             FROM repositories r
             JOIN offers o ON o.product_id = r.product_id AND o.channel = r.channel
             JOIN packages p ON p.id = o.package_id
             WHERE r.product_id = $1 AND p.arch IN (r.arch, 'noarch')
               AND (r.vendor_id IS NULL OR r.vendor_id = p.vendor_id)),
         held AS (
             SELECT r.id, h.package_id
             FROM repositories r JOIN repository_packages h ON h.repository_id = r.id
             WHERE r.product_id = $1 AND h.removed IS NULL)
         SELECT id FROM (
             SELECT coalesce(w.id, h.id) AS id
             FROM wanted w FULL JOIN held h ON h.id = w.id AND h.package_id = w.package_id
             WHERE w.id IS NULL OR h.id IS NULL) AS differing
         GROUP BY id ORDER BY id",
        product_id,
    )
    .fetch_all(conn)
    .await
    .map(|ids| ids.into_iter().flatten().collect())
}
