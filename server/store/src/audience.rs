//! For which vendors an embargoed kernel is. What follows from it is said in one place, the SQL
//! function `visible_kernels`.

use crate::{PgConnection, Time};
use uuid::Uuid;

/// The vendors that an embargoed kernel is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Every vendor there is and will be; `vendors` may still name some.
    pub everyone: bool,
    /// Short names, sorted.
    pub vendors: Vec<String>,
}

/// The audience of a kernel; empty for one that is not there.
pub async fn of_kernel(conn: &mut PgConnection, kernel_id: Uuid) -> sqlx::Result<Audience> {
    let everyone = sqlx::query_scalar!("SELECT audience_all FROM kernels WHERE id = $1", kernel_id)
        .fetch_optional(&mut *conn)
        .await?;
    let vendors = sqlx::query_scalar!(
        "SELECT v.name FROM kernel_audience a JOIN vendors v ON v.id = a.vendor_id
         WHERE a.kernel_id = $1 ORDER BY v.name",
        kernel_id,
    )
    .fetch_all(conn)
    .await?;
    Ok(Audience {
        everyone: everyone.unwrap_or(false),
        vendors,
    })
}

/// Names exactly these vendors; those named before keep the time they were named at.
pub async fn set(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    everyone: bool,
    vendor_ids: &[i64],
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE kernels SET audience_all = $2 WHERE id = $1",
        kernel_id,
        everyone,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM kernel_audience WHERE kernel_id = $1 AND vendor_id <> ALL ($2)",
        kernel_id,
        vendor_ids,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "INSERT INTO kernel_audience (kernel_id, vendor_id, added_at)
         SELECT $1, v.id, $3 FROM unnest($2::bigint[]) AS v (id)
         ON CONFLICT DO NOTHING",
        kernel_id,
        vendor_ids,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Every vendor that may know of the kernel, be it by name or because everybody may.
pub async fn who_may_know(conn: &mut PgConnection, kernel_id: Uuid) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        "SELECT v.id FROM vendors v
         WHERE $1 IN (SELECT k.id FROM visible_kernels(false, v.id) k)
         ORDER BY v.id",
        kernel_id,
    )
    .fetch_all(conn)
    .await
}
