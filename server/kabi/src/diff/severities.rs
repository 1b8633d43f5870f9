//! Reads `kabi/severities` of SUSE kernels: which changes of the kABI the distributor tolerates.
//!
//! ```text
//! line    = [pattern 1*blank verdict *(blank anything)] ["#" comment]
//! verdict = "PASS" | "FAIL"                      ; in any case
//! pattern = glob of *, ?, [a-z]                  ; * runs over slashes, too
//! ```
//!
//! Read by `rpm/kabi.pl`: a pattern with a slash, or `vmlinux`, is for the provider; one all in
//! capitals for the namespace; any other for the symbol. The first line that matches decides, and
//! what matches no line fails.

use super::rules_file::{self, RulesError};
use crate::kernel::{KernelExport, VMLINUX};
use serde::{Deserialize, Serialize};

/// The rules of one file, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Severities {
    rules: Vec<SeverityRule>,
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityRule {
    /// Verbatim.
    pub pattern: String,
    /// What the pattern is compared with.
    pub subject: Subject,
    /// `PASS`: the change is tolerated.
    pub passes: bool,
    /// Where it stands in the file, counted from 1.
    pub line: usize,
}

/// What of a symbol a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// `vmlinux` or a module's path.
    Provider,
    /// The namespace it is exported in.
    Namespace,
    /// Its name.
    Symbol,
}

impl Severities {
    /// # Errors
    /// A line has no verdict, or another than `PASS` and `FAIL`; the file is no text, or larger
    /// than any real one.
    pub fn parse(bytes: &[u8]) -> Result<Severities, RulesError> {
        let mut rules = Vec::new();
        for (line, text) in rules_file::lines(bytes)? {
            let text = text.split('#').next().unwrap_or_default();
            let mut words = text.split_whitespace();
            let Some(pattern) = words.next() else {
                continue;
            };
            let passes = match words.next().map(str::to_ascii_uppercase).as_deref() {
                Some("PASS") => true,
                Some("FAIL") => false,
                other => {
                    let found = rules_file::shown(other.unwrap_or_default());
                    return Err(RulesError::Verdict { line, found });
                }
            };
            rules.push(SeverityRule {
                pattern: pattern.to_owned(),
                subject: Subject::of(pattern),
                passes,
                line,
            });
        }
        Ok(Severities { rules })
    }

    /// In the order of the file.
    pub fn rules(&self) -> &[SeverityRule] {
        &self.rules
    }

    /// The first rule that matches this export.
    pub fn rule_for(&self, symbol: &str, export: &KernelExport) -> Option<&SeverityRule> {
        let matches = |rule: &&SeverityRule| {
            let text = match rule.subject {
                Subject::Provider => &export.provider,
                Subject::Namespace => export.namespace.as_deref().unwrap_or_default(),
                Subject::Symbol => symbol,
            };
            matches(&rule.pattern, text)
        };
        self.rules.iter().find(matches)
    }
}

impl Subject {
    fn of(pattern: &str) -> Subject {
        if pattern.contains('/') || pattern == VMLINUX {
            Subject::Provider
        } else if pattern.bytes().any(|b| b.is_ascii_uppercase())
            && !pattern.bytes().any(|b| b.is_ascii_lowercase())
        {
            Subject::Namespace
        } else {
            Subject::Symbol
        }
    }
}

/// `*`, `?` and classes; everything else is itself. Linear but for stars, of which the last counts.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and how far its match reaches.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if let Some(after) = one(pattern, p, text[t]) {
            p = after;
            t += 1;
        } else if let Some((place, reach)) = star {
            star = Some((place, reach + 1));
            p = place + 1;
            t = reach + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Where the pattern goes on if what stands at `p` matches the byte.
fn one(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    match *pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => match class(&pattern[p + 1..], byte) {
            Some((is_in, length)) => is_in.then_some(p + 1 + length),
            None => (byte == b'[').then_some(p + 1),
        },
        plain => (plain == byte).then_some(p + 1),
    }
}

/// Is the byte in the class that begins here, and how long is that? `None`: it has no end.
fn class(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = usize::from(matches!(pattern.first(), Some(b'^' | b'!')));
    // A bracket right at the beginning is a member.
    let end = pattern.iter().skip(negated + 1).position(|b| *b == b']')? + negated + 1;
    let mut members = &pattern[negated..end];
    let mut is_in = false;
    while let [first, rest @ ..] = members {
        if let [b'-', last, after @ ..] = rest {
            is_in |= (*first..=*last).contains(&byte);
            members = after;
        } else {
            is_in |= *first == byte;
            members = rest;
        }
    }
    Some((is_in != (negated == 1), end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kmod::Crc;
    use proptest::prelude::*;

    fn export(provider: &str, namespace: Option<&str>) -> KernelExport {
        KernelExport {
            crcs: vec![Crc(1)],
            gpl: false,
            namespace: namespace.map(str::to_owned),
            provider: provider.to_owned(),
        }
    }

    #[test]
    fn globs() {
        let cases = [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "a", true),
            ("*b*", "abc", true),
            ("*b*d", "abcbd", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("drivers/md/raid[0-9]*", "drivers/md/raid456", true),
            ("drivers/md/raid[0-9]*", "drivers/md/raid_x", false),
            ("drivers/staging/*", "drivers/staging/a/b/c", true),
            ("x[^ab]y", "xcy", true),
            ("x[^ab]y", "xay", false),
            ("x[]a]", "x]", true),
            ("x[a", "x[a", true),
            ("", "", true),
            ("", "a", false),
            ("**", "", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let text = "# comment\n\n\
                    kept_symbol FAIL # although its module is free\n\
                    drivers/net/* pass and more\n\
                    vmlinux\tPASS\n\
                    CXL PASS\n\
                    acme_* PASS\n";
        let severities = Severities::parse(text.as_bytes()).unwrap();
        let cases = [
            (
                "kept_symbol",
                export("drivers/net/a", None),
                Some((3, false)),
            ),
            ("other", export("drivers/net/a/b", None), Some((4, true))),
            ("other", export("vmlinux", None), Some((5, true))),
            ("other", export("fs/a", Some("CXL")), Some((6, true))),
            ("acme_x", export("fs/a", Some("CXLX")), Some((7, true))),
            ("other", export("fs/a", None), None),
        ];
        for (symbol, export, expected) in cases {
            let rule = severities.rule_for(symbol, &export);
            assert_eq!(rule.map(|r| (r.line, r.passes)), expected, "{symbol}");
        }
    }

    #[test]
    fn a_line_without_verdict_is_named() {
        let error = Severities::parse(b"a PASS\nb\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2 says `` instead of PASS or FAIL: write a pattern, a blank, and one of both"
        );
        assert!(Severities::parse(b"a MAYBE\n").is_err());
        assert!(Severities::parse(b"").unwrap().rules().is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Severities::parse(&bytes);
        }

        /// What a pattern of letters and stars matches, by the plain definition.
        #[test]
        fn stars_are_tried_out(pattern in "[ab*?]{0,7}", text in "[ab]{0,7}") {
            fn slow(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern.split_first(), text.split_first()) {
                    (None, rest) => rest.is_none(),
                    (Some((b'*', p)), _) => (0..=text.len()).any(|n| slow(p, &text[n..])),
                    (Some((b'?', p)), Some((_, t))) => slow(p, t),
                    (Some((a, p)), Some((b, t))) => a == b && slow(p, t),
                    (Some(_), None) => false,
                }
            }
            prop_assert_eq!(matches(&pattern, &text), slow(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
