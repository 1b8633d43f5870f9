//! Our own signing key: made so that the oldest clients in the field take it.
//!
//! rpm 4.18 refuses to import a key whose self-signature holds a *critical* Primary-User-ID subpacket,
//! which the library's own generator writes; so the key is put together by hand: version 4, one user
//! id, one primary key that certifies and signs, a SHA-256 self-signature without that subpacket.

use std::fmt;

use openpgp::Cert;
use openpgp::Packet;
use openpgp::armor::{Kind, Writer};
use openpgp::crypto::{KeyPair, Password};
use openpgp::packet::key::{Key4, PrimaryRole, SecretParts};
use openpgp::packet::prelude::SignatureBuilder;
use openpgp::packet::{Key, Signature, UserID};
use openpgp::parse::Parse as _;
use openpgp::serialize::{Serialize as _, SerializeInto as _};
use openpgp::types::{Curve, Features, HashAlgorithm, KeyFlags, SignatureType, SymmetricAlgorithm};
use sequoia_openpgp as openpgp;
use serde::{Deserialize, Serialize};

use crate::validity::{self, Standing};
use crate::{Certificate, Error, Policy, policy, when};
use openpgp::cert::amalgamation::ValidateAmalgamation as _;

/// What kind of key to make.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyAlgorithm {
    /// Taken by every rpm; the safe choice.
    Rsa4096,
    /// Taken by every rpm.
    Rsa3072,
    /// Small and quick; needs rpm 4.15 or newer with a matching crypto library.
    Ed25519,
}

/// A secret key that can sign. Signing takes `&self`, from any thread.
#[derive(Clone)]
pub struct SigningKey {
    /// With all secret parts unprotected in memory (the library keeps them encrypted there).
    cert: Cert,
    pair: KeyPair,
    public: Certificate,
}

impl fmt::Debug for SigningKey {
    /// The secret never gets into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Makes a key that never expires, for `user_id` (`Name <address>`), at the time `now`.
    ///
    /// # Errors
    ///
    /// The system gives no randomness.
    pub fn generate(user_id: &str, algorithm: KeyAlgorithm, now: u64) -> Result<SigningKey, Error> {
        build(user_id, algorithm, now).map_err(unusable)
    }

    /// Reads a secret key, armored or binary, made here or by gpg. Signs with its newest signing
    /// subkey that has its secret part, else with the primary key, as gpg does.
    ///
    /// # Errors
    ///
    /// Not a secret key, the passphrase missing or wrong, nothing in it that may sign.
    pub fn from_armored_secret(
        bytes: &[u8],
        passphrase: Option<&str>,
    ) -> Result<SigningKey, Error> {
        let cert = Cert::from_bytes(bytes).map_err(unusable)?;
        let fingerprint = cert.fingerprint().to_hex();
        if !cert.is_tsk() {
            let why = format!("{fingerprint} is only the public part");
            return Err(Error::SigningKey { why });
        }
        let key = signing_key(&cert).ok_or_else(|| Error::SigningKey {
            why: format!("no key of {fingerprint} with a secret part may sign"),
        })?;
        let cert = unprotect(cert, passphrase)?;
        let key = cert
            .keys()
            .secret()
            .find(|candidate| candidate.key().fingerprint() == key)
            .map(|found| found.key().clone())
            .ok_or_else(|| Error::SigningKey {
                why: "its secret part was lost".into(),
            })?;
        let pair = key.into_keypair().map_err(unusable)?;
        SigningKey::new(cert, pair).map_err(unusable)
    }

    /// The whole secret key as text, protected by the passphrase when one is given. gpg imports it.
    ///
    /// # Errors
    ///
    /// The system gives no randomness.
    pub fn to_armored_secret(&self, passphrase: Option<&str>) -> Result<String, Error> {
        let cert = match passphrase {
            Some(passphrase) => protect(&self.cert, passphrase).map_err(unusable)?,
            None => self.cert.clone(),
        };
        let bytes = cert.as_tsk().armored().to_vec().map_err(unusable)?;
        String::from_utf8(bytes).map_err(|error| unusable(error.into()))
    }

