//! The digests that a main header gives for the payload.
//!
//! rpm 4.14 brought SHA-256 over the packed payload, 4.16 a second one over the unpacked payload, and
//! rpm 6 the same pair with SHA-512 and SHA3-256. The second is an alternative for packages whose
//! payload was unpacked in the file itself. Like rpm we ask it only where the first does not speak:
//! bytes that are pinned when packed are pinned when unpacked.

use crate::digest::{Algorithm, RunningCheck};
use crate::header::Header;
use crate::oddities::Oddities;
use crate::tag;
use crate::text::text;

/// The payload as it is in the file.
const PACKED: [(u32, Algorithm); 2] = [
    (tag::PAYLOAD_SHA512, Algorithm::Sha512),
    (tag::PAYLOAD_SHA3_256, Algorithm::Sha3_256),
];
const UNPACKED: [(u32, Algorithm); 2] = [
    (tag::PAYLOAD_SHA512_ALT, Algorithm::Sha512),
    (tag::PAYLOAD_SHA3_256_ALT, Algorithm::Sha3_256),
];

/// Digests over the packed payload.
pub(crate) fn packed(header: &Header, oddities: &mut Oddities) -> Vec<RunningCheck> {
    if algorithm(header).is_none() {
        oddities.note("unknown-digest-algorithm", || {
            let number = header.number(tag::PAYLOAD_DIGEST_ALGORITHM).unwrap_or(0);
            format!("the payload's digest is of the unknown kind {number}")
        });
    }
    checks(header, "payload", tag::PAYLOAD_DIGEST, PACKED)
}

/// Digests over the unpacked payload; none where there are some over the packed one.
pub(crate) fn unpacked(header: &Header) -> Vec<RunningCheck> {
    if !checks(header, "payload", tag::PAYLOAD_DIGEST, PACKED).is_empty() {
        return Vec::new();
    }
    checks(
        header,
        "payload-unpacked",
        tag::PAYLOAD_DIGEST_ALT,
        UNPACKED,
    )
}

fn checks(
    header: &Header,
    what: &str,
    tag: u32,
    others: [(u32, Algorithm); 2],
) -> Vec<RunningCheck> {
    let first = algorithm(header).map(|algorithm| (tag, algorithm));
    let all = first.into_iter().chain(others);
    all.filter_map(|(tag, algorithm)| Some(RunningCheck::new(what, algorithm, text(header, tag)?)))
        .collect()
}

/// SHA-256 unless the header says otherwise.
fn algorithm(header: &Header) -> Option<Algorithm> {
    match header.number(tag::PAYLOAD_DIGEST_ALGORITHM) {
        Some(number) => Algorithm::from_openpgp(number),
        None => Some(Algorithm::Sha256),
    }
}
