//! What a module offers to others, read the way the loader does: by table order and relocations.
//!
//! ```text
//! __ksymtab   = *( value name [ namespace ] )   each a pointer, or an i32 relative to its own place
//! __kcrctab   = *( version )                    same order: a u32, or a reference to the version
//! __kflagstab = *( u8 )                         same order, bit 0: GPL only (7.x)
//! ```
//! `__ksymtab_gpl` and `__kcrctab_gpl` hold the GPL-only exports up to 6.17. In a relocatable file the
//! references are relocations. A version that is a reference (before 5.19) leads to the symbol
//! `__crc_X`: its value where that is absolute, else the number it points at. The names of local symbols
//! are not used at all, so a module stripped of them reads the same.
//! Source: `include/linux/export-internal.h`, `kernel/module/main.c`, and their history.

use std::collections::BTreeMap;

use goblin::elf::{
    Reloc,
    section_header::{SHN_ABS, SHN_LORESERVE, SHN_UNDEF},
};

use crate::{
    Crc, Error, Export, Limits,
    elf::{ElfFile, Symbols},
    names::Names,
    oddities::Oddities,
};

/// One of the tables that exports are sorted into.
struct Table {
    /// Section of the entries.
    entries: &'static str,
    /// Section of their versions.
    versions: &'static str,
    /// Whether only GPL-compatible modules see them.
    gpl: bool,
}

const PLAIN: Table = Table {
    entries: "__ksymtab",
    versions: "__kcrctab",
    gpl: false,
};

/// Every table there ever was. Those of `gpl_future` (which only warned) and `unused` left in 5.12.
const TABLES: [Table; 5] = [
    PLAIN,
    Table {
        entries: "__ksymtab_gpl",
        versions: "__kcrctab_gpl",
        gpl: true,
    },
    Table {
        entries: "__ksymtab_gpl_future",
        versions: "__kcrctab_gpl_future",
        gpl: false,
    },
    Table {
        entries: "__ksymtab_unused",
        versions: "__kcrctab_unused",
        gpl: false,
    },
    Table {
        entries: "__ksymtab_unused_gpl",
        versions: "__kcrctab_unused_gpl",
        gpl: true,
    },
];

/// Bit of a `__kflagstab` byte (`KSYM_FLAG_GPL_ONLY`).
const FLAG_GPL_ONLY: u8 = 1;

/// Everything exported, in name order.
pub(crate) fn read(
    elf: &ElfFile<'_>,
    symbols: &Symbols<'_>,
    limits: &Limits,
    oddities: &mut Oddities,
) -> Result<Vec<Export>, Error> {
    let reader = Reader {
        elf,
        symbols,
        flags: elf.find_data("__kflagstab")?,
        strings_index: elf.find("__ksymtab_strings"),
        strings: Names::new(
            elf.find_data("__ksymtab_strings")?.unwrap_or_default(),
            limits.name_bytes,
        ),
        limit: limits.symbols,
    };
    let mut exports = Vec::new();
    for table in &TABLES {
        exports.extend(reader.table(table, oddities)?);
    }
    exports.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    note_duplicates(&exports, oddities);
    Ok(exports)
}

fn note_duplicates(exports: &[Export], oddities: &mut Oddities) {
    for pair in exports.windows(2) {
        if let [first, second] = pair
            && first.symbol == second.symbol
        {
            oddities.add("export-duplicate", || {
                format!("exports `{}` twice", first.symbol)
            });
        }
    }
}

struct Reader<'e, 'a> {
    elf: &'e ElfFile<'a>,
    symbols: &'e Symbols<'a>,
    /// Contents of `__kflagstab`, where the layout has it.
    flags: Option<&'a [u8]>,
    strings_index: Option<usize>,
    strings: Names<'a>,
    limit: usize,
}

/// Name and namespace of one export.
struct Entry<'a> {
    name: &'a [u8],
    namespace: Option<&'a [u8]>,
}

/// Relocations of one section by the place they fill.
type Sites = BTreeMap<u64, Reloc>;

/// How the entries of a `__ksymtab` section lie, in bytes.
#[derive(Clone, Copy)]
struct Shape {
    /// Of one reference.
    field: u64,
    /// Of one entry.
    entry: u64,
}

