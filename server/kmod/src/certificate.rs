//! The certificate that modules are signed by, as far as it tells which signatures are its own.
//!
//! ```text
//! Certificate    = SEQUENCE { tbs, algorithm, signature }
//! TBSCertificate = SEQUENCE { [0] version, serial, algorithm, issuer, validity, subject, key,
//!                             [1] …, [2] …, [3] extensions }
//! ```
//! Read, not verified: whether a machine trusts it, its owner decides (MOK).
//! Source: RFC 5280, sections 4.1 and 4.2.1.2; RFC 3279 and 5480 for keys.

use serde::{Deserialize, Serialize};

use crate::ModuleSignature;
use crate::der::{self, INTEGER, OID, Reader, SEQUENCE};
use crate::signature::{common_name, hex, positive};

/// `id-ce-subjectKeyIdentifier`.
const OID_SUBJECT_KEY_ID: &[u8] = b"\x55\x1d\x0e";
/// `rsaEncryption`.
const OID_RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
/// `id-ecPublicKey`.
const OID_EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const CURVES: [(&[u8], Curve); 3] = [
    (b"\x2a\x86\x48\xce\x3d\x03\x01\x07", Curve::P256),
    (b"\x2b\x81\x04\x00\x22", Curve::P384),
    (b"\x2b\x81\x04\x00\x23", Curve::P521),
];
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const BOOLEAN: u8 = 0x01;
/// How PEM files begin, which the kernel's tools do not take.
const PEM: &[u8] = b"-----BEGIN";

/// What an X.509 certificate says of itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Certificate {
    /// Common name of its owner.
    pub subject: Option<String>,
    /// Common name of the one who issued it, which module signatures name.
    pub issuer: Option<String>,
    /// Lower-case hex, no separators, no zeros in front that only keep it positive.
    pub serial: String,
    /// Likewise; `None`: it has no such extension.
    pub subject_key_id: Option<String>,
    /// `None`: it was read before keys were, or its key is not understood.
    #[serde(default)]
    pub public_key: Option<PublicKey>,
}

/// The key by which signatures are verified. Numbers and points are hex.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PublicKey {
    /// RSA with PKCS#1 padding.
    Rsa {
        /// `n`
        modulus: String,
        /// `e`
        exponent: String,
    },
    /// ECDSA over a curve of NIST.
    Ecdsa {
        /// Which of them.
        curve: Curve,
        /// As in the certificate, uncompressed as a rule.
        point: String,
    },
}

/// The curves that kernels verify signatures on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Curve {
    /// secp256r1
    P256,
    /// secp384r1
    P384,
    /// secp521r1
    P521,
}

/// Why a file is no certificate that the kernel's tools take.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CertificateError {
    /// Text form.
    #[error("it is in PEM form; write it as DER: `openssl x509 -in FILE -outform DER`")]
    Pem,
    /// No certificate, or one cut short.
    #[error("its {part} cannot be read, so it is no X.509 certificate in DER form")]
    Malformed {
        /// `serial number`, `subject` …
        part: &'static str,
    },
}

impl Certificate {
    /// Reads a certificate in DER form. What follows it in the file is not looked at.
    ///
    /// # Errors
    /// It is in PEM form, or none.
    pub fn read(file: &[u8]) -> Result<Certificate, CertificateError> {
        if file.starts_with(PEM) {
            return Err(CertificateError::Pem);
        }
        let need = |part| CertificateError::Malformed { part };
        let mut certificate = Reader::new(file).enter(SEQUENCE).ok_or(need("beginning"))?;
        let mut tbs = certificate.enter(SEQUENCE).ok_or(need("content"))?;
        tbs.take(der::context(0));
        let serial = tbs.take(INTEGER).ok_or(need("serial number"))?;
        tbs.take(SEQUENCE).ok_or(need("algorithm"))?;
        let issuer = tbs.enter(SEQUENCE).ok_or(need("issuer"))?;
        tbs.take(SEQUENCE).ok_or(need("validity"))?;
        let subject = tbs.enter(SEQUENCE).ok_or(need("subject"))?;
        let key = tbs.enter(SEQUENCE).ok_or(need("public key"))?;
        tbs.take(der::context_primitive(1));
        tbs.take(der::context_primitive(2));
        Ok(Certificate {
            subject: common_name(subject),
            issuer: common_name(issuer),
            serial: hex(positive(serial)),
            subject_key_id: tbs.enter(der::context(3)).and_then(subject_key_id),
            public_key: public_key(key),
        })
    }

