//! The certificate that modules are signed by, as far as it tells which signatures are its own.
//!
//! ```text
//! Certificate    = SEQUENCE { tbs, algorithm, signature }
//! TBSCertificate = SEQUENCE { [0] version, serial, algorithm, issuer, validity, subject, key,
//!                             [1] …, [2] …, [3] extensions }
//! ```
//! Read, not verified: whether a machine trusts it, its owner decides (MOK).
//! Source: RFC 5280, sections 4.1 and 4.2.1.2.

use serde::{Deserialize, Serialize};

use crate::ModuleSignature;
use crate::der::{self, INTEGER, OID, Reader, SEQUENCE};
use crate::signature::{common_name, hex, positive};

/// `id-ce-subjectKeyIdentifier`.
const OID_SUBJECT_KEY_ID: &[u8] = b"\x55\x1d\x0e";
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
        tbs.take(SEQUENCE).ok_or(need("public key"))?;
        tbs.take(der::context_primitive(1));
        tbs.take(der::context_primitive(2));
        Ok(Certificate {
            subject: common_name(subject),
            issuer: common_name(issuer),
            serial: hex(positive(serial)),
            subject_key_id: tbs.enter(der::context(3)).and_then(subject_key_id),
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
