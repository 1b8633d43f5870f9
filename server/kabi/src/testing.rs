//! Modules and kernels for tests: honest by default, so that a test names only what it is about.

pub mod worlds;

use crate::{Kernel, symvers};
use kmod::{Btf, Crc, Export, Import, Machine, Module, Versions};

/// Release and version magic that kernels and modules here have.
pub const RELEASE: &str = "6.4.0-150600.21-default";
pub const TAIL: &str = "SMP preempt mod_unload modversions ";
/// Version of `struct module` here.
pub const LAYOUT: u32 = 0x1a10;

/// A GPL module for [`kernel`] that imports and exports these symbols in these versions.
pub fn module(name: &str, imports: &[(&str, u32)], exports: &[(&str, u32)]) -> Module {
    let layout = Import {
        undefined: false,
        ..import("module_layout", Some(LAYOUT))
    };
    Module {
        name: name.to_owned(),
        machine: Machine {
            e_machine: 62,
            is_64: true,
            little_endian: true,
        },
        vermagic: Some(format!("{RELEASE} {TAIL}")),
        modinfo: vec![("license".to_owned(), "GPL".to_owned())],
        imports: imports
            .iter()
            .map(|(symbol, crc)| import(symbol, Some(*crc)))
            .chain([layout])
            .collect(),
        exports: exports
            .iter()
            .map(|(symbol, crc)| export(symbol, Some(*crc)))
            .collect(),
        versions: Versions::Basic,
        this_module_size: Some(896),
        signature: None,
        livepatch: false,
        btf: Btf::None,
        oddities: Vec::new(),
    }
}

/// The same, changed by `change`.
pub fn module_with(
    name: &str,
    imports: &[(&str, u32)],
    change: impl FnOnce(&mut Module),
) -> Module {
    let mut module = module(name, imports, &[]);
    change(&mut module);
    module
}

pub fn import(symbol: &str, crc: Option<u32>) -> Import {
    Import {
        symbol: symbol.to_owned(),
        crc: crc.map(Crc),
        weak: false,
        undefined: true,
    }
}

pub fn export(symbol: &str, crc: Option<u32>) -> Export {
    Export {
        symbol: symbol.to_owned(),
        crc: crc.map(Crc),
        gpl: false,
        namespace: None,
    }
}

/// Another licence, or none.
pub fn set_license(module: &mut Module, license: Option<&str>) {
    module.modinfo.retain(|(key, _)| key != "license");
    module
        .modinfo
        .extend(license.map(|text| ("license".to_owned(), text.to_owned())));
}

/// A kernel whose symvers has these lines, divided by blanks, and `module_layout`.
pub fn kernel(lines: &[&str]) -> Kernel {
    let text = format!(
        "{LAYOUT:#x} module_layout vmlinux EXPORT_SYMBOL\n{}",
        lines.join("\n")
    );
    let symvers = symvers::parse(text.as_bytes()).unwrap();
    Kernel::new(RELEASE, "x86_64", "default", &symvers)
}
