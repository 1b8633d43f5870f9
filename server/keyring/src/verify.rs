//! One signature over one run of bytes, judged by certificates: the rules common to packages and
//! detached signatures.

use std::time::{Duration, SystemTime};

use kmp::SignatureVerdict;
use openpgp::KeyHandle;
use openpgp::crypto::hash::Context;
use openpgp::packet::Signature;
use openpgp::policy::{HashAlgoSecurity, Policy as _, StandardPolicy};
use sequoia_openpgp as openpgp;

use crate::validity::{self, KeyOf, Standing};
use crate::{Certificate, Policy, when, words};

/// How far the clock of the signer may be ahead of ours.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(30 * 60);

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
        if let Err(error) = signature.verify_hash(key.key(), hashed.clone()) {
            return match error.downcast_ref() {
                Some(
                    openpgp::Error::UnsupportedPublicKeyAlgorithm(_)
                    | openpgp::Error::UnsupportedEllipticCurve(_),
                ) => refused(format!(
                    "{} signatures are not supported",
                    words::algorithm(key.key())
                )),
                _ => SignatureVerdict::Bad,
            };
        }
        match self.objection(signature, made, key) {
            Some(why) => refused(why),
            None => SignatureVerdict::Good {
                certificate: certificate.fingerprint(),
                user_id: certificate.user_id(),
            },
        }
    }

    /// Why a signature that is right by its numbers does not count.
    fn objection(
        &self,
        signature: &Signature,
        made: SystemTime,
        key: &KeyOf<'_>,
    ) -> Option<String> {
        self.objection_to_signature(signature, made)
            .or_else(|| self.objection_to_binding(made, key))
            .or_else(|| self.objection_to_standing(made, key))
    }

    fn objection_to_signature(&self, signature: &Signature, made: SystemTime) -> Option<String> {
        if let Err(error) = self
            .policy
            .signature(signature, HashAlgoSecurity::CollisionResistance)
        {
            let hash = signature.hash_algo();
            return Some(match violated(&error) {
                Some(rule) if rule == hash.to_string() => format!(
                    "the signature uses {hash}, which can be forged; sign again with SHA-256 \
                     (`%_gpg_digest_algo sha256` in ~/.rpmmacros)"
                ),
                _ => format!("the signature is not acceptable: {error:#}"),
            });
        }
        if made > self.now + CLOCK_TOLERANCE {
            let made = when::date(made);
            return Some(format!(
                "the signature says it was made on {made}, which is yet to come; set the clock of the \
                 signing machine right and sign again"
            ));
        }
        match signature.signature_expiration_time() {
            Some(end) if end <= self.now => Some(format!(
                "the signature itself expired on {}; sign again",
                when::date(end)
            )),
            _ => None,
        }
    }

    fn objection_to_binding(&self, made: SystemTime, key: &KeyOf<'_>) -> Option<String> {
        let name = name(key);
        let bound = match validity::bound(key, &self.policy, made, self.now) {
            Ok(bound) => bound,
            Err(error) => return Some(self.binding_problem(&name, key, &error)),
        };
        // A key without flags, from before 2004, may do what its algorithm can.
        let may_sign = bound.key_flags().is_none_or(|flags| flags.for_signing());
        (!may_sign).then(|| {
            format!(
                "{name} is not meant for signing; sign with a key that has the usage `S` in gpg"
            )
        })
    }

    fn binding_problem(&self, name: &str, key: &KeyOf<'_>, error: &anyhow::Error) -> String {
        let algorithm = words::algorithm(key.key());
        let weak_hash = std::iter::once(
            key.cert()
                .primary_key()
                .self_signatures()
                .collect::<Vec<_>>(),
        )
        .chain(std::iter::once(key.self_signatures().collect()))
        .flatten()
        .chain(key.cert().userids().flat_map(|user| user.self_signatures()))
        .map(|signature| signature.hash_algo())
        .find(|hash| violated(error).is_some_and(|rule| rule == hash.to_string()));
        match (violated(error), weak_hash) {
            (_, Some(hash)) => format!(
                "the self-signature of {name} uses {hash}, which can be forged; renew it \
                 (`gpg --cert-digest-algo sha256 --edit-key`, `expire`, `save`) and register the key again"
            ),
            (Some(_), None) => format!(
                "{name} is {algorithm}, too weak to be trusted; sign with RSA of 3072 bits or more, or \
                 with Ed25519, and register that key"
            ),
            (None, None) => format!("{name} is not bound to its certificate: {error:#}"),
        }
    }

    fn objection_to_standing(&self, made: SystemTime, key: &KeyOf<'_>) -> Option<String> {
        let at = |at: SystemTime| match validity::bound(key, &self.policy, at, self.now) {
            Ok(bound) => validity::standing(key, &bound, &self.policy, at),
            // Was bound a moment ago, for the other time.
            Err(_) => Standing::Valid,
        };
        let (then, today) = (at(made), at(self.now));
        if then == Standing::Valid && today == Standing::Valid {
            return None;
        }
        let (what, name) = (self.what, name(key));
        let mend = match today {
            Standing::Expired { .. } => {
                "extend the key and register it again, or sign with another"
            }
            Standing::Valid => "sign again now",
            _ => "sign again with a valid key",
        };
        Some(format!(
            "{name} {then} when the {what} was signed on {}, and {today} at the upload on {}; {mend}",
            when::date(made),
            when::date(self.now),
        ))
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

fn refused(why: String) -> SignatureVerdict {
    SignatureVerdict::Refused { why }
}

/// `key 1234ABCD…`, by key id as rpm shows it.
fn name(key: &KeyOf<'_>) -> String {
    format!("key {}", key.key().keyid().to_hex())
}

/// The algorithm that the policy objects to, as the library names it.
fn violated(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| match cause.downcast_ref()? {
        openpgp::Error::PolicyViolation(rule, _) => Some(rule.clone()),
        _ => None,
    })
}
