//! Repositories of distributions whose kernels are registered from their metadata.

use crate::{PgConnection, Time};
use serde_json::Value;
use uuid::Uuid;

/// One such repository, being read or read.
#[derive(Clone, Debug)]
pub struct KernelRepository {
    pub id: Uuid,
    pub product_id: i64,
    pub product: String,
    pub url: String,
    /// What was asked for beside the address.
    pub wish: Value,
    pub created_at: Time,
    pub finished_at: Option<Time>,
    /// What came of it, once finished.
    pub outcome: Option<Value>,
}

pub async fn insert(
    conn: &mut PgConnection,
    product_id: i64,
    url: &str,
    wish: &Value,
    now: Time,
) -> sqlx::Result<Uuid> {
    let id = Uuid::now_v7();
    sqlx::query!(
        "INSERT INTO kernel_repositories (id, product_id, url, wish, created_at)
         VALUES ($1, $2, $3, $4, $5)",
        id,
        product_id,
        url,
        wish,
        now,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

pub async fn by_id(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<KernelRepository>> {
    sqlx::query_as!(
        KernelRepository,
        "SELECT r.id, r.product_id, p.name AS product, r.url, r.wish, r.created_at, r.finished_at,
                r.outcome
         FROM kernel_repositories r JOIN products p ON p.id = r.product_id
         WHERE r.id = $1",
        id,
    )
    .fetch_optional(conn)
    .await
}

pub async fn finish(
    conn: &mut PgConnection,
    id: Uuid,
    outcome: &Value,
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE kernel_repositories SET finished_at = $3, outcome = $2 WHERE id = $1",
        id,
        outcome,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}