    /// Does the signature say that the key of this certificate made it? By issuer and serial
    /// number, or by the id of the key.
    #[must_use]
    pub fn is_signer_of(&self, signature: &ModuleSignature) -> bool {
        let Some(key_id) = signature.key_id.as_deref() else {
            return false;
        };
        let by_serial = signature.signer == self.issuer && key_id == self.serial;
        by_serial || self.subject_key_id.as_deref() == Some(key_id)
    }
}

fn public_key(mut info: Reader<'_>) -> Option<PublicKey> {
    let mut algorithm = info.enter(SEQUENCE)?;
    let kind = algorithm.take(OID)?;
    // The first byte counts unused bits, of which a key has none.
    let bits = info.take(BITS)?.strip_prefix(&[0])?;
    if kind == OID_RSA {
        let mut numbers = Reader::new(bits).enter(SEQUENCE)?;
        let (modulus, exponent) = (numbers.take(INTEGER)?, numbers.take(INTEGER)?);
        return Some(PublicKey::Rsa {
            modulus: hex(positive(modulus)),
            exponent: hex(positive(exponent)),
        });
    }
    let named = algorithm.take(OID).filter(|_| kind == OID_EC)?;
    let (_, curve) = CURVES.into_iter().find(|(oid, _)| *oid == named)?;
    let point = hex(bits);
    Some(PublicKey::Ecdsa { curve, point })
}

fn subject_key_id(mut explicit: Reader<'_>) -> Option<String> {
    let mut extensions = explicit.enter(SEQUENCE)?;
    while let Some(mut extension) = extensions.enter(SEQUENCE) {
        if extension.take(OID)? == OID_SUBJECT_KEY_ID {
            extension.take(BOOLEAN);
            let value = extension.enter(OCTETS)?.take(OCTETS)?;
            return Some(hex(value));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Bytes of any kind, and such as begin like a certificate.
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0..40_u8) {
            let _ = Certificate::read(&bytes);
            let inner = [&[0x30, cut, 0x02, 0x01, 0x07, 0x30, 0x00][..], &bytes].concat();
            let _ = Certificate::read(&[&[0x30, 0x82, 0x00, cut][..], &inner].concat());
        }
    }

    fn signature(signer: Option<&str>, key_id: Option<&str>) -> ModuleSignature {
        ModuleSignature {
            signer: signer.map(str::to_owned),
            key_id: key_id.map(str::to_owned),
            hash: Some("sha256".to_owned()),
        }
    }

    #[test]
    fn signatures_name_issuer_and_serial_or_the_key() {
        let certificate = Certificate {
            subject: Some("Acme module key".to_owned()),
            issuer: Some("Acme CA".to_owned()),
            serial: "0abc".to_owned(),
            subject_key_id: Some("0102".to_owned()),
            public_key: None,
        };
        let cases = [
            (signature(Some("Acme CA"), Some("0abc")), true),
            (signature(None, Some("0102")), true),
            // Before 4.3 a signature names its signer and the key.
            (signature(Some("Acme: module key"), Some("0102")), true),
            (signature(Some("Other CA"), Some("0abc")), false),
            (signature(Some("Acme CA"), Some("0abd")), false),
            (signature(None, Some("0abc")), false),
            (signature(Some("Acme CA"), None), false),
        ];
        for (signature, expected) in cases {
            assert_eq!(
                certificate.is_signer_of(&signature),
                expected,
                "{signature:?}"
            );
        }
    }

    #[test]
    fn what_is_none_says_what_is_missing() {
        let cases: [(&[u8], &str); 4] = [
            (b"", "beginning"),
            (b"\x30\x80", "beginning"),
            (b"\x30\x02\x30\x00", "serial number"),
            (b"\x30\x05\x30\x03\x02\x01\x07", "algorithm"),
        ];
        for (bytes, part) in cases {
            let error = Certificate::read(bytes).unwrap_err();
            assert_eq!(error, CertificateError::Malformed { part }, "{bytes:x?}");
        }
        let pem = Certificate::read(b"-----BEGIN CERTIFICATE-----\n");
        assert_eq!(pem, Err(CertificateError::Pem));
    }
}
