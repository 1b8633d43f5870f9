//! Digests that a package carries, recomputed while its bytes go by.

use sha2::digest::{Digest, DynDigest};

use crate::DigestCheck;

/// The hash functions of rpm, by their OpenPGP numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha3_256,
    Sha3_512,
}

impl Algorithm {
    pub(crate) fn from_openpgp(number: u64) -> Option<Algorithm> {
        Some(match number {
            1 => Algorithm::Md5,
            2 => Algorithm::Sha1,
            8 => Algorithm::Sha256,
            9 => Algorithm::Sha384,
            10 => Algorithm::Sha512,
            11 => Algorithm::Sha224,
            12 => Algorithm::Sha3_256,
            14 => Algorithm::Sha3_512,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "md5",
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha224 => "sha224",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha384 => "sha384",
            Algorithm::Sha512 => "sha512",
            Algorithm::Sha3_256 => "sha3-256",
            Algorithm::Sha3_512 => "sha3-512",
        }
    }

    fn hasher(self) -> Box<dyn DynDigest + Send> {
        match self {
            Algorithm::Md5 => Box::new(md5::Md5::new()),
            Algorithm::Sha1 => Box::new(sha1::Sha1::new()),
            Algorithm::Sha224 => Box::new(sha2::Sha224::new()),
            Algorithm::Sha256 => Box::new(sha2::Sha256::new()),
            Algorithm::Sha384 => Box::new(sha2::Sha384::new()),
            Algorithm::Sha512 => Box::new(sha2::Sha512::new()),
            Algorithm::Sha3_256 => Box::new(sha3::Sha3_256::new()),
            Algorithm::Sha3_512 => Box::new(sha3::Sha3_512::new()),
        }
    }
}

/// A digest under way.
pub(crate) struct RunningCheck {
    what: String,
    algorithm: Algorithm,
    expected: String,
    hasher: Box<dyn DynDigest + Send>,
}

impl RunningCheck {
    pub(crate) fn new(what: &str, algorithm: Algorithm, expected: String) -> RunningCheck {
        RunningCheck {
            what: what.to_owned(),
            algorithm,
            expected,
            hasher: algorithm.hasher(),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    pub(crate) fn finish(self) -> DigestCheck {
        DigestCheck {
            what: self.what,
            algorithm: self.algorithm.name().to_owned(),
            expected: self.expected,
            found: hex::encode(self.hasher.finalize()),
        }
    }
}
