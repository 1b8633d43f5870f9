//! Do these hardware patterns cover that one?

use modalias::{Index, PATTERN_MAX};
use std::collections::HashSet;

/// Patterns that others are held against.
pub(crate) struct Coverage<'a> {
    /// With a number for each pattern.
    index: Index<usize>,
    /// For patterns that cannot be looked at as a text.
    texts: HashSet<&'a str>,
    /// Stands for what a `*` matches: bytes that no device's name holds, more than all that stands for
    /// single bytes in any of the patterns could take up.
    run: String,
}

impl<'a> Coverage<'a> {
    pub fn of(patterns: impl Iterator<Item = &'a str>) -> Coverage<'a> {
        let texts: HashSet<&str> = patterns.collect();
        let numbered = texts.iter().enumerate();
        let index = Index::build(numbered.map(|(number, pattern)| ((*pattern).to_owned(), number)));
        let singles = |pattern: &&str| pattern.matches(['?', '[']).count();
        let most = texts.iter().map(singles).max().unwrap_or(0);
        let run = "\u{1}".repeat(most + 1);
        Coverage { index, texts, run }
    }

    /// Do they match every device that `pattern` matches?
    ///
    /// A yes is one; a no may be wrong for patterns with very many sets. A pattern of more than
    /// [`PATTERN_MAX`] bytes, which no solver reads, counts as covered.
    pub fn covers(&self, pattern: &str) -> bool {
        if pattern.len() > PATTERN_MAX || self.texts.contains(pattern) {
            return true;
        }
        spell_out(pattern).is_some_and(|spellings| spellings.iter().all(|it| self.matches_all(it)))
    }

    /// Whether one pattern matches the spelling both with nothing in place of each `*` and with very
    /// much: then it has a `*` there itself, and asks for no byte beside it.
    fn matches_all(&self, spelling: &str) -> bool {
        let (mut short, mut long) = (HashSet::new(), false);
        self.index.each(&spelling.replace('*', ""), |_, number| {
            short.insert(*number);
        });
        self.index
            .each(&spelling.replace('*', &self.run), |_, number| {
                long |= short.contains(number);
            });
        long
    }
}

/// Spellings of one pattern at most.
const SPELLINGS_MAX: usize = 256;

/// The pattern with each set replaced by each of its members. `None`: too many, or a set that is
/// not a plain list or range.
fn spell_out(pattern: &str) -> Option<Vec<String>> {
    let mut spellings = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, behind)) = rest.split_once('[') {
        let (set, behind) = behind.split_once(']')?;
        let members = members(set)?;
        if spellings.len().checked_mul(members.len())? > SPELLINGS_MAX {
            return None;
        }
        let spell = |spelling: &String| {
            let beginning = format!("{spelling}{before}");
            members
                .iter()
                .map(move |member| format!("{beginning}{member}"))
                .collect::<Vec<_>>()
        };
        spellings = spellings.iter().flat_map(spell).collect();
        rest = behind;
    }
    for spelling in &mut spellings {
        spelling.push_str(rest);
    }
    Some(spellings)
}

/// The characters of `abc` or `a-f0-9`.
fn members(set: &str) -> Option<Vec<char>> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if set.is_empty() || !set.bytes().all(is_plain) {
        return None;
    }
    let mut members = Vec::new();
    let mut rest = set.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        let mut last = first;
        if let [b'-', end, behind @ ..] = rest {
            last = *end;
            rest = behind;
        }
        members.extend((first..=last).map(char::from));
    }
    Some(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn covers(wide: &str, narrow: &str) -> bool {
        Coverage::of([wide].into_iter()).covers(narrow)
    }

    #[test]
    fn patterns_against_patterns() {
        let cases = [
            ("pci:v*", "pci:v00008086d*", true),
            ("pci:v00008086d*", "pci:v*", false),
            (
                "pci:v00008086d0000150[123]sv*",
                "pci:v00008086d00001502sv*",
                true,
            ),
            (
                "pci:v00008086d0000150[123]sv*",
                "pci:v00008086d00001504sv*",
                false,
            ),
            ("pci:v00008086d*sv*", "pci:v00008086d0000150[123]sv*", true),
            ("pci:v0000808[56]d*", "pci:v0000808[67]d*", false),
            ("usb:v1p1d0[0-9]*", "usb:v1p1d0[0-9]*", true),
            ("usb:v1p1d0[0-9]*", "usb:v1p1d0[3-5]*", true),
            ("usb:v1p1d0[0-9]*", "usb:v1p1d0*", false),
            ("usb:v?p", "usb:v*p", false),
            ("a[!0-9]*", "a[!0-9]*", true),
            ("a*", "a[!0-9]", false),
            ("a[", "a[", true),
            ("*", "a[", false),
            ("*", "", true),
            ("??*", "*", false),
            ("a?*", "a*", false),
            ("a?*b", "a*b", false),
            ("a?*", "a*b", true),
        ];
        for (wide, narrow, expected) in cases {
            assert_eq!(covers(wide, narrow), expected, "{wide} over {narrow}");
        }
    }

    #[test]
    fn patterns_cover_a_set_together() {
        let aliases = ["pci:v1d1sv*", "pci:v1d2sv*", "pci:v1d3sv*"];
        let coverage = Coverage::of(aliases.into_iter());
        assert!(coverage.covers("pci:v1d[123]sv*"));
        assert!(!coverage.covers("pci:v1d[1-4]sv*"));
    }

    #[test]
    fn spelling_out_is_bounded() {
        assert!(!covers("*x", &"[0-9a-f]".repeat(40)));
        assert!(!covers("*x", &"[a]".repeat(300)));
    }

    proptest! {
        #[test]
        fn a_yes_is_one(
            wide in "[ab*?]{0,4}(\\[[abc]{1,2}\\])?[ab*]{0,2}",
            narrow in "[ab*?]{0,4}(\\[[abc]{1,2}\\])?[ab*]{0,2}",
            text in "[abc]{0,7}",
        ) {
            let is_in = |pattern: &str| modalias::fnmatch(pattern.as_bytes(), text.as_bytes());
            if covers(&wide, &narrow) && is_in(&narrow) {
                prop_assert!(is_in(&wide));
            }
        }

        #[test]
        fn never_panics(wide in "\\PC{0,30}", narrow in "\\PC{0,30}") {
            let _ = covers(&wide, &narrow);
        }
    }
}