impl<'a> Reader<'_, 'a> {
    /// The exports of one table; none where the module does not have it.
    fn table(&self, table: &Table, oddities: &mut Oddities) -> Result<Vec<Export>, Error> {
        let filled = |index: &usize| self.elf.size(*index) != Some(0);
        let Some(index) = self.elf.find(table.entries).filter(filled) else {
            return Ok(Vec::new());
        };
        if self.flags.is_some() && table.entries != PLAIN.entries {
            oddities.add("export-layout-obsolete", || {
                let name = table.entries;
                format!("{name} beside __kflagstab: kernels that know the latter ignore the former")
            });
        }
        let Some(entries) = self.entries(index)? else {
            oddities.add("exports-unreadable", || {
                let name = table.entries;
                format!("{name} is there, but its relocations do not name the exports")
            });
            return Ok(Vec::new());
        };
        let crcs = self.crcs(table.versions, entries.len())?;
        let export = |(index, entry): (usize, Entry<'_>)| Export {
            symbol: oddities.text(entry.name),
            crc: crcs.get(index).copied().flatten(),
            gpl: table.gpl || self.is_flagged_gpl(index),
            namespace: entry.namespace.map(|namespace| oddities.text(namespace)),
        };
        Ok(entries.into_iter().enumerate().map(export).collect())
    }

    fn is_flagged_gpl(&self, index: usize) -> bool {
        let flags = self.flags.and_then(|flags| flags.get(index));
        flags.is_some_and(|flags| flags & FLAG_GPL_ONLY != 0)
    }

    /// The entries of one table in its order; `None` where relocations and size do not make sense.
    fn entries(&self, table: usize) -> Result<Option<Vec<Entry<'a>>>, Error> {
        let data = self.elf.data(table)?;
        let Some(sites) = self.sites(table)? else {
            return Ok(None);
        };
        let Some(shape) = self.shape(&sites, data)? else {
            return Ok(None);
        };
        let size = data.len() as u64;
        if size / shape.entry > self.limit as u64 {
            return Err(too_many(self.limit));
        }
        let mut entries = Vec::new();
        for start in (0..size).step_by(usize::try_from(shape.entry).unwrap_or(usize::MAX)) {
            let Some(name) = self.string(&sites, data, start + shape.field)? else {
                return Ok(None);
            };
            let has_namespace = shape.entry > 2 * shape.field;
            let namespace = if has_namespace {
                self.string(&sites, data, start + 2 * shape.field)?
            } else {
                None
            };
            entries.push(Entry {
                name,
                namespace: namespace.filter(|text| !text.is_empty()),
            });
        }
        Ok(Some(entries))
    }

    /// The relocations of a section; the first one of a place counts (RISC-V writes pairs).
    fn sites(&self, section: usize) -> Result<Option<Sites>, Error> {
        let Some(relocations) = self.elf.relocations(section)? else {
            return Ok(None);
        };
        // Three per export, each perhaps a pair.
        if relocations.len() > self.limit.saturating_mul(6) {
            return Err(too_many(self.limit));
        }
        let mut sites = Sites::new();
        for relocation in relocations.iter() {
            sites.entry(relocation.r_offset).or_insert(relocation);
        }
        Ok(Some(sites))
    }

    /// Two or three references per entry, four or eight bytes each, is told by where they point:
    /// the second one is the first name, and it takes a third field for the fourth not to be one.
    fn shape(&self, sites: &Sites, data: &[u8]) -> Result<Option<Shape>, Error> {
        let Some(field) = sites
            .keys()
            .nth(1)
            .copied()
            .filter(|field| matches!(field, 4 | 8))
        else {
            return Ok(None);
        };
        let size = data.len() as u64;
        let fourth_is_name = self.string(sites, data, 3 * field)?.is_some();
        let fields = if size.is_multiple_of(3 * field) && !fourth_is_name {
            3
        } else {
            2
        };
        let entry = fields * field;
        Ok(size.is_multiple_of(entry).then_some(Shape { field, entry }))
    }

    /// The string in `__ksymtab_strings` that the reference at `place` leads to.
    fn string(&self, sites: &Sites, data: &[u8], place: u64) -> Result<Option<&'a [u8]>, Error> {
        let target = sites
            .get(&place)
            .and_then(|site| self.elf.reference(site, data, self.symbols));
        let Some((symbol, offset)) = target else {
            return Ok(None);
        };
        if Some(symbol.st_shndx) != self.strings_index {
            return Ok(None);
        }
        self.strings
            .get(usize::try_from(offset).unwrap_or(usize::MAX))
            .map(Some)
    }

    /// The versions that belong to a table of `count` entries, in its order.
    fn crcs(&self, section: &str, count: usize) -> Result<Vec<Option<Crc>>, Error> {
        let Some(index) = self.elf.find(section) else {
            return Ok(Vec::new());
        };
        let data = self.elf.data(index)?;
        let width = data.len().checked_div(count).unwrap_or_default();
        let Some(sites) = self.sites(index)? else {
            return Ok((0..count)
                .map(|entry| self.number(data, entry * width, width))
                .collect());
        };
        let places = (0..count).map(|entry| (entry * width) as u64);
        places
            .map(|place| self.referenced_crc(&sites, data, place))
            .collect()
    }

    /// A version that stands in the table itself.
    fn number(&self, data: &[u8], place: usize, width: usize) -> Option<Crc> {
        match width {
            4 => self.elf.u32_at(data, place).map(Crc),
            8 => self
                .elf
                .word_at(data, place)
                .and_then(|word| u32::try_from(word).ok())
                .map(Crc),
            _ => None,
        }
    }

    /// A version that the table refers to. An undefined `__crc_X` means that there is none.
    fn referenced_crc(&self, sites: &Sites, data: &[u8], place: u64) -> Result<Option<Crc>, Error> {
        let target = sites
            .get(&place)
            .and_then(|site| self.elf.reference(site, data, self.symbols));
        let Some((symbol, value)) = target else {
            return Ok(None);
        };
        let number = match u32::try_from(symbol.st_shndx).unwrap_or(SHN_UNDEF) {
            SHN_ABS => u32::try_from(value & u64::from(u32::MAX)).ok(),
            SHN_UNDEF | SHN_LORESERVE.. => None,
            _ => {
                let section = self.elf.data(symbol.st_shndx)?;
                usize::try_from(value)
                    .ok()
                    .and_then(|offset| self.elf.u32_at(section, offset))
            }
        };
        Ok(number.map(Crc))
    }
}

