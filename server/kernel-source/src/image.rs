//! vmlinux: what the kernel image itself exports, read from its tables.
//!
//! ```text
//! __ksymtab   = *( value name [ namespace ] )   addresses, or i32 relative to their own place
//! __kcrctab   = *( version )                    same order: the version, or an i32 leading to it
//! __kflagstab = *( u8 )                         same order, bit 0: GPL only (7.x)
//! ```
//! `__ksymtab_gpl` and `__kcrctab_gpl` hold the GPL-only exports up to 6.17. Names lie in
//! `__ksymtab_strings`. Symbol tables are not needed, so a stripped image, as inside vmlinuz, does.
//! Which layout a table has is tried: in the right one every name is one of these strings.
//! Source: `include/linux/export-internal.h`, `include/asm-generic/vmlinux.lds.h` and their history.

use goblin::container::{Container, Ctx};
use goblin::elf::header::{EI_CLASS, EI_DATA, ELFCLASS64, ELFDATA2LSB, ET_DYN, ET_EXEC, Header};
use goblin::elf::section_header::{SHF_ALLOC, SHT_NOBITS, SectionHeader};
use kabi::symvers::{ExportKind, Row};
use kmod::{Crc, Machine};
use memchr::memmem;

use crate::{Error, Limits};

/// What an image tells.
#[derive(Debug)]
pub(crate) struct Image {
    pub rows: Vec<Row>,
    /// From the banner `Linux version …`.
    pub release: Option<String>,
    pub vermagic_tail: Option<String>,
    pub machine: Machine,
}

/// Entries, versions, GPL-only.
const TABLES: [(&str, &str, bool); 5] = [
    ("__ksymtab", "__kcrctab", false),
    ("__ksymtab_gpl", "__kcrctab_gpl", true),
    ("__ksymtab_gpl_future", "__kcrctab_gpl_future", false),
    ("__ksymtab_unused", "__kcrctab_unused", false),
    ("__ksymtab_unused_gpl", "__kcrctab_unused_gpl", true),
];
const STRINGS: &str = "__ksymtab_strings";
const FLAGS: &str = "__kflagstab";
const FLAG_GPL_ONLY: u8 = 1;
/// Sections of a real image: some 60, with debug information 90.
const SECTIONS: usize = 4096;

/// Reads an unpacked image.
pub(crate) fn read(bytes: &[u8], place: &str, limits: &Limits) -> Result<Image, Error> {
    let wrong = |why| Error::Image {
        place: place.to_owned(),
        why,
    };
    let elf = Elf::parse(bytes).map_err(wrong)?;
    let strings = elf
        .find(STRINGS)
        .ok_or_else(|| wrong("the kernel image has no section __ksymtab_strings"))?;
    let mut rows = Vec::new();
    for (entries, versions, gpl) in TABLES {
        let Some(entries) = elf.find(entries).filter(|table| !table.data.is_empty()) else {
            continue;
        };
        let table = Table {
            elf: &elf,
            entries,
            versions: elf.find(versions),
            strings,
            gpl,
        };
        let found = table.rows(limits.module.symbols);
        rows.extend(found.map_err(wrong)?);
        if rows.len() > limits.module.symbols {
            return Err(wrong(
                "the kernel image exports more symbols than any kernel",
            ));
        }
    }
    if rows.is_empty() {
        return Err(wrong("the kernel image exports nothing"));
    }
    let release = release(&elf);
    let tail = release
        .as_deref()
        .and_then(|name| vermagic_tail(&elf, name));
    Ok(Image {
        rows,
        release,
        vermagic_tail: tail,
        machine: elf.machine,
    })
}

/// A section that lies in memory.
#[derive(Clone, Copy)]
struct Section<'a> {
    name: &'a str,
    address: u64,
    data: &'a [u8],
}

struct Elf<'a> {
    machine: Machine,
    sections: Vec<Section<'a>>,
}

