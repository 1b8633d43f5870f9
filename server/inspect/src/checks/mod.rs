//! The checks: one file each, and the list of them.
//!
//! A check is a function over what is known of the package, and data that says what it is. It
//! changes nothing, asks nobody, and knows of no other check. A new one is a file here and a line
//! in the list below.

use crate::check::{Check, Scope};
use crate::context::Context;
use crate::report::{Report, Severity};

macro_rules! checks {
    ($($file:ident)*) => {
        $(mod $file;)*

        /// Every check, in the order in which they look.
        pub static CHECKS: &[&Check] = &[$(&$file::CHECK),*];
    };
}

checks! {
    signature
    digest_mismatch
    source_package
    debug_package
    package_name
    provider_prefix
    package_version
    vendor_tag
    no_modules
    companion_modules
    companion_files
    unreadable_module
    module_root
    several_kernels
    module_directory
    module_links
    duplicate_module
    flavor_mismatch
    arch_mismatch
    vermagic_mismatch
    loader_refusal
    missing_modversions
    symbol_crc_conflict
    duplicate_export
    missing_ksym_requires
    superfluous_ksym_requires
    ksym_crc_mismatch
    ksym_spelling
    ksym_flavor
    foreign_ksym_provides
    missing_ksym_provides
    symbol_sets
    missing_kernel_set
    broken_dependency
    match_all_alias
    supplement_without_alias
    alias_without_supplement
    supplement_spelling
    capability_hijack
    unusual_requires
    multiversion
    template_tags
    driver_disk
    weak_modules_scriptlet
    scriptlet_content
    supported_flag
    module_license
    package_license
    gpl_only_symbols
    namespace_not_imported
    module_signature
    broken_module_signature
    module_signer
    certificate_requires
    intree_flag
    live_patch
    firmware_not_included
    uefi_certificate
    file_places
    file_modes
    odd_module
    odd_package
}

#[cfg(test)]
mod rules;
#[cfg(test)]
mod tests;
