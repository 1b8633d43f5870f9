//! A string table, read within a budget.
//!
//! Names may overlap in a string table (linkers merge tails on purpose), so a small hostile file
//! could name one long string from every symbol. All names together may take a few times the table.

use std::cell::Cell;

use crate::Error;

/// Times the size of a string table that its names may add up to. Merged tails of real tables
/// (`x`, `__crc_x`, `__ksymtab_x`, `__kstrtab_x`, `__kstrtabns_x`) stay below 5.
const OVERLAP: usize = 8;

/// Longest single name in bytes. Mangled Rust names of 2026 reach 177; the kernel stops at 512.
const NAME_MAX: usize = 64 << 10;

/// NUL-terminated names by their offset.
pub(crate) struct Names<'a> {
    table: &'a [u8],
    budget: Cell<usize>,
    /// What may be set of the budget.
    most: usize,
}

impl<'a> Names<'a> {
    /// `most` bounds the bytes of all names that will be read.
    pub(crate) fn new(table: &'a [u8], most: usize) -> Names<'a> {
        Names {
            table,
            budget: Cell::new(table.len().saturating_mul(OVERLAP).min(most)),
            most,
        }
    }

    /// The name at `offset`; empty beyond the table.
    pub(crate) fn get(&self, offset: usize) -> Result<&'a [u8], Error> {
        let rest = self.table.get(offset..).unwrap_or_default();
        let window = rest.get(..NAME_MAX).unwrap_or(rest);
        let length = match window.iter().position(|byte| *byte == 0) {
            Some(length) => length,
            None if rest.len() > NAME_MAX => {
                return Err(Error::TooLarge {
                    what: "bytes of one name",
                    limit: NAME_MAX as u64,
                    name: None,
                });
            }
            None => rest.len(),
        };
        let spent = length.saturating_add(1);
        let left = self
            .budget
            .get()
            .checked_sub(spent)
            .ok_or_else(|| self.over_budget())?;
        self.budget.set(left);
        Ok(rest.get(..length).unwrap_or_default())
    }

    fn over_budget(&self) -> Error {
        let by_table = self.table.len().saturating_mul(OVERLAP);
        if self.most < by_table {
            return Error::TooLarge {
                what: "bytes of symbol names",
                limit: self.most as u64,
                name: Some("module-name-bytes"),
            };
        }
        Error::TooLarge {
            what: "bytes of names, far more than its string table holds (is that cut short?),",
            limit: by_table as u64,
            name: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_at_nul_or_with_the_table() {
        let names = Names::new(b"\0printk\0tail", usize::MAX);
        assert_eq!(names.get(0).unwrap(), b"");
        assert_eq!(names.get(1).unwrap(), b"printk");
        assert_eq!(names.get(6).unwrap(), b"k");
        assert_eq!(names.get(8).unwrap(), b"tail");
        assert_eq!(names.get(99).unwrap(), b"");
    }

    #[test]
    fn overlapping_names_run_out_of_budget() {
        let table = [b'a'; 100];
        let names = Names::new(&table, usize::MAX);
        let read = (0..1000).take_while(|_| names.get(0).is_ok()).count();
        assert_eq!(read, 7, "8 x 100 bytes at 101 each");
    }

    #[test]
    fn an_endless_name_is_refused() {
        let table = vec![b'a'; NAME_MAX + 1];
        assert!(matches!(
            Names::new(&table, usize::MAX).get(0),
            Err(Error::TooLarge { .. })
        ));
    }
}
