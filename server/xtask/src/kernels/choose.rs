//! Chooses among the kernels on offer those that make the tests tell something. Pure: symbols
//! come through a function.
//!
//! `module_layout` is a symbol that every module imports; when its CRC changes, nothing loads any
//! more, and every vendor is hit alike. Wanted instead is a pair of kernels where it stays, the
//! symbols of a network driver change, and a few plain symbols stay: there one vendor's package
//! breaks and another's goes on.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::symvers::Symvers;

/// Symbols that the enduring modules import: their CRCs must be equal in the pair.
const STEADY_SYMBOLS: [&str; 7] = [
    "module_layout",
    "_printk",
    "mutex_lock",
    "mutex_unlock",
    "dmi_first_match",
    "usb_register_notify",
    "usb_unregister_notify",
];

/// Symbols that the fragile module imports: one of them must change in the pair.
pub const MOVING_SYMBOLS: [&str; 4] = [
    "register_netdev",
    "alloc_etherdev_mqs",
    "free_netdev",
    "netdev_info",
];

/// How far back to look for a pair in one series; each kernel looked at is a small download.
const RECENT_RELEASES: usize = 6;

/// What a kernel is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The packages of the first upload are built against it.
    Base,
    /// Next in the series: breaks one vendor's package, leaves the other's.
    Breaking,
    /// Later in the series: `module_layout` changed, nothing built before loads.
    NextLayout,
    /// Another release with the very symbols of `NextLayout`: nothing changes for anyone.
    Respin,
    /// Newest of another series.
    NextSeries,
}

impl Role {
    /// Packages are built for these; the others are only registered.
    pub fn is_built_against(self) -> bool {
        matches!(self, Role::Base | Role::Breaking | Role::NextSeries)
    }
}

/// A kernel release, `6.1.0-54-amd64`, in the order of its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    text: String,
    numbers: Vec<u64>,
}

impl Release {
    /// Only plain releases: two numbers at least, a flavor of letters and digits behind the last
    /// hyphen, and none of Debian's variants (`rt-amd64`, `cloud-amd64`) before it.
    pub fn parse(text: &str) -> Option<Release> {
        let (version, flavor) = text.rsplit_once('-')?;
        let plain = !flavor.is_empty()
            && flavor
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        let variant = version
            .rsplit('-')
            .next()?
            .starts_with(|c: char| c.is_ascii_alphabetic());
        let numbers: Vec<u64> = version
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|n| n.parse().ok())
            .collect();
        let well_formed = text.starts_with(|c: char| c.is_ascii_digit()) && numbers.len() >= 2;
        (plain && !variant && well_formed).then(|| Release {
            text: text.into(),
            numbers,
        })
    }

    pub fn flavor(&self) -> &str {
        self.text.rsplit('-').next().unwrap_or_default()
    }

    /// `6.1` of `6.1.0-54-amd64`.
    pub fn series(&self) -> (u64, u64) {
        (self.numbers[0], self.numbers[1])
    }
}

