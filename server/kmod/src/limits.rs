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

/// Upper bounds while reading one module.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of the unpacked module. Default: 256 MiB.
    pub unpacked: usize,
    /// Unpacked bytes per packed byte. Default: 200. The first MiB is free, since a small file
    /// full of zeros is harmless.
    pub ratio: usize,
    /// Imports plus exports. Default: 200,000.
    pub symbols: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            unpacked: UNPACKED,
            ratio: RATIO,
            symbols: SYMBOLS,
        }
    }
}
