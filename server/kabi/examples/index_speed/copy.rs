//! The same world as rows for PostgreSQL.

use kabi::Kernel;
use kabi::index::Index;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// `requires.tsv`: package and need, a line each; `offers.tsv`: the needs that the kernel satisfies.
pub fn write(folder: &Path, index: &Index<u32, u32>, needs: &[Vec<u32>], kernel: &Kernel) {
    let mut requires = String::new();
    for (package, needs) in needs.iter().enumerate() {
        for need in needs {
            writeln!(requires, "{package}\t{need}").expect("memory does not fail");
        }
    }
    let mut offers = String::new();
    for (id, need) in index.needs().iter() {
        let export = kernel.exports.get(&need.symbol);
        if export.is_some_and(|export| need.crc.is_some_and(|crc| export.crcs.contains(&crc))) {
            writeln!(offers, "{}", id.0).expect("memory does not fail");
        }
    }
    fs::write(folder.join("requires.tsv"), requires).expect("the folder can be written");
    fs::write(folder.join("offers.tsv"), offers).expect("the folder can be written");
}
