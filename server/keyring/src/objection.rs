//! Why a signature that is right by its numbers does not count: the algorithm, the clock, or the key.
//! Each reason is a sentence for the vendor that says what was found and what to do.

use std::time::{Duration, SystemTime};

use openpgp::cert::amalgamation::ValidateAmalgamation as _;
use openpgp::packet::Signature;
use openpgp::policy::{HashAlgoSecurity, Policy, StandardPolicy};
use sequoia_openpgp as openpgp;

use crate::validity::{KeyOf, Standing, standing};
use crate::{when, words};

/// How far the clock of the signer may be ahead of ours.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(30 * 60);

/// Objection to the signature itself, made at the time `made`.
pub(crate) fn to_signature(
    signature: &Signature,
    made: SystemTime,
    policy: &StandardPolicy<'_>,
    now: SystemTime,
) -> Option<String> {
    if let Err(error) = policy.signature(signature, HashAlgoSecurity::CollisionResistance) {
        return Some(to_algorithm(signature, &error));
    }
    if made > now + CLOCK_TOLERANCE {
        return Some(format!(
            "the signature says it was made on {}, which is yet to come; set the clock of the signing \
             machine right and sign again",
            when::date(made)
        ));
    }
    let end = signature
        .signature_expiration_time()
        .filter(|end| *end <= now)?;
    Some(format!(
        "the signature itself expired on {}; sign again",
        when::date(end)
    ))
}

/// Objection to the key, when it signed at the time `made` and at the upload `now`. It must be bound to
/// its certificate today. The binding at the time of signing counts for that time, but may be gone:
/// gpg throws it away when it extends a key.
pub(crate) fn to_key(
    key: &KeyOf<'_>,
    made: SystemTime,
    policy: &StandardPolicy<'_>,
    now: SystemTime,
    what: &str,
) -> Option<String> {
    let name = name(key);
    let today = match key.with_policy(policy, now) {
        Ok(bound) => bound,
        Err(error) => return Some(to_binding(key, &error, policy, now)),
    };
    let then = key
        .with_policy(policy, made)
        .unwrap_or_else(|_| today.clone());
    // A key without flags, from before 2004, may do what its algorithm can.
    let may_sign = [&then, &today]
        .iter()
        .all(|bound| bound.key_flags().is_none_or(|flags| flags.for_signing()));
    if !may_sign {
        return Some(format!(
            "{name} is not meant for signing; sign with a key that has the usage `S` in gpg"
        ));
    }
    let then = standing(key, &then, policy, made);
    let today = standing(key, &today, policy, now);
    let mend = match (&then, &today) {
        (Standing::Valid, Standing::Valid) => return None,
        (_, Standing::Valid) => "sign again now",
        (_, Standing::Expired { .. }) => {
            "extend the key and register it again, or sign with another"
        }
        _ => "sign again with a valid key",
    };
    Some(format!(
        "{name} {then} when the {what} was signed on {}, and {today} at the upload on {}; {mend}",
        when::date(made),
        when::date(now),
    ))
}

fn to_algorithm(signature: &Signature, error: &anyhow::Error) -> String {
    let hash = signature.hash_algo();
    if violated(error).is_some_and(|rule| rule == hash.to_string()) {
        return format!(
            "the signature uses {hash}, which can be forged; sign again with SHA-256 \
             (`%_gpg_digest_algo sha256` in ~/.rpmmacros)"
        );
    }
    format!("the signature is not acceptable: {error:#}")
}

/// The key is not bound to its certificate by the rules: its algorithm, that of a self-signature, or
/// no self-signature at all. The primary key is looked at first, all others hang on it.
fn to_binding(
    key: &KeyOf<'_>,
    error: &anyhow::Error,
    policy: &dyn Policy,
    now: SystemTime,
) -> String {
    let primary = key.cert().primary_key();
    let culprit = match primary.with_policy(policy, now) {
        Err(_) => KeyOf::from(primary),
        Ok(_) => key.clone(),
    };
    let name = name(&culprit);
    let Some(rule) = violated(error) else {
        return format!("{name} is not bound to its certificate: {error:#}");
    };
    if let Some(hash) = self_signatures(&culprit)
        .map(|signature| signature.hash_algo())
        .find(|hash| hash.to_string() == rule)
    {
        return format!(
            "the self-signature of {name} uses {hash}, which can be forged; renew it \
             (`gpg --cert-digest-algo sha256 --edit-key`, `expire`, `save`) and register the key again"
        );
    }
    format!(
        "{name} is {}, too weak to be trusted; sign with RSA of 3072 bits or more, or with Ed25519, and \
         register that key",
        words::algorithm(culprit.key())
    )
}

/// What binds a key: signatures on the key itself, and for the primary key those on the user ids.
fn self_signatures<'a>(key: &KeyOf<'a>) -> impl Iterator<Item = &'a Signature> {
    let on_user_ids = key.cert().userids().flat_map(|user| user.self_signatures());
    key.self_signatures().chain(on_user_ids)
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
