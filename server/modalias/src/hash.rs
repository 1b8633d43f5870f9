//! A small keyed hash that grows byte by byte, so that all prefixes of a text cost one pass. Keyed
//! anew for every table, because patterns come from strangers.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// The fractional digits of the golden ratio, odd: a good multiplier.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A secret that decides a table's hashes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(u64);

impl Seed {
    /// A seed that differs from one call to the next.
    pub fn random() -> Self {
        Self(RandomState::new().hash_one(0_u8))
    }

    pub fn hash_number(self, number: u64) -> u64 {
        fold(number ^ self.0)
    }

    pub fn hash_bytes(self, bytes: &[u8]) -> u64 {
        let mut rolling = Rolling::new(self);
        rolling.push(bytes);
        rolling.value()
    }
}

/// The hash of the bytes pushed so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rolling(u64);

impl Rolling {
    pub fn new(seed: Seed) -> Self {
        Self(seed.0)
    }

    pub fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = fold(self.0 ^ u64::from(byte));
        }
    }

    pub fn value(self) -> u64 {
        self.0
    }
}

/// Both halves of the product: every bit of the input reaches every bit of the result.
fn fold(value: u64) -> u64 {
    let product = u128::from(value ^ MULTIPLIER.rotate_left(32)) * u128::from(MULTIPLIER);
    (product as u64) ^ ((product >> 64) as u64)
}

/// A map from numbers.
pub(crate) type NumberMap<T> = HashMap<u64, T, Seed>;

impl BuildHasher for Seed {
    type Hasher = NumberHasher;

    fn build_hasher(&self) -> NumberHasher {
        NumberHasher {
            seed: *self,
            hash: 0,
        }
    }
}

/// Hashes one number.
pub(crate) struct NumberHasher {
    seed: Seed,
    hash: u64,
}

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.hash
    }

    fn write_u64(&mut self, number: u64) {
        self.hash = self.seed.hash_number(number);
    }

    fn write(&mut self, bytes: &[u8]) {
        self.hash = self.seed.hash_bytes(bytes);
    }
}
