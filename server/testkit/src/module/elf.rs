//! The ELF side of [`ModuleBuilder`]: sections, symbols and relocations of one module.

use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope, elf,
    write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection},
};

use super::{Export, ExportLayout, ModuleBuilder, Target, VersionTables};

/// Bytes of one record of `__versions`, on every machine.
const VERSION_RECORD: usize = 64;

/// Bytes of code each exported function is given.
const FUNCTION: usize = 16;

/// Bit of a `__kflagstab` byte: GPL only.
const FLAG_GPL_ONLY: u8 = 1;

/// Head of a `.BTF` section: magic, version, flags, header length.
const BTF_HEADER: [u8; 8] = [0x9f, 0xeb, 1, 0, 24, 0, 0, 0];

pub(super) fn write(module: &ModuleBuilder) -> Vec<u8> {
    let mut file = File::new(module.target);
    file.object
        .add_file_symbol(module.name.clone().into_bytes());
    file.write_exports(module);
    file.section(".modinfo", &modinfo(module));
    file.write_versions(module);
    file.write_this_module(module);
    for name in &module.btf {
        file.section(name, &BTF_HEADER);
    }
    for import in module.imports.iter().filter(|import| import.undefined) {
        file.undefined(&import.symbol, import.weak);
    }
    file.object
        .write()
        .expect("a module that the object crate can lay out")
}

fn modinfo(module: &ModuleBuilder) -> Vec<u8> {
    let pair = |key: &str, value: &str| format!("{key}={value}\0");
    let mut text = String::new();
    text.extend(module.modinfo.iter().map(|(key, value)| pair(key, value)));
    text.extend(
        module
            .licenses
            .iter()
            .map(|license| pair("license", license)),
    );
    text += &pair("depends", &module.depends);
    text += &pair("retpoline", "Y");
    text += &pair("name", &module.name);
    text.extend(
        module
            .vermagic
            .iter()
            .map(|vermagic| pair("vermagic", vermagic)),
    );
    text.into_bytes()
}

struct File {
    object: Object<'static>,
    target: Target,
}

impl File {
    fn new(target: Target) -> Self {
        let architecture = match (target.bits32, target.big_endian) {
            (false, false) => Architecture::X86_64,
            (false, true) => Architecture::S390x,
            (true, false) => Architecture::Arm,
            (true, true) => Architecture::PowerPc,
        };
        let endian = if target.big_endian {
            Endianness::Big
        } else {
            Endianness::Little
        };
        Self {
            object: Object::new(BinaryFormat::Elf, architecture, endian),
            target,
        }
    }

    /// Adds an allocated read-only section.
    fn section(&mut self, name: &str, bytes: &[u8]) -> SectionId {
        let kind = SectionKind::ReadOnlyData;
        let id = self
            .object
            .add_section(Vec::new(), name.as_bytes().to_vec(), kind);
        self.object.append_section_data(id, bytes, 8);
        id
    }

    fn write_versions(&mut self, module: &ModuleBuilder) {
        let imported = module
            .imports
            .iter()
            .filter_map(|import| Some((&*import.symbol, import.crc?)));
        let layout = module.layout_crc.map(|crc| ("module_layout", crc));
        let records: Vec<(&str, u32)> = imported.chain(layout).collect();
        if matches!(module.versions, VersionTables::Basic | VersionTables::Both) {
            let table: Vec<u8> = records
                .iter()
                .filter_map(|(name, crc)| self.version_record(name, *crc))
                .flatten()
                .collect();
            self.section("__versions", &table);
        }
        if matches!(
            module.versions,
            VersionTables::Extended | VersionTables::Both
        ) {
            let crcs: Vec<u8> = records
                .iter()
                .flat_map(|(_, crc)| self.target.u32(*crc))
                .collect();
            // A C string literal, so one more NUL than names.
            let names: String = records
                .iter()
                .map(|(name, _)| format!("{name}\0"))
                .collect();
            self.section("__version_ext_crcs", &crcs);
            self.section("__version_ext_names", (names + "\0").as_bytes());
        }
    }

    /// One record of the basic table, unless the name is too long for it.
    fn version_record(&self, name: &str, crc: u32) -> Option<Vec<u8>> {
        let mut record = self.target.word(u64::from(crc));
        record.extend(name.bytes());
        (record.len() < VERSION_RECORD).then(|| {
            record.resize(VERSION_RECORD, 0);
            record
        })
    }

    fn write_this_module(&mut self, module: &ModuleBuilder) {
        let Some(size) = module.this_module_size else {
            return;
        };
        let mut bytes = vec![0; usize::try_from(size).expect("struct module fits in memory")];
        // enum module_state, struct list_head, then the name.
        let name_at = if self.target.bits32 { 12 } else { 24 };
        let name = module.name.as_bytes();
        if let Some(place) = bytes.get_mut(name_at..name_at + name.len()) {
            place.copy_from_slice(name);
        }
        let id = self.section(".gnu.linkonce.this_module", &bytes);
        let here = Place {
            section: id,
            offset: 0,
        };
        self.symbol("__this_module", Some(here), SymbolScope::Dynamic);
    }

