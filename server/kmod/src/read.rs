//! From the bytes of a module file to a [`Module`].

use crate::{
    Btf, Error, Limits, Module, Seal, Versions, elf::ElfFile, exports, imports, modinfo,
    oddities::Oddities, seal, signature, unpack, versions,
};

/// The kernel's `struct module` of this module, with its name near the start.
const THIS_MODULE: &str = ".gnu.linkonce.this_module";

/// Sections of which later loaders accept exactly one.
const ONLY_ONCE: [&str; 3] = [".modinfo", "__versions", THIS_MODULE];

impl Module {
    /// Reads a module file, plain or packed by gzip, xz, zstd or bzip2 (told by its first bytes).
    ///
    /// `file_name` gives the module its name where the file itself does not say it; a path is fine.
    ///
    /// # Errors
    /// Only what makes reading impossible: not a relocatable ELF file, cut short, packed data that is
    /// damaged, more than `limits` allow. Everything else that is wrong is in [`Module::oddities`].
    pub fn read(bytes: &[u8], file_name: &str, limits: &Limits) -> Result<Module, Error> {
        let unpacked = unpack(bytes, limits)?;
        let mut oddities = Oddities::default();
        let split = signature::split(&unpacked, &mut oddities);
        read_split(split, file_name, limits, oddities)
    }

    /// The same, and of a signed module what verifying its signature takes: that hashes the module.
    ///
    /// # Errors
    /// As [`Module::read`].
    pub fn read_sealed(
        bytes: &[u8],
        file_name: &str,
        limits: &Limits,
    ) -> Result<(Module, Option<Seal>), Error> {
        let unpacked = unpack(bytes, limits)?;
        let mut oddities = Oddities::default();
        let split = signature::split(&unpacked, &mut oddities);
        let seal = split.pkcs7.and_then(|pkcs7| seal::gather(split.elf, pkcs7));
        Ok((read_split(split, file_name, limits, oddities)?, seal))
    }
}

fn read_split(
    split: signature::Split<'_>,
    file_name: &str,
    limits: &Limits,
    mut oddities: Oddities,
) -> Result<Module, Error> {
    let elf = ElfFile::parse(split.elf)?;
    note_doubles(&elf, &mut oddities);

    let modinfo = modinfo::read(&elf, limits, &mut oddities)?;
    let symbols = elf.symbols(limits)?;
    let (versions, records) = versions::read(&elf, limits, &mut oddities)?;
    let imports = imports::join(&elf, &symbols, &records, limits, &mut oddities)?;
    if symbols.is_empty() {
        note_no_symbols(&mut oddities);
    } else if versions != Versions::None {
        imports::compare(&imports, &mut oddities);
    }
    let exports = exports::read(&elf, &symbols, limits, &mut oddities)?;
    if imports.len() + exports.len() > limits.symbols {
        return Err(Error::TooLarge {
            what: "imports and exports",
            limit: limits.symbols as u64,
            name: Some("module-symbols"),
        });
    }

    let mut module = Module {
        name: String::new(),
        machine: elf.machine(),
        vermagic: None,
        modinfo,
        imports,
        exports,
        versions,
        this_module_size: elf.find(THIS_MODULE).and_then(|index| elf.size(index)),
        signature: split.signature,
        livepatch: false,
        btf: btf(&elf),
        oddities: Vec::new(),
    };
    module.name = name(&module, &elf, file_name, &mut oddities)?;
    module.vermagic = module.first("vermagic").map(str::to_owned);
    // The loader asks for the key only, whatever its value.
    module.livepatch = module.first("livepatch").is_some();
    module.oddities = oddities.into_vec();
    Ok(module)
}

fn note_doubles(elf: &ElfFile<'_>, oddities: &mut Oddities) {
    for section in ONLY_ONCE {
        let count = elf.named(section).count();
        if count > 1 {
            oddities.add("section-duplicate", || {
                format!("there are {count} sections {section}; the first one is read")
            });
        }
    }
}

fn note_no_symbols(oddities: &mut Oddities) {
    oddities.add("symtab-missing", || {
        "there is no symbol table, which the loader needs: do not run strip on modules".to_owned()
    });
}

