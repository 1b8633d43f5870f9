//! What a package is compared with before it is accepted: others of its name, and others that
//! bring the same modules.

use super::Inspected;
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

/// A module of another package that the package in question has, too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SameModule {
    /// Where the package in question has it.
    pub path: String,
    /// Name of the other package.
    pub package: String,
    /// The other package is of the same vendor.
    pub is_own: bool,
    /// The other has it at the same path.
    pub is_same_file: bool,
}

/// For each module of a package the other package that has one of its name, if any does: for the same
/// architecture and flavor, in one of its products. The vendor's own come first. Not told of are
/// packages of others that wait for a kernel's release, for nobody may know of them, and those that it
/// excludes itself.
pub async fn same_modules(
    conn: &mut PgConnection,
    id: Uuid,
    vendor_id: i64,
    facts: &Inspected,
) -> sqlx::Result<Vec<SameModule>> {
    let paths: Vec<&str> = facts
        .modules
        .iter()
        .map(|(path, _)| path.as_str())
        .collect();
    sqlx::query_as!(
        SameModule,
        r#"SELECT DISTINCT ON (own.path) own.path AS "path!", p.name AS "package!",
                  p.vendor_id = $2 AS "is_own!", m.path = own.path AS "is_same_file!"
           FROM (SELECT path, replace(regexp_replace(
                            path, '^.*/|\.ko(\.(gz|xz|zst|bz2))?$', '', 'g'), '-', '_') AS name
                 FROM unnest($3::text[]) AS u (path)) AS own
           JOIN modules m ON m.name = own.name
           JOIN packages p ON p.id = m.package_id
           WHERE p.name <> $4 AND p.arch = $5 AND p.flavor IS NOT DISTINCT FROM $6
             AND p.state IN ('accepted', 'published') AND p.name <> ALL ($7)
             AND (p.vendor_id = $2 OR p.held_for IS NULL OR p.held_for IN (
                 SELECT id FROM visible_kernels(false, NULL)))
             AND EXISTS (SELECT FROM placements a JOIN placements b USING (product_id)
                         WHERE a.package_id = $1 AND b.package_id = p.id)
           ORDER BY own.path, p.vendor_id = $2 DESC, m.path = own.path DESC, p.name"#,
        id,
        vendor_id,
        &paths as &[&str],
        facts.name,
        facts.arch,
        facts.flavor,
        &facts.excludes,
    )
    .fetch_all(conn)
    .await
}
