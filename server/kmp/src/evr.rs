//! Epoch, version, release, and the order rpm puts them in.
//!
//! ```text
//! evr = [ epoch ":" ] version [ "-" release ]      epoch = digits, missing means 0
//! ```
//! The version ends at the last hyphen. Source of the order: the description of `rpmvercmp` in
//! rpm's manual ("Dependencies", "Version comparison"), with the tilde of rpm 4.10 and the caret of
//! 4.15.

use std::cmp::Ordering;
use std::fmt;

/// Epoch, version and release of a package or a dependency.
///
/// Deliberately without `Ord`: `1.0` and `1.00` are different texts that rpm finds equal. Ask
/// [`Evr::compare`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Evr {
    /// `None` where the text names none, which counts as 0.
    pub epoch: Option<u32>,
    /// Without epoch and release.
    pub version: String,
    /// `None` where a dependency names no release.
    pub release: Option<String>,
}

impl Evr {
    /// Splits the text. Every text has a reading: an epoch that is no number is part of the version.
    pub fn parse(text: &str) -> Evr {
        let (epoch, rest) = split_epoch(text);
        let (version, release) = match rest.rsplit_once('-') {
            Some((version, release)) => (version, Some(release.to_owned())),
            None => (rest, None),
        };
        Evr {
            epoch,
            version: version.to_owned(),
            release,
        }
    }

    /// rpm's order: epoch, then version, then release. A missing epoch is 0; a missing release on
    /// either side matches any release, as in dependencies.
    pub fn compare(&self, other: &Evr) -> Ordering {
        let epochs = self.epoch.unwrap_or(0).cmp(&other.epoch.unwrap_or(0));
        epochs
            .then_with(|| rpmvercmp(&self.version, &other.version))
            .then_with(|| match (&self.release, &other.release) {
                (Some(ours), Some(theirs)) => rpmvercmp(ours, theirs),
                _ => Ordering::Equal,
            })
    }
}

impl fmt::Display for Evr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(epoch) = self.epoch {
            write!(f, "{epoch}:")?;
        }
        f.write_str(&self.version)?;
        match &self.release {
            Some(release) => write!(f, "-{release}"),
            None => Ok(()),
        }
    }
}

/// The digits before a colon; no digits at all (`:1.0`) is rpm's way to say 0.
fn split_epoch(text: &str) -> (Option<u32>, &str) {
    match text.split_once(':') {
        Some(("", rest)) => (Some(0), rest),
        Some((digits, rest)) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            match digits.parse() {
                Ok(epoch) => (Some(epoch), rest),
                Err(_) => (None, text),
            }
        }
        _ => (None, text),
    }
}

/// Compares two version texts (or two release texts) in rpm's way.
///
/// Both are cut into runs of digits and runs of letters; everything else only separates. Runs are
/// compared pairwise: numbers by value, letters by their bytes, a number above letters. What has
/// runs left over is newer. `~` sorts before everything, even the end; `^` sorts after the end but
/// before any further run.
pub fn rpmvercmp(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        a = skip_separators(a);
        b = skip_separators(b);
        match marks(a.first(), b.first()) {
            Mark::Both => (a, b) = (&a[1..], &b[1..]),
            Mark::Decides(order) => return order,
            Mark::Neither if a.is_empty() || b.is_empty() => return a.len().cmp(&b.len()),
            Mark::Neither => match compare_run(&mut a, &mut b) {
                Ordering::Equal => {}
                order => return order,
            },
        }
    }
}

enum Mark {
    /// Both texts have the same mark here.
    Both,
    Decides(Ordering),
    Neither,
}

fn marks(a: Option<&u8>, b: Option<&u8>) -> Mark {
    use Ordering::{Greater, Less};
    match (a, b) {
        (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => Mark::Both,
        (Some(b'~'), _) => Mark::Decides(Less),
        (_, Some(b'~')) => Mark::Decides(Greater),
        (Some(b'^'), None) => Mark::Decides(Greater),
        (None, Some(b'^')) => Mark::Decides(Less),
        (Some(b'^'), _) => Mark::Decides(Less),
        (_, Some(b'^')) => Mark::Decides(Greater),
        _ => Mark::Neither,
    }
}

fn skip_separators(text: &[u8]) -> &[u8] {
    let start = text
        .iter()
        .position(|b| b.is_ascii_alphanumeric() || matches!(b, b'~' | b'^'));
    &text[start.unwrap_or(text.len())..]
}

/// Compares the first run of each side and moves both past it. Neither side is empty.
fn compare_run(a: &mut &[u8], b: &mut &[u8]) -> Ordering {
    let numeric = a.first().is_some_and(u8::is_ascii_digit);
    let (run_a, run_b) = (take_run(a, numeric), take_run(b, numeric));
    if run_b.is_empty() {
        // The kinds differ: the number is newer.
        return if numeric {
            Ordering::Greater
        } else {
            Ordering::Less
        };
    }
    if numeric {
        let (run_a, run_b) = (strip_zeros(run_a), strip_zeros(run_b));
        run_a.len().cmp(&run_b.len()).then_with(|| run_a.cmp(run_b))
    } else {
        run_a.cmp(run_b)
    }
}

fn take_run<'t>(text: &mut &'t [u8], numeric: bool) -> &'t [u8] {
    let belongs = |b: &u8| {
        if numeric {
            b.is_ascii_digit()
        } else {
            b.is_ascii_alphabetic()
        }
    };
    let end = text.iter().position(|b| !belongs(b)).unwrap_or(text.len());
    let (run, rest) = text.split_at(end);
    *text = rest;
    run
}

