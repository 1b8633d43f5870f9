//! What all kernels export, side by side, so that a symbol's history is read without unpacking each
//! kernel. A cache over the stored symvers: made at the first question, and kept.
//!
//! Most symbols are the same on most kernels, so each kernel is a column of small numbers: for each
//! symbol, which of its variants is exported. Some 2 bytes per symbol and kernel.

use anyhow::Context as _;
use kabi::{Kernel, KernelExport};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use store::PgConnection;
use uuid::Uuid;

/// Kernels kept (some 80 KB each); beyond it, all are forgotten and read again.
const KEPT_KERNELS: usize = 2_000;

/// Variants of a symbol's export that kernels have; columns count them from 1.
type Variants = Vec<Arc<KernelExport>>;

/// Every kernel's exports.
#[derive(Default)]
pub struct History {
    table: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    /// Symbol to its number, from 0.
    numbers: HashMap<Arc<str>, usize>,
    /// By the symbol's number.
    symbols: Vec<(Arc<str>, Variants)>,
    columns: HashMap<Uuid, Column>,
}

/// What one kernel exports.
struct Column {
    /// Of the exports: a kernel grows when parts are added to it, be it by another process.
    content_hash: Vec<u8>,
    /// What was not known of it: parts may tell it, and leave the hash as it was.
    unknown: Vec<String>,
    /// The variant of each symbol; 0, or beyond the end: not exported.
    variants: Vec<u16>,
}

impl Column {
    fn is_of(&self, row: &store::kernels::Kernel) -> bool {
        self.content_hash == row.content_hash && self.unknown == row.unknown
    }
}

impl History {
    /// Reads those of these kernels that are not known yet, or of which more is known now.
    ///
    /// # Errors
    /// The database fails, or a stored kernel cannot be read.
    pub async fn load(
        &self,
        conn: &mut PgConnection,
        kernels: &[store::kernels::Kernel],
    ) -> anyhow::Result<()> {
        for row in kernels {
            let known = |table: &Table| table.columns.get(&row.id).is_some_and(|c| c.is_of(row));
            if known(&self.read()) {
                continue;
            }
            let packed = store::kernels::symvers_for_judging(conn, row.id)
                .await?
                .with_context(|| format!("kernel {} has no symvers", row.id))?;
            let parsed = row.clone();
            let parse = move || crate::judging::parse(&parsed, &packed);
            let kernel = tokio::task::spawn_blocking(parse).await??;
            let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
            if table.columns.len() >= KEPT_KERNELS {
                *table = Table::default();
            }
            table.add(row, kernel);
        }
        Ok(())
    }

    /// What each of these kernels exports under a name. One that was not loaded exports nothing.
    #[must_use]
    pub fn of_symbol(&self, kernels: &[Uuid], symbol: &str) -> Vec<Option<Arc<KernelExport>>> {
        let table = self.read();
        let number = table.numbers.get(symbol).copied();
        let export = |id| table.export(id, number?);
        kernels.iter().map(|id| export(*id)).collect()
    }

    /// Names that contain a text and that one of these kernels exports, sorted; at most so many.
    #[must_use]
    pub fn search(&self, kernels: &[Uuid], part: &str, limit: usize) -> Vec<String> {
        let part = part.to_lowercase();
        let table = self.read();
        let is_exported = |number| kernels.iter().any(|id| table.export(*id, number).is_some());
        let mut found: Vec<String> = table
            .symbols
            .iter()
            .enumerate()
            .filter(|(_, (name, _))| name.to_lowercase().contains(&part))
            .filter(|(number, _)| is_exported(*number))
            .map(|(_, (name, _))| name.to_string())
            .collect();
        found.sort_unstable();
        found.truncate(limit);
        found
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn add(&mut self, row: &store::kernels::Kernel, kernel: Kernel) {
        let mut column = vec![0_u16; self.symbols.len()];
        for (name, export) in kernel.exports {
            let number = self.number(&name);
            if column.len() <= number {
                column.resize(number + 1, 0);
            }
            let variants = &mut self.symbols[number].1;
            let known = variants.iter().position(|known| **known == export);
            let place = known.unwrap_or_else(|| {
                variants.push(Arc::new(export));
                variants.len() - 1
            });
            column[number] = u16::try_from(place + 1).unwrap_or(u16::MAX);
        }
        let column = Column {
            content_hash: row.content_hash.clone(),
            unknown: row.unknown.clone(),
            variants: column,
        };
        self.columns.insert(row.id, column);
    }

    fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.symbols.len();
        let name: Arc<str> = name.into();
        self.symbols.push((name.clone(), Vec::new()));
        self.numbers.insert(name, number);
        number
    }