impl<'a> Elf<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Elf<'a>, &'static str> {
        let header = goblin::elf::Elf::parse_header(bytes).map_err(|_| "it is no ELF file")?;
        if !matches!(header.e_type, ET_EXEC | ET_DYN) {
            return Err("it is an ELF file, but no linked kernel image");
        }
        let machine = machine(&header);
        let container = if machine.is_64 {
            Container::Big
        } else {
            Container::Little
        };
        let endianness = header
            .endianness()
            .map_err(|_| "its byte order is unknown")?;
        let ctx = Ctx::new(container, endianness);
        let count = usize::from(header.e_shnum);
        let right_size = usize::from(header.e_shentsize) == SectionHeader::size(ctx);
        if count == 0 || count > SECTIONS || !right_size {
            return Err("the kernel image has no section headers");
        }
        let start = usize::try_from(header.e_shoff).unwrap_or(usize::MAX);
        let in_file = start < bytes.len();
        let headers = in_file
            .then(|| SectionHeader::parse_from(bytes, start, count, ctx).ok())
            .flatten()
            .ok_or("the kernel image is cut short before its section headers")?;
        let names = headers.get(usize::from(header.e_shstrndx));
        let names = names.and_then(|section| contents(bytes, section));
        let names = names.ok_or("the names of its sections are missing")?;
        let sections = headers
            .iter()
            .filter(|section| section.sh_flags & u64::from(SHF_ALLOC) != 0)
            .filter_map(|section| {
                Some(Section {
                    name: string_at(names, section.sh_name)?,
                    address: section.sh_addr,
                    data: contents(bytes, section)?,
                })
            })
            .collect();
        Ok(Elf { machine, sections })
    }

    fn find(&self, name: &str) -> Option<Section<'a>> {
        self.sections.iter().find(|s| s.name == name).copied()
    }

    /// The bytes at an address, to the end of its section.
    fn at(&self, address: u64) -> Option<&'a [u8]> {
        self.sections.iter().find_map(|section| {
            let offset = usize::try_from(address.checked_sub(section.address)?).ok()?;
            section.data.get(offset..).filter(|rest| !rest.is_empty())
        })
    }

    fn u32_at(&self, data: &[u8], offset: usize) -> Option<u32> {
        let bytes = *data.get(offset..)?.first_chunk()?;
        Some(match self.machine.little_endian {
            true => u32::from_le_bytes(bytes),
            false => u32::from_be_bytes(bytes),
        })
    }

    fn u64_at(&self, data: &[u8], offset: usize) -> Option<u64> {
        let bytes = *data.get(offset..)?.first_chunk()?;
        Some(match self.machine.little_endian {
            true => u64::from_le_bytes(bytes),
            false => u64::from_be_bytes(bytes),
        })
    }
}

fn machine(header: &Header) -> Machine {
    Machine {
        e_machine: header.e_machine,
        is_64: header.e_ident.get(EI_CLASS) == Some(&ELFCLASS64),
        little_endian: header.e_ident.get(EI_DATA) == Some(&ELFDATA2LSB),
    }
}

fn contents<'a>(bytes: &'a [u8], section: &SectionHeader) -> Option<&'a [u8]> {
    if section.sh_type == SHT_NOBITS {
        return None;
    }
    let start = usize::try_from(section.sh_offset).ok()?;
    let end = start.checked_add(usize::try_from(section.sh_size).ok()?)?;
    bytes.get(start..end)
}

/// The text from an offset up to the next zero.
fn string_at(strings: &[u8], offset: usize) -> Option<&str> {
    let rest = strings.get(offset..)?;
    let end = memchr::memchr(0, rest)?;
    std::str::from_utf8(&rest[..end]).ok()
}

/// How the references of a table are written.
#[derive(Clone, Copy)]
struct Shape {
    /// Bytes of one reference.
    width: usize,
    /// References in one entry.
    fields: usize,
    relative: bool,
}

/// Every layout there was, today's first.
const SHAPES: [Shape; 6] = [
    shape(4, 3, true),
    shape(8, 3, false),
    shape(4, 3, false),
    shape(4, 2, true),
    shape(8, 2, false),
    shape(4, 2, false),
];

const fn shape(width: usize, fields: usize, relative: bool) -> Shape {
    Shape {
        width,
        fields,
        relative,
    }
}

struct Table<'e, 'a> {
    elf: &'e Elf<'a>,
    entries: Section<'a>,
    versions: Option<Section<'a>>,
    strings: Section<'a>,
    gpl: bool,
}

