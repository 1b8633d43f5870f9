//! Builds kernel modules (`.ko`), in every layout a kernel has used for versions and exports.
//!
//! The bytes are what kbuild's last link would leave: a relocatable ELF file with `.modinfo`,
//! `__versions`, `__ksymtab*` and `.gnu.linkonce.this_module`. They hold no working code.

mod elf;
mod signature;

/// Size of `struct module` on Debian's 6.1 kernels for amd64, in bytes.
const THIS_MODULE_SIZE: u64 = 896;

/// `module_layout` of Debian's 6.1.0-56-amd64.
const MODULE_LAYOUT: u32 = 0xfa59_6f96;

/// Vermagic of Debian's 6.1.0-56-amd64; the blank at its end belongs to it.
const VERMAGIC: &str = "6.1.0-56-amd64 SMP preempt mod_unload modversions ";

/// Builds one module. What is not said is as a module for Debian's 6.1.0-56-amd64 would have it.
#[derive(Clone, Debug)]
#[must_use]
pub struct ModuleBuilder {
    name: String,
    vermagic: Option<String>,
    licenses: Vec<String>,
    license_is_default: bool,
    depends: String,
    modinfo: Vec<(String, String)>,
    imports: Vec<Import>,
    exports: Vec<Export>,
    layout_crc: Option<u32>,
    versions: VersionTables,
    export_layout: ExportLayout,
    this_module_size: Option<u64>,
    stripped: bool,
    btf: Vec<&'static str>,
    target: Target,
    signature: Option<signature::Signature>,
}

/// How a kernel lays out the exports of its modules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportLayout {
    /// Before 4.19: entries of two pointers (value, name), versions as absolute `__crc_*` symbols.
    Absolute,
    /// 5.4 to 5.18 with relative versions: `__crc_*` point at numbers in `.rodata`.
    Relative,
    /// 5.19 to 6.17: versions lie in `__kcrctab` and `__kcrctab_gpl` themselves.
    InSection,
    /// 7.x: one `__ksymtab`, GPL-ness in the bytes of `__kflagstab`.
    Flags,
}

/// Which version tables are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum VersionTables {
    None,
    Basic,
    Extended,
    Both,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    big_endian: bool,
    bits32: bool,
}

#[derive(Clone, Debug)]
struct Import {
    symbol: String,
    crc: Option<u32>,
    weak: bool,
    undefined: bool,
}

#[derive(Clone, Debug)]
struct Export {
    symbol: String,
    crc: Option<u32>,
    gpl: bool,
    namespace: String,
}

