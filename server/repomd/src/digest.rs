//! Digests of data files, of whole files and of streams while they are read.

use std::io::{self, BufRead, Read};

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::error::{Error, Result, shortened};
use crate::index::Checksum;
use crate::pull::Limit;

/// One of the algorithms that are still trusted.
enum Hasher {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    fn new(location: &str, algorithm: &str) -> Result<Self> {
        match algorithm {
            "sha256" => Ok(Self::Sha256(Sha256::new())),
            "sha384" => Ok(Self::Sha384(Sha384::new())),
            "sha512" => Ok(Self::Sha512(Sha512::new())),
            _ => {
                let (location, algorithm) = (shortened(location), shortened(algorithm));
                Err(Error::DigestAlgorithm {
                    location,
                    algorithm,
                })
            }
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha384(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> String {
        match self {
            Self::Sha256(hasher) => hex::encode(hasher.finalize()),
            Self::Sha384(hasher) => hex::encode(hasher.finalize()),
            Self::Sha512(hasher) => hex::encode(hasher.finalize()),
        }
    }
}

/// Requires the bytes at `location` to have the digest that was said of them.
pub(crate) fn require_digest_of(location: &str, expected: &Checksum, bytes: &[u8]) -> Result<()> {
    let mut hasher = Hasher::new(location, &expected.algorithm)?;
    hasher.update(bytes);
    require_digest(location, "digest", expected, hasher.finish())
}

/// Requires `found` (lower-case hex) to be the digest that was said of `location`.
pub(crate) fn require_digest(
    location: &str,
    what: &'static str,
    expected: &Checksum,
    found: String,
) -> Result<()> {
    if expected.value == found {
        return Ok(());
    }
    Err(Error::Digest {
        location: shortened(location),
        what,
        algorithm: expected.algorithm.clone(),
        expected: shortened(&expected.value),
        found,
    })
}

/// Digests and counts what is read through it, and refuses to lend more than `limit` bytes.
pub(crate) struct Digesting<R> {
    inner: R,
    hasher: Hasher,
    read: u64,
    limit: u64,
}

impl<R> Digesting<R> {
    pub fn new(inner: R, location: &str, algorithm: &str, limit: u64) -> Result<Self> {
        Ok(Self {
            inner,
            hasher: Hasher::new(location, algorithm)?,
            read: 0,
            limit,
        })
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.read
    }

    /// The digest of what was read, lower-case hex.
    pub fn finish(self) -> String {
        self.hasher.finish()
    }
}

impl<R: BufRead> Read for Digesting<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let lent = self.fill_buf()?;
        let length = lent.len().min(out.len());
        out[..length].copy_from_slice(&lent[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Digesting<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = self.limit - self.read;
        let lent = self.inner.fill_buf()?;
        if left == 0 && !lent.is_empty() {
            return Err(io::Error::other(Limit::Open { bytes: self.limit }));
        }
        Ok(&lent[..lent.len().min(usize::try_from(left).unwrap_or(usize::MAX))])
    }

    fn consume(&mut self, amount: usize) {
        // What is consumed was lent just before, so this reads nothing and cannot fail.
        if let Ok(lent) = self.inner.fill_buf() {
            self.hasher.update(lent.get(..amount).unwrap_or(lent));
        }
        self.read += amount as u64;
        self.inner.consume(amount);
    }
}
