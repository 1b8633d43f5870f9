//! Detached signatures over a file, such as `repomd.xml.asc`.

use kmp::SignatureVerdict;
use openpgp::armor::{Kind, Reader, ReaderMode};
use openpgp::packet::Signature;
use sequoia_openpgp as openpgp;
use std::io::Read as _;

use crate::verify::{self, Judge};
use crate::{Certificate, Error, Policy, packets};

/// Largest armored signature file.
const MAX_BYTES: u64 = 1 << 18;

/// Verifies a detached signature (armored or binary) over `data` as a client would at the time `now`,
/// and gives the fingerprint of the certificate that made it. One good signature of several suffices.
///
/// # Errors
///
/// [`Error::NotVerified`], with the reason for each signature.
pub fn verify_detached(
    data: &[u8],
    signature: &[u8],
    certificates: &[Certificate],
    now: u64,
) -> Result<String, Error> {
    let signatures = unarmored(signature)
        .and_then(|packets| packets::signatures(&packets))
        .map_err(not_verified)?;
    let judge = Judge::new(certificates, Policy::default(), now, "file");
    let mut reasons = Vec::new();
    for signature in &signatures {
        match verdict(&judge, signature, data) {
            SignatureVerdict::Good { certificate, .. } => return Ok(certificate),
            SignatureVerdict::UnknownKey => {
                let issuer = verify::issuer(signature).unwrap_or_else(|| "an unnamed key".into());
                reasons.push(format!("it was made by {issuer}, which is unknown"));
            }
            SignatureVerdict::Bad => reasons.push("the data is not what was signed".into()),
            SignatureVerdict::Refused { why } | SignatureVerdict::Malformed { why } => {
                reasons.push(why)
            }
        }
    }
    Err(not_verified(reasons.join("; ")))
}

fn verdict(judge: &Judge<'_>, signature: &Signature, data: &[u8]) -> SignatureVerdict {
    match verify::context(signature) {
        Ok(mut context) => {
            context.update(data);
            judge.verdict(signature, &context)
        }
        Err(why) => SignatureVerdict::Malformed { why },
    }
}

fn unarmored(signature: &[u8]) -> Result<Vec<u8>, String> {
    if !signature.trim_ascii_start().starts_with(b"-----BEGIN PGP ") {
        return Ok(signature.to_vec());
    }
    let mode = ReaderMode::Tolerant(Some(Kind::Signature));
    let mut packets = Vec::new();
    Reader::from_bytes(signature, mode)
        .take(MAX_BYTES)
        .read_to_end(&mut packets)
        .map_err(|error| format!("its armor is damaged: {error}"))?;
    Ok(packets)
}

fn not_verified(why: String) -> Error {
    Error::NotVerified { why }
}
