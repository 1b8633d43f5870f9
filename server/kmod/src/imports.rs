//! What a module needs: its undefined symbols, joined with the versions it was built against.
//!
//! Source: `simplify_symbols()` and `check_version()` in `kernel/module/`.

use std::cmp::Ordering;

use goblin::elf::{
    header::{EM_386, EM_PPC64, EM_X86_64},
    section_header::{SHN_COMMON, SHN_UNDEF},
    sym::STB_WEAK,
};

use crate::{
    Error, Import, Limits,
    elf::{ElfFile, Symbols},
    oddities::Oddities,
    versions::Record,
};

/// Versioned in every module and checked first, but never an undefined symbol.
const MODULE_LAYOUT: &[u8] = b"module_layout";

/// An undefined symbol: its name, and whether it is weak.
type Undefined<'a> = (&'a [u8], bool);

/// Undefined symbols and version records as one list, in name order.
///
/// `versions` is sorted by name and holds each name once.
pub(crate) fn join(
    elf: &ElfFile<'_>,
    symbols: &Symbols<'_>,
    versions: &[Record<'_>],
    limits: &Limits,
    oddities: &mut Oddities,
) -> Result<Vec<Import>, Error> {
    let undefined = undefined(elf, symbols, limits, oddities)?;
    let mut imports = Vec::with_capacity(undefined.len().max(versions.len()));
    let (mut undefined, mut versions) =
        (undefined.into_iter().peekable(), versions.iter().peekable());
    loop {
        let order = match (undefined.peek(), versions.peek()) {
            (Some((needed, _)), Some((versioned, _))) => needed.cmp(versioned),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return Ok(imports),
        };
        let needed = if order.is_le() {
            undefined.next()
        } else {
            None
        };
        let version = if order.is_ge() { versions.next() } else { None };
        let Some(name) = needed
            .map(|(name, _)| name)
            .or(version.map(|(name, _)| *name))
        else {
            return Ok(imports);
        };
        imports.push(Import {
            symbol: oddities.text(name),
            crc: version.map(|(_, crc)| *crc),
            weak: needed.is_some_and(|(_, weak)| weak),
            undefined: needed.is_some(),
        });
    }
}

/// Notes what does not fit between needs and versions. Only for a module that has versions.
pub(crate) fn compare(imports: &[Import], oddities: &mut Oddities) {
    for import in imports {
        if import.crc.is_none() && !import.weak {
            oddities.add("import-unversioned", || {
                format!(
                    "needs `{}`, but has no version record for it",
                    import.symbol
                )
            });
        }
        if !import.undefined && import.symbol.as_bytes() != MODULE_LAYOUT {
            oddities.add("version-without-import", || {
                format!(
                    "has a version record for `{}`, which it does not need",
                    import.symbol
                )
            });
        }
    }
    if !imports
        .iter()
        .any(|import| import.symbol.as_bytes() == MODULE_LAYOUT)
    {
        oddities.add("module-layout-missing", || {
            "has versions, but none for `module_layout`, which the loader checks first".to_owned()
        });
    }
}

/// The symbols that the loader has to find, sorted, each once. Weak only if weak every time.
fn undefined<'a>(
    elf: &ElfFile<'_>,
    symbols: &Symbols<'a>,
    limits: &Limits,
    oddities: &mut Oddities,
) -> Result<Vec<Undefined<'a>>, Error> {
    let mut found: Vec<Undefined<'a>> = Vec::new();
    for symbol in symbols.iter() {
        match symbol.st_shndx as u32 {
            SHN_UNDEF => {}
            SHN_COMMON => {
                note_common(symbols.names.get(symbol.st_name)?, oddities);
                continue;
            }
            // Defined here, absolute, or resolved by livepatch itself (0xff20).
            _ => continue,
        }
        let name = symbols.names.get(symbol.st_name)?;
        if name.is_empty() || is_resolved_by_architecture(elf, name) {
            continue;
        }
        if found.len() == limits.symbols {
            return Err(Error::TooLarge {
                what: "imported symbols",
                limit: limits.symbols as u64,
                name: Some("module-symbols"),
            });
        }
        found.push((elf.loader_name(name), symbol.st_bind() == STB_WEAK));
    }
    // `false` sorts first, so the strong one of a pair stays.
    found.sort_unstable();
    found.dedup_by_key(|(name, _)| *name);
    Ok(found)
}

