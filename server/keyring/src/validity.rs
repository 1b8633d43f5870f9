//! Whether a key may vouch for something signed at one time and handed in at another.
//!
//! Both times count. The time in a signature is the signer's claim: who steals an expired key can
//! write any date, so a key must hold at the upload as well. And a key that holds today does not
//! vouch for what was signed before it was made or after it was given up.

use std::fmt;
use std::time::SystemTime;

use openpgp::Cert;
use openpgp::cert::amalgamation::ValidAmalgamation as _;
use openpgp::cert::amalgamation::key::{
    ErasedKeyAmalgamation, PrimaryKey as _, ValidErasedKeyAmalgamation,
};
use openpgp::packet::{Signature, key};
use openpgp::policy::Policy;
use openpgp::types::RevocationStatus;
use sequoia_openpgp as openpgp;

use crate::{when, words};

/// A key within its certificate.
pub(crate) type KeyOf<'a> = ErasedKeyAmalgamation<'a, key::PublicParts>;
/// The same, with the signature that binds it at some time.
pub(crate) type Bound<'a> = ValidErasedKeyAmalgamation<'a, key::PublicParts>;

/// How a key stands at one time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    Valid,
    NotYetMade {
        made: SystemTime,
    },
    Expired {
        at: SystemTime,
    },
    Revoked {
        at: Option<SystemTime>,
        reason: &'static str,
    },
}

impl fmt::Display for Standing {
    /// Fits after `it `.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Standing::Valid => f.write_str("was valid"),
            Standing::NotYetMade { made } => {
                write!(f, "did not exist before {}", when::date(*made))
            }
            Standing::Expired { at } => write!(f, "had expired on {}", when::date(*at)),
            Standing::Revoked {
                at: Some(at),
                reason,
            } => {
                write!(f, "had been revoked on {}{reason}", when::date(*at))
            }
            Standing::Revoked { at: None, reason } => write!(f, "had been revoked{reason}"),
        }
    }
}

/// How the bound key stands at a time. `bound` is its binding for that time.
pub(crate) fn standing(
    key: &KeyOf<'_>,
    bound: &Bound<'_>,
    policy: &dyn Policy,
    at: SystemTime,
) -> Standing {
    let cert = key.cert();
    let made = key.key().creation_time();
    if at < made {
        return Standing::NotYetMade { made };
    }
    if let Some(revoked) = revocation(cert, key, policy, at) {
        return revoked;
    }
    // The end of the primary key is the end of its subkeys.
    let primary = bound.valid_cert().primary_key();
    let ends = [bound.key_expiration_time(), primary.key_expiration_time()]
        .into_iter()
        .flatten()
        .min();
    match ends {
        Some(end) if end <= at => Standing::Expired { at: end },
        _ => Standing::Valid,
    }
}

/// A revocation of the key or of its primary key that counts at the time: one because of compromise
/// (or without a reason) always, others from the day they were made.
fn revocation(
    cert: &Cert,
    key: &KeyOf<'_>,
    policy: &dyn Policy,
    at: SystemTime,
) -> Option<Standing> {
    let of_primary = revoked(&cert.revocation_status(policy, at));
    let of_subkey = || {
        let wanted = key.key().fingerprint();
        let subkey = cert
            .keys()
            .subkeys()
            .find(|subkey| subkey.key().fingerprint() == wanted)?;
        revoked(&subkey.revocation_status(policy, at))
    };
    of_primary.or_else(|| if key.primary() { None } else { of_subkey() })
}

fn revoked(status: &RevocationStatus<'_>) -> Option<Standing> {
    let RevocationStatus::Revoked(signatures) = status else {
        return None;
    };
    let first: Option<&Signature> = signatures
        .iter()
        .copied()
        .min_by_key(|signature| signature.signature_creation_time());
    let reason = first.and_then(|signature| signature.reason_for_revocation());
    Some(Standing::Revoked {
        at: first.and_then(|signature| signature.signature_creation_time()),
        reason: reason.map_or("", |(code, _)| words::revocation_reason(code)),
    })
}
