//! The end of embargoes: kernels that become known, and the packages that waited for it. Once
//! released, a kernel is never hidden again.

use crate::{PgConnection, Time};
use time::Date;
use uuid::Uuid;

/// Releases every preview whose moment has come, and gives them. Of several processes that try,
/// each kernel is given to one: the others find it released when its row is free.
pub async fn release_due(conn: &mut PgConnection, now: Time) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "UPDATE kernels SET status = 'released', released_at = $1
         WHERE status = 'preview' AND release_at <= $1
         RETURNING id",
        now,
    )
    .fetch_all(conn)
    .await
}

/// Sets the status. Becoming `released` ends the embargo; `preview` after that is refused by the
/// constraint `kernels_preview_is_embargoed`.
pub async fn set_status(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    status: &str,
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE kernels SET
             status = $2,
             released_at = CASE WHEN $2 = 'released' THEN coalesce(released_at, $3)
                                ELSE released_at END
         WHERE id = $1",
        kernel_id,
        status,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Sets or clears when the kernel is to be released.
pub async fn set_release_date(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    planned: Option<(Date, Time)>,
) -> sqlx::Result<()> {
    let (day, moment) = planned.unzip();
    sqlx::query!(
        "UPDATE kernels SET release_date = $2, release_at = $3 WHERE id = $1",
        kernel_id,
        day,
        moment,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The embargoed kernel that a vendor's package was built for: what publishes the package would
/// tell of the kernel. None when the vendor does not know the kernel, or everybody knows one of
/// this release.
pub async fn built_for(
    conn: &mut PgConnection,
    vendor_id: i64,
    product_id: i64,
    arch: &str,
    release: &str,
) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "SELECT k.id FROM kernels k
         WHERE k.product_id = $2 AND k.release = $4 AND ($3 = 'noarch' OR k.arch = $3)
           AND k.id IN (SELECT id FROM visible_kernels(false, $1))
           AND NOT EXISTS (SELECT 1 FROM kernels o
                           WHERE o.product_id = k.product_id AND o.arch = k.arch
                             AND o.release = k.release
                             AND o.id IN (SELECT id FROM visible_kernels(false, NULL)))
         ORDER BY k.created_at DESC
         LIMIT 1",
        vendor_id,
        product_id,
        arch,
        release,
    )
    .fetch_optional(conn)
    .await
}

/// Keeps a package out of repositories until the kernel is released.
pub async fn hold(conn: &mut PgConnection, package_id: Uuid, kernel_id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE packages SET held_for = $2 WHERE id = $1",
        package_id,
        kernel_id,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Accepted packages that wait for this kernel's release.
pub async fn held_for(conn: &mut PgConnection, kernel_id: Uuid) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "SELECT id FROM packages WHERE held_for = $1 AND state = 'accepted' ORDER BY id",
        kernel_id,
    )
    .fetch_all(conn)
    .await
}
