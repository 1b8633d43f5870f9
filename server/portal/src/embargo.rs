//! The life of an embargo: how distributors say when it ends and for whom the kernel is until then,
//! and what follows when it ends, by itself or by hand.

use crate::app::App;
use crate::audience::{self, Named};
use crate::error::{Error, Result};
use crate::jobs::Job;
use crate::waivers::{Actor, PORTAL};
use crate::zone::Zone;
use serde::{Deserialize, Deserializer};
use std::sync::Arc;
use std::time::Duration;
use store::audit::NewEvent;
use store::{PgConnection, Time};
use time::Date;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use uuid::Uuid;

/// How late a kernel may become known.
const LOOK: Duration = Duration::from_secs(2);
/// Words for where a kernel is in its life.
pub const STATUSES: [&str; 3] = ["preview", "released", "retired"];

/// What is to change on a registered kernel; what is left out stays.
#[derive(Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// `preview`, `released` or `retired`.
    pub status: Option<String>,
    /// A day, a moment, or null for none.
    #[serde(deserialize_with = "even_null")]
    pub release_date: Option<Option<String>>,
    /// Exactly these may know of it; `all` stands for every vendor.
    pub vendors: Option<Vec<String>>,
    /// These may, too.
    pub add_vendors: Vec<String>,
    /// These no more.
    pub remove_vendors: Vec<String>,
}

impl Change {
    fn asks_for_audience(&self) -> bool {
        self.vendors.is_some() || !self.add_vendors.is_empty() || !self.remove_vendors.is_empty()
    }
}

/// Tells a member that is null from one that is left out.
fn even_null<'de, D: Deserializer<'de>>(de: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(de).map(Some)
}

/// Changes a kernel, and sees to what follows from it. The caller has made sure that there is one.
///
/// # Errors
/// 400 for a word that is no status or no date, 404 for an unknown vendor, 409 for making a
/// preview of what is known to everybody.
pub async fn change(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    change: &Change,
    zone: &Zone,
    by: Actor<'_>,
    now: Time,
) -> Result<()> {
    if let Some(text) = &change.release_date {
        let planned = text.as_deref().map(|t| release_date(t, zone)).transpose()?;
        store::embargo::set_release_date(conn, kernel_id, planned).await?;
    }
    if let Some(status) = &change.status {
        check_status(status)?;
        set_status(conn, kernel_id, status, now).await?;
    }
    change_audience(conn, kernel_id, change, now).await?;
    let done = in_words(conn, kernel_id, change).await?;
    record(conn, kernel_id, "kernel.changed", &done, by, now).await?;
    release_due(conn, now).await?;
    // Whoever may know now and did not before is told.
    Job::JudgeKernel { kernel_id }.enqueue(conn, now).await?;
    store::notify(conn, store::channel::KERNELS, &kernel_id.to_string()).await?;
    Ok(())
}

/// What of a kernel was changed, for the audit trail.
async fn in_words(conn: &mut PgConnection, kernel_id: Uuid, change: &Change) -> Result<String> {
    let mut done = Vec::new();
    if let Some(status) = &change.status {
        done.push(format!("status {status}"));
    }
    match &change.release_date {
        Some(Some(date)) => done.push(format!("release date {date}")),
        Some(None) => done.push("no release date".to_owned()),
        None => {}
    }
    if change.asks_for_audience() {
        let audience = store::audience::of_kernel(conn, kernel_id).await?;
        done.push(match audience::words(&audience).join(", ") {
            nobody if nobody.is_empty() => "for no vendor before its release".to_owned(),
            names => format!("for {names} before its release"),
        });
    }
    Ok(done.join("; "))
}

/// Notes in the audit trail what was done to a kernel.
async fn record(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    action: &str,
    done: &str,
    by: Actor<'_>,
    now: Time,
) -> sqlx::Result<()> {
    let kernel = store::kernels::for_judging(conn, kernel_id).await?;
    let kernel = kernel.map_or_else(String::new, |k| format!("{} of {}: ", k.release, k.product));
    let event = NewEvent {
        actor: by.name,
        role: by.role,
        action,
        subject: &format!("kernel {kernel_id}"),
        vendor_id: None,
        detail: &format!("{kernel}{done}"),
    };
    store::audit::record(conn, &event, now).await
}

