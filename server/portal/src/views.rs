//! Stored facts as pages and mails show them.

use crate::app::App;
use crate::auth::{Caller, Role};
use crate::pages::{Moment, Nav, Reason, Shell, SignedIn, Verdict, Weight};
use store::Time;
use time::Date;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// `[epoch:]version-release`.
#[must_use]
pub fn evr(epoch: Option<i64>, version: &str, release: &str) -> String {
    match epoch {
        Some(epoch) => format!("{epoch}:{version}-{release}"),
        None => format!("{version}-{release}"),
    }
}

/// The same of a package in a repository's metadata, where an epoch that there is not is 0.
#[must_use]
pub fn metadata_evr(epoch: i32, version: &str, release: &str) -> String {
    evr((epoch != 0).then_some(epoch.into()), version, release)
}

/// `23 Nov 2026, 19:52 UTC`.
#[must_use]
pub fn moment(at: Time) -> Moment {
    let human =
        format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute] UTC");
    Moment {
        iso: rfc3339(at),
        human: at.format(human).unwrap_or_default(),
    }
}

/// `2026-11-23T19:52:39Z`.
#[must_use]
pub fn rfc3339(at: Time) -> String {
    at.replace_nanosecond(0)
        .unwrap_or(at)
        .format(&Rfc3339)
        .unwrap_or_default()
}

/// `23 Nov 2026`.
#[must_use]
pub fn day(date: Date) -> Moment {
    let human = format_description!("[day padding:none] [month repr:short] [year]");
    Moment {
        iso: date.to_string(),
        human: date.format(human).unwrap_or_default(),
    }
}

/// When a kernel is or was planned to be released, with the time zone.
#[must_use]
pub fn release_day(app: &App, kernel: &store::kernels::Kernel) -> Option<Moment> {
    match kernel.release_at {
        Some(at) => Some(app.config.timezone.show(at)),
        // Registered before moments were kept.
        None => kernel.release_date.map(day),
    }
}

/// The moment of a number of seconds since 1970.
#[must_use]
pub fn unix(seconds: u64) -> Moment {
    let at = i64::try_from(seconds)
        .ok()
        .and_then(|s| Time::from_unix_timestamp(s).ok());
    moment(at.unwrap_or(Time::UNIX_EPOCH))
}

/// A judge's reason in words.
#[must_use]
pub fn reason(reason: &kabi::Reason) -> Reason {
    let weight = match reason.severity {
        kabi::Severity::Info => Weight::Info,
        kabi::Severity::Warn => Weight::Warn,
        kabi::Severity::Fatal => Weight::Fatal,
    };
    Reason::new(
        &reason.code,
        weight,
        reason.symbol.as_deref(),
        reason.expected.map(|crc| crc.0),
        reason.found.map(|crc| crc.0),
        reason.provider.as_deref(),
        reason.detail.as_deref(),
    )
}

#[must_use]
pub fn verdict(verdict: kabi::Verdict) -> Verdict {
    Verdict::from_code(verdict.as_str()).unwrap_or(Verdict::Indeterminate)
}

/// What is around every page.
#[must_use]
pub fn shell(app: &App, caller: &Caller, nav: Nav) -> Shell {
    let (role, may_upload) = match &caller.role {
        Role::Anonymous => (None, false),
        Role::Vendor { name, .. } => (Some(name.clone()), true),
        Role::Distributor => (Some("distributor".to_owned()), false),
    };
    Shell {
        site_name: app.config.site_name.clone(),
        css_href: crate::routes::statics::href("portal.css"),
        user: role.map(|role| SignedIn {
            name: caller.name.clone(),
            role,
            may_upload,
            is_distributor: caller.role == Role::Distributor,
        }),
        nav,
        csrf: caller.csrf_token.clone().unwrap_or_default(),
        flash: None,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    #[test]
    fn times_are_for_machines_and_people() {
        let at = moment(datetime!(2026-11-03 09:05:07.123 UTC));
        assert_eq!(at.iso, "2026-11-03T09:05:07Z");
        assert_eq!(at.human, "3 Nov 2026, 09:05 UTC");
        assert_eq!(day(date!(2026 - 11 - 03)).human, "3 Nov 2026");
        assert_eq!(unix(0).iso, "1970-01-01T00:00:00Z");
    }
}
