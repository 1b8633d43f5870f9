//! What verifying a module's signature takes, apart from a key.
//!
//! ```text
//! SignerInfo = SEQUENCE { version, signer, digest algorithm, [0] attributes, algorithm, signature }
//! ```
//! Gathered while the module's bytes are at hand; whoever knows keys can judge it at any time later.
//! The signature is over the module without its trailer or, where there are attributes, over those,
//! and one of them is the module's digest. `sign-file` writes none, `openssl cms` does unless told
//! not to. Source: RFC 5652, sections 5.3 to 5.6; RFC 5754.

use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use sha3::{Sha3_256, Sha3_384, Sha3_512};

use crate::der::{self, OID, Reader, SEQUENCE, SET};
use crate::signature::{hash_name, signer_info};

/// Most bytes of a signature value: RSA with 16,384 bits.
const VALUE_MAX: usize = 2048;
/// `id-messageDigest`.
const OID_MESSAGE_DIGEST: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04";
const OCTETS: u8 = 0x04;

/// The signature of one module and the digest that it was made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seal {
    /// As in [`crate::ModuleSignature::hash`]: `sha256` …
    pub hash: String,
    /// What the key has signed: the module's digest, or that of the attributes that hold it.
    pub digest: Vec<u8>,
    /// Of RSA a big-endian number, of ECDSA a DER sequence of two numbers.
    pub value: Vec<u8>,
    /// Whether the attributes, if there are any, name the digest of this very module.
    pub names_module: bool,
}

/// Gathers it from a module without its trailer, and its PKCS#7 structure. `None`: the structure is
/// not understood, or names a digest that we do not compute.
pub(crate) fn gather(module: &[u8], pkcs7: &[u8]) -> Option<Seal> {
    let mut signer = signer_info(pkcs7)?;
    signer.any()?;
    let hash = hash_name(signer.enter(SEQUENCE)?.take(OID)?)?;
    let attributes = signer.take(der::context(0));
    signer.take(SEQUENCE)?;
    let value = signer
        .take(OCTETS)
        .filter(|value| value.len() <= VALUE_MAX)?;
    let of_module = digest(&hash, &[module])?;
    let (digest, names_module) = match attributes {
        None => (of_module, true),
        Some(attributes) => {
            let named = message_digest(attributes);
            (digest_of_set(&hash, attributes)?, named == Some(&of_module))
        }
    };
    Some(Seal {
        hash,
        digest,
        value: value.to_vec(),
        names_module,
    })
}

/// The attributes count as a plain `SET`, not under the tag that they have in the structure.
fn digest_of_set(hash: &str, contents: &[u8]) -> Option<Vec<u8>> {
    let header = [&[SET][..], &der::length_of(contents.len())].concat();
    digest(hash, &[&header, contents])
}

fn message_digest(attributes: &[u8]) -> Option<&[u8]> {
    let mut attributes = Reader::new(attributes);
    while let Some(mut attribute) = attributes.enter(SEQUENCE) {
        if attribute.take(OID)? == OID_MESSAGE_DIGEST {
            return attribute.enter(SET)?.take(OCTETS);
        }
    }
    None
}

fn digest(hash: &str, pieces: &[&[u8]]) -> Option<Vec<u8>> {
    Some(match hash {
        "sha1" => of::<Sha1>(pieces),
        "sha224" => of::<Sha224>(pieces),
        "sha256" => of::<Sha256>(pieces),
        "sha384" => of::<Sha384>(pieces),
        "sha512" => of::<Sha512>(pieces),
        "sha3-256" => of::<Sha3_256>(pieces),
        "sha3-384" => of::<Sha3_384>(pieces),
        "sha3-512" => of::<Sha3_512>(pieces),
        _ => return None,
    })
}

fn of<D: Digest>(pieces: &[&[u8]]) -> Vec<u8> {
    let mut hasher = D::new();
    pieces.iter().for_each(|piece| hasher.update(piece));
    hasher.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Module, testing::acme};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = gather(b"module", &bytes);
            let _ = message_digest(&bytes);
        }
    }

    fn sealed(file: &[u8]) -> (Module, Option<Seal>) {
        Module::read_sealed(file, "acme_net.ko", &Limits::default()).unwrap()
    }

    #[test]
    fn the_digest_is_that_of_the_module_without_its_trailer() {
        let plain = acme().build();
        let (module, seal) = sealed(&acme().signed_by("Acme", &[1]).build());
        let seal = seal.unwrap();
        assert_eq!(seal.hash, "sha256");
        assert_eq!(seal.digest, Sha256::digest(&plain).to_vec());
        assert!(seal.names_module && module.signature.is_some());
        assert_eq!(sealed(&plain).1, None);
    }

    #[test]
    fn a_digest_among_attributes_is_found() {
        let other = b"\x30\x05\x06\x01\x2a\x31\x00";
        let digest =
            b"\x30\x11\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04\x31\x04\x04\x02\xab\xcd";
        let attributes = [&other[..], &digest[..]].concat();
        assert_eq!(message_digest(&attributes), Some(&b"\xab\xcd"[..]));
        assert_eq!(message_digest(other), None);
    }
}
