//! Public keys as vendors hand them in.

use openpgp::Cert;
use openpgp::cert::CertParser;
use openpgp::parse::Parse as _;
use openpgp::serialize::SerializeInto as _;
use openpgp::types::RevocationStatus;
use sequoia_openpgp as openpgp;

use crate::{Error, armor, policy, when, words};

/// Largest key file: dozens of keys with all their third-party signatures.
const MAX_BYTES: usize = 1 << 20;

/// Most keys in one file.
const MAX_KEYS: usize = 64;

/// Longest RSA or DSA modulus: verifying takes time by the square of it.
const MAX_BITS: usize = 16_384;

/// A public key: primary key, subkeys, user ids, and the signatures that bind them.
#[derive(Clone, PartialEq, Debug)]
pub struct Certificate {
    cert: Cert,
    /// Made at once: the library reads some damaged signatures that it cannot write.
    armored: String,
}

impl Certificate {
    /// Reads public keys, armored (any number of blocks, text around them) or binary. A key given twice
    /// comes out once, its parts merged.
    ///
    /// # Errors
    ///
    /// Not a public key, a secret key, or too large; nothing is taken of a file that is partly wrong.
    pub fn parse_all(bytes: &[u8]) -> Result<Vec<Certificate>, Error> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::TooLarge {
                found: bytes.len(),
                allowed: MAX_BYTES,
            });
        }
        let blocks = armor::blocks(bytes);
        let mut certs = Vec::new();
        if blocks.is_empty() {
            add_all(bytes, &mut certs)?;
        }
        for block in blocks {
            match block.kind {
                b"PUBLIC KEY BLOCK" => add_all(block.bytes, &mut certs)?,
                b"PRIVATE KEY BLOCK" => return Err(secret_in(block.bytes)),
                other => {
                    let why = format!("found a {}", words::one_line(other).to_lowercase());
                    return Err(Error::NoKey { why });
                }
            }
        }
        if certs.is_empty() {
            return Err(Error::NoKey {
                why: "found nothing".into(),
            });
        }
        certs
            .into_iter()
            .map(|cert| Certificate::from_cert(cert).map_err(unreadable))
            .collect()
    }

    /// Fingerprint of the primary key, upper-case hex: it names the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.cert.fingerprint().to_hex()
    }

    /// Fingerprints of all keys, the primary first.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<String> {
        self.cert
            .keys()
            .map(|key| key.key().fingerprint().to_hex())
            .collect()
    }

    /// Key ids (16 hex digits) of all keys, the primary first, as rpm shows them.
    #[must_use]
    pub fn key_ids(&self) -> Vec<String> {
        self.cert
            .keys()
            .map(|key| key.key().keyid().to_hex())
            .collect()
    }

    /// The user id that the owner marked as the main one, or the first; empty when there is none.
    #[must_use]
    pub fn user_id(&self) -> String {
        let policy = policy::anything();
        let primary = self
            .cert
            .with_policy(&policy, when::moment(when::LAST))
            .and_then(|valid| valid.primary_userid().map(|user| user.userid().clone()));
        let user_id = primary
            .ok()
            .or_else(|| Some(self.cert.userids().next()?.userid().clone()));
        user_id.map_or_else(String::new, |user_id| words::one_line(user_id.value()))
    }

    /// Algorithm of the primary key, `RSA 3072`.
    #[must_use]
    pub fn algorithm(&self) -> String {
        words::algorithm(self.cert.primary_key().key())
    }

    /// When the primary key was made, seconds since 1970.
    #[must_use]
    pub fn created(&self) -> u64 {
        when::seconds(self.cert.primary_key().key().creation_time())
    }

    /// When the primary key expires by its latest self-signature, seconds since 1970; none for never.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        let policy = policy::anything();
        let valid = self
            .cert
            .with_policy(&policy, when::moment(when::LAST))
            .ok()?;
        valid.primary_key().key_expiration_time().map(when::seconds)
    }

    /// Whether the owner has revoked the primary key, at whatever time.
    #[must_use]
    pub fn revoked(&self) -> bool {
        let policy = policy::anything();
        let status = self
            .cert
            .revocation_status(&policy, when::moment(when::LAST));
        matches!(status, RevocationStatus::Revoked(_))
    }

    /// The certificate as text, for `gpgkey=` and `rpmkeys --import`.
    #[must_use]
    pub fn to_armored(&self) -> String {
        self.armored.clone()
    }

    /// Takes the public parts.
    pub(crate) fn from_cert(cert: Cert) -> openpgp::Result<Certificate> {
        let cert = cert.strip_secret_key_material();
        let armored = String::from_utf8(cert.armored().to_vec()?)?;
        Ok(Certificate { cert, armored })
    }

    pub(crate) fn cert(&self) -> &Cert {
        &self.cert
    }
}

fn add_all(bytes: &[u8], certs: &mut Vec<Cert>) -> Result<(), Error> {
    for cert in CertParser::from_bytes(bytes).map_err(unreadable)? {
        let cert = cert.map_err(unreadable)?;
        refuse_secret(&cert)?;
        refuse_too_long(&cert)?;
        let known = certs
            .iter()
            .position(|known| known.fingerprint() == cert.fingerprint());
        match known {
            Some(at) => certs[at] = certs[at].clone().merge_public(cert).map_err(unreadable)?,
            None if certs.len() == MAX_KEYS => return Err(Error::TooMany { allowed: MAX_KEYS }),
            None => certs.push(cert),
        }
    }
    Ok(())
}

fn unreadable(error: anyhow::Error) -> Error {
    Error::NoKey {
        why: format!("{error:#}"),
    }
}

fn refuse_secret(cert: &Cert) -> Result<(), Error> {
    if cert.is_tsk() {
        return Err(Error::SecretKey {
            fingerprint: cert.fingerprint().to_hex(),
        });
    }
    Ok(())
}

fn refuse_too_long(cert: &Cert) -> Result<(), Error> {
    for key in cert.keys() {
        let bits = key.key().mpis().bits().unwrap_or_default();
        if bits > MAX_BITS {
            let fingerprint = key.key().fingerprint().to_hex();
            return Err(Error::KeyTooLong {
                fingerprint,
                bits,
                allowed: MAX_BITS,
            });
        }
    }
    Ok(())
}

fn secret_in(block: &[u8]) -> Error {
    let first = CertParser::from_bytes(block)
        .ok()
        .and_then(|mut certs| certs.next()?.ok());
    // Damaged as it is, it is still a secret: KEY stands for what could not be read.
    let fingerprint = first.map_or_else(|| "KEY".into(), |cert| cert.fingerprint().to_hex());
    Error::SecretKey { fingerprint }
}