fn btf(elf: &ElfFile<'_>) -> Btf {
    match (elf.find(".BTF"), elf.find(".BTF.base")) {
        (None, _) => Btf::None,
        (Some(_), None) => Btf::Split,
        (Some(_), Some(_)) => Btf::Distilled,
    }
}

/// What the kernel will call it: `name=`, else the name inside `struct module`, else the file's.
fn name(
    module: &Module,
    elf: &ElfFile<'_>,
    file_name: &str,
    oddities: &mut Oddities,
) -> Result<String, Error> {
    let by_file = module_name(file_name);
    let inside = match module.first("name") {
        Some(name) => Some(name.replace('-', "_")),
        None => name_in_struct(elf)?.map(|name| name.replace('-', "_")),
    };
    let Some(inside) = inside else {
        return Ok(by_file);
    };
    if inside != by_file {
        oddities.add("module-name-differs", || {
            format!(
                "the file makes it `{by_file}`, but it calls itself `{inside}`: rename the file"
            )
        });
    }
    Ok(inside)
}

/// The name that modpost wrote into `struct module`: older kernels have no `name=`.
fn name_in_struct(elf: &ElfFile<'_>) -> Result<Option<String>, Error> {
    // `enum module_state` (padded to a pointer) and `struct list_head` come first.
    let start = 3 * elf.pointer_size();
    let data = elf.find_data(THIS_MODULE)?.unwrap_or_default();
    let name = data
        .get(start..)
        .and_then(|rest| rest.split(|byte| *byte == 0).next());
    let plausible = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    Ok(name
        .filter(|name| !name.is_empty() && name.len() < 64 && name.iter().all(plausible))
        .map(|name| String::from_utf8_lossy(name).into_owned()))
}

