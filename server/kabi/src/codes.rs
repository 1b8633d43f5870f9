//! Every reason a verdict can give: a stable code and what it means.
//!
//! Codes are part of the API: they are added, never renamed or reused.

/// Defines the constants and the table from one list.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal: $meaning:literal;)*) => {
        $($(#[$doc])* #[doc = $meaning] pub const $name: &str = $code;)*

        /// Every code with its meaning, in the order of the loader's rules.
        pub static ALL: &[(&str, &str)] = &[$(($code, $meaning)),*];
    };
}

codes! {
    SIGNATURE_MALFORMED = "signature-malformed":
        "The signature at the module's end contradicts itself, which no kernel lets pass";
    ELF_STRIPPED_SYMTAB = "elf-stripped-symtab":
        "The module has no symbol table, without which no kernel loads it";
    ELF_INVALID = "elf-invalid": "The module's tables are such that no kernel loads it";
    ARCH_MISMATCH = "arch-mismatch": "The module is for another processor";
    ARCH_UNKNOWN = "arch-unknown": "The name of the kernel's architecture is not known here";
    FLAVOR_MISMATCH = "flavor-mismatch": "The module is built for another flavor of the kernel";
    THIS_MODULE_SIZE_MISMATCH = "this-module-size-mismatch":
        "The kernel's `struct module` has another size";
    MODVERSIONS_MISSING_MODULE = "modversions-missing-module":
        "The module carries no symbol versions, which this kernel demands";
    MODVERSIONS_MISSING_KERNEL = "modversions-missing-kernel":
        "This kernel has no symbol versions, which the module is built for";
    EXT_VERSION_ONLY = "ext-version-only":
        "The module carries only extended symbol versions, which kernels before 6.14 do not read";
    LAYOUT_CRC_MISMATCH = "layout-crc-mismatch":
        "The kernel's `struct module` has another version, so no module of the other kernel loads";
    LAYOUT_UNKNOWN = "layout-unknown":
        "The kernel's symbol list does not say the version of `module_layout`";
    VERMAGIC_MISSING = "vermagic-missing": "The module has no version magic";
    VERMAGIC_MISMATCH = "vermagic-mismatch": "The kernel is built with other options";
    VERMAGIC_EXACT_REQUIRED = "vermagic-exact-required":
        "Without symbol versions the module loads on the very kernel it is built for only";
    VERMAGIC_TAIL_UNKNOWN = "vermagic-tail-unknown":
        "The kernel's build options (version magic) are not registered";
    LIVEPATCH = "livepatch": "A live patch fits the very kernel it is built for only";
    LICENSE_UNSPECIFIED = "license-unspecified":
        "The module states no licence and counts as proprietary";
    LICENSE_NOT_GPL = "license-not-gpl":
        "The module's licence is not GPL-compatible, which taints the kernel";
    KERNEL_SYMBOLS_UNKNOWN = "kernel-symbols-unknown": "The kernel's symbols are not registered";
    SYMBOL_MISSING = "symbol-missing": "Nobody exports the symbol";
    SYMBOL_WEAK_UNRESOLVED = "symbol-weak-unresolved":
        "Nobody exports the symbol, and the module can do without";
    SYMBOL_GPL_ONLY = "symbol-gpl-only": "The symbol is for GPL-compatible modules only";
    SYMBOL_GPL_UNKNOWN = "symbol-gpl-unknown":
        "The kernel's symbol list does not say whether the symbol is for GPL-compatible modules only";
    GPL_TAINT_INHERITED = "gpl-taint-inherited":
        "The module uses GPL-only symbols and symbols of a proprietary module, which excludes both";
    SYMBOL_UNVERSIONED_IN_MODULE = "symbol-unversioned-in-module":
        "The module carries no version for a symbol it uses";
    EXT_VERSION_MISSING_NAME = "ext-version-missing-name":
        "The module carries no version for a symbol it uses, which this kernel only warns about";
    SYMBOL_PROVIDER_UNVERSIONED = "symbol-provider-unversioned":
        "The symbol is not versioned here, so nothing shows whether it fits";
    CRC_MISMATCH = "crc-mismatch": "The symbol has another version here";
    KSYM_PROVIDER_CRC_DIFFERS = "ksym-provider-crc-differs":
        "Other packages export the symbol, but in another version";
    NAMESPACE_NOT_IMPORTED = "namespace-not-imported":
        "The module does not import the symbol's namespace";
    NAMESPACE_MODULE_RESTRICTED = "namespace-module-restricted":
        "The symbol is reserved for other modules by name";
    SYMBOL_FROM_OTHER_PACKAGE = "symbol-from-other-package": "Another package exports the symbol";
    PROVIDER_NOT_LOADABLE = "provider-not-loadable":
        "The module that exports the symbol does not load here itself";
    PROVIDER_INDETERMINATE = "provider-indeterminate":
        "Whether the module that exports the symbol loads here is not known";
    DEPENDS_CYCLE = "depends-cycle":
        "The module needs a symbol of a module that needs this one first";
    EXPORT_DUPLICATE = "export-duplicate": "Somebody else exports the same symbol";
    EXPORT_UNVERSIONED = "export-unversioned":
        "The module exports symbols without versions, which this kernel demands";
    REPLACED_EXPORT_CHANGED = "replaced-export-changed":
        "The module replaces one of the kernel's own and exports the symbol in another version, so \
         the kernel's own users of it no longer load";
    REPLACED_EXPORT_MISSING = "replaced-export-missing":
        "The module replaces one of the kernel's own and does not export the symbol, so the \
         kernel's own users of it no longer load";
    MODULE_SHADOWED = "module-shadowed": "The module replaces one of the kernel's own";
    BTF_MISMATCH_RISK = "btf-mismatch-risk":
        "The module's type information belongs to another build, and some kernels refuse that";
}

/// What a code means, in a sentence without its full stop.
pub fn meaning(code: &str) -> Option<&'static str> {
    ALL.iter()
        .find(|(known, _)| *known == code)
        .map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kebab_case_and_stand_once() {
        let mut seen = std::collections::HashSet::new();
        for (code, meaning) in ALL {
            assert!(seen.insert(code), "{code}");
            assert!(
                code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{code}"
            );
            assert!(
                meaning.len() > 20 && !meaning.ends_with('.'),
                "{code}: {meaning}"
            );
        }
        assert_eq!(
            meaning(CRC_MISMATCH),
            Some("The symbol has another version here")
        );
        assert_eq!(meaning("no-such-code"), None);
    }
}
