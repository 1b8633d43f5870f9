//! Waivers: granted and revoked by distributors, applied to uploads; each of it is in the audit
//! trail. Which findings a waiver lets pass, `inspect::waiver` knows.

use crate::pages::Moment;
use crate::views::{day, moment};
use inspect::waiver::{self, Subject, Used};
use inspect::{Inspection, check_by_id, nearest};
use store::audit::{self, NewEvent};
use store::packages::{Inspected, Package};
use store::waivers::{Filter, NewWaiver, Waiver};
use store::{PgConnection, Time};
use time::Date;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// Longest time for which something is waived.
pub const LONGEST: time::Duration = time::Duration::days(366);
/// Characters of a reason.
const LONGEST_REASON: usize = 1000;

/// Who decides, as the audit trail names him.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    pub name: &'a str,
    /// See [`NewEvent::role`].
    pub role: &'a str,
}

/// The command line.
pub const OPERATOR: Actor<'_> = Actor {
    name: "kmp-portal admin",
    role: "operator",
};

/// What happens by itself.
pub(crate) const PORTAL: Actor<'_> = Actor {
    name: "portal",
    role: "portal",
};

/// What a distributor asks to let pass.
#[derive(Clone, Debug)]
pub struct Wish {
    pub check: String,
    /// Name of the vendor.
    pub vendor: String,
    /// `None`: all packages of the vendor.
    pub package: Option<String>,
    /// `VERSION-RELEASE.ARCH`; `None`: all builds.
    pub build: Option<String>,
    /// Name of the product; `None`: all.
    pub product: Option<String>,
    pub reason: String,
    pub expires_at: Time,
}

/// Why a waiver is not granted or not revoked: a sentence on what was found and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A value makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Vendor, product or waiver.
    #[error("{0}")]
    NotFound(String),
    /// It has ended already.
    #[error("{0}")]
    Ended(String),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Grants a waiver and writes it into the trail, in one transaction of the caller's.
///
/// # Errors
/// The check is unknown or cannot be waived, the end is not within a year, there is no reason, or
/// no such vendor or product.
pub async fn grant(
    conn: &mut PgConnection,
    wish: &Wish,
    by: Actor<'_>,
    now: Time,
) -> Result<Waiver, Refused> {
    check_wish(wish, now)?;
    let vendor = store::vendors::by_name(conn, &wish.vendor)
        .await?
        .ok_or_else(|| Refused::NotFound(format!("There is no vendor `{}`.", wish.vendor)))?;
    let product = match wish.product.as_deref() {
        Some(name) => {
            let found = store::products::by_name(conn, name).await?;
            let missing = || Refused::NotFound(format!("There is no product `{name}`."));
            Some(found.ok_or_else(missing)?.id)
        }
        None => None,
    };
    let new = NewWaiver {
        check_id: &wish.check,
        vendor_id: vendor.id,
        package: wish.package.as_deref(),
        build: wish.build.as_deref(),
        product_id: product,
        reason: wish.reason.trim(),
        granted_by: by.name,
        expires_at: wish.expires_at,
    };
    let id = store::waivers::insert(conn, &new, now).await?;
    let granted = by_id(conn, id).await?;
    let detail = format!(
        "{} for {} until {}: {}",
        granted.check_id,
        scope_in_words(&granted),
        until(granted.expires_at).human,
        granted.reason
    );
    record(conn, "waiver.granted", &granted, &detail, by, now).await?;
    Ok(granted)
}

/// Ends a waiver before its time and writes it into the trail. Packages that came in by it stay.
///
/// # Errors
/// There is no reason, no such waiver, or it has ended.
pub async fn revoke(
    conn: &mut PgConnection,
    id: i64,
    reason: &str,
    by: Actor<'_>,
    now: Time,
) -> Result<Waiver, Refused> {
    check_reason(reason)?;
    let waiver = by_id(conn, id).await?;
    if !store::waivers::revoke(conn, id, by.name, reason.trim(), now).await? {
        return Err(Refused::Ended(format!(
            "The waiver {id} was revoked already, by {}.",
            waiver.revoked_by.unwrap_or_default()
        )));
    }
    let waiver = by_id(conn, id).await?;
    let detail = format!(
        "{} for {}: {}",
        waiver.check_id,
        scope_in_words(&waiver),
        reason.trim()
    );
    record(conn, "waiver.revoked", &waiver, &detail, by, now).await?;
    Ok(waiver)
}

