//! Collects oddities, a bounded number of each kind.

use std::collections::BTreeMap;

use kmod::Oddity;

/// How many oddities of one code are told in full; the rest is only counted.
const TOLD_IN_FULL: usize = 20;
/// How many characters of a text from the package are quoted.
const QUOTED: usize = 200;

/// A list that hostile input cannot make long.
#[derive(Default)]
pub(crate) struct Oddities {
    told: Vec<Oddity>,
    counts: BTreeMap<&'static str, usize>,
}

impl Oddities {
    /// Notes one; the text is made only when it will be told.
    pub(crate) fn note(&mut self, code: &'static str, detail: impl FnOnce() -> String) {
        let count = self.counts.entry(code).or_default();
        *count += 1;
        if *count <= TOLD_IN_FULL {
            self.told.push(Oddity {
                code: code.to_owned(),
                detail: detail(),
            });
        }
    }

    pub(crate) fn extend(&mut self, other: Oddities) {
        self.told.extend(other.told);
        for (code, count) in other.counts {
            *self.counts.entry(code).or_default() += count;
        }
    }

    /// All of them, with a last line for each code that had too many.
    pub(crate) fn into_vec(self) -> Vec<Oddity> {
        let mut told = self.told;
        for (code, count) in self.counts {
            let silent = count.saturating_sub(TOLD_IN_FULL);
            if silent > 0 {
                let detail = format!("and {silent} more of this kind");
                told.push(Oddity {
                    code: code.to_owned(),
                    detail,
                });
            }
        }
        told
    }
}

/// Text from the package as it may stand in a message: short, control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    let short: String = text
        .chars()
        .take(QUOTED)
        .flat_map(char::escape_debug)
        .collect();
    let more = if text.chars().nth(QUOTED).is_some() {
        "…"
    } else {
        ""
    };
    format!("`{short}{more}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_of_a_kind_are_counted() {
        let mut oddities = Oddities::default();
        for number in 0..25 {
            oddities.note("many", || format!("number {number}"));
        }
        oddities.note("one", || "alone".to_owned());
        let list = oddities.into_vec();
        assert_eq!(list.len(), TOLD_IN_FULL + 2);
        assert_eq!(list.last().unwrap().detail, "and 5 more of this kind");
    }

    #[test]
    fn quotes_are_short_and_printable() {
        assert_eq!(quoted("a\u{2}b"), "`a\\u{2}b`");
        assert_eq!(quoted(&"x".repeat(500)).chars().count(), QUOTED + 3);
    }
}
