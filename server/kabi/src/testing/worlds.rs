//! Random kernels and packages, on few symbols and names, so that everything meets everything:
//! mostly honest, with each oddity that some rule is about now and then.

use super::{RELEASE, TAIL, export, import, kernel, module, set_license};
use crate::judge::rules::REFUSED_FILES;
use crate::kernel::{Kernel, KernelExport};
use kmod::{Btf, Crc, Export, Import, Module, Versions};
use proptest::prelude::*;

/// A package: its name and its modules.
pub type Package = (String, Vec<Module>);

const SYMBOLS: [&str; 7] = [
    "s0",
    "s1",
    "s2",
    "s3",
    "s4",
    "s5",
    // Too long for a basic version record.
    "s6_with_a_name_of_more_than_sixty_characters_as_those_of_rust_have",
];
const NAMESPACES: [&str; 4] = ["NS", "OTHER", "module:m0,m-2*", "module:m4"];
const RELEASES: [&str; 4] = [
    RELEASE,
    "6.14.0-1-default",
    "5.3.18-1-default",
    "6.4.0-150600.21-azure",
];

pub fn any_symbol() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&SYMBOLS)
}

/// Two small numbers: a version, mostly 1, and an oddity, mostly none.
fn any_version() -> impl Strategy<Value = (u32, u8)> {
    (
        prop_oneof![1 => Just(0u32), 8 => Just(1), 2 => Just(2)],
        0u8..24,
    )
}

fn any_import(symbol: &str, (crc, odd): (u32, u8)) -> Import {
    let mut import = import(symbol, Some(crc));
    match odd {
        0 | 1 => import.weak = true,
        2 => import.crc = None,
        3 => import.undefined = false,
        _ => {}
    }
    import
}

fn any_export(symbol: &str, (crc, odd): (u32, u8)) -> Export {
    let mut export = export(symbol, Some(crc));
    match odd {
        0 | 1 => export.gpl = true,
        2 => export.crc = None,
        3 | 4 => export.namespace = Some(NAMESPACES[usize::from(odd - 3)].to_owned()),
        5 => export.namespace = Some(NAMESPACES[2].to_owned()),
        6 => export.namespace = Some(String::new()),
        _ => {}
    }
    export
}

pub fn any_module() -> impl Strategy<Value = Module> {
    let imports = proptest::collection::btree_map(any_symbol(), any_version(), 0..5);
    let exports = proptest::collection::btree_map(any_symbol(), any_version(), 0..3);
    let name = proptest::sample::select(&["m0", "m1", "m_2x", "m-2x", "m4"]);
    (name, imports, exports, 0u8..60, 0u8..40).prop_map(|(name, imports, exports, odd, odd2)| {
        let mut module = module(name, &[], &[]);
        let imports = imports.into_iter().map(|(s, v)| any_import(s, v));
        module.imports.extend(imports);
        module.exports = exports.into_iter().map(|(s, v)| any_export(s, v)).collect();
        make_odd(&mut module, odd);
        make_odd(&mut module, odd2);
        // As modules list them.
        module.imports.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        module
    })
}

fn make_odd(module: &mut Module, odd: u8) {
    let vermagic = |release: &str, tail: &str| Some(format!("{release} {tail}"));
    let is_layout = |import: &Import| import.symbol == "module_layout";
    match odd {
        0 => set_license(module, None),
        1 | 2 => set_license(module, Some("Proprietary")),
        3 => module.versions = Versions::None,
        4 => module.versions = Versions::Extended,
        5 => module.versions = Versions::Both,
        6 => module.vermagic = None,
        7 => module.vermagic = vermagic(RELEASE, "SMP mod_unload modversions "),
        8 => module.vermagic = vermagic(RELEASE, "SMP preempt mod_unload "),
        9..=11 => module.vermagic = vermagic(RELEASES[usize::from(odd - 8)], TAIL),
        12 => module
            .imports
            .iter_mut()
            .filter(|i| is_layout(i))
            .for_each(|i| i.crc = Some(Crc(9))),
        13 => module.imports.retain(|i| !is_layout(i)),
        14 => module.machine.e_machine = 183,
        15 => module.machine.is_64 = false,
        16 => module.this_module_size = Some(1280),
        17 => module.livepatch = true,
        18 => module.btf = Btf::Split,
        19 => module.btf = Btf::Distilled,
        24 | 25 => {
            let (code, _) = REFUSED_FILES[usize::from(odd - 24) * 2];
            module.oddities.push(kmod::Oddity {
                code: code.to_owned(),
                detail: "it is odd".to_owned(),
            });
        }
        20..=23 => {
            let namespace = NAMESPACES[usize::from(odd % 2)].to_owned();
            module.modinfo.push(("import_ns".to_owned(), namespace));
        }
        _ => {}
    }
}

pub fn any_packages() -> impl Strategy<Value = Vec<Package>> {
    proptest::collection::vec(any_package(), 0..7)
}

pub fn any_package() -> impl Strategy<Value = Package> {
    let modules = proptest::collection::vec(any_module(), 0..4);
    let name = proptest::sample::select(&["p0", "p1", "p2", "p3"]);
    (name.prop_map(str::to_owned), modules)
}

pub fn any_kernel() -> impl Strategy<Value = Kernel> {
    let exports = proptest::collection::btree_map(any_symbol(), any_version(), 0..6);
    (exports, 0u8..24).prop_map(|(exports, odd)| {
        let mut kernel = kernel(&[]);
        for (symbol, version) in exports {
            kernel
                .exports
                .insert(symbol.to_owned(), kernel_export(version));
        }
        match odd {
            0 => kernel.modversions = false,
            1 => kernel.exports.clear(),
            2 => kernel.gpl_known = false,
            3 | 4 => kernel.vermagic_tail = Some(TAIL.to_owned()),
            5 => kernel.vermagic_tail = Some("SMP preempt mod_unload ".to_owned()),
            6 => kernel.this_module_size = Some(896),
            7 => kernel.this_module_size = Some(1280),
            8 => kernel.arch = "noarch".to_owned(),
            9 => drop(kernel.exports.remove("module_layout")),
            10..=12 => kernel.release = RELEASES[usize::from(odd - 9)].to_owned(),
            _ => {}
        }
        kernel
    })
}

/// What a kernel may come to export.
pub fn any_kernel_export() -> impl Strategy<Value = KernelExport> {
    any_version().prop_map(kernel_export)
}

fn kernel_export((crc, odd): (u32, u8)) -> KernelExport {
    KernelExport {
        crcs: match odd {
            7 => vec![Crc(crc), Crc(2)],
            8 => vec![],
            _ => vec![Crc(crc)],
        },
        gpl: odd < 2,
        namespace: match odd {
            2..=5 => Some(NAMESPACES[usize::from(odd - 2)].to_owned()),
            6 => Some(String::new()),
            _ => None,
        },
        provider: match odd {
            9 | 10 => "fs/m0",
            11 => "drivers/m-2x",
            _ => "vmlinux",
        }
        .to_owned(),
    }
}
