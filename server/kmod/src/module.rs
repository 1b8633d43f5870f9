//! What one module says of itself, as plain data, and the questions asked of it most.

use serde::{Deserialize, Serialize};

use crate::{Crc, license};

/// What one module says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Module {
    /// Module name as the kernel knows it (`_`, never `-`): `.modinfo` `name=`, else the name inside
    /// `.gnu.linkonce.this_module`, else the file's stem.
    pub name: String,
    /// `e_machine`, class and byte order.
    pub machine: Machine,
    /// Verbatim, trailing blank included (it is significant to the loader).
    pub vermagic: Option<String>,
    /// Every `.modinfo` entry in file order; keys repeat.
    pub modinfo: Vec<(String, String)>,
    /// Symbols the loader has to resolve, `module_layout` included, in name order, each once.
    /// On 64-bit PowerPC without the dot that marks code in the older ABI.
    pub imports: Vec<Import>,
    /// Symbols it offers to other modules, in name order. A name exported twice is here twice.
    pub exports: Vec<Export>,
    /// Which of the two version tables the file carries.
    pub versions: Versions,
    /// Bytes of `.gnu.linkonce.this_module`: must equal the kernel's `sizeof(struct module)` from 6.4 on.
    pub this_module_size: Option<u64>,
    /// The appended signature, if any. Read, not verified.
    pub signature: Option<ModuleSignature>,
    /// A `livepatch` entry in `.modinfo`, whatever its value: bound to one exact kernel build.
    pub livepatch: bool,
    /// Type information, which a kernel may refuse on mismatch.
    pub btf: Btf,
    /// Odd but readable: each becomes a finding, none is an error.
    pub oddities: Vec<Oddity>,
}

/// Processor the code is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// ELF `e_machine` (62 = x86-64, 183 = `AArch64` …).
    pub e_machine: u16,
    /// 64-bit ELF class.
    pub is_64: bool,
    /// Little-endian data.
    pub little_endian: bool,
}

/// A symbol that the loader must resolve before the module runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Import {
    /// Its name, of any length (mangled Rust names pass 100 characters).
    pub symbol: String,
    /// Version it was built against; `None`: undefined symbol without a version record.
    pub crc: Option<Crc>,
    /// `STB_WEAK`: may stay unresolved.
    pub weak: bool,
    /// Undefined in the symbol table. `module_layout` is versioned but never undefined.
    pub undefined: bool,
}

/// A symbol offered to other modules.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Export {
    /// Its name, of any length.
    pub symbol: String,
    /// `None`: exported without a version. A zero in the table stays a zero.
    pub crc: Option<Crc>,
    /// Invisible to modules with a licence that is not GPL-compatible.
    pub gpl: bool,
    /// Namespace importers must name. `module:a,b-*` instead lists who may import at all.
    pub namespace: Option<String>,
}

/// Which version tables a module carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Versions {
    /// Neither: only a kernel of exactly the same vermagic loads it.
    None,
    /// `__versions`.
    Basic,
    /// `__version_ext_crcs` and `__version_ext_names` (6.14): unversioned to older kernels.
    Extended,
    /// Both, as a transition.
    Both,
}

/// Type information (BTF) a module carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Btf {
    /// None.
    None,
    /// `.BTF` alone: its numbers continue those of one kernel build.
    Split,
    /// `.BTF` with `.BTF.base` (6.11): can be moved to another kernel.
    Distilled,
}

/// Appended signature (`scripts/sign-file`), as it describes itself. All `None`: there is a signature,
/// but it is not the PKCS#7 structure it should be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ModuleSignature {
    /// Common name of the issuer, where the signature names one.
    pub signer: Option<String>,
    /// Serial number of the certificate, or its subject key id: lower-case hex, no separators.
    pub key_id: Option<String>,
    /// `sha256`, `sha512` …, or the dotted object identifier of a digest not known here.
    pub hash: Option<String>,
}

/// Something odd that does not stop the reading: a stable kebab-case code and what was found.
///
/// | code | what it means for the loader |
/// |---|---|
/// | `symtab-missing`, `common-symbol`, `ext-versions-incomplete` | refuses the module |
/// | `modinfo-missing` | no licence and no vermagic: refuses, or loads by force only |
/// | `section-duplicate` | refuses since 6.4 for `.modinfo` and `.gnu.linkonce.this_module` |
/// | `import-unversioned`, `module-layout-missing`, `version-too-wide` | refuses for a missing version |
/// | `version-without-import`, `versions-odd-size` | does not notice |
/// | `version-duplicate` | takes the first record |
/// | `version-tables-disagree` | depends on its age: the extended table counts since 6.14 |
/// | `export-duplicate` | refuses |
/// | `export-layout-obsolete` | ignores the older tables where it knows `__kflagstab` |
/// | `exports-unreadable` | exports what relocations give, which this reader could not tell |
/// | `modinfo-malformed`, `text-not-utf8` | does not mind |
/// | `module-name-differs` | loads it, but `modprobe` does not find it under its own name |
/// | `signature-malformed` | refuses, even where signatures are not enforced |
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Oddity {
    /// What kind it is, in kebab-case; never renamed.
    pub code: String,
    /// What was found where, as a sentence for people.
    pub detail: String,
}

