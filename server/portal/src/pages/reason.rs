//! One reason of a verdict in words: "`_dev_err` changed 0x92997ed8 → 0x1f0c2b6d".
//!
//! The codes are those of the judge; a code not known here still reads as a sentence.

/// How much a reason weighs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Weight {
    Info,
    Warn,
    Fatal,
}

impl Weight {
    /// From `info`, `warn` or `fatal`; anything else weighs like `info`.
    pub fn from_code(code: &str) -> Self {
        match code {
            "fatal" => Self::Fatal,
            "warn" => Self::Warn,
            _ => Self::Info,
        }
    }

    /// Suffix of the style sheet's classes.
    pub fn class(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "caution",
            Self::Fatal => "bad",
        }
    }

    /// Id of its symbol in `static/icons.svg`.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Info => "i-info",
            Self::Warn => "i-triangle",
            Self::Fatal => "i-cross",
        }
    }

    /// The word for readers who do not see the symbol.
    pub fn label(self) -> &'static str {
        match self {
            Self::Info => "Note",
            Self::Warn => "Warning",
            Self::Fatal => "Fatal",
        }
    }
}

/// A reason, cut where the template marks it up: symbol, words, old and new version, detail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    /// Stable and kebab-case: `crc-mismatch`.
    pub code: String,
    pub weight: Weight,
    /// The symbol it is about; the words go on from it.
    pub symbol: Option<String>,
    /// `changed`, `is not exported by this kernel`, or a whole sentence without a symbol.
    pub words: String,
    /// Version the module was built against: `0x92997ed8`.
    pub old_crc: Option<String>,
    /// Version the kernel offers.
    pub new_crc: Option<String>,
    /// What else the judge said: the value found, the name of another package.
    pub detail: Option<String>,
}

impl Reason {
    /// Puts a reason into words.
    ///
    /// `expected` is the version the module was built against, `found` the one on offer,
    /// `provider` the module or package that offers it.
    pub fn new(
        code: &str,
        weight: Weight,
        symbol: Option<&str>,
        expected: Option<u32>,
        found: Option<u32>,
        provider: Option<&str>,
        detail: Option<&str>,
    ) -> Self {
        let words = match symbol {
            Some(_) => words_after_symbol(code, provider),
            None => sentence(code, provider),
        };
        Self {
            code: code.to_owned(),
            weight,
            symbol: symbol.map(str::to_owned),
            words: words.unwrap_or_else(|| match symbol {
                Some(_) => format!("is affected by {code}"),
                None => code.replace('-', " "),
            }),
            old_crc: expected.map(crc),
            new_crc: found.map(crc),
            detail: detail.filter(|it| !it.is_empty()).map(str::to_owned),
        }
    }

    /// Whether an old and a new version are there to be shown with an arrow.
    pub fn changed(&self) -> bool {
        self.old_crc.is_some() && self.new_crc.is_some()
    }

    /// The same as one line of plain text, for mails. Names come from uploaded files, so control
    /// characters become blanks.
    pub fn plain(&self) -> String {
        let mut text = String::new();
        if let Some(symbol) = &self.symbol {
            text.push_str(symbol);
            text.push(' ');
        }
        text.push_str(&self.words);
        match (&self.old_crc, &self.new_crc) {
            (Some(old), Some(new)) => text.push_str(&format!(" {old} -> {new}")),
            (Some(old), None) => text.push_str(&format!(" (built against {old})")),
            (None, Some(new)) => text.push_str(&format!(" (the kernel has {new})")),
            (None, None) => {}
        }
        if let Some(detail) = &self.detail {
            text.push_str(&format!(" ({})", detail.replace('`', "")));
        }
        text.replace(char::is_control, " ")
    }
}

/// A symbol version as symvers files write it.
fn crc(value: u32) -> String {
    format!("0x{value:08x}")
}

/// What is to be said of a symbol, continuing its name. Words that end in a colon are followed
/// by the two versions.
fn words_after_symbol(code: &str, provider: Option<&str>) -> Option<String> {
    let by = |known: &str, unknown: &str| match provider {
        Some(provider) => known.replace("{}", provider),
        None => unknown.to_owned(),
    };
    let words = match code {
        "crc-mismatch" | "layout-crc-mismatch" => "changed",
        "layout-unknown" => "is not in the kernel’s symbol list, so nothing can be told",
        "symbol-missing" => "is not exported by this kernel",
        "symbol-unversioned-in-module" => "is needed without a version, which the loader refuses",
        "ext-version-missing-name" => "is needed without a version, which the kernel warns about",
        "symbol-provider-unversioned" => "has no version on this kernel, so nothing shows it fits",
        "symbol-weak-unresolved" => "is not exported, but the module can do without it",
        "symbol-gpl-only" => "is exported to GPL-compatible modules only",
        "symbol-gpl-unknown" => "may be exported to GPL-compatible modules only; nobody told",
        "gpl-taint-inherited" => "is GPL-only, but the module also uses a proprietary module",
        "symbol-moved" => return Some(by("moved to {}", "moved to another module")),
        "namespace-not-imported" => "is in a namespace that the module does not import",
        "namespace-module-restricted" => "is exported to other modules by name only",
        "symbol-from-other-package" => {
            return Some(by("comes from {}", "comes from another package"));
        }
        "ksym-provider-crc-differs" => {
            return Some(by(
                "is exported in another version by {}:",
                "has another version:",
            ));
        }
        "provider-not-loadable" => {
            return Some(by(
                "comes from {}, which does not load here itself",
                "comes from a module that does not load here itself",
            ));
        }
        "provider-indeterminate" => {
            return Some(by(
                "comes from {}, of which nothing can be told here",
                "comes from a module of which nothing can be told here",
            ));
        }
        "depends-cycle" => {
            return Some(by(
                "comes from {}, which needs this module first",
                "comes from a module that needs this one first",
            ));
        }
        "export-duplicate" => {
            return Some(by(
                "is already exported by {}",
                "is exported by somebody else, too",
            ));
        }
        "export-unversioned" => "is exported by the module without a version",
        "replaced-export-changed" => "is exported in another version than by the module replaced:",
        "replaced-export-missing" => {
            "is exported by the module replaced, but no longer by this one"
        }
        "not-in-stablelist" => "is not among the symbols promised to stay stable",
        _ => return None,
    };
    Some(words.to_owned())
}