/// Undefined by convention: architecture code gives these their value, no export does.
fn is_resolved_by_architecture(elf: &ElfFile<'_>, name: &[u8]) -> bool {
    match elf.machine().e_machine {
        EM_PPC64 => name == b".TOC.",
        EM_386 | EM_X86_64 => name == b"_GLOBAL_OFFSET_TABLE_",
        _ => false,
    }
}

fn note_common(name: &[u8], oddities: &mut Oddities) {
    if !name.starts_with(b"__gnu_lto") {
        oddities.add("common-symbol", || {
            let name = String::from_utf8_lossy(name);
            format!("`{name}` is a common symbol, which the loader refuses: build with -fno-common")
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Crc,
        testing::{TARGETS, acme, codes, read, read_bytes},
    };

    use super::*;

    fn import(symbol: &str, crc: Option<u32>, weak: bool, undefined: bool) -> Import {
        Import {
            symbol: symbol.to_owned(),
            crc: crc.map(Crc),
            weak,
            undefined,
        }
    }

    #[test]
    fn needs_and_versions_become_one_list_in_name_order() {
        let builder = acme()
            .imports("printk", 0x9299_7ed8)
            .imports("kfree", 0x037a_0cba)
            .imports_weak("mach_cell")
            .module_layout(0xfa59_6f96);
        let expected = [
            import("kfree", Some(0x037a_0cba), false, true),
            import("mach_cell", None, true, true),
            import("module_layout", Some(0xfa59_6f96), false, false),
            import("printk", Some(0x9299_7ed8), false, true),
        ];
        for (machine, target) in TARGETS {
            let module = read(&target(builder.clone()));
            assert_eq!(module.imports, expected, "{machine}");
            assert_eq!(codes(&module), [""; 0], "{machine}");
        }
    }

    #[test]
    fn what_does_not_fit_together_is_odd() {
        let cases = [
            (acme().imports_unversioned("kfree"), "import-unversioned"),
            (
                acme().version_record_only("kfree", 1),
                "version-without-import",
            ),
            (
                acme().without_module_layout().imports("kfree", 1),
                "module-layout-missing",
            ),
        ];
        for (builder, code) in cases {
            assert_eq!(codes(&read(&builder)), [code]);
        }
    }

    #[test]
    fn without_versions_only_the_needs_are_listed() {
        let module = read(&acme().imports("kfree", 1).without_modversions());
        assert_eq!(module.imports, [import("kfree", None, false, true)]);
        assert_eq!(codes(&module), [""; 0]);
    }

    #[test]
    fn symbols_that_architecture_code_resolves_are_no_needs() {
        let module = read(&acme().imports_unversioned("_GLOBAL_OFFSET_TABLE_"));
        assert_eq!(module.imports.len(), 1, "module_layout only");

        let powerpc = acme()
            .big_endian()
            .imports_unversioned(".TOC.")
            .imports(".printk", 7);
        let module = read_bytes(&for_powerpc64(powerpc.build()));
        let expected = [
            import("module_layout", Some(0xfa59_6f96), false, false),
            import("printk", Some(7), false, true),
        ];
        assert_eq!(module.imports, expected);
    }

    /// A module for s390x said to be one for 64-bit PowerPC.
    fn for_powerpc64(mut s390x: Vec<u8>) -> Vec<u8> {
        s390x[18..20].copy_from_slice(&EM_PPC64.to_be_bytes());
        s390x
    }

    #[test]
    fn a_dot_elsewhere_belongs_to_the_name() {
        let module = read(&acme().imports(".printk", 7));
        assert_eq!(module.imports[0].symbol, ".printk");
    }

    #[test]
    fn a_symbol_needed_both_ways_is_not_weak() {
        let module = read(&acme().imports_weak("kfree").imports("kfree", 1));
        assert_eq!(module.imports[0], import("kfree", Some(1), false, true));
    }

    #[test]
    fn more_needs_than_allowed_are_refused() {
        let limits = Limits {
            symbols: 3,
            ..Limits::default()
        };
        let four = (0..4).fold(acme(), |builder, n| {
            builder.imports_unversioned(&format!("s{n}"))
        });
        let read = crate::Module::read(&four.build(), "acme_net.ko", &limits);
        assert_eq!(
            read,
            Err(Error::TooLarge {
                what: "imported symbols",
                limit: 3,
                name: Some("module-symbols"),
            })
        );
    }
}