    fn write_exports(&mut self, module: &ModuleBuilder) {
        let code = self.section(".text", &vec![0xc3; FUNCTION * module.exports.len().max(1)]);
        if module.exports.is_empty() {
            return;
        }
        let strings = Strings::of(&module.exports);
        let strings_section = self.section("__ksymtab_strings", &strings.bytes);
        let mut writer = ExportWriter {
            layout: module.export_layout,
            versioned: module.exports.iter().all(|export| export.crc.is_some()),
            stripped: module.stripped,
            code,
            strings: strings_section,
            file: self,
        };
        let mut entries: Vec<Entry<'_>> = strings.entries;
        entries.sort_by(|a, b| a.export.symbol.cmp(&b.export.symbol));
        if module.export_layout == ExportLayout::Flags {
            writer.write_table("", &entries);
            writer.write_flags(&entries);
            return;
        }
        let (gpl, plain): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.export.gpl);
        writer.write_table("", &plain);
        writer.write_table("_gpl", &gpl);
    }

    fn undefined(&mut self, name: &str, weak: bool) {
        let id = self.symbol(name, None, SymbolScope::Unknown);
        self.object.symbol_mut(id).weak = weak;
    }

    fn symbol(&mut self, name: &str, place: Option<Place>, scope: SymbolScope) -> SymbolId {
        self.object.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: place.map_or(0, |place| place.offset as u64),
            size: 0,
            kind: if place.is_some() {
                SymbolKind::Label
            } else {
                SymbolKind::Unknown
            },
            scope,
            weak: false,
            section: place.map_or(SymbolSection::Undefined, |place| {
                SymbolSection::Section(place.section)
            }),
            flags: SymbolFlags::None,
        })
    }

    fn absolute(&mut self, name: &str, value: u32) -> SymbolId {
        self.object.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: u64::from(value),
            size: 0,
            kind: SymbolKind::Label,
            scope: SymbolScope::Dynamic,
            weak: false,
            section: SymbolSection::Absolute,
            flags: SymbolFlags::None,
        })
    }

    fn relocate(
        &mut self,
        at: Place,
        symbol: SymbolId,
        addend: usize,
        r_type: elf::RelocationType,
    ) {
        let addend = i64::try_from(addend).expect("small sections");
        let flags = RelocationFlags::Elf { r_type };
        let relocation = Relocation {
            offset: at.offset as u64,
            symbol,
            addend,
            flags,
        };
        self.object
            .add_relocation(at.section, relocation)
            .expect("a known relocation type");
    }
}

#[derive(Clone, Copy)]
struct Place {
    section: SectionId,
    offset: usize,
}

/// `__ksymtab_strings`: for each export its name and its namespace, both NUL-terminated.
struct Strings<'a> {
    bytes: Vec<u8>,
    entries: Vec<Entry<'a>>,
}

struct Entry<'a> {
    export: &'a Export,
    /// Where the function starts in `.text`.
    code: usize,
    /// Where name and namespace start in `__ksymtab_strings`.
    name: usize,
    namespace: usize,
}

impl<'a> Strings<'a> {
    fn of(exports: &'a [Export]) -> Self {
        let mut bytes = Vec::new();
        let mut add = |text: &str| {
            let start = bytes.len();
            bytes.extend(text.bytes());
            bytes.push(0);
            start
        };
        let entries = exports
            .iter()
            .enumerate()
            .map(|(index, export)| Entry {
                export,
                code: index * FUNCTION,
                name: add(&export.symbol),
                namespace: add(&export.namespace),
            })
            .collect();
        Self { bytes, entries }
    }
}

struct ExportWriter<'f> {
    file: &'f mut File,
    layout: ExportLayout,
    versioned: bool,
    stripped: bool,
    code: SectionId,
    strings: SectionId,
}

