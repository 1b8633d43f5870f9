//! The life of a vendor's key after its registration.

use crate::error::{Error, Result};
use crate::promoting::checked;
use crate::waivers::Actor;
use store::audit::{self, NewEvent};
use store::vendors::{Vendor, VendorKey};
use store::{PgConnection, Time};

/// Retires a key: what it signs from now on is refused. It stays on the page of keys and in what
/// clients are given, because what it signed stays.
///
/// # Errors
/// 404 for a key that the vendor has not, 409 for one that is retired, 422 without a reason.
pub async fn retire(
    conn: &mut PgConnection,
    vendor: &Vendor,
    fingerprint: &str,
    reason: &str,
    by: Actor<'_>,
    now: Time,
) -> Result<VendorKey> {
    let reason = checked(reason, true)?;
    let plain: String = fingerprint
        .chars()
        .filter(char::is_ascii_hexdigit)
        .map(|it| it.to_ascii_uppercase())
        .collect();
    let key = by_fingerprint(conn, vendor, &plain).await?;
    if key.retired_at.is_some() {
        let detail = format!("The key {plain} is retired already.");
        return Err(Error::conflict_problem(detail).into());
    }
    store::vendors::retire_key(conn, vendor.id, &plain, reason, now).await?;
    let event = NewEvent {
        actor: by.name,
        role: by.role,
        action: "vendor-key.retired",
        subject: &format!("vendor {}", vendor.name),
        vendor_id: Some(vendor.id),
        detail: &format!("{plain} ({}): {reason}", key.user_id),
    };
    audit::record(conn, &event, now).await?;
    by_fingerprint(conn, vendor, &plain).await
}

async fn by_fingerprint(
    conn: &mut PgConnection,
    vendor: &Vendor,
    fingerprint: &str,
) -> Result<VendorKey> {
    let keys = store::vendors::list_keys(conn, Some(vendor.id)).await?;
    let known: Vec<String> = keys.iter().map(|it| it.fingerprint.clone()).collect();
    keys.into_iter()
        .find(|it| it.fingerprint == fingerprint)
        .ok_or_else(|| {
            Error::not_found(format!(
                "`{}` has no key {fingerprint}; it has {}.",
                vendor.name,
                match known.is_empty() {
                    true => "none".to_owned(),
                    false => known.join(", "),
                }
            ))
        })
}
