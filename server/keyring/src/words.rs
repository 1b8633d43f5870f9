//! Names of algorithms and reasons as people know them.

use openpgp::crypto::mpi::PublicKey;
use openpgp::packet::Key;
use openpgp::packet::key::{KeyParts, KeyRole};
use openpgp::types::{Curve, HashAlgorithm, PublicKeyAlgorithm, ReasonForRevocation};
use sequoia_openpgp as openpgp;

/// `RSA 3072`, `DSA 1024`, `Ed25519`, `ECDSA NIST P-256` …
pub(crate) fn algorithm<P: KeyParts, R: KeyRole>(key: &Key<P, R>) -> String {
    match key.mpis() {
        PublicKey::RSA { .. } => with_bits("RSA", key),
        PublicKey::DSA { .. } => with_bits("DSA", key),
        PublicKey::ElGamal { .. } => with_bits("ElGamal", key),
        PublicKey::EdDSA {
            curve: Curve::Ed25519,
            ..
        }
        | PublicKey::Ed25519 { .. } => "Ed25519".into(),
        PublicKey::EdDSA { curve, .. } => format!("EdDSA {curve}"),
        PublicKey::ECDSA { curve, .. } => format!("ECDSA {curve}"),
        PublicKey::ECDH { curve, .. } => format!("ECDH {curve}"),
        _ => key.pk_algo().to_string(),
    }
}

/// The same of a key that is not known: `RSA`, `DSA`, `EdDSA` …
pub(crate) fn algorithm_family(algorithm: PublicKeyAlgorithm) -> String {
    match algorithm {
        PublicKeyAlgorithm::RSAEncryptSign => "RSA".into(),
        PublicKeyAlgorithm::ECDSA => "ECDSA".into(),
        PublicKeyAlgorithm::EdDSA => "EdDSA".into(),
        PublicKeyAlgorithm::Ed25519 => "Ed25519".into(),
        other => other.to_string(),
    }
}

/// `SHA-256`, `SHA-1`, `MD5` …
pub(crate) fn hash(algorithm: HashAlgorithm) -> String {
    let name = algorithm.to_string();
    match name.strip_prefix("SHA") {
        Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => format!("SHA-{bits}"),
        _ => name,
    }
}

fn with_bits<P: KeyParts, R: KeyRole>(name: &str, key: &Key<P, R>) -> String {
    format!("{name} {}", key.mpis().bits().unwrap_or_default())
}

/// Fits after `was revoked`: ` (key compromised)`.
pub(crate) fn revocation_reason(reason: ReasonForRevocation) -> &'static str {
    match reason {
        ReasonForRevocation::KeySuperseded => " (replaced by another)",
        ReasonForRevocation::KeyCompromised => " (key compromised)",
        ReasonForRevocation::KeyRetired => " (no longer used)",
        _ => "",
    }
}

/// Text that others wrote, fit for a line: no control characters.
pub(crate) fn one_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars()
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}
