//! The loader's rules that look at the module as a whole, in its order.

use super::alone::Assessment;
use crate::kernel::Kernel;
use crate::verdict::Reason;
use crate::{arch, codes, flavor};
use kmod::{Btf, Crc, Import, Module, Versions};

/// The symbols whose version stands for the layout of `struct module`: today's, and that of
/// kernels before 2.6.30.
pub(crate) const LAYOUT_SYMBOLS: [&str; 2] = ["module_layout", "struct_module"];

/// First kernel that compares the size of `.gnu.linkonce.this_module`.
const SIZE_CHECKED_SINCE: (u32, u32) = (6, 4);
/// First kernel that reads `__version_ext_crcs` and `__version_ext_names`.
const EXTENDED_VERSIONS_SINCE: (u32, u32) = (6, 14);
/// First kernel that hands the taint on to the modules that use a proprietary one.
const TAINT_INHERITED_SINCE: (u32, u32) = (5, 9);

/// What is decided before any symbol is looked up.
pub(super) fn before_symbols(kernel: &Kernel, module: &Module, assessment: &mut Assessment) {
    file(module, assessment);
    processor(kernel, module, assessment);
    flavor(kernel, module, assessment);
    let layout_fails = layout(kernel, module, assessment);
    size(kernel, module, layout_fails, assessment);
    vermagic(kernel, module, layout_fails, assessment);
    livepatch(kernel, module, assessment);
    license(module, assessment);
}

/// What is decided after them.
pub(super) fn after_symbols(kernel: &Kernel, module: &Module, assessment: &mut Assessment) {
    // Type information refers to the kernel's own by number. A kernel without
    // CONFIG_MODULE_ALLOW_BTF_MISMATCH refuses numbers that mean something else there.
    if module.btf == Btf::Split && module.kernel_release() != Some(&kernel.release) {
        assessment
            .reasons
            .push(Reason::warn(codes::BTF_MISMATCH_RISK));
    }
}

/// Is this the symbol that stands for `struct module`?
pub(crate) fn is_layout(symbol: &str) -> bool {
    LAYOUT_SYMBOLS.contains(&symbol)
}

/// Does this kernel read extended symbol versions? `None` when its version is not known.
pub(super) fn reads_extended_versions(kernel: &Kernel) -> Option<bool> {
    kernel
        .version()
        .map(|version| version >= EXTENDED_VERSIONS_SINCE)
}

/// Does this kernel hand the taint of a proprietary module on to the modules that use it?
pub(crate) fn inherits_taint(kernel: &Kernel) -> bool {
    let version = kernel.version();
    version.is_none_or(|version| version >= TAINT_INHERITED_SINCE)
}

/// Does this kernel let the module get away with a symbol that has no version? Only where it reads
/// extended versions.
pub(super) fn lenient_about_missing_versions(kernel: &Kernel, versions: Versions) -> bool {
    matches!(versions, Versions::Extended | Versions::Both)
        && reads_extended_versions(kernel) == Some(true)
}

/// What the reader found odd and every loader refuses (`mod_verify_sig`, `elf_validity_check`,
/// `simplify_symbols`, `check_version` of extended versions), with the code for that.
pub(crate) const REFUSED_FILES: [(&str, &str); 4] = [
    ("signature-malformed", codes::SIGNATURE_MALFORMED),
    ("symtab-missing", codes::ELF_STRIPPED_SYMTAB),
    ("common-symbol", codes::ELF_INVALID),
    ("ext-versions-incomplete", codes::ELF_INVALID),
];

/// Each code once, and nothing of what the oddity says: the index keeps only which there were.
fn file(module: &Module, assessment: &mut Assessment) {
    let is_odd = |oddity: &str| module.oddities.iter().any(|odd| odd.code == oddity);
    let mut codes: Vec<&str> = Vec::new();
    for (oddity, code) in REFUSED_FILES {
        if is_odd(oddity) && !codes.contains(&code) {
            codes.push(code);
        }
    }
    let reasons = codes.into_iter().map(Reason::fatal);
    assessment.reasons.extend(reasons);
}

