//! The few parts of ELF that a module reader needs, each bound checked before it is used.
//!
//! goblin gives the records (header, section, symbol, relocation) for both classes and byte orders;
//! the walk over them is ours, because `goblin::elf::Elf::parse` reads every table at once.

use goblin::{
    container::{Container, Ctx},
    elf::{
        Elf, Header, Reloc, RelocSection, SectionHeader, Sym, Symtab,
        header::{
            EI_CLASS, EI_DATA, ELFCLASS32, ELFCLASS64, ELFDATA2LSB, ELFDATA2MSB, ELFMAG, EM_PPC64,
            ET_REL,
        },
        section_header::{SHT_NOBITS, SHT_NULL, SHT_REL, SHT_RELA, SHT_SYMTAB},
    },
};

use crate::{Error, Limits, Machine, names::Names};

/// Most sections of one file. ELF itself stops at 65,279 without an extension that no kernel reads.
const SECTIONS_MAX: usize = 1 << 17;

/// One ELF file with its section headers read and nothing else.
pub(crate) struct ElfFile<'a> {
    bytes: &'a [u8],
    ctx: Ctx,
    machine: Machine,
    sections: Vec<SectionHeader>,
    section_names: &'a [u8],
}

/// The symbol table with its names.
pub(crate) struct Symbols<'a> {
    table: Option<Symtab<'a>>,
    /// Its string table.
    pub(crate) names: Names<'a>,
}

impl<'a> ElfFile<'a> {
    /// Reads header and section headers of a relocatable file.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<ElfFile<'a>, Error> {
        if !bytes.starts_with(ELFMAG) {
            return Err(Error::NotElf {
                start: bytes.iter().take(4).copied().collect(),
            });
        }
        let header = read_header(bytes)?;
        let machine = machine(&header);
        let container = if machine.is_64 {
            Container::Big
        } else {
            Container::Little
        };
        let ctx = Ctx::new(
            container,
            header.endianness().map_err(|_| bad("unknown byte order"))?,
        );
        let sections = read_sections(bytes, &header, ctx)?;

        let mut file = ElfFile {
            bytes,
            ctx,
            machine,
            sections,
            section_names: &[],
        };
        file.section_names = file.data(usize::from(header.e_shstrndx))?;
        file.check_bounds()?;
        Ok(file)
    }

    /// As the loader does, refuses a file that any section reaches out of.
    fn check_bounds(&self) -> Result<(), Error> {
        (0..self.sections.len()).try_for_each(|index| self.data(index).map(drop))
    }

    pub(crate) fn machine(&self) -> Machine {
        self.machine
    }

    /// A symbol's name as the loader looks it up: on 64-bit PowerPC without one leading dot, which
    /// marked the code of a function (as opposed to its descriptor) in the older ABI.
    pub(crate) fn loader_name<'n>(&self, name: &'n [u8]) -> &'n [u8] {
        match name {
            [b'.', rest @ ..] if self.machine.e_machine == EM_PPC64 => rest,
            name => name,
        }
    }

    /// Bytes of a pointer, and of the kernel's `unsigned long`.
    pub(crate) fn pointer_size(&self) -> usize {
        self.ctx.size()
    }

    /// Indexes of all sections with this name.
    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = usize> {
        let matching = move |section: &SectionHeader| {
            let found = self
                .section_names
                .get(section.sh_name..)
                .unwrap_or_default();
            found
                .strip_prefix(name.as_bytes())
                .is_some_and(|rest| rest.first() == Some(&0))
        };
        (0..self.sections.len())
            .filter(move |index| self.sections.get(*index).is_some_and(matching))
    }

    /// The first section with this name, which is the one the loader takes.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.named(name).next()
    }

    /// Contents of the first section with this name.
    pub(crate) fn find_data(&self, name: &str) -> Result<Option<&'a [u8]>, Error> {
        self.find(name).map(|index| self.data(index)).transpose()
    }

    /// Size of a section as its header gives it, in bytes.
    pub(crate) fn size(&self, index: usize) -> Option<u64> {
        self.sections.get(index).map(|section| section.sh_size)
    }

    /// Contents of a section; empty where there is no such section or it has none in the file.
    pub(crate) fn data(&self, index: usize) -> Result<&'a [u8], Error> {
        let Some(section) = self.sections.get(index) else {
            return Ok(&[]);
        };
        if matches!(section.sh_type, SHT_NULL | SHT_NOBITS) {
            return Ok(&[]);
        }
        self.slice(section.sh_offset, section.sh_size)
            .ok_or_else(|| Error::Truncated {
                what: format!("section {}", self.display_name(section)),
                offset: section.sh_offset,
                length: section.sh_size,
                file_length: self.bytes.len() as u64,
            })
    }

    fn slice(&self, offset: u64, length: u64) -> Option<&'a [u8]> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        self.bytes.get(start..end)
    }

    /// A section's name for an error message, cut where it is absurdly long.
    fn display_name(&self, section: &SectionHeader) -> String {
        let found = self
            .section_names
            .get(section.sh_name..)
            .unwrap_or_default();
        let name: Vec<u8> = found
            .iter()
            .copied()
            .take_while(|byte| *byte != 0)
            .take(64)
            .collect();
        String::from_utf8_lossy(&name).into_owned()
    }

    /// The symbol table; one without symbols where the file has none.
    pub(crate) fn symbols(&self, limits: &Limits) -> Result<Symbols<'a>, Error> {
        let Some((index, section)) = self.of_type(&[SHT_SYMTAB]).next() else {
            return Ok(Symbols {
                table: None,
                names: Names::new(&[], 0),
            });
        };
        let bytes = self.data(index)?;
        let names = Names::new(self.data(section.sh_link as usize)?, limits.name_bytes);
        let count = bytes.len() / self.symbol_size();
        // goblin refuses an empty table.
        let table = if count == 0 {
            None
        } else {
            Symtab::parse(bytes, 0, count, self.ctx).ok()
        };
        Ok(Symbols { table, names })
    }

    fn symbol_size(&self) -> usize {
        if self.machine.is_64 { 24 } else { 16 }
    }

    /// The relocations of one section, or `None` where it has none.
    pub(crate) fn relocations(&self, target: usize) -> Result<Option<RelocSection<'a>>, Error> {
        let of_target = |(_, section): &(usize, &SectionHeader)| section.sh_info as usize == target;
        let Some((index, section)) = self.of_type(&[SHT_RELA, SHT_REL]).find(of_target) else {
            return Ok(None);
        };
        let bytes = self.data(index)?;
        let with_addend = section.sh_type == SHT_RELA;
        Ok(RelocSection::parse(bytes, 0, bytes.len(), with_addend, self.ctx).ok())
    }

    fn of_type(&self, types: &[u32]) -> impl Iterator<Item = (usize, &SectionHeader)> {
        self.sections
            .iter()
            .enumerate()
            .filter(|(_, section)| types.contains(&section.sh_type))
    }

    /// A `u32` in the file's byte order.
    pub(crate) fn u32_at(&self, data: &[u8], offset: usize) -> Option<u32> {
        let bytes = *data.get(offset..)?.first_chunk()?;
        Some(if self.machine.little_endian {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    }

    /// An `unsigned long` in the file's byte order and class.
    pub(crate) fn word_at(&self, data: &[u8], offset: usize) -> Option<u64> {
        if !self.machine.is_64 {
            return self.u32_at(data, offset).map(u64::from);
        }
        let bytes = *data.get(offset..)?.first_chunk()?;
        Some(if self.machine.little_endian {
            u64::from_le_bytes(bytes)
        } else {
            u64::from_be_bytes(bytes)
        })
    }

    /// Where a relocation of `section` points: the symbol, and the distance from it.
    ///
    /// A relative reference inside an export table counts from its own field, so for it, too, this
    /// is symbol plus addend.
    pub(crate) fn reference(
        &self,
        relocation: &Reloc,
        section: &[u8],
        symbols: &Symbols<'a>,
    ) -> Option<(Sym, u64)> {
        let symbol = symbols.get(relocation.r_sym)?;
        let addend = match relocation.r_addend {
            Some(addend) => addend,
            // REL: the addend waits in the field itself. Only 32-bit machines do this.
            None => {
                let at = usize::try_from(relocation.r_offset).ok()?;
                i64::from(self.u32_at(section, at)?.cast_signed())
            }
        };
        Some((symbol, symbol.st_value.wrapping_add_signed(addend)))
    }
}

impl<'a> Symbols<'a> {
    /// Whether the file has any symbol at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_none()
    }

    /// Every symbol but the null one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Sym> {
        self.table.iter().flat_map(|table| table.iter()).skip(1)
    }

    fn get(&self, index: usize) -> Option<Sym> {
        self.table.as_ref()?.get(index)
    }
}

