//! Packages as the judge and the hardware lookup need them: many at once, by product.

use crate::PgConnection;
use kmod::Module;
use sqlx::types::Json;
use std::sync::Arc;
use uuid::Uuid;

/// A package with its modules, as the judge needs it.
#[derive(Clone, Debug)]
pub struct Judged {
    pub id: Uuid,
    pub vendor_id: i64,
    pub name: String,
    pub version: String,
    pub release: String,
    pub epoch: Option<i64>,
    pub arch: String,
    pub modules: Vec<Module>,
    /// Nobody but its vendor may know of it before a kernel is released, so it must not count on
    /// kernels that everybody sees.
    pub is_held: bool,
}

/// Accepted and published packages of a product, arch and flavor, oldest first.
pub async fn to_judge(
    conn: &mut PgConnection,
    product_id: i64,
    arch: &str,
    flavor: &str,
) -> sqlx::Result<Vec<Arc<Judged>>> {
    let rows = sqlx::query!(
        r#"SELECT p.id, p.vendor_id, p.name AS "name!", p.version AS "version!",
                  p.release AS "release!", p.epoch, p.arch AS "arch!",
                  coalesce(jsonb_agg(m.module ORDER BY m.path) FILTER (WHERE m.path IS NOT NULL),
                           '[]'::jsonb) AS "modules!: Json<Vec<Module>>",
                  (p.held_for IS NOT NULL AND p.held_for NOT IN (
                      SELECT id FROM visible_kernels(false, NULL))) AS "is_held!"
           FROM packages p LEFT JOIN modules m ON m.package_id = p.id
           WHERE p.state IN ('accepted', 'published') AND p.arch = $2 AND p.flavor = $3
             AND EXISTS (SELECT 1 FROM placements l
                         WHERE l.package_id = p.id AND l.product_id = $1)
           GROUP BY p.id
           ORDER BY p.created_at, p.id"#,
        product_id,
        arch,
        flavor,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| {
            Arc::new(Judged {
                id: r.id,
                vendor_id: r.vendor_id,
                name: r.name,
                version: r.version,
                release: r.release,
                epoch: r.epoch,
                arch: r.arch,
                modules: r.modules.0,
                is_held: r.is_held,
            })
        })
        .collect())
}

/// A hardware pattern of a published package.
#[derive(Clone, Debug)]
pub struct Alias {
    pub package_id: Uuid,
    /// Empty: only the package's dependencies name the pattern.
    pub module: String,
    pub pattern: String,
}

/// Every pattern of every published package.
pub async fn published_aliases(conn: &mut PgConnection) -> sqlx::Result<Vec<Alias>> {
    sqlx::query_as!(
        Alias,
        "SELECT a.package_id, a.module, a.pattern
         FROM aliases a JOIN packages p ON p.id = a.package_id
         WHERE p.state = 'published'
         ORDER BY a.package_id, a.module, a.pattern",
    )
    .fetch_all(conn)
    .await
}