async fn by_id(conn: &mut PgConnection, id: i64) -> Result<Waiver, Refused> {
    let found = store::waivers::by_id(conn, id).await?;
    found.ok_or_else(|| Refused::NotFound(format!("There is no waiver {id}.")))
}

fn check_wish(wish: &Wish, now: Time) -> Result<(), Refused> {
    let invalid = |text: String| Err(Refused::Invalid(text));
    let Some(check) = check_by_id(&wish.check) else {
        let near = nearest(&wish.check).join("`, `");
        return invalid(format!(
            "There is no check `{}`; the nearest are `{near}`. /help/checks lists all.",
            wish.check
        ));
    };
    if !check.waivable {
        return invalid(format!(
            "The check `{}` cannot be waived: {}. /help/checks says which can.",
            check.id, check.title
        ));
    }
    if wish.build.is_some() && wish.package.is_none() {
        return invalid("A build is one of a package: name the package, too.".to_owned());
    }
    for text in [&wish.package, &wish.build].into_iter().flatten() {
        if text.trim().is_empty() || text.len() > 255 || text.contains(char::is_control) {
            return invalid(format!(
                "`{}` is no name of a package or build.",
                text.escape_debug()
            ));
        }
    }
    if wish.expires_at <= now {
        return invalid(format!(
            "The waiver would end on {}, which is past. Name a day to come.",
            until(wish.expires_at).human
        ));
    }
    if wish.expires_at > now + LONGEST {
        return invalid(format!(
            "The waiver would end on {}, in more than a year. Name an earlier day, and prolong it \
             when it is due.",
            until(wish.expires_at).human
        ));
    }
    check_reason(&wish.reason)
}

fn check_reason(reason: &str) -> Result<(), Refused> {
    let length = reason.chars().count();
    match reason.trim().is_empty() {
        true => Err(Refused::Invalid(
            "Say why: the reason is kept in the audit trail, and the vendor sees it.".to_owned(),
        )),
        false if length > LONGEST_REASON || reason.contains('\0') => {
            Err(Refused::Invalid(format!(
                "The reason has {length} characters; {LONGEST_REASON} are allowed, NUL is not."
            )))
        }
        false => Ok(()),
    }
}

/// Applies the vendor's waivers to what was found in a package.
///
/// # Errors
/// The database fails.
pub async fn apply(
    conn: &mut PgConnection,
    row: &Package,
    facts: &Inspected,
    products: &[&str],
    inspection: &mut Inspection,
    now: Time,
) -> sqlx::Result<Used> {
    let filter = Filter {
        vendor_id: Some(row.vendor_id),
        ..Filter::default()
    };
    let kept = store::waivers::list(conn, &filter).await?;
    let kept = kept.into_iter().filter(|it| it.revoked_at.is_none());
    let waivers: Vec<waiver::Waiver> = kept.map(in_force).collect();
    let subject = Subject {
        package: &facts.name,
        build: &build(&facts.version, &facts.release, &facts.arch),
        products,
    };
    Ok(waiver::apply(
        inspection,
        &waivers,
        subject,
        now.unix_timestamp(),
    ))
}

fn in_force(kept: Waiver) -> waiver::Waiver {
    waiver::Waiver {
        id: kept.id,
        check: kept.check_id,
        package: kept.package,
        build: kept.build,
        product: kept.product,
        expires: kept.expires_at.unix_timestamp(),
        by: kept.granted_by,
        reason: kept.reason,
    }
}

/// `VERSION-RELEASE.ARCH`, by which a waiver names one build.
#[must_use]
pub fn build(version: &str, release: &str, arch: &str) -> String {
    format!("{version}-{release}.{arch}")
}

/// Notes that a package was accepted because of a waiver.
///
/// # Errors
/// The database fails.
pub async fn record_use(
    conn: &mut PgConnection,
    id: i64,
    package: &Package,
    location: &str,
    now: Time,
) -> sqlx::Result<()> {
    store::waivers::record_use(conn, id, package.id, now).await?;
    let detail = format!("{location} was accepted by it (package {})", package.id);
    record_by_portal(conn, "waiver.applied", id, package, &detail, now).await
}

/// Notes that a package was refused which an expired waiver would have let in.
///
/// # Errors
/// The database fails.
pub async fn record_lapse(
    conn: &mut PgConnection,
    id: i64,
    package: &Package,
    now: Time,
) -> sqlx::Result<()> {
    let detail = format!(
        "{} was refused, as it has expired (package {})",
        package.file_name, package.id
    );
    record_by_portal(conn, "waiver.expired", id, package, &detail, now).await
}