fn read_header(bytes: &[u8]) -> Result<Header, Error> {
    let ident = bytes.get(..16).ok_or(bad("it is cut short"))?;
    if !matches!(ident.get(EI_CLASS), Some(&(ELFCLASS32 | ELFCLASS64))) {
        return Err(bad("neither 32-bit nor 64-bit"));
    }
    if !matches!(ident.get(EI_DATA), Some(&(ELFDATA2LSB | ELFDATA2MSB))) {
        return Err(bad("unknown byte order"));
    }
    let header = Elf::parse_header(bytes).map_err(|_| bad("it is cut short"))?;
    if header.e_type == ET_REL {
        Ok(header)
    } else {
        Err(Error::NotRelocatable {
            e_type: header.e_type,
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

fn read_sections(bytes: &[u8], header: &Header, ctx: Ctx) -> Result<Vec<SectionHeader>, Error> {
    let size = SectionHeader::size(ctx);
    if usize::from(header.e_shentsize) != size {
        return Err(bad("section headers of a wrong size"));
    }
    let truncated = |count: usize| Error::Truncated {
        what: "section headers".to_owned(),
        offset: header.e_shoff,
        length: (count as u64).saturating_mul(size as u64),
        file_length: bytes.len() as u64,
    };
    let start = usize::try_from(header.e_shoff).map_err(|_| truncated(1))?;
    let first = SectionHeader::parse_from(bytes, start, 1, ctx).map_err(|_| truncated(1))?;
    let count = match usize::from(header.e_shnum) {
        // The real number did not fit and is the size of the null section.
        0 => first.first().map_or(0, |null| {
            usize::try_from(null.sh_size).unwrap_or(usize::MAX)
        }),
        count => count,
    };
    if count > SECTIONS_MAX {
        return Err(Error::TooLarge {
            what: "sections",
            limit: SECTIONS_MAX as u64,
            name: None,
        });
    }
    if count == 0 {
        return Err(bad("no sections"));
    }
    SectionHeader::parse_from(bytes, start, count, ctx).map_err(|_| truncated(count))
}

fn bad(what: &'static str) -> Error {
    Error::BadHeader { what }
}
