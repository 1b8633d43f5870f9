//! One signature over one run of bytes, judged by certificates: the rules common to packages and
//! detached signatures.

use std::time::SystemTime;

use kmp::SignatureVerdict;
use openpgp::KeyHandle;
use openpgp::crypto::hash::Context;
use openpgp::packet::Signature;
use openpgp::policy::StandardPolicy;
use sequoia_openpgp as openpgp;

use crate::validity::KeyOf;
use crate::{Certificate, Policy, objection, when, words};

/// Whose keys count, by which rules, and when.
pub(crate) struct Judge<'a> {
    certificates: &'a [Certificate],
    policy: StandardPolicy<'static>,
    now: SystemTime,
    /// What was signed, for sentences: `package`.
    what: &'static str,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(
        certificates: &'a [Certificate],
        policy: Policy,
        now: u64,
        what: &'static str,
    ) -> Judge<'a> {
        Judge {
            certificates,
            policy: policy.at(now),
            now: when::moment(now),
            what,
        }
    }

    /// The verdict on a signature. `hashed` has taken in the signed bytes, begun by [`context`].
    pub(crate) fn verdict(&self, signature: &Signature, hashed: &Context) -> SignatureVerdict {
        let Some(made) = signature.signature_creation_time() else {
            return SignatureVerdict::Malformed {
                why: "it does not say when it was made".into(),
            };
        };
        let mut worst = SignatureVerdict::UnknownKey;
        for (certificate, key) in self.candidates(signature) {
            let verdict = self.by_key(signature, made, hashed, certificate, &key);
            match verdict {
                SignatureVerdict::Good { .. } => return verdict,
                // Two keys may share a key id: a refusal says more than a mismatch.
                SignatureVerdict::Bad if worst != SignatureVerdict::UnknownKey => {}
                _ => worst = verdict,
            }
        }
        worst
    }

    /// Public-key and hash algorithm of a signature: `RSA 4096, SHA-256`. The size only when the key
    /// is known.
    pub(crate) fn algorithm(&self, signature: &Signature) -> String {
        let names_key = !signature.get_issuers().is_empty();
        let known = self.candidates(signature);
        let key = match known.first().filter(|_| names_key) {
            Some((_, key)) => words::algorithm(key.key()),
            None => words::algorithm_family(signature.pk_algo()),
        };
        format!("{key}, {}", words::hash(signature.hash_algo()))
    }

    /// Keys that the signature names, or all of them when it names none.
    fn candidates(&self, signature: &Signature) -> Vec<(&'a Certificate, KeyOf<'a>)> {
        let issuers = signature.get_issuers();
        self.certificates
            .iter()
            .flat_map(|certificate| certificate.cert().keys().map(move |key| (certificate, key)))
            .filter(|(_, key)| {
                let handle = KeyHandle::from(key.key().fingerprint());
                issuers.is_empty() || issuers.iter().any(|issuer| issuer.aliases(&handle))
            })
            .collect()
    }

    fn by_key(
        &self,
        signature: &Signature,
        made: SystemTime,
        hashed: &Context,
        certificate: &Certificate,
        key: &KeyOf<'_>,
    ) -> SignatureVerdict {
        let key_made = key.key().creation_time();
        if made < key_made {
            let (made, key_made) = (when::date(made), when::date(key_made));
            return refused(format!(
                "the signature says it was made on {made}, before its key, which is of {key_made}; \
                 set the clock of the signing machine right and sign again"
            ));
        }
        if !key.key().pk_algo().is_supported() {
            return unsupported(key);
        }
        if let Err(error) = signature.verify_hash(key.key(), hashed.clone()) {
            return match error.downcast_ref() {
                Some(openpgp::Error::UnsupportedEllipticCurve(_)) => unsupported(key),
                _ => SignatureVerdict::Bad,
            };
        }
        let by_signature = || objection::to_signature(signature, made, &self.policy, self.now);
        let by_key = || objection::to_key(key, made, &self.policy, self.now, self.what);
        match by_signature().or_else(by_key) {
            Some(why) => refused(why),
            None => SignatureVerdict::Good {
                certificate: certificate.fingerprint(),
                user_id: certificate.user_id(),
            },
        }
    }
}

/// A hash context for a signature, to be fed with the signed bytes.
pub(crate) fn context(signature: &Signature) -> Result<Context, String> {
    let builder = signature
        .hash_algo()
        .context()
        .map_err(|error| format!("{error:#}"))?;
    let mut context = builder.for_signature(signature.version());
    if let Signature::V6(signature) = signature {
        context.update(signature.salt());
    }
    Ok(context)
}

/// Fingerprint or key id that a signature names as its issuer, upper-case hex.
pub(crate) fn issuer(signature: &Signature) -> Option<String> {
    signature.get_issuers().first().map(KeyHandle::to_hex)
}

fn unsupported(key: &KeyOf<'_>) -> SignatureVerdict {
    refused(format!(
        "{} signatures cannot be verified here; sign with RSA or Ed25519 as well",
        words::algorithm(key.key())
    ))
}

fn refused(why: String) -> SignatureVerdict {
    SignatureVerdict::Refused { why }
}