impl Module {
    /// The first value of a `.modinfo` key, which is the one the loader takes.
    pub fn first(&self, key: &str) -> Option<&str> {
        self.modinfo
            .iter()
            .find(|(found, _)| found == key)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of a repeatable `.modinfo` key (`firmware`, `softdep`, `parm` …), in file order.
    pub fn all<'m>(&'m self, key: &'m str) -> impl Iterator<Item = &'m str> {
        self.modinfo
            .iter()
            .filter(move |(found, _)| found == key)
            .map(|(_, value)| value.as_str())
    }

    /// Every `license` entry. The loader looks at the first only.
    pub fn licenses(&self) -> impl Iterator<Item = &str> {
        self.all("license")
    }

    /// Modalias patterns: the hardware (and file systems, protocols, ciphers …) it answers for.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.all("alias")
    }

    /// Symbol namespaces it asks for, to be compared exactly.
    pub fn import_namespaces(&self) -> impl Iterator<Item = &str> {
        self.all("import_ns")
    }

    /// Modules that must be loaded before it, spelt as in file names (hyphens kept).
    pub fn depends(&self) -> Vec<&str> {
        self.all("depends")
            .flat_map(|list| list.split(','))
            .filter(|name| !name.is_empty())
            .collect()
    }

    /// Whether the loader lets it use GPL-only symbols: its first `license` decides, and a module
    /// without one is proprietary.
    pub fn is_gpl_compatible(&self) -> bool {
        self.licenses()
            .next()
            .is_some_and(license::is_gpl_compatible)
    }

    /// Kernel release it was built for: the first word of its vermagic.
    pub fn kernel_release(&self) -> Option<&str> {
        let vermagic = self.vermagic.as_deref()?;
        Some(
            vermagic
                .split_once(' ')
                .map_or(vermagic, |(release, _)| release),
        )
    }

    /// Everything after the first blank of its vermagic, verbatim. With symbol versions on both
    /// sides the loader compares this byte by byte, the blank at its end included.
    pub fn vermagic_tail(&self) -> Option<&str> {
        self.vermagic
            .as_deref()?
            .split_once(' ')
            .map(|(_, tail)| tail)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{acme, read};

    #[test]
    fn the_first_licence_decides() {
        let cases = [
            (acme(), true),
            (acme().without_license(), false),
            (acme().license("Dual BSD/GPL").license("Proprietary"), true),
            (acme().license("Proprietary").license("GPL"), false),
            (acme().license("GPL v2+"), false),
        ];
        for (builder, expected) in cases {
            let module = read(&builder);
            let licenses: Vec<&str> = module.licenses().collect();
            assert_eq!(module.is_gpl_compatible(), expected, "{licenses:?}");
        }
    }

    #[test]
    fn vermagic_is_release_and_tail() {
        let cases = [
            (
                "6.1.0 SMP mod_unload ",
                Some("6.1.0"),
                Some("SMP mod_unload "),
            ),
            ("6.1.0 ", Some("6.1.0"), Some("")),
            ("6.1.0", Some("6.1.0"), None),
            ("", Some(""), None),
        ];
        for (vermagic, release, tail) in cases {
            let module = read(&acme().vermagic(vermagic));
            assert_eq!(module.vermagic.as_deref(), Some(vermagic));
            assert_eq!(module.kernel_release(), release, "{vermagic:?}");
            assert_eq!(module.vermagic_tail(), tail, "{vermagic:?}");
        }
        let module = read(&acme().without_vermagic());
        assert_eq!(
            (module.kernel_release(), module.vermagic_tail()),
            (None, None)
        );
    }

    #[test]
    fn lists_are_read_as_lists() {
        let module = read(
            &acme()
                .depends("nfc,crc-itu-t")
                .alias("usb:v0525*")
                .alias("net-pf-39")
                .modinfo("import_ns", "ACME")
                .modinfo("firmware", "acme/a.bin"),
        );
        assert_eq!(module.depends(), ["nfc", "crc-itu-t"]);
        assert_eq!(
            module.aliases().collect::<Vec<_>>(),
            ["usb:v0525*", "net-pf-39"]
        );
        assert_eq!(module.import_namespaces().collect::<Vec<_>>(), ["ACME"]);
        assert_eq!(module.all("firmware").collect::<Vec<_>>(), ["acme/a.bin"]);
        assert_eq!(module.first("alias"), Some("usb:v0525*"));
        assert_eq!(module.first("srcversion"), None);
        assert_eq!(read(&acme()).depends(), [""; 0]);
    }

    #[test]
    fn survives_a_journey_as_json() {
        let module = read(
            &acme()
                .imports("printk", 1)
                .exports("acme_send", 2)
                .signed_by("Acme", &[7]),
        );
        let json = serde_json::to_string(&module).unwrap();
        assert_eq!(
            serde_json::from_str::<crate::Module>(&json).unwrap(),
            module
        );
    }
}
