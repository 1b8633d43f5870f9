//! Upper bounds while reading one package.

use serde::{Deserialize, Serialize};

/// Upper bounds while reading one package. Going over one is an [`crate::Error::OverLimit`],
/// which says how a portal calls its setting for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of the whole file.
    pub file_size: u64,
    /// Index entries of one header (rpm itself: 65,535).
    pub header_entries: u32,
    /// Bytes of one header's data (kernel packages carry some 1.6 MB).
    pub header_bytes: u32,
    /// Entries of all dependency lists together (a kernel provides some 25,000 symbols).
    pub dependencies: usize,
    /// Entries of the change log.
    pub changelog_entries: usize,
    /// Files, and directories they are in. All paths together may have twice `header_bytes`.
    pub files: usize,
    /// Bytes of one path.
    pub path_length: usize,
    /// Folders within folders in one path.
    pub path_depth: usize,
    /// Unpacked payload bytes.
    pub payload: u64,
    /// Unpacked payload bytes for each packed byte. Looked at only when the payload has unpacked to more than 16 MiB.
    pub ratio: u64,
    /// Bytes the decompressor may ask for; `xz -9` needs 65 MiB, `zstd --ultra -22` 128 MiB.
    pub decoder_memory: u64,
    /// Modules in the payload.
    pub modules: usize,
    /// What all modules together may say: bytes of text, and 64 more for each symbol and each entry
    /// of `.modinfo` (a whole kernel's 4,200 modules: 25 MB).
    pub module_facts: u64,
    /// Certificates in the payload.
    pub certificates: usize,
    /// Bytes of one certificate (most have 1 to 2 KB).
    pub certificate_bytes: usize,
    /// For each module alone.
    pub module: kmod::Limits,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

impl Default for Limits {
    /// Room for a whole distribution kernel, memory for a small machine.
    fn default() -> Self {
        Limits {
            file_size: 2 * GIB,
            header_entries: 65_535,
            header_bytes: (16 * MIB) as u32,
            dependencies: 256 * KIB as usize,
            changelog_entries: 64 * KIB as usize,
            files: 128 * KIB as usize,
            path_length: 4096,
            path_depth: 128,
            payload: 4 * GIB,
            ratio: 250,
            decoder_memory: 128 * MIB,
            modules: 16 * KIB as usize,
            module_facts: 64 * MIB,
            certificates: 64,
            certificate_bytes: 64 * KIB as usize,
            module: kmod::Limits::default(),
        }
    }
}