fn processor(kernel: &Kernel, module: &Module, assessment: &mut Assessment) {
    let built_for = || format!("the module is for {}", arch::name(module.machine));
    match arch::runs(&kernel.arch, module.machine) {
        Some(true) => {}
        Some(false) => {
            let detail = format!("{}, the kernel for {}", built_for(), kernel.arch);
            assessment.other_build = true;
            assessment
                .reasons
                .push(Reason::fatal(codes::ARCH_MISMATCH).detail(detail));
        }
        None => {
            let detail = format!("{}, the kernel for `{}`", built_for(), kernel.arch);
            assessment.unknown = true;
            assessment
                .reasons
                .push(Reason::warn(codes::ARCH_UNKNOWN).detail(detail));
        }
    }
}

fn flavor(kernel: &Kernel, module: &Module, assessment: &mut Assessment) {
    let Some(release) = module.kernel_release() else {
        return;
    };
    if let Some(other) = flavor::differs(release, &kernel.release, &kernel.flavor) {
        let detail = format!(
            "built for {release} (flavor `{other}`), the kernel is {} (flavor `{}`)",
            kernel.release, kernel.flavor
        );
        assessment.other_build = true;
        assessment
            .reasons
            .push(Reason::fatal(codes::FLAVOR_MISMATCH).detail(detail));
    }
}

/// True when the versions of `struct module` are known and differ.
fn layout(kernel: &Kernel, module: &Module, assessment: &mut Assessment) -> bool {
    if kernel.exports.is_empty() {
        assessment.unknown = true;
        assessment
            .reasons
            .push(Reason::warn(codes::KERNEL_SYMBOLS_UNKNOWN));
        return false;
    }
    let import = module
        .imports
        .iter()
        .find(|import| is_layout(&import.symbol));
    if !kernel.modversions {
        // Nothing to compare: the exact version magic stands for it.
        assessment.resolved += usize::from(import.is_some());
        return false;
    }
    match module.versions {
        Versions::None => {
            assessment
                .reasons
                .push(Reason::fatal(codes::MODVERSIONS_MISSING_MODULE));
            false
        }
        Versions::Extended if reads_extended_versions(kernel) != Some(true) => {
            assessment
                .reasons
                .push(Reason::fatal(codes::EXT_VERSION_ONLY));
            false
        }
        _ => layout_version(kernel, module, import, assessment),
    }
}

fn layout_version(
    kernel: &Kernel,
    module: &Module,
    import: Option<&Import>,
    assessment: &mut Assessment,
) -> bool {
    let expected = import
        .and_then(|import| import.crc)
        .filter(|crc| crc.is_versioned());
    let symbol = import.map_or(LAYOUT_SYMBOLS[0], |import| &import.symbol);
    let Some(expected) = expected else {
        let lenient = lenient_about_missing_versions(kernel, module.versions);
        assessment.resolved += usize::from(lenient && import.is_some());
        assessment
            .reasons
            .push(unversioned_in_module(lenient).symbol(symbol));
        return false;
    };
    let export = kernel.exports.get(symbol);
    let offered: Vec<Crc> = export.map(|e| e.versions().collect()).unwrap_or_default();
    if offered.contains(&expected) {
        assessment.resolved += 1;
        return false;
    }
    let Some(&found) = offered.first() else {
        assessment.unknown = true;
        let reason = Reason::warn(codes::LAYOUT_UNKNOWN)
            .symbol(symbol)
            .expected(expected);
        assessment.reasons.push(reason);
        return false;
    };
    let reason = Reason::fatal(codes::LAYOUT_CRC_MISMATCH).symbol(symbol);
    assessment
        .reasons
        .push(reason.expected(expected).found(found));
    true
}

/// A symbol in use without a version: refused, or only remarked where the loader is lenient.
fn unversioned_in_module(lenient: bool) -> Reason {
    if lenient {
        Reason::warn(codes::EXT_VERSION_MISSING_NAME)
    } else {
        Reason::fatal(codes::SYMBOL_UNVERSIONED_IN_MODULE)
    }
}