impl ExportWriter<'_> {
    /// Writes `__ksymtab{suffix}` and `__kcrctab{suffix}`.
    fn write_table(&mut self, suffix: &str, entries: &[Entry<'_>]) {
        if entries.is_empty() {
            return;
        }
        let (width, r_type) = self.file.target.reference(self.layout);
        let fields = if self.layout == ExportLayout::Absolute {
            2
        } else {
            3
        };
        let size = width * fields * entries.len();
        let table = self
            .file
            .section(&format!("__ksymtab{suffix}"), &vec![0; size]);
        for (index, entry) in entries.iter().enumerate() {
            let start = index * width * fields;
            let targets = [
                (self.code, entry.code),
                (self.strings, entry.name),
                (self.strings, entry.namespace),
            ];
            for (field, (section, addend)) in targets.into_iter().take(fields).enumerate() {
                let symbol = self.file.object.section_symbol(section);
                let at = Place {
                    section: table,
                    offset: start + field * width,
                };
                self.file.relocate(at, symbol, addend, r_type);
            }
            self.name_entry(
                entry,
                Place {
                    section: table,
                    offset: start,
                },
            );
        }
        if self.versioned {
            self.write_crcs(suffix, entries);
        }
    }

    /// The symbols that name an export and its parts; the function itself stays when stripped.
    fn name_entry(&mut self, entry: &Entry<'_>, table: Place) {
        let symbol = &entry.export.symbol;
        let code = Place {
            section: self.code,
            offset: entry.code,
        };
        self.file.symbol(symbol, Some(code), SymbolScope::Dynamic);
        self.local(&format!("__ksymtab_{symbol}"), table);
        let name = Place {
            section: self.strings,
            offset: entry.name,
        };
        self.local(&format!("__kstrtab_{symbol}"), name);
        if self.layout != ExportLayout::Absolute {
            let namespace = Place {
                section: self.strings,
                offset: entry.namespace,
            };
            self.local(&format!("__kstrtabns_{symbol}"), namespace);
        }
    }

    fn write_crcs(&mut self, suffix: &str, entries: &[Entry<'_>]) {
        let target = self.file.target;
        let name = format!("__kcrctab{suffix}");
        let crcs: Vec<(&str, u32)> = entries
            .iter()
            .filter_map(|entry| Some((entry.export.symbol.as_str(), entry.export.crc?)))
            .collect();
        let numbers: Vec<u8> = crcs.iter().flat_map(|(_, crc)| target.u32(*crc)).collect();
        match self.layout {
            ExportLayout::InSection | ExportLayout::Flags => {
                let table = self.file.section(&name, &numbers);
                for (index, (symbol, _)) in crcs.iter().enumerate() {
                    self.local(
                        &format!("__crc_{symbol}"),
                        Place {
                            section: table,
                            offset: index * 4,
                        },
                    );
                }
            }
            ExportLayout::Absolute => {
                let (width, r_type) = target.reference(self.layout);
                let table = self.file.section(&name, &vec![0; width * crcs.len()]);
                for (index, (symbol, crc)) in crcs.iter().enumerate() {
                    let id = self.file.absolute(&format!("__crc_{symbol}"), *crc);
                    let at = Place {
                        section: table,
                        offset: index * width,
                    };
                    self.file.relocate(at, id, 0, r_type);
                }
            }
            ExportLayout::Relative => {
                let (width, r_type) = target.reference(self.layout);
                let values = self.file.section(".rodata", &numbers);
                let table = self.file.section(&name, &vec![0; width * crcs.len()]);
                for (index, (symbol, _)) in crcs.iter().enumerate() {
                    let value = Place {
                        section: values,
                        offset: index * 4,
                    };
                    self.local(&format!("__crc_{symbol}"), value);
                    let id = self.file.object.section_symbol(values);
                    let at = Place {
                        section: table,
                        offset: index * width,
                    };
                    self.file.relocate(at, id, index * 4, r_type);
                }
            }
        }
    }

    fn write_flags(&mut self, entries: &[Entry<'_>]) {
        let flag = |entry: &Entry<'_>| if entry.export.gpl { FLAG_GPL_ONLY } else { 0 };
        let flags: Vec<u8> = entries.iter().map(flag).collect();
        let table = self.file.section("__kflagstab", &flags);
        for (index, entry) in entries.iter().enumerate() {
            let name = format!("__flags_{}", entry.export.symbol);
            self.local(
                &name,
                Place {
                    section: table,
                    offset: index,
                },
            );
        }
    }

    fn local(&mut self, name: &str, place: Place) {
        if !self.stripped {
            self.file
                .symbol(name, Some(place), SymbolScope::Compilation);
        }
    }
}

impl Target {
    fn u32(self, value: u32) -> [u8; 4] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    /// An `unsigned long`.
    fn word(self, value: u64) -> Vec<u8> {
        match (self.bits32, self.big_endian) {
            (false, false) => value.to_le_bytes().to_vec(),
            (false, true) => value.to_be_bytes().to_vec(),
            (true, _) => self
                .u32(u32::try_from(value).expect("versions are 32-bit"))
                .to_vec(),
        }
    }

    /// Width in bytes and relocation type of a reference inside the export tables: relative 32-bit
    /// on x86-64 since 4.19, a pointer elsewhere.
    fn reference(self, layout: ExportLayout) -> (usize, elf::RelocationType) {
        match (self.bits32, self.big_endian) {
            (false, false) if layout == ExportLayout::Absolute => (8, elf::R_X86_64_64),
            (false, false) => (4, elf::R_X86_64_PC32),
            (false, true) => (8, elf::R_390_64),
            (true, false) => (4, elf::R_ARM_ABS32),
            (true, true) => (4, elf::R_PPC_ADDR32),
        }
    }
}
