//! The release gate: the policy of each product, and the decisions as they were issued.

use crate::{PgConnection, Time};
use serde_json::Value;
use uuid::Uuid;

/// A product's policy, as somebody set it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPolicy {
    pub policy: Value,
    /// Label of the token or name of the user.
    pub set_by: String,
    pub set_at: Time,
}

/// `None`: nobody set one.
pub async fn policy(
    conn: &mut PgConnection,
    product_id: i64,
) -> sqlx::Result<Option<StoredPolicy>> {
    sqlx::query_as!(
        StoredPolicy,
        "SELECT policy, set_by, set_at FROM gate_policies WHERE product_id = $1",
        product_id,
    )
    .fetch_optional(conn)
    .await
}

pub async fn set_policy(
    conn: &mut PgConnection,
    product_id: i64,
    new: &StoredPolicy,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO gate_policies (product_id, policy, set_by, set_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT ON CONSTRAINT gate_policies_pkey DO UPDATE SET
             policy = $2, set_by = $3, set_at = $4",
        product_id,
        new.policy,
        new.set_by,
        new.set_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The number that the next report on a kernel gets. The caller holds [`crate::lock`] on the kernel
/// until it is inserted.
pub async fn next_number(conn: &mut PgConnection, kernel_id: Uuid) -> sqlx::Result<i32> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(max(number), 0) + 1 AS "number!" FROM gate_reports
           WHERE kernel_id = $1"#,
        kernel_id,
    )
    .fetch_one(conn)
    .await
}

/// A decision that was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// From 1 for each kernel.
    pub number: i32,
    /// `go` or `no-go`.
    pub decision: String,
    /// The very bytes that were signed.
    pub document: Vec<u8>,
    /// Detached, armored.
    pub signature: String,
    pub issued_by: String,
    pub issued_at: Time,
}

pub async fn insert_report(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    report: &Report,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO gate_reports
             (kernel_id, number, decision, document, signature, issued_by, issued_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        kernel_id,
        report.number,
        report.decision,
        report.document,
        report.signature,
        report.issued_by,
        report.issued_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One report with its bytes.
pub async fn report(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    number: i32,
) -> sqlx::Result<Option<Report>> {
    sqlx::query_as!(
        Report,
        "SELECT number, decision, document, signature, issued_by, issued_at
         FROM gate_reports WHERE kernel_id = $1 AND number = $2",
        kernel_id,
        number,
    )
    .fetch_optional(conn)
    .await
}

/// A report in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    pub number: i32,
    pub decision: String,
    pub issued_by: String,
    pub issued_at: Time,
}

/// The reports on a kernel, newest first, at most so many.
pub async fn reports(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<Issued>> {
    sqlx::query_as!(
        Issued,
        "SELECT number, decision, issued_by, issued_at FROM gate_reports
         WHERE kernel_id = $1 ORDER BY number DESC LIMIT $2",
        kernel_id,
        limit,
    )
    .fetch_all(conn)
    .await
}