/// The module's name by its file: no directories, no `.ko` and what follows, `_` for `-`.
fn module_name(file_name: &str) -> String {
    let base = file_name.rsplit('/').next().unwrap_or(file_name);
    let stem = base.split_once(".ko").map_or(base, |(stem, _)| stem);
    stem.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use crate::{
        Machine, Oddity,
        testing::{acme, codes, read, read_bytes},
    };

    use super::*;

    #[test]
    fn a_file_name_becomes_a_module_name() {
        let cases = [
            ("/lib/modules/6.1/updates/acme-net.ko.xz", "acme_net"),
            ("acme.ko", "acme"),
            ("acme", "acme"),
            ("dir/", ""),
        ];
        for (file, name) in cases {
            assert_eq!(module_name(file), name, "{file}");
        }
    }

    #[test]
    fn the_module_says_its_own_name() {
        let bytes = acme().build();
        let module = Module::read(&bytes, "other-net.ko.xz", &Limits::default()).unwrap();
        assert_eq!(module.name, "acme_net");
        let expected =
            "the file makes it `other_net`, but it calls itself `acme_net`: rename the file";
        let oddity = Oddity {
            code: "module-name-differs".to_owned(),
            detail: expected.to_owned(),
        };
        assert_eq!(module.oddities, [oddity]);
        assert_eq!(
            codes(&Module::read(&bytes, "acme-net.ko", &Limits::default()).unwrap()),
            [""; 0]
        );
    }

    #[test]
    fn machine_size_and_flags_are_read() {
        let module = read(&acme());
        assert_eq!(
            module.machine,
            Machine {
                e_machine: 62,
                is_64: true,
                little_endian: true
            }
        );
        assert_eq!(module.this_module_size, Some(896));
        assert!(!module.livepatch);
        assert_eq!(module.btf, Btf::None);

        let module = read(
            &acme()
                .big_endian()
                .this_module_size(1280)
                .modinfo("livepatch", "Y")
                .btf(),
        );
        assert_eq!(
            module.machine,
            Machine {
                e_machine: 22,
                is_64: true,
                little_endian: false
            }
        );
        assert_eq!(module.this_module_size, Some(1280));
        assert!(module.livepatch);
        assert_eq!(module.btf, Btf::Split);

        let module = read(&acme().bits32().without_this_module().distilled_btf());
        assert_eq!(
            module.machine,
            Machine {
                e_machine: 40,
                is_64: false,
                little_endian: true
            }
        );
        assert_eq!(module.this_module_size, None);
        assert_eq!(module.btf, Btf::Distilled);
    }

    #[test]
    fn what_is_no_module_is_an_error() {
        let mut program = acme().build();
        program[16] = 2;
        let mut class = acme().build();
        class[4] = 3;
        let mut order = acme().build();
        order[5] = 9;
        let cases: [(&[u8], Error); 6] = [
            (b"", Error::NotElf { start: vec![] }),
            (
                b"#!/bin/sh",
                Error::NotElf {
                    start: b"#!/b".to_vec(),
                },
            ),
            (
                b"\x7fELF",
                Error::BadHeader {
                    what: "it is cut short",
                },
            ),
            (&program, Error::NotRelocatable { e_type: 2 }),
            (
                &class,
                Error::BadHeader {
                    what: "neither 32-bit nor 64-bit",
                },
            ),
            (
                &order,
                Error::BadHeader {
                    what: "unknown byte order",
                },
            ),
        ];
        for (bytes, expected) in cases {
            let read = Module::read(bytes, "acme_net.ko", &Limits::default());
            assert_eq!(read, Err(expected));
        }
    }

    #[test]
    fn a_module_cut_short_anywhere_is_an_error() {
        let bytes = acme().imports("printk", 1).exports("acme_send", 2).build();
        for length in 0..bytes.len() {
            let cut = bytes.get(..length).unwrap();
            assert!(
                Module::read(cut, "acme_net.ko", &Limits::default()).is_err(),
                "{length}"
            );
        }
    }

    #[test]
    fn a_truncated_table_is_named() {
        let mut bytes = acme().build();
        bytes[0x28..0x30].copy_from_slice(&u64::MAX.to_le_bytes());
        let read = Module::read(&bytes, "acme_net.ko", &Limits::default());
        let message = read.unwrap_err().to_string();
        assert!(
            message.starts_with("section headers at byte 18446744073709551615"),
            "{message}"
        );
    }

    #[test]
    fn a_section_beyond_the_end_is_named() {
        let mut bytes = acme().build();
        let headers = u64::from_le_bytes(bytes[0x28..0x30].try_into().unwrap()) as usize;
        // Size of the first section, `.text`, which is read for nothing.
        bytes[headers + 64 + 32..headers + 64 + 40].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        let read = Module::read(&bytes, "acme_net.ko", &Limits::default());
        let message = read.unwrap_err().to_string();
        assert!(message.starts_with("section .text at byte"), "{message}");
    }

    #[test]
    fn a_file_without_symbols_is_odd() {
        let mut bytes = acme().imports("printk", 1).build();
        let headers = u64::from_le_bytes(bytes[0x28..0x30].try_into().unwrap()) as usize;
        let mut types = (headers + 4..bytes.len()).step_by(64);
        let symtab = types.find(|at| bytes[*at] == 2).unwrap();
        bytes[symtab] = 7;
        let module = read_bytes(&bytes);
        assert_eq!(codes(&module), ["symtab-missing"]);
        assert_eq!(module.imports.len(), 2, "as the version table lists them");
    }

    #[test]
    fn a_second_modinfo_is_odd() {
        let mut bytes = acme().btf().build();
        // `.BTF` and a spare section take the name by pointing at the same string.
        let names: Vec<usize> = (0..bytes.len() - 9)
            .filter(|at| &bytes[*at..*at + 9] == b".modinfo\0")
            .collect();
        let [name] = names[..] else {
            panic!("one name")
        };
        let headers = u64::from_le_bytes(bytes[0x28..0x30].try_into().unwrap()) as usize;
        let table = (bytes[0x3e] as usize) * 64 + headers + 24;
        let start = u64::from_le_bytes(bytes[table..table + 8].try_into().unwrap()) as usize;
        bytes[headers + 64..headers + 68].copy_from_slice(&((name - start) as u32).to_le_bytes());
        let module = read_bytes(&bytes);
        assert_eq!(codes(&module)[0], "section-duplicate");
    }
}
