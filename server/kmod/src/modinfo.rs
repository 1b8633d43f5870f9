//! `.modinfo`: what the author and kbuild wrote about the module.
//!
//! ```text
//! section = *( [ entry ] NUL )        entry = key "=" value
//! ```
//! Keys repeat; the loader takes the first. Values are kept verbatim, blanks at the end included.
//! Source: `get_next_modinfo()` in `kernel/module/main.c`.

use crate::{Error, elf::ElfFile, oddities::Oddities};

/// Most entries of one module. Debian's longest has some 800.
const ENTRIES_MAX: usize = 1 << 16;

/// Most bytes of the section. Debian's longest has 42 KB.
const BYTES_MAX: usize = 16 << 20;

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
    if section.len() > BYTES_MAX {
        return Err(Error::TooLarge {
            what: "bytes of .modinfo",
            limit: BYTES_MAX as u64,
        });
    }
    let entries = || {
        section
            .split(|byte| *byte == 0)
            .filter(|entry| !entry.is_empty())
    };
    if entries().count() > ENTRIES_MAX {
        return Err(Error::TooLarge {
            what: "entries of .modinfo",
            limit: ENTRIES_MAX as u64,
        });
    }
    Ok(entries()
        .map(|entry| pair(&oddities.text(entry), oddities))
        .collect())
}

fn pair(entry: &str, oddities: &mut Oddities) -> (String, String) {
    match entry.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => {
            oddities.add("modinfo-malformed", || {
                format!(".modinfo holds `{entry}`, which is not key=value")
            });
            (entry.to_owned(), String::new())
        }
    }
}
