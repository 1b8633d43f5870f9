//! The two tables that say which version of each symbol a module was built against.
//!
//! ```text
//! __versions           = *( crc name )     64 bytes each; crc is an unsigned long, name is padded by NUL
//! __version_ext_crcs   = *( u32 )          since 6.14, in the order of the names
//! __version_ext_names  = *( name NUL ) NUL
//! ```
//! Names of 56 (64-bit) or 60 (32-bit) bytes and more are in the extended tables only. A loader that
//! knows the extended tables reads nothing else; older ones do not look at them.
//! Source: `kernel/module/version.c`, `scripts/mod/modpost.c`.

use crate::{Crc, Error, Limits, Versions, elf::ElfFile, oddities::Oddities};

/// Bytes of one record of `__versions`, on every machine.
const RECORD: usize = 64;

/// One record: a symbol's name as the file has it, and the version it had.
pub(crate) type Record<'a> = (&'a [u8], Crc);

/// Both tables as one, sorted by name; where they disagree the extended one wins.
pub(crate) fn read<'a>(
    elf: &ElfFile<'a>,
    limits: &Limits,
    oddities: &mut Oddities,
) -> Result<(Versions, Vec<Record<'a>>), Error> {
    let basic = basic(elf, limits, oddities)?;
    let extended = extended(elf, limits, oddities)?;
    let versions = match (&basic, &extended) {
        (None, None) => Versions::None,
        (Some(_), None) => Versions::Basic,
        (None, Some(_)) => Versions::Extended,
        (Some(_), Some(_)) => Versions::Both,
    };
    let extended = unique(extended.unwrap_or_default(), oddities);
    let basic = unique(basic.unwrap_or_default(), oddities);
    Ok((versions, union(extended, basic, oddities)))
}

fn basic<'a>(
    elf: &ElfFile<'a>,
    limits: &Limits,
    oddities: &mut Oddities,
) -> Result<Option<Vec<Record<'a>>>, Error> {
    let Some(table) = elf.find_data("__versions")? else {
        return Ok(None);
    };
    let records = table.chunks_exact(RECORD);
    if !records.remainder().is_empty() {
        oddities.add("versions-odd-size", || {
            format!(
                "__versions is {} bytes long, which is no multiple of {RECORD}",
                table.len()
            )
        });
    }
    check_count(records.len(), limits)?;
    Ok(Some(
        records
            .map(|record| basic_record(elf, record, oddities))
            .collect(),
    ))
}

fn basic_record<'a>(elf: &ElfFile<'a>, record: &'a [u8], oddities: &mut Oddities) -> Record<'a> {
    let name = until_nul(record.get(elf.pointer_size()..).unwrap_or_default());
    let value = elf.word_at(record, 0).unwrap_or_default();
    let crc = u32::try_from(value).unwrap_or_else(|_| {
        oddities.add("version-too-wide", || {
            format!(
                "`{}` has version {value:#x}, more than 32 bits",
                String::from_utf8_lossy(name)
            )
        });
        0
    });
    (elf.loader_name(name), Crc(crc))
}

fn extended<'a>(
    elf: &ElfFile<'a>,
    limits: &Limits,
    oddities: &mut Oddities,
) -> Result<Option<Vec<Record<'a>>>, Error> {
    let crcs = elf.find_data("__version_ext_crcs")?;
    let names = elf.find_data("__version_ext_names")?;
    let (crcs, names) = match (crcs, names) {
        (Some(crcs), Some(names)) => (crcs, names),
        (None, None) => return Ok(None),
        _ => {
            oddities.add("ext-versions-incomplete", || {
                "only one of __version_ext_crcs and __version_ext_names is there".to_owned()
            });
            return Ok(None);
        }
    };
    check_count(crcs.len() / 4, limits)?;
    let numbers = crcs.chunks_exact(4).filter_map(|crc| elf.u32_at(crc, 0));
    let mut texts = names.split(|byte| *byte == 0);
    let mut records: Vec<_> = numbers
        .zip(&mut texts)
        .map(|(crc, name)| (elf.loader_name(name), Crc(crc)))
        .collect();
    records.retain(|(name, _)| !name.is_empty());
    let names_left = texts.any(|name| !name.is_empty());
    if records.len() != crcs.len() / 4 || names_left {
        oddities.add("ext-versions-incomplete", || {
            format!(
                "{} extended versions, but another number of names",
                crcs.len() / 4
            )
        });
    }
    Ok(Some(records))
}

fn check_count(count: usize, limits: &Limits) -> Result<(), Error> {
    if count <= limits.symbols {
        return Ok(());
    }
    Err(Error::TooLarge {
        what: "version records",
        limit: limits.symbols as u64,
        name: Some("module-symbols"),
    })
}

/// Sorts by name and keeps the first record of each, as the loader's search finds it.
fn unique<'a>(mut records: Vec<Record<'a>>, oddities: &mut Oddities) -> Vec<Record<'a>> {
    records.sort_by_key(|(name, _)| *name);
    records.dedup_by(|second, first| {
        let same = second.0 == first.0;
        if same {
            oddities.add("version-duplicate", || {
                let name = String::from_utf8_lossy(first.0);
                format!(
                    "`{name}` has two version records: {} and {}",
                    first.1, second.1
                )
            });
        }
        same
    });
    records
}

