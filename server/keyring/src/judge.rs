//! The signatures of a package: each is judged, none is left out of the report.

use std::io::Read;

use kmp::{Covers, JudgedSignature, Package, RawSignature, SignatureReport, SignatureVerdict};
use openpgp::crypto::hash::Context;
use openpgp::packet::Signature;
use sequoia_openpgp as openpgp;

use crate::verify::{self, Judge};
use crate::{Certificate, Error, Policy, packets, when};

/// Most signatures of one package that are looked at: each costs a pass over the header.
const MAX_JUDGED: usize = 32;

/// How much of the stream is held at a time.
const CHUNK: usize = 128 * 1024;

/// Judges the signatures over the package's header, which holds the payload's digest (whether that
/// digest holds is in `package.digests`). `now` is the time of the upload, seconds since 1970.
///
/// Legacy signatures over header and payload need the file: they are reported as refused for that
/// reason. [`judge_stream`] judges them, too.
#[must_use]
pub fn judge(
    package: &Package,
    certificates: &[Certificate],
    policy: &Policy,
    now: u64,
) -> SignatureReport {
    let judge = Judge::new(certificates, *policy, now, "package");
    let mut pending = pending(&package.signatures);
    feed(&mut pending, Covers::Header, &package.header_bytes);
    report(pending, &judge, false)
}

/// Judges all signatures of the package. `from_header` gives the file from `package.header_start` to its
/// end; it is read once, and only when a legacy signature needs it.
///
/// # Errors
///
/// The stream could not be read.
pub fn judge_stream(
    package: &Package,
    certificates: &[Certificate],
    policy: &Policy,
    now: u64,
    from_header: &mut dyn Read,
) -> Result<SignatureReport, Error> {
    let judge = Judge::new(certificates, *policy, now, "package");
    let mut pending = pending(&package.signatures);
    feed(&mut pending, Covers::Header, &package.header_bytes);
    if pending
        .iter()
        .any(|one| one.covers == Covers::HeaderAndPayload && one.content.is_ok())
    {
        let mut chunk = vec![0; CHUNK];
        loop {
            match from_header.read(&mut chunk) {
                Ok(0) => break,
                Ok(length) => feed(&mut pending, Covers::HeaderAndPayload, &chunk[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(report(pending, &judge, true))
}

/// A signature whose bytes are being hashed, or why there is none.
struct Pending {
    covers: Covers,
    content: Result<(Signature, Context), String>,
}

fn pending(signatures: &[RawSignature]) -> Vec<Pending> {
    signatures
        .iter()
        .take(MAX_JUDGED)
        .flat_map(parse)
        .take(MAX_JUDGED)
        .collect()
}

fn parse(raw: &RawSignature) -> Vec<Pending> {
    let covers = raw.covers;
    match packets::signatures(&raw.packet) {
        Err(why) => vec![Pending {
            covers,
            content: Err(why),
        }],
        Ok(signatures) => signatures
            .into_iter()
            .map(|signature| {
                let content = verify::context(&signature).map(|context| (signature, context));
                Pending { covers, content }
            })
            .collect(),
    }
}

fn feed(pending: &mut [Pending], covers: Covers, bytes: &[u8]) {
    for one in pending {
        if let (true, Ok((_, context))) = (one.covers == covers, &mut one.content) {
            context.update(bytes);
        }
    }
}

fn report(pending: Vec<Pending>, judge: &Judge<'_>, whole_file: bool) -> SignatureReport {
    let signatures = pending
        .into_iter()
        .map(|one| judged(one, judge, whole_file))
        .collect();
    SignatureReport {
        signatures,
        modules: Vec::new(),
    }
}

fn judged(pending: Pending, judge: &Judge<'_>, whole_file: bool) -> JudgedSignature {
    let covers = pending.covers;
    let (signature, hashed) = match pending.content {
        Ok(content) => content,
        Err(why) => {
            let verdict = SignatureVerdict::Malformed { why };
            return JudgedSignature {
                covers,
                issuer: None,
                created: None,
                algorithm: None,
                verdict,
            };
        }
    };
    let verdict = if covers == Covers::HeaderAndPayload && !whole_file {
        let why =
            "a signature over header and payload together can only be judged with the whole file";
        SignatureVerdict::Refused { why: why.into() }
    } else {
        judge.verdict(&signature, &hashed)
    };
    JudgedSignature {
        covers,
        issuer: verify::issuer(&signature),
        created: signature.signature_creation_time().map(when::seconds),
        algorithm: Some(judge.algorithm(&signature)),
        verdict,
    }
}
