//! Packages as the hardware lookup needs them: many at once.

use crate::PgConnection;
use uuid::Uuid;

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