    /// The public part.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        self.public.clone()
    }

    /// Fingerprint of the primary key, upper-case hex.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.cert.fingerprint().to_hex()
    }

    /// Signs a file at the time `now`: ASCII-armored detached signature, SHA-512, version 4.
    ///
    /// # Errors
    ///
    /// [`Error::NotValid`] when the key has expired or was revoked.
    pub fn sign_detached(&self, data: &[u8], now: u64) -> Result<Vec<u8>, Error> {
        let signature = self.sign(data, HashAlgorithm::SHA512, now)?;
        let mut armor =
            Writer::new(Vec::new(), Kind::Signature).map_err(|error| unusable(error.into()))?;
        Packet::from(signature)
            .serialize(&mut armor)
            .map_err(unusable)?;
        armor.finalize().map_err(|error| unusable(error.into()))
    }

    /// Signs the main header of a package at the time `now`: one binary signature packet, SHA-256,
    /// version 4, as rpm keeps it in tag 268 (RSA) or 267 (Ed25519).
    ///
    /// # Errors
    ///
    /// As [`SigningKey::sign_detached`].
    pub fn sign_packet(&self, data: &[u8], now: u64) -> Result<Vec<u8>, Error> {
        let signature = self.sign(data, HashAlgorithm::SHA256, now)?;
        Packet::from(signature).to_vec().map_err(unusable)
    }

    fn new(cert: Cert, pair: KeyPair) -> openpgp::Result<SigningKey> {
        let public = Certificate::from_cert(cert.clone())?;
        Ok(SigningKey { cert, pair, public })
    }

    fn sign(&self, data: &[u8], hash: HashAlgorithm, now: u64) -> Result<Signature, Error> {
        self.must_be_valid(now)?;
        let mut pair = self.pair.clone();
        SignatureBuilder::new(SignatureType::Binary)
            .set_hash_algo(hash)
            .set_signature_creation_time(when::moment(now))
            .and_then(|builder| builder.sign_message(&mut pair, data))
            .map_err(unusable)
    }

    fn must_be_valid(&self, now: u64) -> Result<(), Error> {
        let policy = Policy::default().at(now);
        let moment = when::moment(now);
        let fingerprint = self.pair.public().fingerprint();
        let key = self
            .cert
            .keys()
            .find(|key| key.key().fingerprint() == fingerprint)
            .expect("the key pair is one of the certificate's");
        let not_valid = |why| Error::NotValid {
            fingerprint: fingerprint.to_hex(),
            why,
        };
        let bound = key
            .with_policy(&policy, moment)
            .map_err(|error| not_valid(format!("is not acceptable: {error:#}")))?;
        match validity::standing(&key, &bound, &policy, moment) {
            Standing::Valid => Ok(()),
            other => Err(not_valid(other.to_string())),
        }
    }
}

fn build(user_id: &str, algorithm: KeyAlgorithm, now: u64) -> openpgp::Result<SigningKey> {
    let moment = when::moment(now);
    let mut key: Key4<SecretParts, PrimaryRole> = match algorithm {
        KeyAlgorithm::Rsa4096 => Key4::generate_rsa(4096)?,
        KeyAlgorithm::Rsa3072 => Key4::generate_rsa(3072)?,
        // The form of RFC 4880bis (algorithm 22) that gpg 2.2 and rpm know, not RFC 9580's.
        KeyAlgorithm::Ed25519 => Key4::generate_ecc(true, Curve::Ed25519)?,
    };
    key.set_creation_time(moment)?;
    let key = Key::from(key);
    let mut pair = key.clone().into_keypair()?;
    let user_id = UserID::from(user_id);
    let binding = SignatureBuilder::new(SignatureType::PositiveCertification)
        .set_hash_algo(HashAlgorithm::SHA256)
        .set_signature_creation_time(moment)?
        .set_key_flags(KeyFlags::empty().set_certification().set_signing())?
        .set_preferred_hash_algorithms(vec![HashAlgorithm::SHA512, HashAlgorithm::SHA256])?
        .set_preferred_symmetric_algorithms(vec![SymmetricAlgorithm::AES256])?
        .set_features(Features::empty().set_seipdv1())?
        .sign_userid_binding(&mut pair, None, &user_id)?;
    let packets: Vec<Packet> = vec![Packet::SecretKey(key), user_id.into(), binding.into()];
    let cert = Cert::from_packets(packets.into_iter())?;
    SigningKey::new(cert, pair)
}

/// Fingerprint of the key to sign with.
fn signing_key(cert: &Cert) -> Option<openpgp::Fingerprint> {
    use openpgp::cert::amalgamation::key::PrimaryKey as _;
    let policy = policy::anything();
    cert.keys()
        .with_policy(&policy, when::moment(when::LAST))
        .secret()
        .revoked(false)
        .for_signing()
        .max_by_key(|key| (!key.primary(), key.key().creation_time()))
        .map(|key| key.key().fingerprint())
}

/// Opens every protected secret part with the passphrase.
fn unprotect(cert: Cert, passphrase: Option<&str>) -> Result<Cert, Error> {
    let mut opened = Vec::new();
    for found in cert.keys().secret() {
        let key = found.key().clone();
        if key.has_unencrypted_secret() {
            continue;
        }
        let fingerprint = key.fingerprint().to_hex();
        let Some(passphrase) = passphrase else {
            return Err(Error::Passphrase {
                fingerprint,
                problem: "missing",
            });
        };
        let key = key
            .decrypt_secret(&Password::from(passphrase))
            .map_err(|_| Error::Passphrase {
                fingerprint,
                problem: "wrong",
            })?;
        opened.push(secret_packet(key, is_primary(&found)));
    }
    cert.insert_packets(opened)
        .map(|(cert, _)| cert)
        .map_err(unusable)
}

fn protect(cert: &Cert, passphrase: &str) -> openpgp::Result<Cert> {
    let password = Password::from(passphrase);
    let mut closed = Vec::new();
    for found in cert.keys().secret() {
        let key = found.key().clone().encrypt_secret(&password)?;
        closed.push(secret_packet(key, is_primary(&found)));
    }
    Ok(cert.clone().insert_packets(closed)?.0)
}

fn is_primary(
    key: &openpgp::cert::amalgamation::key::ErasedKeyAmalgamation<'_, SecretParts>,
) -> bool {
    use openpgp::cert::amalgamation::key::PrimaryKey as _;
    key.primary()
}

fn secret_packet(
    key: Key<SecretParts, openpgp::packet::key::UnspecifiedRole>,
    primary: bool,
) -> Packet {
    if primary {
        Packet::SecretKey(key.role_into_primary())
    } else {
        Packet::SecretSubkey(key.role_into_subordinate())
    }
}

fn unusable(error: anyhow::Error) -> Error {
    Error::SigningKey {
        why: format!("{error:#}"),
    }
}