impl<'a> Table<'_, 'a> {
    fn rows(&self, limit: usize) -> Result<Vec<Row>, &'static str> {
        let shape = SHAPES.into_iter().find(|shape| self.fits(*shape));
        let shape = shape.ok_or(
            "the names in the kernel image's export table cannot be followed (they may be filled \
             in only while booting)",
        )?;
        let count = self.entries.data.len() / (shape.width * shape.fields);
        if count > limit {
            return Err("the kernel image exports more symbols than any kernel");
        }
        let versions = self.versions(count);
        let flags = self.elf.find(FLAGS);
        let flags = flags.map_or(&[][..], |section| section.data);
        (0..count)
            .map(|index| {
                let name = self.name(shape, index).ok_or("a name cannot be read")?;
                let flag = flags.get(index).copied().unwrap_or_default();
                let gpl = self.gpl || flag & FLAG_GPL_ONLY != 0;
                Ok(Row {
                    crc: versions.get(index).copied().unwrap_or(Crc(0)),
                    symbol: name.to_owned(),
                    provider: "vmlinux".to_owned(),
                    export: if gpl {
                        ExportKind::Gpl
                    } else {
                        ExportKind::Any
                    },
                    gpl,
                    namespace: self.namespace(shape, index).map(str::to_owned),
                })
            })
            .collect()
    }

    fn fits(&self, shape: Shape) -> bool {
        let entry = shape.width * shape.fields;
        let length = self.entries.data.len();
        length.is_multiple_of(entry)
            && (0..length / entry).all(|index| self.name(shape, index).is_some())
    }

    fn name(&self, shape: Shape, index: usize) -> Option<&'a str> {
        self.text(shape, index, 1).filter(|name| !name.is_empty())
    }

    fn namespace(&self, shape: Shape, index: usize) -> Option<&'a str> {
        if shape.fields < 3 {
            return None;
        }
        self.text(shape, index, 2).filter(|text| !text.is_empty())
    }

    /// The string that a reference leads to. Linkers let a string begin inside of a longer one.
    fn text(&self, shape: Shape, index: usize, field: usize) -> Option<&'a str> {
        let place = (index * shape.fields + field) * shape.width;
        let address = self.reference(shape, place)?;
        let offset = usize::try_from(address.checked_sub(self.strings.address)?).ok()?;
        let text = string_at(self.strings.data, offset)?;
        text.bytes()
            .all(|byte| byte.is_ascii_graphic())
            .then_some(text)
    }

    fn reference(&self, shape: Shape, place: usize) -> Option<u64> {
        let data = self.entries.data;
        if shape.width == 8 {
            return self.elf.u64_at(data, place);
        }
        let value = self.elf.u32_at(data, place)?;
        Some(match shape.relative {
            true => follow(self.entries.address, place, value),
            false => u64::from(value),
        })
    }

    fn versions(&self, count: usize) -> Vec<Crc> {
        let Some(section) = self.versions.filter(|_| count > 0) else {
            return Vec::new();
        };
        if section.data.len() == count * 8 {
            let crc = |at| self.elf.u64_at(section.data, at * 8);
            let crc = |at| crc(at).and_then(|crc| u32::try_from(crc).ok());
            return (0..count).map(|at| Crc(crc(at).unwrap_or(0))).collect();
        }
        if section.data.len() != count * 4 {
            return Vec::new();
        }
        let value = |at: usize| self.elf.u32_at(section.data, at * 4).unwrap_or(0);
        // Before 5.19 some processors kept distances here. Random versions do not all lead into
        // the image.
        let target = |at: usize| {
            let data = self.elf.at(follow(section.address, at * 4, value(at)))?;
            self.elf.u32_at(data, 0)
        };
        let led: Option<Vec<u32>> = (0..count).map(target).collect();
        match led.filter(|_| count >= FEW) {
            Some(led) => led.into_iter().map(Crc).collect(),
            None => (0..count).map(|at| Crc(value(at))).collect(),
        }
    }
}

/// With fewer versions than this it might be chance that all of them lead into the image.
const FEW: usize = 8;

fn follow(section: u64, place: usize, distance: u32) -> u64 {
    section
        .wrapping_add(place as u64)
        .wrapping_add_signed(i64::from(distance.cast_signed()))
}

/// The word behind `Linux version ` in the kernel's banner.
fn release(elf: &Elf<'_>) -> Option<String> {
    const BANNER: &[u8] = b"Linux version ";
    const LONGEST: usize = 64;
    elf.sections.iter().find_map(|section| {
        memmem::find_iter(section.data, BANNER).find_map(|at| {
            let rest = section.data.get(at + BANNER.len()..)?;
            let rest = rest.get(..LONGEST.min(rest.len()))?;
            let end = rest.iter().position(|&byte| byte == b' ')?;
            let word = std::str::from_utf8(&rest[..end]).ok()?;
            let is_release = word.starts_with(|c: char| c.is_ascii_digit())
                && word.chars().all(|c| c.is_ascii_graphic());
            is_release.then(|| word.to_owned())
        })
    })
}

/// The kernel keeps its own vermagic as a string: `\0<release> SMP preempt mod_unload …\0`.
fn vermagic_tail(elf: &Elf<'_>, release: &str) -> Option<String> {
    const OPTION: &str = "mod_unload ";
    let start = [b"\0", release.as_bytes(), b" "].concat();
    elf.sections.iter().find_map(|section| {
        memmem::find_iter(section.data, &start).find_map(|at| {
            let text = string_at(section.data, at + start.len())?;
            let is_tail =
                text.contains(OPTION) && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
            is_tail.then(|| text.to_owned())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_image_says_so() {
        let cases = [
            (&b"\x7fELF"[..], "it is no ELF file"),
            (b"", "it is no ELF file"),
        ];
        for (bytes, why) in cases {
            let error = read(bytes, "vmlinux", &Limits::default()).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 64..2048)) {
            bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
            bytes[16] = 2;
            bytes[17] = 0;
            let _ = read(&bytes, "vmlinux", &Limits::default());
        }
    }
}
