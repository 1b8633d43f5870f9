//! How often one may try to sign in: enough for people who mistype, too little to guess.
//!
//! By neighbourhood and user name together, so that nobody can lock another one out from
//! elsewhere, and by neighbourhood alone, against those who try many names.

use crate::client::ClientAddress;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

/// Tries at once for one name, and then one in so much time.
const PER_NAME: (NonZeroU32, Duration) = (NonZeroU32::new(10).unwrap(), Duration::from_secs(30));
/// Tries at once for all names.
const PER_NEIGHBOURHOOD: (NonZeroU32, Duration) =
    (NonZeroU32::new(60).unwrap(), Duration::from_secs(6));
/// Questions whether something would load, from those who did not sign in.
const CHECKS: (NonZeroU32, Duration) = (NonZeroU32::new(30).unwrap(), Duration::from_secs(2));
/// Beyond so many remembered, those who waited long enough are forgotten.
const REMEMBERED: usize = 10_000;
/// A longer name belongs to nobody.
const LONGEST_NAME: usize = 64;

/// Tries to sign in, by who tries.
pub struct Throttle {
    names: DefaultKeyedRateLimiter<(IpAddr, String)>,
    neighbourhoods: DefaultKeyedRateLimiter<IpAddr>,
    checks: DefaultKeyedRateLimiter<IpAddr>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            names: limiter(PER_NAME),
            neighbourhoods: limiter(PER_NEIGHBOURHOOD),
            checks: limiter(CHECKS),
        }
    }
}

impl Throttle {
    /// Counts a try.
    ///
    /// # Errors
    /// Too many; how long to wait before the next.
    pub fn count(&self, client: ClientAddress, name: &str) -> Result<(), Duration> {
        let neighbourhood = client.neighbourhood();
        let name = name.chars().take(LONGEST_NAME).collect();
        take(&self.neighbourhoods, &neighbourhood)?;
        take(&self.names, &(neighbourhood, name))
    }
}

impl Throttle {
    /// Counts a question whether something would load.
    ///
    /// # Errors
    /// Too many; how long to wait before the next.
    pub fn count_check(&self, client: ClientAddress) -> Result<(), Duration> {
        take(&self.checks, &client.neighbourhood())
    }
}

fn limiter<K: Hash + Eq + Clone>(
    (burst, period): (NonZeroU32, Duration),
) -> DefaultKeyedRateLimiter<K> {
    let quota = Quota::with_period(period).expect("the periods are not zero");
    RateLimiter::keyed(quota.allow_burst(burst))
}

fn take<K: Hash + Eq + Clone>(
    limiter: &DefaultKeyedRateLimiter<K>,
    key: &K,
) -> Result<(), Duration> {
    if limiter.len() > REMEMBERED {
        limiter.retain_recent();
    }
    let wait = |until: NotUntil<_>| until.wait_time_from(DefaultClock::default().now());
    limiter.check_key(key).map_err(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientAddress {
        ClientAddress(text.parse().unwrap())
    }

    #[test]
    fn a_guesser_has_to_wait_and_others_do_not() {
        let throttle = Throttle::default();
        for _ in 0..PER_NAME.0.get() {
            assert_eq!(throttle.count(client("192.0.2.1"), "root"), Ok(()));
        }
        let wait = throttle.count(client("192.0.2.1"), "root").unwrap_err();
        assert!(wait <= PER_NAME.1, "{wait:?}");
        assert_eq!(throttle.count(client("192.0.2.1"), "acme"), Ok(()));
        assert_eq!(throttle.count(client("192.0.2.2"), "root"), Ok(()));
    }

    #[test]
    fn many_names_from_one_place_end_too() {
        let throttle = Throttle::default();
        let refused = (0..200)
            .filter(|n| throttle.count(client("192.0.2.1"), &n.to_string()).is_err())
            .count();
        assert!(refused >= 100, "{refused}");
    }
}