fn size(kernel: &Kernel, module: &Module, layout_fails: bool, assessment: &mut Assessment) {
    let (Some(theirs), Some(ours)) = (kernel.this_module_size, module.this_module_size) else {
        return;
    };
    let not_checked = kernel
        .version()
        .is_some_and(|version| version < SIZE_CHECKED_SINCE);
    if ours == theirs || not_checked {
        return;
    }
    // With another version of `struct module` its size is part of the same change.
    assessment.other_build |= !layout_fails;
    let detail = format!("{ours} bytes in the module, {theirs} in the kernel");
    assessment
        .reasons
        .push(Reason::fatal(codes::THIS_MODULE_SIZE_MISMATCH).detail(detail));
}

/// `same_magic`: with symbol versions on both sides the part after the first blank, byte for byte;
/// else the whole text.
fn vermagic(kernel: &Kernel, module: &Module, layout_fails: bool, assessment: &mut Assessment) {
    if module.vermagic.is_none() {
        assessment
            .reasons
            .push(Reason::fatal(codes::VERMAGIC_MISSING));
        return;
    }
    let release_matters = !kernel.exports.is_empty()
        && (!kernel.modversions || module.versions == Versions::Extended);
    if release_matters {
        exact_release(kernel, module, assessment);
    }
    let tail = module.vermagic_tail().unwrap_or_default();
    if let Some(theirs) = &kernel.vermagic_tail {
        if tail != theirs {
            assessment.other_build |= !layout_fails && !release_matters;
            let detail = format!("`{tail}` in the module, `{theirs}` in the kernel");
            assessment
                .reasons
                .push(Reason::fatal(codes::VERMAGIC_MISMATCH).detail(detail));
        }
    } else {
        unknown_tail(kernel, tail, release_matters, assessment);
    }
}

fn exact_release(kernel: &Kernel, module: &Module, assessment: &mut Assessment) {
    let release = module.kernel_release().unwrap_or_default();
    if release != kernel.release {
        let detail = format!("built for {release}, the kernel is {}", kernel.release);
        assessment
            .reasons
            .push(Reason::fatal(codes::VERMAGIC_EXACT_REQUIRED).detail(detail));
    }
}

/// The kernel's options are not registered, but one of them follows from its symbols.
fn unknown_tail(kernel: &Kernel, tail: &str, release_matters: bool, assessment: &mut Assessment) {
    let says_modversions = tail.split(' ').any(|token| token == MODVERSIONS_TOKEN);
    if kernel.exports.is_empty() || says_modversions == kernel.modversions {
        // With symbol versions, that of `struct module` covers the options that matter; without
        // them nothing does.
        assessment.unknown |= release_matters;
        assessment.reasons.push(if release_matters {
            Reason::warn(codes::VERMAGIC_TAIL_UNKNOWN)
        } else {
            Reason::info(codes::VERMAGIC_TAIL_UNKNOWN)
        });
    } else if says_modversions {
        assessment
            .reasons
            .push(Reason::fatal(codes::MODVERSIONS_MISSING_KERNEL));
    } else {
        let detail = format!("`{tail}` in the module lacks `{MODVERSIONS_TOKEN}`");
        assessment
            .reasons
            .push(Reason::fatal(codes::VERMAGIC_MISMATCH).detail(detail));
    }
}

/// In the vermagic of kernels with `CONFIG_MODVERSIONS`, and of their modules.
const MODVERSIONS_TOKEN: &str = "modversions";

fn livepatch(kernel: &Kernel, module: &Module, assessment: &mut Assessment) {
    if !module.livepatch {
        return;
    }
    let release = module.kernel_release().unwrap_or_default();
    let detail = format!("built for {release}, the kernel is {}", kernel.release);
    assessment.reasons.push(if release == kernel.release {
        Reason::warn(codes::LIVEPATCH).detail(detail)
    } else {
        Reason::fatal(codes::LIVEPATCH).detail(detail)
    });
}

fn license(module: &Module, assessment: &mut Assessment) {
    match module.licenses().next() {
        None => assessment
            .reasons
            .push(Reason::info(codes::LICENSE_UNSPECIFIED)),
        Some(license) if !module.is_gpl_compatible() => {
            assessment
                .reasons
                .push(Reason::info(codes::LICENSE_NOT_GPL).detail(license));
        }
        Some(_) => {}
    }
}
