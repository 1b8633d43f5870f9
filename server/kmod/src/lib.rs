//! Reads one Linux kernel module (`.ko`): the symbols it needs and exports, with their versions,
//! the hardware it drives, and everything else its `.modinfo` says.
//!
//! Pure: bytes in, facts out. Nothing here opens a file or trusts a length.

use serde::{Deserialize, Serialize};

/// Version of an exported symbol: a checksum over its C type (`genksyms`, `gendwarfksyms`).
///
/// A number inside, text only at the edges. Zero means "not versioned" and never matches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Crc(pub u32);

/// What one module says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Module {
    /// Module name as the kernel knows it (`_`, never `-`): `.modinfo` `name=`, else the file's stem.
    pub name: String,
    /// `e_machine`, class and byte order.
    pub machine: Machine,
    /// Verbatim, trailing blank included (it is significant to the loader).
    pub vermagic: Option<String>,
    /// Every `.modinfo` entry in file order; keys repeat.
    pub modinfo: Vec<(String, String)>,
    /// Symbols the loader has to resolve, `module_layout` included, in name order.
    pub imports: Vec<Import>,
    /// Symbols it offers to other modules, in name order.
    pub exports: Vec<Export>,
    /// Which of the two version tables the file carries.
    pub versions: Versions,
    /// Bytes of `.gnu.linkonce.this_module`: must equal the kernel's `sizeof(struct module)` from 6.4 on.
    pub this_module_size: Option<u64>,
    /// The appended PKCS#7 signature, if any. Read, not verified.
    pub signature: Option<ModuleSignature>,
    /// `livepatch=Y`: bound to one exact kernel build.
    pub livepatch: bool,
    /// Type information, which a kernel may refuse on mismatch.
    pub btf: Btf,
    /// Odd but readable: each becomes a finding, none is an error.
    pub oddities: Vec<Oddity>,
}

/// Processor the code is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// ELF `e_machine` (62 = x86-64, 183 = AArch64 …).
    pub e_machine: u16,
    /// 64-bit ELF class.
    pub is_64: bool,
    /// Little-endian data.
    pub little_endian: bool,
}

/// A symbol that the loader must resolve before the module runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Import {
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
    pub symbol: String,
    /// `None`: exported without a version.
    pub crc: Option<Crc>,
    /// Invisible to modules with a licence that is not GPL-compatible.
    pub gpl: bool,
    /// Namespace importers must name.
    pub namespace: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Versions {
    None,
    Basic,
    Extended,
    Both,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Btf {
    None,
    Split,
    Distilled,
}

/// Appended signature (`scripts/sign-file`), read from the PKCS#7 structure.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ModuleSignature {
    /// Common name of the issuer, where the signature names one.
    pub signer: Option<String>,
    /// Serial number or subject key id, hex.
    pub key_id: Option<String>,
    /// `sha256`, `sha512` …
    pub hash: Option<String>,
}

/// Something odd that does not stop the reading: a stable kebab-case code and what was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Oddity {
    pub code: String,
    pub detail: String,
}

/// Upper bounds while reading one module.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the unpacked module.
    pub unpacked: usize,
    /// Unpacked bytes per packed byte.
    pub ratio: usize,
    /// Imports plus exports.
    pub symbols: usize,
}
