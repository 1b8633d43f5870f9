//! Signatures of a package: the raw packets found here, and the judgement that `keyring` makes.

use serde::{Deserialize, Serialize};

/// A signature packet as found, to be judged by `keyring`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawSignature {
    /// Signature header tag (267 DSA, 268 RSA, 278 OpenPGP, 1002, 1005 legacy).
    pub tag: u32,
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
    pub signatures: Vec<JudgedSignature>,
}

/// One signature and what came out of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JudgedSignature {
    pub covers: Covers,
    /// Fingerprint or key id of the issuer as the signature names it, upper-case hex.
    pub issuer: Option<String>,
    /// When it says it was made, seconds since 1970.
    pub created: Option<u64>,
    pub verdict: SignatureVerdict,
}

/// Outcome for one signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SignatureVerdict {
    /// Made over these bytes by a key of this certificate (primary fingerprint), which was valid then.
    Good {
        certificate: String,
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
