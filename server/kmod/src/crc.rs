//! The version of a symbol: a number inside, text only at the edges.
//!
//! Two spellings are in use and both are compared as text by package managers, so they are written
//! exactly: `0x%08x` (`Module.symvers`, Red Hat's `kernel(…) = `, `modprobe --dump-modversions`) and
//! lower-case hex without zeros in front (SUSE's `ksym(…) = `).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Most hexadecimal digits of a [`Crc`].
const DIGITS_MAX: usize = 8;

/// Version of an exported symbol: a checksum over its C type (`genksyms`, `gendwarfksyms`).
///
/// A number inside, text only at the edges. Zero means "not versioned" and never matches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Crc(pub u32);

impl Crc {
    /// Whether the symbol is versioned at all. `genksyms` and kernels built without modversions
    /// write zero for "no version", so two zeros are not a match.
    pub fn is_versioned(self) -> bool {
        self.0 != 0
    }

    /// As SUSE's `ksym(flavor:symbol) = …` writes it: lower-case hex, no `0x`, no zeros in front.
    pub fn to_suse(self) -> String {
        format!("{:x}", self.0)
    }

    /// As `Module.symvers` and Red Hat's `kernel(symbol) = …` write it: `0x` and eight lower-case
    /// digits. The same text as `Display`.
    pub fn to_padded(self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Crc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

/// Not the text of a [`Crc`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a symbol version: write 1 to 8 hexadecimal digits, with or without 0x in front")]
pub struct ParseCrcError;

impl FromStr for Crc {
    type Err = ParseCrcError;

    /// Accepts every spelling in use: `0x` or not, 1 to 8 digits, any case.
    fn from_str(text: &str) -> Result<Crc, ParseCrcError> {
        let digits = text
            .strip_prefix("0x")
            .or_else(|| text.strip_prefix("0X"))
            .unwrap_or(text);
        let all_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !all_hex || digits.is_empty() || digits.len() > DIGITS_MAX {
            return Err(ParseCrcError);
        }
        u32::from_str_radix(digits, 16)
            .map(Crc)
            .map_err(|_| ParseCrcError)
    }
}

impl From<Crc> for String {
    fn from(crc: Crc) -> String {
        crc.to_string()
    }
}

impl TryFrom<String> for Crc {
    type Error = ParseCrcError;

    fn try_from(text: String) -> Result<Crc, ParseCrcError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_in_every_spelling() {
        let cases = [
            ("0x0fd902db", Some(0x0fd9_02db)),
            ("0X0FD902DB", Some(0x0fd9_02db)),
            ("fd902db", Some(0x0fd9_02db)),
            ("0", Some(0)),
            ("ffffffff", Some(u32::MAX)),
            ("", None),
            ("0x", None),
            ("0x0x1", None),
            ("+1", None),
            ("-1", None),
            (" 1", None),
            ("1ffffffff", None),
            ("000000001", None),
            ("fg", None),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse().ok(), expected.map(Crc), "{text:?}");
        }
    }

    #[test]
    fn is_written_as_each_family_writes_it() {
        let crc = Crc(0x0fd9_02db);
        assert_eq!(crc.to_string(), "0x0fd902db");
        assert_eq!(crc.to_padded(), "0x0fd902db");
        assert_eq!(crc.to_suse(), "fd902db");
        assert_eq!(Crc(0).to_suse(), "0");
    }

    #[test]
    fn zero_is_not_a_version() {
        assert!(!Crc(0).is_versioned());
        assert!(Crc(1).is_versioned());
    }

    #[test]
    fn travels_as_text() {
        assert_eq!(
            serde_json::to_string(&Crc(0xfd9)).unwrap(),
            r#""0x00000fd9""#
        );
        assert_eq!(serde_json::from_str::<Crc>(r#""fd9""#).unwrap(), Crc(0xfd9));
        assert!(serde_json::from_str::<Crc>("4057").is_err());
    }
}
