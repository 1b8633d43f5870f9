//! Symbols with versions, a line each, as people have them at hand: `modprobe --dump-modversions`,
//! lines of a symvers file, or requirements of a package.

use super::Wanted;
use crate::error::{Error, Result};
use kmod::Crc;

/// Reads lines; empty ones and what follows a `#` do not count.
///
/// # Errors
/// 422 with the first line that names no symbol with a version.
pub fn read(text: &str) -> Result<Vec<Wanted>> {
    let mut symbols = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        symbols.push(wanted(line).ok_or_else(|| {
            let line: String = line.chars().take(SHOWN).collect();
            Error::unprocessable(format!(
                "Line {number} is `{line}`. Write a symbol and its version in a line, as \
                 `0x92997ed8 printk`."
            ))
        })?);
    }
    Ok(symbols)
}

/// Characters of a line that an error shows.
const SHOWN: usize = 60;

/// `0x92997ed8 printk …`, `printk 0x92997ed8`, `ksym(default:printk) = 92997ed8`,
/// `kernel(printk) = 0x92997ed8`.
fn wanted(line: &str) -> Option<Wanted> {
    let of = |symbol: &str, crc| Wanted {
        symbol: symbol.to_owned(),
        crc,
    };
    if let Some((name, version)) = line.split_once('=') {
        let inner = name.trim().strip_suffix(')')?.split_once('(')?;
        let symbol = inner.1.rsplit(':').next()?;
        let is_known = ["ksym", "kernel"].contains(&inner.0) && !symbol.is_empty();
        return is_known.then_some(of(symbol, hex(version.trim())?));
    }
    let mut words = line.split_whitespace();
    let (first, second) = (words.next()?, words.next()?);
    let is_marked = |word: &str| word.starts_with("0x") || word.starts_with("0X");
    match (is_marked(first), is_marked(second)) {
        (true, _) => Some(of(second, hex(first)?)),
        (false, true) => Some(of(first, hex(second)?)),
        (false, false) => None,
    }
}

fn hex(word: &str) -> Option<Crc> {
    let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    let digits = digits.unwrap_or(word);
    let is_hex = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok().map(Crc))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_tools_print_them() {
        for (line, expected) in [
            ("0x92997ed8\tprintk", Some(("printk", 0x9299_7ed8))),
            (
                "0x92997ed8 printk vmlinux EXPORT_SYMBOL",
                Some(("printk", 0x9299_7ed8)),
            ),
            ("printk 0x1", Some(("printk", 1))),
            (
                "ksym(default:printk) = 92997ed8",
                Some(("printk", 0x9299_7ed8)),
            ),
            ("kernel(printk) = 0x92997ed8", Some(("printk", 0x9299_7ed8))),
            ("ksym(printk) = e515007f", Some(("printk", 0xe515_007f))),
            ("printk", None),
            ("printk 92997ed8", None),
            ("coreutils = 8", None),
            ("ksym(default:) = 1", None),
            ("0x printk", None),
            ("0x123456789 printk", None),
        ] {
            let found = wanted(line).map(|w| (w.symbol, w.crc.0));
            let expected = expected.map(|(symbol, crc): (&str, u32)| (symbol.to_owned(), crc));
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn a_wrong_line_is_named() {
        let symbols = read("# mine\n\n0x1 a\r\n0x2 b # two\n").unwrap();
        assert_eq!(symbols.len(), 2);
        let Err(Error::Problem(problem)) = read("0x1 a\n\nwhat is this\n") else {
            panic!("it is refused");
        };
        assert!(
            problem.detail.starts_with("Line 3 is `what is this`"),
            "{}",
            problem.detail
        );
    }
}