    fn export(&self, id: Uuid, number: usize) -> Option<Arc<KernelExport>> {
        let variant = *self.columns.get(&id)?.variants.get(number)?;
        let place = usize::from(variant).checked_sub(1)?;
        self.symbols[number].1.get(place).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(text: &str) -> Kernel {
        let symvers = kabi::symvers::parse(text.as_bytes()).unwrap();
        Kernel::new("6.4.0-1-default", "x86_64", "default", &symvers)
    }

    fn row(id: Uuid, hash: u8) -> store::kernels::Kernel {
        store::kernels::Kernel {
            id,
            product_id: 1,
            product: "sle-15".to_owned(),
            arch: "x86_64".to_owned(),
            flavor: "default".to_owned(),
            release: "6.4.0-1-default".to_owned(),
            status: "released".to_owned(),
            release_date: None,
            release_at: None,
            released_at: None,
            content_hash: vec![hash],
            modversions: true,
            vermagic_tail: None,
            this_module_size: None,
            symbol_count: 1,
            revision: 1,
            superseded: false,
            unknown: Vec::new(),
            created_at: store::Time::UNIX_EPOCH,
            judged_at: None,
        }
    }

    #[test]
    fn a_kernel_that_grew_is_read_again() {
        let history = History::default();
        let (before, after) = (row(Uuid::now_v7(), 1), row(Uuid::now_v7(), 2));
        let mut table = history.table.write().unwrap();
        table.add(&before, kernel("0x1 a vmlinux EXPORT_SYMBOL\n"));
        let grown = store::kernels::Kernel {
            id: before.id,
            ..after
        };
        assert!(
            table.columns[&before.id].is_of(&before) && !table.columns[&before.id].is_of(&grown)
        );
        let text = "0x1 a vmlinux EXPORT_SYMBOL\n0x2 b fs/c EXPORT_SYMBOL\n";
        table.add(&grown, kernel(text));
        drop(table);
        assert!(history.of_symbol(&[before.id], "b")[0].is_some());
    }

    #[test]
    fn a_symbol_is_told_as_each_kernel_exports_it() {
        let kernels = [
            kernel("0x1 a vmlinux EXPORT_SYMBOL\n0x2 b vmlinux EXPORT_SYMBOL\n"),
            kernel("0x3 a vmlinux EXPORT_SYMBOL\n0x9 later fs/c EXPORT_SYMBOL_GPL\n"),
            kernel("0x1 a vmlinux EXPORT_SYMBOL\n"),
        ];
        let history = History::default();
        let ids: Vec<Uuid> = kernels.iter().map(|_| Uuid::now_v7()).collect();
        for (id, kernel) in ids.iter().zip(&kernels) {
            history
                .table
                .write()
                .unwrap()
                .add(&row(*id, 1), kernel.clone());
        }
        for symbol in ["a", "b", "later", "none"] {
            let found = history.of_symbol(&ids, symbol);
            let expected: Vec<_> = kernels.iter().map(|k| k.exports.get(symbol)).collect();
            let found: Vec<_> = found.iter().map(Option::as_deref).collect();
            assert_eq!(found, expected, "{symbol}");
        }
        assert_eq!(history.of_symbol(&[Uuid::now_v7()], "a"), [None]);
    }

    #[test]
    fn names_are_found_among_the_kernels_asked_about() {
        let history = History::default();
        let (old, new) = (Uuid::now_v7(), Uuid::now_v7());
        let mut table = history.table.write().unwrap();
        table.add(
            &row(old, 1),
            kernel("0x1 _dev_err vmlinux\n0x1 dev_warn vmlinux\n"),
        );
        table.add(
            &row(new, 1),
            kernel("0x1 dev_new vmlinux\n0x1 kfree vmlinux\n"),
        );
        drop(table);
        assert_eq!(history.search(&[old], "DEV_", 9), ["_dev_err", "dev_warn"]);
        assert_eq!(
            history.search(&[old, new], "dev_", 2),
            ["_dev_err", "dev_new"]
        );
        assert_eq!(history.search(&[], "dev_", 9), [""; 0]);
    }
}
