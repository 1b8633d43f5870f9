//! Vendors that said that they know what a kernel breaks.

use crate::{PgConnection, Time, Viewer};
use time::Date;
use uuid::Uuid;

/// One vendor's word about one kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    pub vendor: String,
    pub vendor_display_name: String,
    /// Label of the token or name of the user.
    pub account: String,
    /// Empty: none was written.
    pub note: String,
    /// When the vendor plans to have a build that loads.
    pub planned_date: Option<Date>,
    pub at: Time,
}

/// What a vendor says.
#[derive(Clone, Copy, Debug)]
pub struct NewAcknowledgement<'a> {
    pub kernel_id: Uuid,
    pub vendor_id: i64,
    pub account: &'a str,
    pub note: &'a str,
    pub planned_date: Option<Date>,
}

/// Notes it; what the vendor said before of this kernel is replaced.
pub async fn save(
    conn: &mut PgConnection,
    new: &NewAcknowledgement<'_>,
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO kernel_acknowledgements
             (kernel_id, vendor_id, account, note, planned_date, acknowledged_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT ON CONSTRAINT kernel_acknowledgements_pkey DO UPDATE SET
             account = $3, note = $4, planned_date = $5, acknowledged_at = $6",
        new.kernel_id,
        new.vendor_id,
        new.account,
        new.note,
        new.planned_date,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Of one kernel, by vendor: a vendor is shown its own word only, the public none.
pub async fn of_kernel(
    conn: &mut PgConnection,
    viewer: Viewer,
    kernel_id: Uuid,
) -> sqlx::Result<Vec<Acknowledgement>> {
    let (sees_all, own) = viewer.parameters();
    sqlx::query_as!(
        Acknowledgement,
        "SELECT v.name AS vendor, v.display_name AS vendor_display_name, a.account, a.note,
                a.planned_date, a.acknowledged_at AS at
         FROM kernel_acknowledgements a JOIN vendors v ON v.id = a.vendor_id
         WHERE a.kernel_id = $1 AND ($2 OR a.vendor_id = $3)
         ORDER BY v.name",
        kernel_id,
        sees_all,
        own,
    )
    .fetch_all(conn)
    .await
}
