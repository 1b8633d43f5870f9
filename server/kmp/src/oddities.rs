//! Collects oddities, a bounded number of each kind.

use std::collections::BTreeMap;

use kmod::Oddity;

/// Every code in [`crate::Package::oddities`], and what it means.
pub const ODDITIES: [(&str, &str); 35] = [
    (
        "archive-size",
        "the unpacked payload has not the size that the package says",
    ),
    (
        crate::ksym::BROKEN,
        "a dependency begins like one on a kernel symbol and is none",
    ),
    (
        "bytes-after-archive",
        "something follows the archive inside the packed payload",
    ),
    (
        "changelog-lengths",
        "the change log has more dates than authors or texts, or fewer",
    ),
    (
        "dependency-lengths",
        "a list of dependencies has more names than flags or versions, or fewer",
    ),
    (
        "file-list-lengths",
        "the file list lacks something for some of its files",
    ),
    (
        "file-mode-differs",
        "the payload gives a file other permissions than the header",
    ),
    (
        "file-not-listed",
        "the payload holds a file that the header does not list",
    ),
    (
        "file-not-packed",
        "the header lists a file that the payload does not hold",
    ),
    (
        "file-packed-twice",
        "the payload holds a file more than once; the first was read",
    ),
    (
        "file-size-differs",
        "the payload gives a file another size than the header",
    ),
    (
        "file-without-data",
        "of several names for one file none carries its bytes",
    ),
    ("file-without-digest", "the header has no digest for a file"),
    (
        "file-without-directory",
        "a file points to a directory that is not in the header",
    ),
    ("hard-link", "several names for one file"),
    (
        "lead-differs",
        "the lead says something else of the package than the header",
    ),
    (
        "link-target-differs",
        "the payload leads a symbolic link elsewhere than the header",
    ),
    ("many-signatures", "more signatures than are looked at"),
    ("many-triggers", "more triggers than are looked at"),
    ("not-utf-8", "text that is not UTF-8, taken as ISO 8859-1"),
    (
        "odd-dependency",
        "a dependency is empty or holds control characters",
    ),
    (
        "odd-identity",
        "name, version, release or architecture hold characters that rpmbuild refuses",
    ),
    ("odd-lead", "the lead is of an unknown kind"),
    ("odd-path", "a path holds control characters or `//`"),
    (
        "odd-tag-type",
        "a tag holds another kind of data than it should and is passed over",
    ),
    (
        "package-size",
        "the file has not the size that the package says",
    ),
    (
        "path-listed-twice",
        "the header lists a path more than once",
    ),
    (
        "path-with-dots",
        "a path holds `.` or `..` as one of its steps",
    ),
    (
        "payload-compressor",
        "the payload is packed with something else than the header says",
    ),
    (
        "relative-path",
        "a path in a binary package does not begin with `/`",
    ),
    (
        "signature-encoding",
        "a signature is not base64 where it has to be",
    ),
    (
        "signature-header-region",
        "the signature header holds more than its region",
    ),
    ("symlink", "a symbolic link"),
    ("trailing-bytes", "something follows the payload"),
    (
        "unknown-digest-algorithm",
        "digests of an unknown kind, which are not checked",
    ),
];

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
        debug_assert!(
            ODDITIES.iter().any(|(known, _)| *known == code),
            "{code} is not in the list"
        );
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
            oddities.note("symlink", || format!("number {number}"));
        }
        oddities.note("odd-lead", || "alone".to_owned());
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
