//! The signature header: raw signatures and digests. And the judgement that `keyring` makes of the
//! former, which is defined here so that checks need no OpenPGP.
//!
//! It is a header structure like the main one, padded to a multiple of eight bytes, and nothing in
//! it is covered by any signature.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::digest::{Algorithm, RunningCheck};
use crate::error::Part;
use crate::header::Header;
use crate::oddities::Oddities;
use crate::source::Source;
use crate::tag::signature as tag;
use crate::text::text;
use crate::{DigestCheck, Error, Limits};

/// A signature packet as found, to be judged by `keyring`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawSignature {
    /// Signature header tag (267 DSA, 268 RSA, 278 OpenPGP, 1002, 1005 legacy).
    pub tag: u32,
    /// What it was made over.
    pub covers: Covers,
    /// One binary OpenPGP signature packet.
    pub packet: Vec<u8>,
}

/// The bytes a signature is made over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Covers {
    /// The main header, which holds the payload's digest.
    Header,
    /// Main header and payload as one stream (rpm 3 and 4 legacy).
    HeaderAndPayload,
}

/// What `keyring` found out about a package's signatures. Defined here so that checks need no OpenPGP.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignatureReport {
    /// In the order of [`crate::Package::signatures`].
    pub signatures: Vec<JudgedSignature>,
    /// Of modules whose signature names a certificate that is known.
    #[serde(default)]
    pub modules: Vec<JudgedModule>,
}

/// What came out of one module's own signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JudgedModule {
    /// Of the module, as in the file list.
    pub path: String,
    /// Whose certificate the signature names: its owner or, without a name, its serial number.
    pub signer: String,
    /// What came out.
    pub verdict: ModuleVerdict,
}

/// Outcome for one module.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ModuleVerdict {
    /// Made over this module by the certificate's key.
    Good,
    /// Another module was signed, or by another key.
    Bad,
    /// It cannot be told: why, in words that go on after "because".
    Unjudged { why: String },
}

/// One signature and what came out of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JudgedSignature {
    /// What it was made over.
    pub covers: Covers,
    /// Fingerprint or key id of the issuer as the signature names it, upper-case hex.
    pub issuer: Option<String>,
    /// When it says it was made, seconds since 1970.
    pub created: Option<u64>,
    /// Public-key and hash algorithm: `RSA 4096, SHA-256`; the key's size is known only of keys
    /// that are registered.
    #[serde(default)]
    pub algorithm: Option<String>,
    /// What came out.
    pub verdict: SignatureVerdict,
}

/// Outcome for one signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SignatureVerdict {
    /// Made over these bytes by a key of this certificate (primary fingerprint), which was valid then.
    Good {
        /// Primary fingerprint, upper-case hex.
        certificate: String,
        /// `Name <address>` of the certificate.
        user_id: String,
    },
    /// No registered certificate holds the key.
    UnknownKey,
    /// The bytes are not what was signed.
    Bad,
    /// The key or the algorithm is not acceptable: the rule that fired, in a sentence.
    Refused { why: String },
    /// Not a signature packet we can read.
    Malformed { why: String },
}

/// Signatures that are read at most; more are counted as an oddity. rpm 6 packages hold a handful.
const SIGNATURES_MAX: usize = 32;
/// The main header begins at a multiple of this.
const ALIGNMENT: u64 = 8;

/// Tags that hold one binary packet, and what it covers.
const PACKETS: [(u32, Covers); 4] = [
    (tag::DSA, Covers::Header),
    (tag::RSA, Covers::Header),
    (tag::PGP, Covers::HeaderAndPayload),
    (tag::GPG, Covers::HeaderAndPayload),
];

/// What the signature header says.
pub(crate) struct SignatureHeader {
    pub(crate) signatures: Vec<RawSignature>,
    /// Bytes of header and payload together.
    pub(crate) size: Option<u64>,
    /// Bytes of the unpacked payload.
    pub(crate) archive_size: Option<u64>,
    /// MD5 over header and payload, hex.
    md5: Option<String>,
    /// Digests over the main header.
    header_digests: Vec<(Algorithm, String)>,
}

impl SignatureHeader {
    /// Reads it and the padding behind it.
    pub(crate) fn read<R: Read>(
        source: &mut Source<R>,
        limits: &Limits,
        oddities: &mut Oddities,
    ) -> Result<SignatureHeader, Error> {
        let header = Header::read(source, Part::SignatureHeader, limits, oddities)?;
        let padding = header.end().next_multiple_of(ALIGNMENT) - header.end();
        source.take(Part::SignatureHeader, padding as usize)?;
        let digest_tags = [
            (Algorithm::Sha1, tag::SHA1),
            (Algorithm::Sha256, tag::SHA256),
            (Algorithm::Sha3_256, tag::SHA3_256),
        ];
        let digests = digest_tags.into_iter();
        let digests = digests.filter_map(|(kind, tag)| Some((kind, text(&header, tag)?)));
        let first = |tags: [u32; 2]| tags.into_iter().find_map(|tag| header.number(tag));
        Ok(SignatureHeader {
            signatures: signatures(&header, oddities),
            size: first([tag::LONG_SIZE, tag::SIZE]),
            archive_size: first([tag::LONG_ARCHIVE_SIZE, tag::ARCHIVE_SIZE]),
            md5: header.blob(tag::MD5).map(hex::encode),
            header_digests: digests.collect(),
        })
    }

    /// The digests of the main header, compared with its bytes.
    pub(crate) fn header_checks(&self, bytes: &[u8]) -> Vec<DigestCheck> {
        let checks = self.header_digests.iter().map(|(algorithm, expected)| {
            let mut check = RunningCheck::new("header", *algorithm, expected.clone());
            check.update(bytes);
            check.finish()
        });
        checks.collect()
    }

    /// Whether the main header is covered by digests of its own.
    pub(crate) fn has_header_digests(&self) -> bool {
        !self.header_digests.is_empty()
    }

    /// The digest over all that follows the signature header.
    pub(crate) fn whole_checks(&self) -> Vec<RunningCheck> {
        let md5 = self.md5.iter().cloned();
        md5.map(|expected| RunningCheck::new("header+payload", Algorithm::Md5, expected))
            .collect()
    }
}

fn signatures(header: &Header, oddities: &mut Oddities) -> Vec<RawSignature> {
    let single = PACKETS.into_iter().filter_map(|(tag, covers)| {
        Some(RawSignature {
            tag,
            covers,
            packet: header.blob(tag)?.to_vec(),
        })
    });
    let mut all: Vec<RawSignature> = single.collect();
    let mut armoured = header.texts(tag::OPENPGP).into_iter().flatten();
    for text in armoured.by_ref().take(SIGNATURES_MAX) {
        match BASE64.decode(text) {
            Ok(packet) => {
                let (tag, covers) = (tag::OPENPGP, Covers::Header);
                all.push(RawSignature {
                    tag,
                    covers,
                    packet,
                });
            }
            Err(error) => oddities.note("signature-encoding", || {
                format!(
                    "a signature under tag {} is not base64: {error}",
                    tag::OPENPGP
                )
            }),
        }
    }
    if armoured.next().is_some() {
        oddities.note("many-signatures", || {
            format!("only {SIGNATURES_MAX} signatures were read")
        });
    }
    all
}
