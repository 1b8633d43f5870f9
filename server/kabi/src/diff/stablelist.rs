//! Reads the lists of symbols that Red Hat keeps stable, in both forms.
//!
//! ```text
//! kabi_stablelist_<arch>                    Module.kabi_<arch>
//!   [rhel9_x86_64_stablelist]                 the lines of a Module.symvers, with the versions
//!   TAB ___ratelimit                          that are to stay
//!   TAB _printk
//! ```

use super::rules_file::{self, RulesError};
use crate::kernel::KernelExport;
use crate::symvers;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Symbols that are to stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stablelist {
    symbols: BTreeMap<String, Option<symvers::Row>>,
}

impl Stablelist {
    /// Reads either form.
    ///
    /// # Errors
    /// A line is neither one symbol nor that of a symvers file; the file is no text, or larger than
    /// any real one.
    pub fn parse(bytes: &[u8]) -> Result<Stablelist, RulesError> {
        let mut symbols = BTreeMap::new();
        for (line, text) in rules_file::lines(bytes)? {
            let text = text.split('#').next().unwrap_or_default();
            let trimmed = text.trim();
            let is_heading = trimmed.starts_with('[') && trimmed.ends_with(']');
            if trimmed.is_empty() || is_heading {
                continue;
            }
            if !trimmed.contains(char::is_whitespace) {
                symbols.entry(trimmed.to_owned()).or_insert(None);
                continue;
            }
            let row = symvers::parse(text.as_bytes())
                .ok()
                .and_then(|s| s.rows.into_iter().next());
            let row = row.ok_or_else(|| RulesError::Entry {
                line,
                found: rules_file::shown(trimmed),
            })?;
            symbols.insert(row.symbol.clone(), Some(row));
        }
        Ok(Stablelist { symbols })
    }

    /// Is this symbol to stay?
    pub fn contains(&self, symbol: &str) -> bool {
        self.symbols.contains_key(symbol)
    }

    /// Every symbol, sorted.
    pub fn symbols(&self) -> impl ExactSizeIterator<Item = &str> {
        self.symbols.keys().map(String::as_str)
    }

    /// How the symbol is to stay, where the list says more than its name.
    pub(super) fn reference(&self, symbol: &str) -> Option<KernelExport> {
        Some(KernelExport::from(self.symbols.get(symbol)?.as_ref()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kmod::Crc;
    use proptest::prelude::*;

    #[test]
    fn both_forms_are_read() {
        let names = "[rhel9_x86_64_stablelist]\n\t___ratelimit\n\t_printk\n\n";
        let list = Stablelist::parse(names.as_bytes()).unwrap();
        assert_eq!(
            list.symbols().collect::<Vec<_>>(),
            ["___ratelimit", "_printk"]
        );
        assert!(list.contains("_printk") && !list.contains("printk"));
        assert_eq!(list.reference("_printk"), None);
        let rows = "0x92997ed8\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n";
        let list = Stablelist::parse(rows.as_bytes()).unwrap();
        assert_eq!(list.reference("_printk").unwrap().crcs, [Crc(0x9299_7ed8)]);
    }

    #[test]
    fn other_lines_are_refused() {
        let error = Stablelist::parse(b"\tone\n\ttwo words\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2 is `two words`: a stablelist has a symbol a line, or lines like those of \
             Module.symvers"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Stablelist::parse(&bytes);
        }
    }
}