async fn set_status(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    status: &str,
    now: Time,
) -> Result<()> {
    match store::embargo::set_status(conn, kernel_id, status, now).await {
        Ok(()) if status == "released" => Ok(follow_release(conn, kernel_id, now).await?),
        Ok(()) => Ok(()),
        Err(error)
            if store::violated_constraint(&error) == Some("kernels_preview_is_embargoed") =>
        {
            Err(Error::conflict_problem(
                "This kernel was released: everybody may know of it, and it cannot become a \
                 preview again. A build that is not out yet has another release or other symbols; \
                 register that.",
            )
            .into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn change_audience(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    change: &Change,
    now: Time,
) -> Result<()> {
    if !change.asks_for_audience() {
        return Ok(());
    }
    let mut words = match &change.vendors {
        Some(exactly) => exactly.clone(),
        None => audience::words(&store::audience::of_kernel(conn, kernel_id).await?),
    };
    words.extend(change.add_vendors.iter().cloned());
    // Looked up for the sake of the one who misspelt a name.
    Named::find(conn, change.remove_vendors.iter().map(String::as_str)).await?;
    words.retain(|word| !change.remove_vendors.contains(word));
    let named = Named::find(conn, words.iter().map(String::as_str)).await?;
    Ok(named.save(conn, kernel_id, now).await?)
}

/// # Errors
/// 400 unless the word is a status.
pub fn check_status(word: &str) -> Result<()> {
    if STATUSES.contains(&word) {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "`{word}` is no status. There are {}.",
        STATUSES.join(", ")
    )))
}

/// Reads when a kernel is to be released: a day, which begins in the portal's zone, or a moment.
///
/// # Errors
/// 400 for anything else.
pub fn release_date(text: &str, zone: &Zone) -> Result<(Date, Time)> {
    let wrong = || {
        Error::bad_request(format!(
            "`release_date` must look like 2026-11-23, the day in this portal's time zone, or \
             like 2026-11-23T14:00:00+01:00; it is `{text}`."
        ))
    };
    if let Ok(day) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
        return Ok((day, zone.start_of(day).ok_or_else(wrong)?));
    }
    let moment = Time::parse(text, &Rfc3339).map_err(|_| wrong())?;
    let moment = moment
        .checked_to_offset(time::UtcOffset::UTC)
        .ok_or_else(wrong)?;
    Ok((zone.day_of(moment), moment))
}

/// Releases what is due, and sees to what follows. Gives how many kernels that were.
///
/// # Errors
/// The database fails.
pub async fn release_due(conn: &mut PgConnection, now: Time) -> sqlx::Result<usize> {
    let due = store::embargo::release_due(conn, now).await?;
    for kernel_id in &due {
        tracing::info!(kernel.id = %kernel_id, "a kernel is released, its date has come");
        let done = "released, its date has come";
        record(conn, *kernel_id, "kernel.released", done, PORTAL, now).await?;
        follow_release(conn, *kernel_id, now).await?;
    }
    Ok(due.len())
}

/// Vendors that were not told before are told now, and packages that waited are published.
pub async fn follow_release(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    now: Time,
) -> sqlx::Result<()> {
    for package_id in store::embargo::held_for(conn, kernel_id).await? {
        Job::InspectPackage { package_id }
            .enqueue(conn, now)
            .await?;
    }
    Job::JudgeKernel { kernel_id }.enqueue(conn, now).await?;
    store::notify(conn, store::channel::KERNELS, &kernel_id.to_string()).await
}

/// Releases kernels on their dates, for as long as the process lives. What fell due while no
/// process ran is released at once.
pub async fn watch(app: Arc<App>) {
    while !app.pool.is_closed() {
        if let Err(error) = look(&app).await
            && !app.pool.is_closed()
        {
            tracing::warn!(%error, "cannot look for kernels to release");
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn look(app: &App) -> sqlx::Result<()> {
    let mut tx = app.pool.begin().await?;
    release_due(&mut tx, app.now()).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    #[test]
    fn a_release_date_is_a_day_or_a_moment() {
        let tokyo = Zone::named("Asia/Tokyo").unwrap();
        for (text, expected) in [
            (
                "2031-03-09",
                Some((date!(2031 - 03 - 09), datetime!(2031-03-08 15:00 UTC))),
            ),
            (
                "2031-03-09T00:30:00Z",
                Some((date!(2031 - 03 - 09), datetime!(2031-03-09 00:30 UTC))),
            ),
            (
                "2031-03-08T18:00:00-05:00",
                Some((date!(2031 - 03 - 09), datetime!(2031-03-08 23:00 UTC))),
            ),
            ("2031-02-30", None),
            ("9999-12-31T23:59:59-23:59", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(release_date(text, &tokyo).ok(), expected, "{text}");
        }
    }

    #[test]
    fn null_is_not_the_same_as_nothing() {
        let read = |text| serde_json::from_str::<Change>(text).unwrap().release_date;
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"release_date":null}"#), Some(None));
        assert!(serde_json::from_str::<Change>(r#"{"releasedate":null}"#).is_err());
    }
}
