//! What a product's distributor says of support for packages: how it is changed. Each change is in the
//! audit trail and queues the publication that makes it true.

use crate::error::{Error, Result};
use crate::jobs::Job;
use crate::waivers::Actor;
use repomd::EULA_LIMIT;
use store::audit::{self, NewEvent};
use store::products::Product;
use store::support::{self, Level, Statement, Support};
use store::{PgConnection, Time};

/// Replaces what a product says of support; `None`: its repositories have no susedata.
///
/// # Errors
/// 422 when a vendor is not known, or a licence is too long or has characters that metadata cannot
/// hold.
pub async fn set(
    conn: &mut PgConnection,
    product: &Product,
    said: Option<&Support>,
    by: Actor<'_>,
    now: Time,
) -> Result<()> {
    if let Some(said) = said {
        check(conn, said).await?;
    }
    support::set(conn, product.id, said).await?;
    let event = NewEvent {
        actor: by.name,
        role: by.role,
        action: "support.changed",
        subject: &format!("product {}", product.name),
        vendor_id: None,
        detail: &in_words(said),
    };
    audit::record(conn, &event, now).await?;
    for repository_id in store::repositories::of_product(conn, product.id).await? {
        Job::PublishRepository { repository_id }
            .enqueue(conn, now)
            .await?;
    }
    Ok(())
}

/// What a product says after a change of one part: of all vendors that are not named, or of one of
/// them. Without a level nothing is said of it any more; without a licence the vendor's stays.
///
/// # Errors
/// 422 when something is said of one vendor where nothing is said of all others.
pub fn changed(
    before: Option<Support>,
    vendor: Option<&str>,
    level: Option<Level>,
    eula: Option<String>,
) -> Result<Option<Support>> {
    let Some(vendor) = vendor else {
        return Ok(level.map(|level| Support {
            level,
            vendors: before.map(|it| it.vendors).unwrap_or_default(),
        }));
    };
    let mut said = before.ok_or_else(|| {
        Error::unprocessable(
            "Say first which level of support packages of all other vendors have: a repository has \
             a record for each of its packages, or none.",
        )
    })?;
    let before = said.vendors.remove(vendor);
    if let Some(level) = level {
        let eula = eula.or(before.map(|it| it.eula)).unwrap_or_default();
        let statement = Statement { level, eula };
        said.vendors.insert(vendor.to_owned(), statement);
    }
    Ok(Some(said))
}

async fn check(conn: &mut PgConnection, said: &Support) -> Result<()> {
    for (vendor, statement) in &said.vendors {
        if store::vendors::by_name(conn, vendor).await?.is_none() {
            return Err(Error::unprocessable(format!(
                "There is no vendor `{vendor}`; `kmp-portal admin list vendors` prints them."
            )));
        }
        if let Some(fault) = fault(&statement.eula) {
            return Err(Error::unprocessable(format!(
                "The licence for packages of {vendor} {fault}"
            )));
        }
    }
    Ok(())
}

/// Why a licence cannot stand in the metadata; a sentence without its subject.
fn fault(eula: &str) -> Option<String> {
    if eula.len() > EULA_LIMIT {
        return Some(format!(
            "has {} bytes, {EULA_LIMIT} at most are possible: every client holds it once for each \
             package. Put the long text into the packages, and here a short one that names it.",
            eula.len()
        ));
    }
    let odd = |c: &char| {
        c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r')
            || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    let odd = eula.chars().find(odd)?;
    Some(format!(
        "has the character U+{:04X}, which metadata cannot hold; is it plain text in UTF-8?",
        u32::from(odd)
    ))
}

/// Levels, and how long the licences are.
fn in_words(said: Option<&Support>) -> String {
    let Some(said) = said else {
        return "no susedata".to_owned();
    };
    let mut words = vec![format!("level {}", said.level.word())];
    words.extend(said.vendors.iter().map(|(vendor, statement)| {
        let licence = match statement.eula.len() {
            0 => String::new(),
            length => format!(" with a licence of {length} bytes"),
        };
        format!("{vendor}: {}{licence}", statement.level.word())
    }));
    words.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_changes_at_a_time() {
        let level = Some(Level::Unsupported);
        assert!(changed(None, Some("acme"), level, None).is_err());
        let said = changed(None, None, level, None).unwrap();
        let licence = Some("Agree.".to_owned());
        let said = changed(said, Some("acme"), Some(Level::L2), licence).unwrap();
        let said = changed(said, Some("acme"), Some(Level::L3), None).unwrap();
        let said = changed(said, None, Some(Level::L1), None).unwrap();
        let found = said.as_ref().unwrap();
        assert_eq!(found.of("acme"), (Level::L3, "Agree."));
        assert_eq!(found.of("beta"), (Level::L1, ""));
        let said = changed(said, Some("acme"), None, None).unwrap();
        assert_eq!(said.as_ref().unwrap().of("acme"), (Level::L1, ""));
        assert_eq!(changed(said, None, None, None).unwrap(), None);
    }

    #[test]
    fn licences_that_metadata_can_hold() {
        let long = "x".repeat(EULA_LIMIT);
        for (eula, reason) in [
            ("", None),
            ("1. Agree.\r\n\t2. ✓ Pay.", None),
            (long.as_str(), None),
            ("a\u{b}", Some("U+000B")),
            ("\0", Some("U+0000")),
            ("\u{ffff}", Some("U+FFFF")),
            (&format!("{long}y"), Some("65537 bytes")),
        ] {
            let found = fault(eula);
            assert_eq!(found.is_some(), reason.is_some(), "{found:?}");
            assert!(
                found
                    .unwrap_or_default()
                    .contains(reason.unwrap_or_default())
            );
        }
    }
}
