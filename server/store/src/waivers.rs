//! Waivers: what a distributor lets pass, for whom, until when; and which packages came in by them.
//! Rows are revoked, never removed.

use crate::{PgConnection, Time};
use uuid::Uuid;

/// A waiver as it is granted.
#[derive(Clone, Debug)]
pub struct NewWaiver<'a> {
    pub check_id: &'a str,
    pub vendor_id: i64,
    pub package: Option<&'a str>,
    /// `VERSION-RELEASE.ARCH`.
    pub build: Option<&'a str>,
    pub product_id: Option<i64>,
    pub reason: &'a str,
    pub granted_by: &'a str,
    pub expires_at: Time,
}

/// A waiver as it is kept.
#[derive(Clone, Debug)]
pub struct Waiver {
    pub id: i64,
    pub check_id: String,
    pub vendor_id: i64,
    /// Name of the vendor.
    pub vendor: String,
    pub package: Option<String>,
    pub build: Option<String>,
    /// Name of the product.
    pub product: Option<String>,
    pub reason: String,
    pub granted_by: String,
    pub granted_at: Time,
    pub expires_at: Time,
    pub revoked_by: Option<String>,
    pub revoked_at: Option<Time>,
    pub revoke_reason: Option<String>,
}

/// Where a waiver is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    Active,
    Expired,
    Revoked,
}

impl Standing {
    /// All of them, as lists offer them.
    pub const ALL: [Standing; 3] = [Standing::Active, Standing::Expired, Standing::Revoked];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}

impl Waiver {
    #[must_use]
    pub fn standing(&self, now: Time) -> Standing {
        match self.revoked_at {
            Some(_) => Standing::Revoked,
            None if self.expires_at <= now => Standing::Expired,
            None => Standing::Active,
        }
    }
}

/// Which waivers a list holds.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub vendor_id: Option<i64>,
    pub check_id: Option<String>,
}

/// A package that was accepted because of a waiver.
#[derive(Clone, Debug)]
pub struct Use {
    pub waiver_id: i64,
    pub package_id: Uuid,
    /// `N-V-R.A.rpm`.
    pub location: Option<String>,
    /// State of the package, as the API spells it.
    pub state: String,
    pub at: Time,
}

pub async fn insert(conn: &mut PgConnection, new: &NewWaiver<'_>, now: Time) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        "INSERT INTO waivers (check_id, vendor_id, package, build, product_id, reason, granted_by,
                              granted_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         RETURNING id",
        new.check_id,
        new.vendor_id,
        new.package,
        new.build,
        new.product_id,
        new.reason,
        new.granted_by,
        now,
        new.expires_at,
    )
    .fetch_one(conn)
    .await
}

pub async fn by_id(conn: &mut PgConnection, id: i64) -> sqlx::Result<Option<Waiver>> {
    sqlx::query_as!(
        Waiver,
        r#"SELECT w.id, w.check_id, w.vendor_id, v.name AS vendor, w.package, w.build,
                  p.name AS "product?", w.reason, w.granted_by, w.granted_at, w.expires_at,
                  w.revoked_by, w.revoked_at, w.revoke_reason
           FROM waivers w JOIN vendors v ON v.id = w.vendor_id
                LEFT JOIN products p ON p.id = w.product_id
           WHERE w.id = $1"#,
        id,
    )
    .fetch_optional(conn)
    .await
}

/// Newest first.
pub async fn list(conn: &mut PgConnection, filter: &Filter) -> sqlx::Result<Vec<Waiver>> {
    sqlx::query_as!(
        Waiver,
        r#"SELECT w.id, w.check_id, w.vendor_id, v.name AS vendor, w.package, w.build,
                  p.name AS "product?", w.reason, w.granted_by, w.granted_at, w.expires_at,
                  w.revoked_by, w.revoked_at, w.revoke_reason
           FROM waivers w JOIN vendors v ON v.id = w.vendor_id
                LEFT JOIN products p ON p.id = w.product_id
           WHERE ($1::bigint IS NULL OR w.vendor_id = $1)
             AND ($2::text IS NULL OR w.check_id = $2)
           ORDER BY w.id DESC"#,
        filter.vendor_id,
        filter.check_id,
    )
    .fetch_all(conn)
    .await
}

/// Ends a waiver before its time; false: it was revoked already, or there is none.
pub async fn revoke(
    conn: &mut PgConnection,
    id: i64,
    by: &str,
    reason: &str,
    now: Time,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE waivers SET revoked_by = $2, revoked_at = $3, revoke_reason = $4
         WHERE id = $1 AND revoked_at IS NULL",
        id,
        by,
        now,
        reason,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that a package was accepted because of a waiver.
pub async fn record_use(
    conn: &mut PgConnection,
    waiver_id: i64,
    package_id: Uuid,
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO waiver_uses (waiver_id, package_id, at) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING",
        waiver_id,
        package_id,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Packages that came in by these waivers, newest first.
pub async fn uses(conn: &mut PgConnection, waivers: &[i64]) -> sqlx::Result<Vec<Use>> {
    sqlx::query_as!(
        Use,
        "SELECT u.waiver_id, u.package_id, p.location, p.state, u.at
         FROM waiver_uses u JOIN packages p ON p.id = u.package_id
         WHERE u.waiver_id = ANY($1)
         ORDER BY u.at DESC, u.package_id",
        waivers,
    )
    .fetch_all(conn)
    .await
}
