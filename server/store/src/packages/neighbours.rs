//! What a package is compared with before it is accepted: others of its name, and others that
//! install the same files.

use crate::PgConnection;
use uuid::Uuid;

/// The `Vendor` tag of the newest other build of this name from this vendor, accepted or published.
pub async fn earlier_rpm_vendor(
    conn: &mut PgConnection,
    id: Uuid,
    vendor_id: i64,
    name: &str,
) -> sqlx::Result<Option<String>> {
    let tag = sqlx::query_scalar!(
        "SELECT rpm_vendor FROM packages
         WHERE name = $1 AND vendor_id = $2 AND id <> $3 AND state IN ('accepted', 'published')
         ORDER BY created_at DESC LIMIT 1",
        name,
        vendor_id,
        id,
    )
    .fetch_optional(conn)
    .await?;
    Ok(tag.flatten())
}

/// A path of these that a package of another name installs as well, for the same architecture, with
/// the name of that package. Not of one that waits for a kernel's release: nobody may know of it.
pub async fn same_file(
    conn: &mut PgConnection,
    name: &str,
    arch: &str,
    paths: &[String],
) -> sqlx::Result<Option<(String, String)>> {
    let row = sqlx::query!(
        r#"SELECT m.path, p.name AS "name!"
           FROM modules m JOIN packages p ON p.id = m.package_id
           WHERE m.path = ANY($1) AND p.name <> $2 AND p.arch = $3
             AND p.state IN ('accepted', 'published')
             AND (p.held_for IS NULL OR p.held_for IN (
                 SELECT id FROM visible_kernels(false, NULL)))
           ORDER BY m.path, p.name LIMIT 1"#,
        paths,
        name,
        arch,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (row.path, row.name)))
}
