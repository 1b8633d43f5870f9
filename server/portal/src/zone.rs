//! The portal's time zone: what moment a day begins at, and how a moment is shown. The rules of
//! zones are those of the bundled IANA database, so that every host agrees.

use crate::pages::Moment;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use store::Time;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, UtcOffset};

/// A time zone by its IANA name.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Default for Zone {
    fn default() -> Self {
        Self {
            name: "UTC".to_owned(),
            rules: TimeZone::UTC,
        }
    }
}

impl Zone {
    /// The zone of an IANA name; `None` when there is none of it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let rules = TimeZone::get(name).ok()?;
        Some(Self {
            name: rules.iana_name().unwrap_or(name).to_owned(),
            rules,
        })
    }

    /// Its IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first moment of a day; where clocks skip midnight, the moment they skip to. `None`
    /// beyond the years that can be told.
    #[must_use]
    pub fn start_of(&self, day: Date) -> Option<Time> {
        let (year, month, day) = (
            i16::try_from(day.year()).ok()?,
            i8::try_from(u8::from(day.month())).ok()?,
            i8::try_from(day.day()).ok()?,
        );
        let start = civil::Date::new(year, month, day)
            .ok()?
            .to_zoned(self.rules.clone())
            .ok()?;
        Time::from_unix_timestamp(start.timestamp().as_second()).ok()
    }

    /// The day it is here at a moment.
    #[must_use]
    pub fn day_of(&self, at: Time) -> Date {
        self.local(at).date()
    }

    /// `9 Mar 2031 (Europe/Berlin)`; with the time of day unless it is midnight.
    #[must_use]
    pub fn show(&self, at: Time) -> Moment {
        let local = self.local(at);
        let day = format_description!("[day padding:none] [month repr:short] [year]");
        let minute =
            format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute]");
        let human = match self.start_of(local.date()) == Some(at) {
            true => local.format(day),
            false => local.format(minute),
        };
        Moment {
            iso: local.format(&Rfc3339).unwrap_or_default(),
            human: format!("{} ({})", human.unwrap_or_default(), self.name),
        }
    }

    fn local(&self, at: Time) -> Time {
        let seconds = Timestamp::from_second(at.unix_timestamp())
            .map_or(0, |moment| self.rules.to_offset(moment).seconds());
        let offset = UtcOffset::from_whole_seconds(seconds).unwrap_or(UtcOffset::UTC);
        at.checked_to_offset(offset).unwrap_or(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    #[test]
    fn a_day_begins_when_the_zone_says() {
        for (zone, day, start) in [
            (
                "UTC",
                date!(2031 - 03 - 09),
                datetime!(2031-03-09 00:00 UTC),
            ),
            (
                "Europe/Berlin",
                date!(2031 - 01 - 01),
                datetime!(2030-12-31 23:00 UTC),
            ),
            // Summer time.
            (
                "Europe/Berlin",
                date!(2031 - 07 - 01),
                datetime!(2031-06-30 22:00 UTC),
            ),
            (
                "America/New_York",
                date!(2031 - 01 - 01),
                datetime!(2031-01-01 05:00 UTC),
            ),
            (
                "Asia/Kathmandu",
                date!(2031 - 01 - 01),
                datetime!(2030-12-31 18:15 UTC),
            ),
            // Clocks went from 23:59:59 of the day before to 01:00.
            (
                "America/Sao_Paulo",
                date!(2018 - 11 - 04),
                datetime!(2018-11-04 03:00 UTC),
            ),
        ] {
            let zone = Zone::named(zone).unwrap();
            assert_eq!(zone.start_of(day), Some(start), "{} {day}", zone.name);
            assert_eq!(zone.day_of(start), day, "{}", zone.name);
            let before = start - time::Duration::SECOND;
            assert_eq!(zone.day_of(before), day.previous_day().unwrap());
        }
    }

    #[test]
    fn a_moment_is_shown_with_its_zone() {
        let berlin = Zone::named("europe/berlin").unwrap();
        let midnight = berlin.show(datetime!(2031-03-08 23:00 UTC));
        assert_eq!(midnight.human, "9 Mar 2031 (Europe/Berlin)");
        assert_eq!(midnight.iso, "2031-03-09T00:00:00+01:00");
        let noon = Zone::default().show(datetime!(2031-03-09 12:30 UTC));
        assert_eq!(noon.human, "9 Mar 2031, 12:30 (UTC)");
        assert!(Zone::named("Mars/Olympus").is_none());
    }
}
