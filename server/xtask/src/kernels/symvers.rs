//! `Module.symvers`: which symbols a kernel exports, each with its CRC.
//!
//! One line a symbol, tab separated: `0x<8 hex digits> symbol module type [namespace]`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Symbol name -> CRC.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Symvers(HashMap<String, u32>);

impl Symvers {
    pub fn read(file: &Path) -> Result<Symvers> {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Symvers::parse(&text))
    }

    /// Lines that are no symbol are left out: the files come from the kernel's own build.
    pub fn parse(text: &str) -> Symvers {
        Symvers(
            text.lines()
                .filter_map(entry)
                .map(|(name, crc)| (name.into(), crc))
                .collect(),
        )
    }

    pub fn crc(&self, symbol: &str) -> Option<u32> {
        self.0.get(symbol).copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.iter().map(|(name, crc)| (name.as_str(), *crc))
    }

    /// A kernel built without `CONFIG_MODVERSIONS` writes zeros.
    pub fn has_versions(&self) -> bool {
        self.0.values().any(|crc| *crc != 0)
    }
}

/// The same file with other CRCs for some symbols.
pub fn with_changed(text: &str, symbols: &[&str]) -> String {
    let mut changed = String::with_capacity(text.len());
    for line in text.lines() {
        match entry(line) {
            Some((name, crc)) if symbols.contains(&name) => {
                changed.push_str(&format!("0x{:08x}{}", !crc, &line["0x00000000".len()..]));
            }
            _ => changed.push_str(line),
        }
        changed.push('\n');
    }
    changed
}

fn entry(line: &str) -> Option<(&str, u32)> {
    let mut fields = line.split('\t');
    let crc = u32::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok()?;
    Some((fields.next()?, crc))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0x0000beef\tone\tvmlinux\tEXPORT_SYMBOL\t\n\
                        0x12345678\ttwo\tdrivers/a/b\tEXPORT_SYMBOL_GPL\tNS\n";

    #[test]
    fn symbols_and_crcs_are_read() {
        let symvers = Symvers::parse(TEXT);
        assert_eq!(
            (symvers.crc("one"), symvers.crc("two")),
            (Some(0xbeef), Some(0x1234_5678))
        );
        assert_eq!(symvers.crc("three"), None);
        assert!(symvers.has_versions());
        assert!(!Symvers::parse("0x00000000\tone\tvmlinux\tEXPORT_SYMBOL\t\n").has_versions());
    }

    #[test]
    fn only_the_named_crcs_change() {
        let changed = with_changed(TEXT, &["one"]);
        assert!(changed.starts_with("0xffff4110\tone\tvmlinux\tEXPORT_SYMBOL\t\n0x12345678\ttwo"));
    }
}
