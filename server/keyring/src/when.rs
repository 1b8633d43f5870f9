//! Times: seconds since 1970 outside, `SystemTime` for the OpenPGP library, dates for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::macros::format_description;

/// The last second that OpenPGP's 32-bit times can express (in 2106).
pub(crate) const LAST: u64 = u32::MAX as u64;

/// Later times are all the last one.
pub(crate) fn moment(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.min(LAST))
}

/// Seconds since 1970; 0 for earlier times, which OpenPGP does not know.
pub(crate) fn seconds(moment: SystemTime) -> u64 {
    moment
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// `2024-05-31 12:30 UTC`.
pub(crate) fn date(moment: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    OffsetDateTime::from(moment)
        .format(&format)
        .expect("all parts are in an OffsetDateTime")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_for_people() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00 UTC"),
            (1_709_164_799, "2024-02-28 23:59 UTC"),
            (u64::MAX, "2106-02-07 06:28 UTC"),
        ] {
            assert_eq!(date(moment(seconds)), expected);
        }
    }
}