impl Ord for Release {
    fn cmp(&self, other: &Release) -> Ordering {
        self.numbers
            .cmp(&other.numbers)
            .then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for Release {
    fn partial_cmp(&self, other: &Release) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The chosen kernels with their roles.
#[derive(Debug, PartialEq)]
pub struct Choice(Vec<(Release, Role)>);

impl Choice {
    pub fn kernels(&self) -> &[(Release, Role)] {
        &self.0
    }

    /// None when no real pair was found.
    pub fn breaking(&self) -> Option<&Release> {
        self.0
            .iter()
            .find(|(_, role)| *role == Role::Breaking)
            .map(|(release, _)| release)
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (release, role)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{release} ({role:?})")?;
        }
        Ok(())
    }
}

/// Hands out the symbols of some releases; one without symbol versions is missing in the answer.
pub type Load<'a> = dyn FnMut(&[Release]) -> Result<BTreeMap<Release, Symvers>> + 'a;

/// Chooses from `releases`; goes on with one kernel if there is no more.
pub fn choose(releases: &[Release], load: &mut Load<'_>) -> Result<Choice> {
    let mut series: BTreeMap<(u64, u64), Vec<Release>> = BTreeMap::new();
    for release in releases {
        series
            .entry(release.series())
            .or_default()
            .push(release.clone());
    }
    let mut seen: BTreeMap<(u64, u64), BTreeMap<Release, Symvers>> = BTreeMap::new();
    for (number, members) in &mut series {
        members.sort();
        let recent = &members[members.len().saturating_sub(RECENT_RELEASES)..];
        let loaded = load(recent)?;
        let pair = breaking_pair(&loaded);
        seen.insert(*number, loaded);
        if let Some((base, breaking)) = pair {
            let mut chosen = vec![(base, Role::Base), (breaking, Role::Breaking)];
            chosen.extend(followers(&seen[number], &chosen[1].0));
            chosen.extend(other_series(*number, &series, load)?);
            return Ok(Choice(chosen));
        }
    }
    without_pair(&series, &seen, load)
}

/// The newest neighbours that break the fragile module and nothing else.
fn breaking_pair(loaded: &BTreeMap<Release, Symvers>) -> Option<(Release, Release)> {
    let ordered: Vec<_> = loaded.iter().collect();
    let fitting = ordered.windows(2).rev().find(|pair| {
        let (old, new) = (pair[0].1, pair[1].1);
        let same = |symbol: &&str| old.crc(symbol).is_some() && old.crc(symbol) == new.crc(symbol);
        STEADY_SYMBOLS.iter().all(same) && !MOVING_SYMBOLS.iter().all(same)
    })?;
    Some((fitting[0].0.clone(), fitting[1].0.clone()))
}

/// What comes after the pair in its series: the next layout, and a release equal to that one.
fn followers(loaded: &BTreeMap<Release, Symvers>, pair_end: &Release) -> Vec<(Release, Role)> {
    let layout = loaded[pair_end].crc("module_layout");
    let mut later = loaded.iter().filter(|(release, _)| *release > pair_end);
    let Some((next, symvers)) = later.find(|(_, s)| s.crc("module_layout") != layout) else {
        return Vec::new();
    };
    let mut found = vec![(next.clone(), Role::NextLayout)];
    found.extend(
        later
            .find(|(_, s)| *s == symvers)
            .map(|(r, _)| (r.clone(), Role::Respin)),
    );
    found
}

/// The newest usable release of a newer series, or of an older one.
fn other_series(
    number: (u64, u64),
    series: &BTreeMap<(u64, u64), Vec<Release>>,
    load: &mut Load<'_>,
) -> Result<Option<(Release, Role)>> {
    let newer = series.range(number..).skip(1);
    let older = series.range(..number).rev();
    for (_, members) in newer.chain(older) {
        let newest = members.iter().max().expect("a series has a member").clone();
        if load(std::slice::from_ref(&newest))?.contains_key(&newest) {
            return Ok(Some((newest, Role::NextSeries)));
        }
    }
    Ok(None)
}

/// Goes on with what there is: the newest kernel of the oldest usable series.
fn without_pair(
    series: &BTreeMap<(u64, u64), Vec<Release>>,
    seen: &BTreeMap<(u64, u64), BTreeMap<Release, Symvers>>,
    load: &mut Load<'_>,
) -> Result<Choice> {
    let Some((number, loaded)) = seen.iter().find(|(_, loaded)| !loaded.is_empty()) else {
        bail!("none of the kernels on offer has symbol versions (CONFIG_MODVERSIONS)");
    };
    let base = loaded.keys().max().expect("it is not empty").clone();
    let mut chosen = vec![(base, Role::Base)];
    chosen.extend(other_series(*number, series, load)?);
    Ok(Choice(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> Release {
        Release::parse(text).expect(text)
    }

    /// All symbols that matter: the layout, the moving ones, and the rest at 7.
    fn symbols(layout: u32, moving: u32) -> Symvers {
        let mut text = String::new();
        for name in STEADY_SYMBOLS.iter().chain(&MOVING_SYMBOLS) {
            let crc = match *name {
                "module_layout" => layout,
                name if MOVING_SYMBOLS.contains(&name) => moving,
                _ => 7,
            };
            text.push_str(&format!("0x{crc:08x}\t{name}\tvmlinux\tEXPORT_SYMBOL\t\n"));
        }
        Symvers::parse(&text)
    }

    /// Release, CRC of `module_layout`, CRC of the moving symbols.
    type Offered<'a> = (&'a str, u32, u32);

    fn chosen(kernels: &[Offered]) -> String {
        let all: BTreeMap<_, _> = kernels
            .iter()
            .map(|(name, l, m)| (release(name), symbols(*l, *m)))
            .collect();
        let releases: Vec<_> = all.keys().cloned().collect();
        let mut load = |some: &[Release]| {
            Ok(some
                .iter()
                .filter(|r| all[r].has_versions() && all[r].crc("module_layout") != Some(0))
                .map(|r| (r.clone(), all[r].clone()))
                .collect())
        };
        choose(&releases, &mut load)
            .map(|c| c.to_string())
            .unwrap_or_else(|e| e.to_string())
    }

    #[test]
    fn only_plain_releases_are_parsed() {
        for good in [
            "6.1.0-54-amd64",
            "6.12.117+deb12-amd64",
            "6.4.0-150600.21-default",
        ] {
            assert!(Release::parse(good).is_some(), "{good}");
        }
        let bad = [
            "6.1.0-54-rt-amd64",
            "6.12.1+deb13-cloud-amd64",
            "6.1-amd64x-",
            "amd64",
            "x-amd64",
            "",
        ];
        for bad in bad {
            assert!(Release::parse(bad).is_none(), "{bad}");
        }
        assert!(release("6.1.0-9-amd64") < release("6.1.0-54-amd64"));
        assert!(release("6.1.0-54-amd64") < release("6.12.7+deb12-amd64"));
    }

    #[test]
    fn the_pair_keeps_the_layout_and_moves_the_network() {
        let debian = [
            ("6.1.0-50-amd64", 1, 10),
            ("6.1.0-53-amd64", 1, 11),
            ("6.1.0-54-amd64", 1, 12),
            ("6.1.0-55-amd64", 2, 13),
            ("6.1.0-56-amd64", 2, 13),
            ("6.12.117+deb12-amd64", 3, 20),
        ];
        assert_eq!(
            chosen(&debian),
            "6.1.0-53-amd64 (Base), 6.1.0-54-amd64 (Breaking), 6.1.0-55-amd64 (NextLayout), \
             6.1.0-56-amd64 (Respin), 6.12.117+deb12-amd64 (NextSeries)"
        );
    }

    #[test]
    fn it_goes_on_with_less() {
        let table: &[(&[Offered], &str)] = &[
            (&[("6.1.0-1-amd64", 1, 1)], "6.1.0-1-amd64 (Base)"),
            (
                &[("6.1.0-1-amd64", 1, 1), ("6.12.3-amd64", 1, 2)],
                "6.1.0-1-amd64 (Base), 6.12.3-amd64 (NextSeries)",
            ),
            (
                &[
                    ("6.1.0-1-amd64", 1, 1),
                    ("6.12.3-amd64", 5, 2),
                    ("6.12.4-amd64", 5, 3),
                ],
                "6.12.3-amd64 (Base), 6.12.4-amd64 (Breaking), 6.1.0-1-amd64 (NextSeries)",
            ),
            (
                &[("6.1.0-1-amd64", 1, 1), ("7.3.1-amd64", 0, 0)],
                "6.1.0-1-amd64 (Base)",
            ),
            (
                &[("7.3.1-amd64", 0, 0)],
                "none of the kernels on offer has symbol versions (CONFIG_MODVERSIONS)",
            ),
        ];
        for (kernels, expected) in table {
            assert_eq!(chosen(kernels), *expected);
        }
    }
}
