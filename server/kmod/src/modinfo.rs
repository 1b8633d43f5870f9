//! `.modinfo`: what the author and kbuild wrote about the module.
//!
//! ```text
//! section = *( [ entry ] NUL )        entry = key "=" value
//! ```
//! Keys repeat; the loader takes the first. Values are kept verbatim, blanks at the end included.
//! Source: `get_next_modinfo()` in `kernel/module/main.c`.

use crate::{
    Error,
    elf::ElfFile,
    oddities::{Oddities, shorten},
};

/// Most entries of one module. The longest alias lists of distribution kernels have some 3,000.
const ENTRIES_MAX: usize = 1 << 16;

/// Every entry in file order.
pub(crate) fn read(
    elf: &ElfFile<'_>,
    oddities: &mut Oddities,
) -> Result<Vec<(String, String)>, Error> {
    let Some(section) = elf.find_data(".modinfo")? else {
        oddities.add("modinfo-missing", || {
            "there is no .modinfo section: no licence, no vermagic; modpost has not run".to_owned()
        });
        return Ok(Vec::new());
    };
    if section
        .split(|byte| *byte == 0)
        .filter(|entry| !entry.is_empty())
        .count()
        > ENTRIES_MAX
    {
        return Err(Error::TooLarge {
            what: "entries of .modinfo",
            limit: ENTRIES_MAX as u64,
        });
    }
    let entries = section
        .split(|byte| *byte == 0)
        .filter(|entry| !entry.is_empty());
    Ok(entries
        .map(|entry| pair(&oddities.text(entry), oddities))
        .collect())
}

fn pair(entry: &str, oddities: &mut Oddities) -> (String, String) {
    match entry.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => {
            oddities.add("modinfo-malformed", || {
                format!(
                    ".modinfo holds `{}`, which is not key=value",
                    shorten(entry)
                )
            });
            (entry.to_owned(), String::new())
        }
    }
}