async fn record_by_portal(
    conn: &mut PgConnection,
    action: &str,
    id: i64,
    package: &Package,
    detail: &str,
    now: Time,
) -> sqlx::Result<()> {
    let event = NewEvent {
        actor: PORTAL.name,
        role: PORTAL.role,
        action,
        subject: &format!("waiver {id}"),
        vendor_id: Some(package.vendor_id),
        detail,
    };
    audit::record(conn, &event, now).await
}

async fn record(
    conn: &mut PgConnection,
    action: &str,
    waiver: &Waiver,
    detail: &str,
    by: Actor<'_>,
    now: Time,
) -> sqlx::Result<()> {
    let event = NewEvent {
        actor: by.name,
        role: by.role,
        action,
        subject: &format!("waiver {}", waiver.id),
        vendor_id: Some(waiver.vendor_id),
        detail,
    };
    audit::record(conn, &event, now).await
}

/// `acme-net-kmp-default 1.0-1.x86_64 of acme in sle-15`.
#[must_use]
pub fn scope_in_words(waiver: &Waiver) -> String {
    let packages = match (&waiver.package, &waiver.build) {
        (Some(name), Some(build)) => format!("{name} {build}"),
        (Some(name), None) => format!("all builds of {name}"),
        _ => "all packages".to_owned(),
    };
    let product = match &waiver.product {
        Some(product) => format!(" in {product}"),
        None => String::new(),
    };
    format!("{packages} of {}{product}", waiver.vendor)
}

/// When a waiver ends: a day, to whose last second (UTC) it holds, or a moment in the form of
/// RFC 3339.
///
/// # Errors
/// It is neither.
pub fn parse_end(text: &str) -> Result<Time, Refused> {
    let text = text.trim();
    if let Ok(day) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
        return Ok(end_of(day));
    }
    Time::parse(text, &Rfc3339).map_err(|_| {
        Refused::Invalid(format!(
            "`{}` is no day. Say when the waiver ends, as `2027-01-31`, or to the second, as \
             `2027-01-31T18:00:00Z`.",
            text.escape_debug()
        ))
    })
}

fn end_of(day: Date) -> Time {
    let next = day.next_day().unwrap_or(day);
    next.midnight().assume_utc()
}

/// The same in words: the last day on which it holds, or the moment.
#[must_use]
pub fn until(expires_at: Time) -> Moment {
    match expires_at.time() == time::Time::MIDNIGHT {
        true => day((expires_at - time::Duration::SECOND).date()),
        false => moment(expires_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    const NOW: Time = datetime!(2026-11-23 12:00 UTC);

    fn wish() -> Wish {
        Wish {
            check: "module-license".to_owned(),
            vendor: "acme".to_owned(),
            package: Some("acme-kmp-default".to_owned()),
            build: None,
            product: None,
            reason: "agreed".to_owned(),
            expires_at: end_of(date!(2026 - 12 - 31)),
        }
    }

    #[test]
    fn wishes_that_make_no_sense_are_refused_with_the_way_out() {
        assert!(check_wish(&wish(), NOW).is_ok());
        type Change = fn(&mut Wish);
        let cases: [(Change, &str); 8] = [
            (
                |it| it.check = "modul-licence".to_owned(),
                "`module-license`",
            ),
            (|it| it.check = "signature".to_owned(), "cannot be waived"),
            (
                |it| (it.package, it.build) = (None, Some("1-1.x86_64".to_owned())),
                "name the package",
            ),
            (
                |it| it.package = Some(" ".to_owned()),
                "no name of a package",
            ),
            (|it| it.expires_at = NOW, "which is past"),
            (
                |it| it.expires_at = end_of(date!(2027 - 12 - 31)),
                "more than a year",
            ),
            (|it| it.reason = " ".to_owned(), "Say why"),
            (|it| it.reason = "x".repeat(1001), "1001 characters"),
        ];
        for (change, word) in cases {
            let mut changed = wish();
            change(&mut changed);
            let error = check_wish(&changed, NOW).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_waiver_holds_to_the_end_of_its_day() {
        let end = parse_end("2026-12-31").unwrap();
        assert_eq!(end, datetime!(2027-01-01 00:00 UTC));
        assert_eq!(until(end).human, "31 Dec 2026");
        let end = parse_end("2026-12-31T18:00:00Z").unwrap();
        assert_eq!(until(end).human, "31 Dec 2026, 18:00 UTC");
        for text in ["", "tomorrow", "2026-13-01"] {
            assert!(parse_end(text).is_err(), "{text}");
        }
    }
}
