//! Vendors and the keys they sign packages with.

use crate::{PgConnection, Time};

/// A company that ships drivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vendor {
    pub id: i64,
    pub name: String,
    pub display_name: String,
    pub email: String,
}

/// A registered signing certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorKey {
    pub vendor_id: i64,
    /// Of the primary key, upper-case hex.
    pub fingerprint: String,
    pub user_id: String,
    pub armored: String,
    /// It lets nothing in any more since then; and why.
    pub retired_at: Option<Time>,
    pub retired_reason: Option<String>,
}

/// Adds a vendor, or brings the one of that name up to date.
pub async fn upsert(
    conn: &mut PgConnection,
    name: &str,
    display_name: &str,
    email: &str,
    now: Time,
) -> sqlx::Result<Vendor> {
    sqlx::query_as!(
        Vendor,
        "INSERT INTO vendors (name, display_name, email, created_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT ON CONSTRAINT vendors_name_key
         DO UPDATE SET display_name = $2, email = $3
         RETURNING id, name, display_name, email",
        name,
        display_name,
        email,
        now,
    )
    .fetch_one(conn)
    .await
}

pub async fn by_name(conn: &mut PgConnection, name: &str) -> sqlx::Result<Option<Vendor>> {
    sqlx::query_as!(
        Vendor,
        "SELECT id, name, display_name, email FROM vendors WHERE name = $1",
        name,
    )
    .fetch_optional(conn)
    .await
}

pub async fn by_id(conn: &mut PgConnection, id: i64) -> sqlx::Result<Option<Vendor>> {
    sqlx::query_as!(
        Vendor,
        "SELECT id, name, display_name, email FROM vendors WHERE id = $1",
        id,
    )
    .fetch_optional(conn)
    .await
}

pub async fn list(conn: &mut PgConnection) -> sqlx::Result<Vec<Vendor>> {
    sqlx::query_as!(
        Vendor,
        "SELECT id, name, display_name, email FROM vendors ORDER BY name",
    )
    .fetch_all(conn)
    .await
}

/// Registers a certificate, or replaces the text of the one with this fingerprint (new subkeys,
/// a revocation). Gives the vendor that holds it: another one than asked for means a refusal.
pub async fn upsert_key(conn: &mut PgConnection, key: &VendorKey, now: Time) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        "INSERT INTO vendor_keys (vendor_id, fingerprint, user_id, armored, added_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ON CONSTRAINT vendor_keys_fingerprint_key
         DO UPDATE SET
             user_id = CASE WHEN vendor_keys.vendor_id = $1 THEN $3 ELSE vendor_keys.user_id END,
             armored = CASE WHEN vendor_keys.vendor_id = $1 THEN $4 ELSE vendor_keys.armored END
         RETURNING vendor_id",
        key.vendor_id,
        key.fingerprint,
        key.user_id,
        key.armored,
        now,
    )
    .fetch_one(conn)
    .await
}

/// Every registered key, of one vendor or of all.
pub async fn list_keys(
    conn: &mut PgConnection,
    vendor_id: Option<i64>,
) -> sqlx::Result<Vec<VendorKey>> {
    sqlx::query_as!(
        VendorKey,
        "SELECT vendor_id, fingerprint, user_id, armored, retired_at, retired_reason
         FROM vendor_keys
         WHERE $1::bigint IS NULL OR vendor_id = $1
         ORDER BY vendor_id, id",
        vendor_id,
    )
    .fetch_all(conn)
    .await
}

/// Retires a key: it lets nothing in any more. Says whether it was in use.
pub async fn retire_key(
    conn: &mut PgConnection,
    vendor_id: i64,
    fingerprint: &str,
    reason: &str,
    now: Time,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE vendor_keys SET retired_at = $4, retired_reason = $3
         WHERE vendor_id = $1 AND fingerprint = $2 AND retired_at IS NULL",
        vendor_id,
        fingerprint,
        reason,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