/// What is to be said of the whole module.
fn sentence(code: &str, provider: Option<&str>) -> Option<String> {
    let words = match code {
        "arch-mismatch" => "The module is for another processor",
        "arch-unknown" => "The kernel’s architecture is not known here",
        "flavor-mismatch" => "The module is built for another flavor of the kernel",
        "elf-invalid" => "The module is not a readable ELF file",
        "elf-stripped-symtab" => "The symbol table was stripped from the module",
        "compression-unsupported" => "This kernel cannot read the module’s compression",
        "this-module-size-mismatch" => "The kernel’s “struct module” has another size",
        "modversions-missing-module" => {
            "The module has no symbol versions, which this kernel demands"
        }
        "modversions-missing-kernel" => {
            "The module has symbol versions, which this kernel does not use"
        }
        "ext-version-only" => "Symbol versions are in a form that kernels before 6.14 do not read",
        "layout-crc-mismatch" => "The kernel’s “struct module” has another version",
        "layout-unknown" => "The version of the kernel’s “struct module” is not known",
        "vermagic-missing" => "The module does not say which kernel it was built for (vermagic)",
        "vermagic-mismatch" => "The kernel is built with other options (vermagic)",
        "vermagic-exact-required" => "Without symbol versions, only the very same kernel loads it",
        "vermagic-tail-unknown" => "The kernel’s build options (vermagic) are not registered",
        "kernel-symbols-unknown" => "The kernel’s symbols are not registered",
        "livepatch" => "A live patch fits only the kernel it is built for",
        "license-unspecified" => "The module states no license and counts as proprietary",
        "license-not-gpl" => "The module’s license is not GPL-compatible, which taints the kernel",
        "gpl-taint-inherited" => {
            "The module uses GPL-only symbols and those of a proprietary module"
        }
        "export-unversioned" => {
            "The module exports symbols without versions, which this kernel demands"
        }
        "module-shadowed" => match provider {
            Some(provider) => {
                return Some(format!("The module replaces the kernel’s own {provider}"));
            }
            None => "The module replaces one of the kernel’s own",
        },
        "provider-not-loadable" => "A module it needs does not load here itself",
        "provider-indeterminate" => "Of a module it needs, nothing can be told here",
        "depends-cycle" => "Modules need each other first",
        "depends-missing" => match provider {
            Some(provider) => {
                return Some(format!("The module needs {provider}, which is missing"));
            }
            None => "A module it needs is missing",
        },
        "btf-mismatch-risk" => {
            "Type information (BTF) is of another build; some kernels refuse that"
        }
        "signature-missing" => "The module is not signed; kernels under Secure Boot refuse it",
        "signature-unknown-key" => "The module is signed by a key this kernel does not know",
        "signature-corrupt" | "signature-malformed" => "The module’s signature is damaged",
        "firmware-missing" => "Firmware the module asks for is not in the package",
        _ => return None,
    };
    Some(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_symbol_reads_as_a_sentence() {
        let reason = Reason::new(
            "crc-mismatch",
            Weight::Fatal,
            Some("_dev_err"),
            Some(0x9299_7ed8),
            Some(0xc2b6d),
            Some("vmlinux"),
            None,
        );
        assert_eq!(reason.plain(), "_dev_err changed 0x92997ed8 -> 0x000c2b6d");
        assert!(reason.changed());
    }

    #[test]
    fn reasons_read_as_sentences() {
        for (code, symbol, provider, detail, text) in [
            (
                "symbol-missing",
                Some("pde_data"),
                None,
                None,
                "pde_data is not exported by this kernel",
            ),
            (
                "symbol-moved",
                Some("crc32c"),
                Some("lib/crc32"),
                None,
                "crc32c moved to lib/crc32",
            ),
            (
                "arch-mismatch",
                None,
                None,
                Some("aarch64"),
                "The module is for another processor (aarch64)",
            ),
            (
                "brand-new-code",
                Some("kfree"),
                None,
                None,
                "kfree is affected by brand-new-code",
            ),
            (
                "brand-new-code",
                None,
                None,
                Some("because"),
                "brand new code (because)",
            ),
        ] {
            let reason = Reason::new(code, Weight::Fatal, symbol, None, None, provider, detail);
            assert_eq!(reason.plain(), text);
        }
    }

    #[test]
    fn names_cannot_add_lines() {
        let symbol = Some("kfree\n\nDear vendor");
        let reason = Reason::new(
            "symbol-missing",
            Weight::Fatal,
            symbol,
            None,
            None,
            None,
            None,
        );
        assert!(!reason.plain().contains('\n'));
    }

    #[test]
    fn one_sided_versions_say_whose_they_are() {
        let missing = Reason::new(
            "symbol-missing",
            Weight::Fatal,
            Some("pde_data"),
            Some(0xe515_007f),
            None,
            None,
            None,
        );
        assert_eq!(
            missing.plain(),
            "pde_data is not exported by this kernel (built against 0xe515007f)"
        );
    }
}