impl ModuleBuilder {
    /// A GPL module of this name that imports `module_layout` only and exports nothing.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            vermagic: Some(VERMAGIC.to_owned()),
            licenses: vec!["GPL".to_owned()],
            license_is_default: true,
            depends: String::new(),
            modinfo: Vec::new(),
            imports: Vec::new(),
            exports: Vec::new(),
            layout_crc: Some(MODULE_LAYOUT),
            versions: VersionTables::Basic,
            export_layout: ExportLayout::InSection,
            this_module_size: Some(THIS_MODULE_SIZE),
            stripped: false,
            btf: Vec::new(),
            target: Target {
                big_endian: false,
                bits32: false,
            },
            signature: None,
        }
    }

    /// Release and flags of the kernel it is for, verbatim: a blank at the end is significant.
    pub fn vermagic(mut self, text: &str) -> Self {
        self.vermagic = Some(text.to_owned());
        self
    }

    /// Leaves `vermagic` out.
    pub fn without_vermagic(mut self) -> Self {
        self.vermagic = None;
        self
    }

    /// `MODULE_LICENSE()`. The first call replaces the default `GPL`, further calls add entries.
    pub fn license(mut self, text: &str) -> Self {
        if std::mem::take(&mut self.license_is_default) {
            self.licenses.clear();
        }
        self.licenses.push(text.to_owned());
        self
    }

    /// Leaves `license` out.
    pub fn without_license(mut self) -> Self {
        self.licenses.clear();
        self.license_is_default = false;
        self
    }

    /// A modalias pattern.
    pub fn alias(self, pattern: &str) -> Self {
        self.modinfo("alias", pattern)
    }

    /// Modules it needs, separated by commas.
    pub fn depends(mut self, list: &str) -> Self {
        list.clone_into(&mut self.depends);
        self
    }

    /// Any other `.modinfo` entry.
    pub fn modinfo(mut self, key: &str, value: &str) -> Self {
        self.modinfo.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Needs `symbol`, built against this version of it.
    pub fn imports(self, symbol: &str, crc: u32) -> Self {
        self.import(symbol, Some(crc), false, true)
    }

    /// Uses `symbol` if it is there (`STB_WEAK`), with no version record.
    pub fn imports_weak(self, symbol: &str) -> Self {
        self.import(symbol, None, true, true)
    }

    /// Needs `symbol`, but holds no version record for it.
    pub fn imports_unversioned(self, symbol: &str) -> Self {
        self.import(symbol, None, false, true)
    }

    /// Holds a version record for a symbol that it does not need.
    pub fn version_record_only(self, symbol: &str, crc: u32) -> Self {
        self.import(symbol, Some(crc), false, false)
    }

    fn import(mut self, symbol: &str, crc: Option<u32>, weak: bool, undefined: bool) -> Self {
        self.imports.push(Import {
            symbol: symbol.to_owned(),
            crc,
            weak,
            undefined,
        });
        self
    }

    /// `EXPORT_SYMBOL()`.
    pub fn exports(self, symbol: &str, crc: u32) -> Self {
        self.export(symbol, Some(crc), false, "")
    }

    /// `EXPORT_SYMBOL_GPL()`.
    pub fn exports_gpl(self, symbol: &str, crc: u32) -> Self {
        self.export(symbol, Some(crc), true, "")
    }

    /// `EXPORT_SYMBOL_NS()`.
    pub fn exports_in_namespace(self, symbol: &str, crc: u32, namespace: &str) -> Self {
        self.export(symbol, Some(crc), false, namespace)
    }

    /// `EXPORT_SYMBOL_NS_GPL()`.
    pub fn exports_gpl_in_namespace(self, symbol: &str, crc: u32, namespace: &str) -> Self {
        self.export(symbol, Some(crc), true, namespace)
    }

    /// `EXPORT_SYMBOL()` in a build without symbol versions. As soon as one export is unversioned,
    /// no `__kcrctab` is written.
    pub fn exports_unversioned(self, symbol: &str) -> Self {
        self.export(symbol, None, false, "")
    }

    fn export(mut self, symbol: &str, crc: Option<u32>, gpl: bool, namespace: &str) -> Self {
        let (symbol, namespace) = (symbol.to_owned(), namespace.to_owned());
        self.exports.push(Export {
            symbol,
            crc,
            gpl,
            namespace,
        });
        self
    }

    /// How the exports are laid out (as 6.1 does it, unless said).
    pub fn export_layout(mut self, layout: ExportLayout) -> Self {
        self.export_layout = layout;
        self
    }

    /// Size of `.gnu.linkonce.this_module` in bytes.
    pub fn this_module_size(mut self, bytes: u64) -> Self {
        self.this_module_size = Some(bytes);
        self
    }

    /// Leaves `.gnu.linkonce.this_module` out.
    pub fn without_this_module(mut self) -> Self {
        self.this_module_size = None;
        self
    }

    /// Version of `module_layout`, which every versioned module imports.
    pub fn module_layout(mut self, crc: u32) -> Self {
        self.layout_crc = Some(crc);
        self
    }

    /// Leaves the record of `module_layout` out.
    pub fn without_module_layout(mut self) -> Self {
        self.layout_crc = None;
        self
    }

    /// Writes no version table.
    pub fn without_modversions(mut self) -> Self {
        self.versions = VersionTables::None;
        self
    }

    /// Writes the extended version tables (6.14) beside the basic one. Names that do not fit the
    /// basic table are in the extended ones only, as modpost does it.
    pub fn extended_versions(mut self) -> Self {
        self.versions = VersionTables::Both;
        self
    }

    /// Writes the extended version tables only.
    pub fn only_extended_versions(mut self) -> Self {
        self.versions = VersionTables::Extended;
        self
    }

    /// As after `strip --strip-unneeded`: the local symbols that name exports are gone.
    pub fn stripped(mut self) -> Self {
        self.stripped = true;
        self
    }

    /// With type information that continues the kernel's own (`.BTF`).
    pub fn btf(mut self) -> Self {
        self.btf = vec![".BTF"];
        self
    }

    /// With type information that can be moved to another kernel (`.BTF` and `.BTF.base`, 6.11).
    pub fn distilled_btf(mut self) -> Self {
        self.btf = vec![".BTF", ".BTF.base"];
        self
    }

    /// For a machine with this byte order: s390x, or 32-bit PowerPC.
    pub fn big_endian(mut self) -> Self {
        self.target.big_endian = true;
        self
    }

    /// For a 32-bit machine: Arm, or PowerPC with [`Self::big_endian`].
    pub fn bits32(mut self) -> Self {
        self.target.bits32 = true;
        self
    }

    /// Appends a PKCS#7 signature that names this issuer and serial number. Its bytes verify
    /// against no key.
    pub fn signed_by(mut self, signer: &str, serial: &[u8]) -> Self {
        self.signature = Some(signature::Signature::by_issuer(signer, serial));
        self
    }

    /// Appends a CMS signature that names its key by subject key id, as `sign-file` does without
    /// `USE_PKCS7`. Its bytes verify against no key.
    pub fn signed_by_key(mut self, key_id: &[u8]) -> Self {
        self.signature = Some(signature::Signature::by_key(key_id));
        self
    }

    /// The bytes of the `.ko` file.
    pub fn build(&self) -> Vec<u8> {
        let mut file = elf::write(self);
        if let Some(signature) = &self.signature {
            file.extend(signature.trailer());
        }
        file
    }
}
