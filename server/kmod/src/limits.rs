//! Upper bounds while reading one module, checked before memory is taken.

use serde::{Deserialize, Serialize};

/// Bytes of the unpacked module. The largest modules of distribution kernels are some 10 MB
/// (amdgpu: 19 MB); with full debug information they reach 150 MB.
const UNPACKED: usize = 256 << 20;

/// Unpacked bytes per packed byte. Real modules stay below 10.
const RATIO: usize = 200;

/// Imports plus exports. The busiest module of Debian's kernels imports 1,161 symbols; a whole
/// kernel exports some 31,000.
const SYMBOLS: usize = 200_000;

/// Entries of `.modinfo`. Debian's longest has some 1,600.
const MODINFO_ENTRIES: usize = 1 << 16;

/// Bytes of `.modinfo`. Debian's longest has 94 KB.
const MODINFO_BYTES: usize = 16 << 20;

/// Bytes of all symbol names read. A module with full debug information has some MB.
const NAME_BYTES: usize = 64 << 20;

/// Bytes a decompressor may ask for: `zstd --ultra -22` needs 128 MiB, `xz -9` 65 MiB.
const DECODER_MEMORY: u64 = 128 << 20;

/// Upper bounds while reading one module. A portal's setting for each is named in [`crate::Error::TooLarge`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of the unpacked module. Default: 256 MiB.
    pub unpacked: usize,
    /// Unpacked bytes per packed byte. Default: 200. The first MiB is free, since a small file
    /// full of zeros is harmless.
    pub ratio: usize,
    /// Imports plus exports. Default: 200,000.
    pub symbols: usize,
    /// Entries of `.modinfo`. Default: 65,536.
    pub modinfo_entries: usize,
    /// Bytes of `.modinfo`. Default: 16 MiB.
    pub modinfo_bytes: usize,
    /// Bytes of all symbol names read, those read twice counted twice. Default: 64 MiB.
    pub name_bytes: usize,
    /// Bytes a decompressor may ask for. Default: 128 MiB.
    pub decoder_memory: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            unpacked: UNPACKED,
            ratio: RATIO,
            symbols: SYMBOLS,
            modinfo_entries: MODINFO_ENTRIES,
            modinfo_bytes: MODINFO_BYTES,
            name_bytes: NAME_BYTES,
            decoder_memory: DECODER_MEMORY,
        }
    }
}
