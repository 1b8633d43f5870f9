//! Lists of packages: who sees which.

use super::{Package, State};
use crate::{Page, PgConnection, Viewer};

/// Which packages a list shows; `None` does not restrict.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub state: Option<State>,
    pub vendor_id: Option<i64>,
    pub product_id: Option<i64>,
    /// Part of the package name or file name.
    pub name_contains: Option<String>,
    /// Show only what the public may see, and everything of this vendor.
    pub seen_by: Viewer,
}

/// Packages, newest first, and how many there are in all.
pub async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    page: Page,
) -> sqlx::Result<(Vec<Package>, i64)> {
    let (sees_all, own) = filter.seen_by.parameters();
    let state = filter.state.map(State::as_str);
    let pattern = filter.name_contains.as_deref().map(like_pattern);
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM packages p
           WHERE ($1 OR p.vendor_id = $2 OR p.state = 'published'
                  OR (p.state = 'withdrawn' AND EXISTS (
                      SELECT 1 FROM repository_packages rp WHERE rp.package_id = p.id)))
             AND ($3::text IS NULL OR p.state = $3)
             AND ($4::bigint IS NULL OR p.vendor_id = $4)
             AND ($5::bigint IS NULL OR EXISTS (
                 SELECT 1 FROM placements l WHERE l.package_id = p.id AND l.product_id = $5))
             AND ($6::text IS NULL OR coalesce(p.name, p.file_name) ILIKE $6)"#,
        sees_all,
        own,
        state,
        filter.vendor_id,
        filter.product_id,
        pattern,
    )
    .fetch_one(&mut *conn)
    .await?;
    let rows = sqlx::query_as!(
        Package,
        r#"SELECT p.id, p.vendor_id, v.name AS vendor, v.display_name AS vendor_display_name,
                p.sha256, p.size, p.file_name, p.state, p.rejected_as, p.created_at, p.name,
                p.epoch, p.version, p.release, p.arch, p.flavor, p.kernel_release, p.location,
                p.summary, p.license, p.signature,
                (p.state = 'published' OR (p.state = 'withdrawn' AND EXISTS (
                    SELECT 1 FROM repository_packages rp WHERE rp.package_id = p.id)))
                    AS "is_public!",
                (p.held_for IS NOT NULL AND p.held_for NOT IN (
                    SELECT id FROM visible_kernels(false, NULL))) AS "is_held!"
         FROM packages p JOIN vendors v ON v.id = p.vendor_id
         WHERE ($1 OR p.vendor_id = $2 OR p.state = 'published'
                OR (p.state = 'withdrawn' AND EXISTS (
                    SELECT 1 FROM repository_packages rp WHERE rp.package_id = p.id)))
           AND ($3::text IS NULL OR p.state = $3)
           AND ($4::bigint IS NULL OR p.vendor_id = $4)
           AND ($5::bigint IS NULL OR EXISTS (
               SELECT 1 FROM placements l WHERE l.package_id = p.id AND l.product_id = $5))
           AND ($6::text IS NULL OR coalesce(p.name, p.file_name) ILIKE $6)
         ORDER BY p.created_at DESC, p.id DESC
         LIMIT $7 OFFSET $8"#,
        sees_all,
        own,
        state,
        filter.vendor_id,
        filter.product_id,
        pattern,
        page.limit,
        page.offset,
    )
    .fetch_all(conn)
    .await?;
    Ok((rows, total))
}

/// `ILIKE` pattern for "contains", with the user's own `%` and `_` taken literally.
pub(crate) fn like_pattern(part: &str) -> String {
    let mut pattern = String::from("%");
    for c in part.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
