//! The signatures that modules carry themselves (CMS, by keys in X.509 certificates), judged by the
//! certificates of the vendor's kit.
//!
//! The kernel's loader refuses a module whose signature names a key that it knows and does not fit,
//! even where unsigned modules load. Whose certificates count is the owner's of a machine to say, so
//! neither dates nor chains are looked at. The arithmetic is that of Sequoia's backend.

use kmod::{Certificate, Curve, ModuleSignature, PublicKey, Seal};
use kmp::{JudgedModule, ModuleVerdict, Package};
use sequoia_openpgp as openpgp;

use openpgp::crypto::mpi::{self, MPI};
use openpgp::packet::key::{Key4, PublicParts, UnspecifiedRole};
use openpgp::types::{Curve as OpenpgpCurve, HashAlgorithm, PublicKeyAlgorithm};

/// Tags of DER.
const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;

/// Judges the modules of a package that was read by [`kmp::read_sealed`], in its order. Those that no
/// certificate claims are not among them.
#[must_use]
pub fn judge_modules(package: &Package, certificates: &[&Certificate]) -> Vec<JudgedModule> {
    let judged = package.modules.iter().filter_map(|packaged| {
        let signature = packaged.module.as_ref().ok()?.signature.as_ref()?;
        let (signer, verdict) = judge_module(signature, packaged.seal.as_ref(), certificates)?;
        Some(JudgedModule {
            path: packaged.path.clone(),
            signer,
            verdict,
        })
    });
    judged.collect()
}

/// Judges one module's signature by the certificate that it names: whose that is, and what came out.
/// `None`: none of them is it. Of several that may be it, one by which it is good counts.
#[must_use]
pub fn judge_module(
    signature: &ModuleSignature,
    seal: Option<&Seal>,
    certificates: &[&Certificate],
) -> Option<(String, ModuleVerdict)> {
    let named = certificates.iter().filter(|it| it.is_signer_of(signature));
    let judged = named.map(|certificate| {
        let signer = certificate.subject.as_ref();
        let verdict = match seal {
            Some(seal) => judge(seal, certificate),
            None => unjudged("its structure or its digest is not one that we know"),
        };
        (signer.unwrap_or(&certificate.serial).clone(), verdict)
    });
    let rank = |verdict: &ModuleVerdict| match verdict {
        ModuleVerdict::Good => 0,
        ModuleVerdict::Bad => 1,
        ModuleVerdict::Unjudged { .. } => 2,
    };
    judged.min_by_key(|(_, verdict)| rank(verdict))
}

fn judge(seal: &Seal, certificate: &Certificate) -> ModuleVerdict {
    let Some(key) = &certificate.public_key else {
        return unjudged("the key in the certificate is none that we know");
    };
    let Some(hash) = hash(&seal.hash) else {
        return unjudged("its digest is not one that we know");
    };
    let Some((key, signature)) = openpgp_form(key, &seal.value) else {
        // The value is not even one that this kind of key makes.
        return ModuleVerdict::Bad;
    };
    match key.verify(&signature, hash, &seal.digest) {
        Ok(()) if seal.names_module => ModuleVerdict::Good,
        Ok(()) => ModuleVerdict::Bad,
        Err(error) => match error.downcast_ref() {
            Some(
                openpgp::Error::UnsupportedHashAlgorithm(_)
                | openpgp::Error::UnsupportedEllipticCurve(_)
                | openpgp::Error::UnsupportedPublicKeyAlgorithm(_)
                | openpgp::Error::InvalidKey(_),
            ) => unjudged(&format!("the key cannot be used: {error}")),
            _ => ModuleVerdict::Bad,
        },
    }
}

fn unjudged(why: &str) -> ModuleVerdict {
    let why = why.to_owned();
    ModuleVerdict::Unjudged { why }
}

fn hash(name: &str) -> Option<HashAlgorithm> {
    Some(match name {
        "sha1" => HashAlgorithm::SHA1,
        "sha224" => HashAlgorithm::SHA224,
        "sha256" => HashAlgorithm::SHA256,
        "sha384" => HashAlgorithm::SHA384,
        "sha512" => HashAlgorithm::SHA512,
        "sha3-256" => HashAlgorithm::SHA3_256,
        "sha3-512" => HashAlgorithm::SHA3_512,
        _ => return None,
    })
}

type Key = openpgp::packet::Key<PublicParts, UnspecifiedRole>;

/// Key and signature as OpenPGP has them; the numbers are the same.
fn openpgp_form(key: &PublicKey, value: &[u8]) -> Option<(Key, mpi::Signature)> {
    match key {
        PublicKey::Rsa { modulus, exponent } => {
            let (n, e) = (hex::decode(modulus).ok()?, hex::decode(exponent).ok()?);
            let key = Key4::import_public_rsa(&e, &n, None).ok()?;
            let s = MPI::new(value);
            Some((key.into(), mpi::Signature::RSA { s }))
        }
        PublicKey::Ecdsa { curve, point } => {
            let curve = match curve {
                Curve::P256 => OpenpgpCurve::NistP256,
                Curve::P384 => OpenpgpCurve::NistP384,
                Curve::P521 => OpenpgpCurve::NistP521,
            };
            let q = MPI::new(&hex::decode(point).ok()?);
            let public = mpi::PublicKey::ECDSA { curve, q };
            let made = std::time::UNIX_EPOCH;
            let key = Key4::new(made, PublicKeyAlgorithm::ECDSA, public).ok()?;
            let (r, s) = two_numbers(value)?;
            let (r, s) = (MPI::new(r), MPI::new(s));
            Some((key.into(), mpi::Signature::ECDSA { r, s }))
        }
    }
}

/// `SEQUENCE { INTEGER, INTEGER }`, which all fits into short lengths but for the largest curve.
fn two_numbers(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = match value {
        [SEQUENCE, 0x81, length, rest @ ..] | [SEQUENCE, length @ ..=0x7f, rest @ ..] => {
            (usize::from(*length) == rest.len()).then_some(rest)?
        }
        _ => return None,
    };
    let (r, rest) = number(rest)?;
    let (s, rest) = number(rest)?;
    rest.is_empty().then_some((r, s))
}

fn number(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [INTEGER, length @ ..=0x7f, rest @ ..] = bytes else {
        return None;
    };
    rest.split_at_checked(usize::from(*length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_and_nothing_else() {
        let good: &[u8] = &[0x30, 7, 2, 2, 0, 0x80, 2, 1, 5];
        assert_eq!(two_numbers(good), Some((&[0, 0x80][..], &[5][..])));
        let long: &[u8] = &[0x30, 0x81, 7, 2, 2, 0, 0x80, 2, 1, 5];
        assert_eq!(two_numbers(long), two_numbers(good));
        let bad: [&[u8]; 6] = [
            &[],
            &[0x30, 8, 2, 2, 0, 0x80, 2, 1, 5],
            &[0x30, 7, 2, 2, 0, 0x80, 2, 2, 5],
            &[0x30, 8, 2, 2, 0, 0x80, 2, 1, 5, 9],
            &[0x30, 3, 2, 1, 5],
            &[0x31, 7, 2, 2, 0, 0x80, 2, 1, 5],
        ];
        for bytes in bad {
            assert_eq!(two_numbers(bytes), None, "{bytes:x?}");
        }
    }
}