fn strip_zeros(digits: &[u8]) -> &[u8] {
    let start = digits
        .iter()
        .position(|&b| b != b'0')
        .unwrap_or(digits.len());
    &digits[start..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    #[test]
    fn orders_versions() {
        use Ordering::{Equal, Greater, Less};
        let cases = [
            ("1.0", "1.0", Equal),
            ("1.0", "1.00", Equal),
            ("1.0", "1.1", Less),
            ("1.10", "1.9", Greater),
            ("1.0", "1.0.1", Less),
            ("1.0a", "1.0", Greater),
            ("1.a", "1.1", Less),
            ("a", "A", Greater),
            ("1.0~rc1", "1.0", Less),
            ("1.0~rc1", "1.0~rc2", Less),
            ("1.0~~", "1.0~", Less),
            ("1.0^git1", "1.0", Greater),
            ("1.0^git1", "1.0.1", Less),
            ("1.0^git1~pre", "1.0^git1", Less),
            ("1_0", "1.0", Equal),
            ("", "", Equal),
            ("", "1", Less),
            ("", "~", Greater),
            // Why checksums must never be compared as versions.
            ("a0b00001", "a00b0001", Equal),
            ("0abc1234", "abc1234", Greater),
        ];
        for (a, b, expected) in cases {
            assert_eq!(rpmvercmp(a, b), expected, "{a:?} {b:?}");
            assert_eq!(rpmvercmp(b, a), expected.reverse(), "{b:?} {a:?}");
        }
    }

    #[test]
    fn splits_evr() {
        let cases = [
            ("1.0", (None, "1.0", None)),
            ("1.0-2", (None, "1.0", Some("2"))),
            ("3:1.0-2", (Some(3), "1.0", Some("2"))),
            (":1.0", (Some(0), "1.0", None)),
            ("99999999999:1", (None, "99999999999:1", None)),
            // The release of a kernel has hyphens of its own.
            (
                "6.4.0-150600.1-default",
                (None, "6.4.0-150600.1", Some("default")),
            ),
            ("", (None, "", None)),
        ];
        for (text, (epoch, version, release)) in cases {
            let evr = Evr::parse(text);
            assert_eq!(evr.epoch, epoch, "{text}");
            assert_eq!(evr.version, version, "{text}");
            assert_eq!(evr.release.as_deref(), release, "{text}");
        }
    }

    #[test]
    fn compares_evr() {
        let order = |a, b| Evr::parse(a).compare(&Evr::parse(b));
        assert_eq!(order("1:1.0-1", "2.0-1"), Ordering::Greater);
        assert_eq!(order("0:1.0-1", "1.0-1"), Ordering::Equal);
        assert_eq!(order("1.0-1", "1.0-2"), Ordering::Less);
        assert_eq!(order("1.0", "1.0-2"), Ordering::Equal);
    }

    /// Texts made of the characters the comparison cares about.
    fn version() -> impl Strategy<Value = String> {
        "[019aAbz.~^_+]{0,8}"
    }

    proptest! {
        #[test]
        fn is_an_antisymmetric_order(a in version(), b in version()) {
            prop_assert_eq!(rpmvercmp(&a, &b), rpmvercmp(&b, &a).reverse());
            prop_assert_eq!(rpmvercmp(&a, &a), Ordering::Equal);
        }

        #[test]
        fn shows_what_it_parsed(epoch in 0u32.., version in "[a-z0-9.]{1,8}", release in "[a-z0-9.]{1,8}") {
            let text = format!("{epoch}:{version}-{release}");
            prop_assert_eq!(Evr::parse(&text).to_string(), text);
        }

        #[test]
        fn never_panics(a in "\\PC*", b in "\\PC*") {
            let _ = (rpmvercmp(&a, &b), Evr::parse(&a).compare(&Evr::parse(&b)));
        }
    }

    /// All pairs of a few hundred texts, against the `rpm` program (Debian package `rpm`).
    #[test]
    fn agrees_with_rpm() {
        // rpm's function refuses an empty version, so that none is.
        let parts = ["", "0", "1", "00", "01", "a", "Z", "10", "~", "^", ".", "_"];
        let pairs = parts
            .iter()
            .flat_map(|a| parts.iter().map(move |b| format!("1.{a}{b}")));
        let others = ["1.0~rc1", "1.0^git", "1.0", "1.0.1", "a0b1", "6f"].map(str::to_owned);
        let texts: Vec<String> = pairs.chain(others).collect();
        let list = texts
            .iter()
            .map(|t| format!("'{t}'"))
            .collect::<Vec<_>>()
            .join(",");
        let script = format!(
            "%{{lua: local t = {{{list}}}; for _, a in ipairs(t) do local line = ''; \
             for _, b in ipairs(t) do line = line .. (rpm.vercmp(a, b) + 1) end; print(line .. '\\n') end}}"
        );
        let out = Command::new("rpm")
            .args(["--eval", &script])
            .output()
            .expect("apt-get install rpm");
        let answer = String::from_utf8(out.stdout).unwrap();
        let rows: Vec<&str> = answer.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(
            rows.len(),
            texts.len(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        for (a, row) in texts.iter().zip(rows) {
            for (b, theirs) in texts.iter().zip(row.bytes()) {
                let ours = b'1'.wrapping_add_signed(rpmvercmp(a, b) as i8);
                assert_eq!(ours, theirs, "{a:?} against {b:?}");
            }
        }
    }
}
