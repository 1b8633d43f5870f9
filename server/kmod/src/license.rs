//! Which licences make a module GPL-compatible in the loader's eyes.
//!
//! Source: `license_is_gpl_compatible()` in `include/linux/license.h`: an exact list, so the
//! reasonable looking `GPL v2+`, `GPLv2`, `LGPL` and `BSD` are proprietary.

/// Every `MODULE_LICENSE()` text that may use GPL-only symbols.
const GPL_COMPATIBLE: [&str; 6] = [
    "GPL",
    "GPL v2",
    "GPL and additional rights",
    "Dual BSD/GPL",
    "Dual MIT/GPL",
    "Dual MPL/GPL",
];

/// Whether a `MODULE_LICENSE()` text lets a module use symbols exported with `EXPORT_SYMBOL_GPL`.
pub fn is_gpl_compatible(license: &str) -> bool {
    GPL_COMPATIBLE.contains(&license)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_exact() {
        for license in GPL_COMPATIBLE {
            assert!(is_gpl_compatible(license), "{license}");
        }
        for license in [
            "",
            "gpl",
            "GPL ",
            "GPL v2+",
            "GPLv2",
            "LGPL",
            "BSD",
            "Proprietary",
        ] {
            assert!(!is_gpl_compatible(license), "{license}");
        }
    }
}