fn too_many(limit: usize) -> Error {
    Error::TooLarge {
        what: "exported symbols",
        limit: limit as u64,
        name: Some("module-symbols"),
    }
}

#[cfg(test)]
mod tests {
    use testkit::ExportLayout::{self, Absolute, Flags, InSection, Relative};

    use crate::testing::{TARGETS, acme, codes, read};

    use super::*;

    const LAYOUTS: [ExportLayout; 4] = [Absolute, Relative, InSection, Flags];

    fn export(symbol: &str, crc: u32, gpl: bool, namespace: &str) -> Export {
        Export {
            symbol: symbol.to_owned(),
            crc: Some(Crc(crc)),
            gpl,
            namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        }
    }

    #[test]
    fn every_layout_on_every_machine_reads_the_same() {
        let exporting = acme()
            .exports("acme_send", 0x0000_0001)
            .exports_gpl("acme_attach", 0xdead_beef)
            .exports("acme_receive", 0x8000_0000)
            .exports_gpl("acme_zap", 0x0fd9_02db);
        let expected = [
            export("acme_attach", 0xdead_beef, true, ""),
            export("acme_receive", 0x8000_0000, false, ""),
            export("acme_send", 1, false, ""),
            export("acme_zap", 0x0fd9_02db, true, ""),
        ];
        for (machine, target) in TARGETS {
            for layout in LAYOUTS {
                let builder = target(exporting.clone().export_layout(layout));
                for (builder, stripped) in [(builder.clone(), false), (builder.stripped(), true)] {
                    let module = read(&builder);
                    assert_eq!(module.exports, expected, "{machine} {layout:?} {stripped}");
                    assert_eq!(codes(&module), [""; 0], "{machine} {layout:?} {stripped}");
                }
            }
        }
    }

    #[test]
    fn namespaces_are_read_where_a_layout_has_them() {
        let exporting = acme()
            .exports_in_namespace("acme_a", 1, "ACME")
            .exports_gpl_in_namespace("acme_b", 2, "module:acme-net,acme-*")
            .exports("acme_c", 3);
        let expected = [
            export("acme_a", 1, false, "ACME"),
            export("acme_b", 2, true, "module:acme-net,acme-*"),
            export("acme_c", 3, false, ""),
        ];
        for (machine, target) in TARGETS {
            for layout in [Relative, InSection, Flags] {
                let builder = target(exporting.clone().export_layout(layout));
                assert_eq!(read(&builder).exports, expected, "{machine} {layout:?}");
                assert_eq!(
                    read(&builder.stripped()).exports,
                    expected,
                    "{machine} {layout:?}"
                );
            }
        }
    }