/// Both sorted lists as one; of a pair with the same name the extended record stays.
fn union<'a>(
    mut extended: Vec<Record<'a>>,
    basic: Vec<Record<'a>>,
    oddities: &mut Oddities,
) -> Vec<Record<'a>> {
    if extended.is_empty() {
        return basic;
    }
    extended.extend(basic);
    // Stable: of two equal names the extended one comes first.
    extended.sort_by_key(|(name, _)| *name);
    extended.dedup_by(|basic, extended| {
        let same = basic.0 == extended.0;
        if same && basic.1 != extended.1 {
            oddities.add("version-tables-disagree", || {
                let name = String::from_utf8_lossy(basic.0);
                format!(
                    "`{name}` is {} in __versions, {} in the extended table",
                    basic.1, extended.1
                )
            });
        }
        same
    });
    extended
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use testkit::ModuleBuilder;

    use crate::{
        Import,
        testing::{Change, TARGETS, acme, codes, read, read_bytes},
    };

    use super::*;

    fn crcs(imports: &[Import]) -> Vec<(&str, Option<u32>)> {
        imports
            .iter()
            .map(|import| (&*import.symbol, import.crc.map(|crc| crc.0)))
            .collect()
    }

    #[test]
    fn every_table_on_every_machine_reads_the_same() {
        let tables: [(Change, Versions); 3] = [
            (|builder| builder, Versions::Basic),
            (ModuleBuilder::extended_versions, Versions::Both),
            (ModuleBuilder::only_extended_versions, Versions::Extended),
        ];
        for (machine, target) in TARGETS {
            for (table, versions) in tables {
                let builder = acme()
                    .imports("printk", 0x9299_7ed8)
                    .imports("kfree", 0x8000_0001);
                let module = read(&target(table(builder)));
                let expected = [
                    ("kfree", Some(0x8000_0001)),
                    ("module_layout", Some(0xfa59_6f96)),
                    ("printk", Some(0x9299_7ed8)),
                ];
                assert_eq!(crcs(&module.imports), expected, "{machine} {versions:?}");
                assert_eq!(module.versions, versions, "{machine}");
                assert_eq!(codes(&module), [""; 0], "{machine} {versions:?}");
            }
        }
    }

    #[test]
    fn a_module_without_tables_has_no_versions() {
        let module = read(&acme().imports("printk", 1).without_modversions());
        assert_eq!(module.versions, Versions::None);
    }

    #[test]
    fn long_names_are_in_the_extended_table_only() {
        let long = format!("_RNv{}", "x".repeat(100));
        let module = read(
            &acme()
                .imports(&long, 7)
                .imports("printk", 1)
                .extended_versions(),
        );
        assert_eq!(crcs(&module.imports)[0], (long.as_str(), Some(7)));
        assert_eq!(codes(&module), [""; 0]);
    }

    #[test]
    fn the_longest_name_of_the_basic_table_ends_with_the_record() {
        for (bits32, length) in [(false, 55), (true, 59)] {
            let name = "x".repeat(length);
            let builder = acme().imports(&name, 7);
            let module = read(&if bits32 { builder.bits32() } else { builder });
            assert_eq!(
                crcs(&module.imports)[1],
                (name.as_str(), Some(7)),
                "{length}"
            );
        }
    }

    #[test]
    fn the_extended_table_wins() {
        let mut bytes = acme()
            .imports("printk", 0x1111_1111)
            .extended_versions()
            .build();
        // Basic records come first in the file and are 64 bits wide.
        let basic = bytes
            .windows(8)
            .position(|word| word == 0x1111_1111_u64.to_le_bytes())
            .unwrap();
        bytes[basic] = 0x22;
        let module = read_bytes(&bytes);
        assert_eq!(crcs(&module.imports)[1], ("printk", Some(0x1111_1111)));
        assert_eq!(codes(&module), ["version-tables-disagree"]);
    }

    #[test]
    fn the_first_of_two_records_is_taken() {
        let module = read(&acme().imports("printk", 1).version_record_only("printk", 2));
        assert_eq!(crcs(&module.imports)[1], ("printk", Some(1)));
        assert_eq!(codes(&module), ["version-duplicate"]);
    }

    #[test]
    fn a_version_of_more_than_32_bits_is_odd() {
        let mut bytes = acme().imports("printk", 0x1111_1111).build();
        let basic = bytes
            .windows(8)
            .position(|word| word == 0x1111_1111_u64.to_le_bytes())
            .unwrap();
        bytes[basic + 5] = 1;
        let module = read_bytes(&bytes);
        assert_eq!(crcs(&module.imports)[1], ("printk", Some(0)));
        assert_eq!(codes(&module), ["version-too-wide"]);
    }

    #[test]
    fn extended_tables_that_do_not_match_are_odd() {
        let good = acme().imports("printk", 1).only_extended_versions().build();
        let names = b"printk\0module_layout\0\0";
        let at = good
            .windows(names.len())
            .position(|text| text == names)
            .unwrap();

        let mut one_less = good.clone();
        one_less[at + 6] = b'_';
        assert_eq!(codes(&read_bytes(&one_less))[0], "ext-versions-incomplete");

        let mut one_more = good.clone();
        one_more[at + 3] = 0;
        assert_eq!(codes(&read_bytes(&one_more))[0], "ext-versions-incomplete");

        let mut one_section = good;
        let name = b"__version_ext_names";
        let at = one_section
            .windows(name.len())
            .position(|text| text == name)
            .unwrap();
        one_section[at] = b'x';
        let module = read_bytes(&one_section);
        assert_eq!(codes(&module), ["ext-versions-incomplete"]);
        assert_eq!(module.versions, Versions::None);
    }
}