    #[test]
    fn any_number_of_exports_keeps_its_shape() {
        for (machine, target) in TARGETS {
            for layout in LAYOUTS {
                for count in 1..=13 {
                    let builder = target(acme().export_layout(layout));
                    let builder = (0..count).fold(builder, |builder, number| {
                        builder.exports(&format!("acme_{number:02}"), number)
                    });
                    let exports = read(&builder).exports;
                    let expected: Vec<Export> = (0..count)
                        .map(|number| export(&format!("acme_{number:02}"), number, false, ""))
                        .collect();
                    assert_eq!(exports, expected, "{machine} {layout:?} {count}");
                }
            }
        }
    }

    #[test]
    fn an_export_without_version_has_none() {
        for layout in LAYOUTS {
            let module = read(
                &acme()
                    .exports_unversioned("acme_send")
                    .export_layout(layout),
            );
            assert_eq!(module.exports.len(), 1, "{layout:?}");
            assert_eq!(module.exports[0].crc, None, "{layout:?}");
        }
    }

    #[test]
    fn an_undefined_version_is_none() {
        // `genksyms` failed: `__crc_X` is a weak undefined symbol.
        let mut bytes = acme()
            .exports("acme_send", 7)
            .export_layout(Absolute)
            .build();
        let symbol = find_symbol(&bytes, 7);
        bytes[symbol + 6..symbol + 8].copy_from_slice(&0_u16.to_le_bytes());
        let module = crate::testing::read_bytes(&bytes);
        assert_eq!(module.exports[0].crc, None);
    }

    /// Offset of the absolute symbol with this value in a 64-bit little-endian file.
    fn find_symbol(bytes: &[u8], value: u64) -> usize {
        let mut pattern = 0xfff1_u16.to_le_bytes().to_vec();
        pattern.extend(value.to_le_bytes());
        bytes
            .windows(pattern.len())
            .position(|window| window == pattern)
            .unwrap()
            - 6
    }

    #[test]
    fn a_long_name_is_no_problem() {
        let name = format!("_R{}", "N".repeat(2400));
        let module = read(&acme().exports_gpl(&name, 5));
        assert_eq!(module.exports, [export(&name, 5, true, "")]);
    }

    #[test]
    fn the_same_name_twice_is_odd() {
        let module = read(&acme().exports("acme_send", 1).exports_gpl("acme_send", 2));
        assert_eq!(codes(&module), ["export-duplicate"]);
    }

    #[test]
    fn a_table_without_relocations_is_odd() {
        let mut bytes = acme().exports("acme_send", 1).build();
        let name = bytes
            .windows(15)
            .position(|text| text == b".rela__ksymtab\0")
            .unwrap();
        let section = find_section(&bytes, name);
        // SHT_RELA becomes SHT_NOTE.
        bytes[section + 4] = 7;
        let module = crate::testing::read_bytes(&bytes);
        assert_eq!(module.exports, []);
        assert_eq!(codes(&module), ["exports-unreadable"]);
    }

    /// Offset of the section header whose name lies at `name` in a 64-bit little-endian file.
    fn find_section(bytes: &[u8], name: usize) -> usize {
        let headers = u64::from_le_bytes(bytes[0x28..0x30].try_into().unwrap()) as usize;
        let names_index = usize::from(u16::from_le_bytes(bytes[0x3e..0x40].try_into().unwrap()));
        let names_header = headers + names_index * 64 + 24;
        let names = u64::from_le_bytes(bytes[names_header..names_header + 8].try_into().unwrap());
        let wanted = (name - names as usize) as u32;
        let at = |section: usize| headers + section * 64;
        let sections = (0..names_index).map(at);
        let named = |start: &usize| bytes[*start..*start + 4] == wanted.to_le_bytes();
        sections.into_iter().find(named).unwrap()
    }

    #[test]
    fn more_exports_than_allowed_are_refused() {
        let limits = Limits {
            symbols: 3,
            ..Limits::default()
        };
        let four = (0..4).fold(acme(), |builder, n| {
            builder.exports(&format!("acme_{n}"), n)
        });
        let read = crate::Module::read(&four.build(), "acme_net.ko", &limits);
        assert_eq!(
            read,
            Err(Error::TooLarge {
                what: "exported symbols",
                limit: 3,
                name: Some("module-symbols"),
            })
        );
    }
}
