//! An appended module signature: PKCS#7 in DER, `struct module_signature`, magic text.
//!
//! Source: `scripts/sign-file.c`; RFC 5652 for the structure.

const MAGIC: &[u8] = b"~Module signature appended~\n";

/// `PKEY_ID_PKCS7` of `struct module_signature`.
const ID_TYPE_PKCS7: u8 = 2;

const OID_SIGNED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
const OID_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const OID_SHA256: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01";
const OID_RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const OID_ORGANISATION: &[u8] = b"\x55\x04\x0a";
const OID_COMMON_NAME: &[u8] = b"\x55\x04\x03";

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const NULL: u8 = 0x05;
const OID: u8 = 0x06;
const UTF8: u8 = 0x0c;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_0_PRIMITIVE: u8 = 0x80;

/// Who signed, as the encoded `SignerIdentifier`.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    signer: Vec<u8>,
    version: u8,
}

impl Signature {
    pub(super) fn by_issuer(common_name: &str, serial: &[u8]) -> Self {
        let organisation = attribute(OID_ORGANISATION, "Test vendor");
        let issuer = der(
            SEQUENCE,
            &[organisation, attribute(OID_COMMON_NAME, common_name)],
        );
        let signer = der(SEQUENCE, &[issuer, der(INTEGER, &[serial.to_vec()])]);
        Self { signer, version: 1 }
    }

    pub(super) fn by_key(key_id: &[u8]) -> Self {
        Self {
            signer: der(CONTEXT_0_PRIMITIVE, &[key_id.to_vec()]),
            version: 3,
        }
    }

    pub(super) fn trailer(&self) -> Vec<u8> {
        let mut trailer = self.pkcs7();
        let length = u32::try_from(trailer.len()).expect("a few hundred bytes");
        trailer.extend([0, 0, ID_TYPE_PKCS7, 0, 0, 0, 0, 0]);
        trailer.extend(length.to_be_bytes());
        trailer.extend(MAGIC);
        trailer
    }

    fn pkcs7(&self) -> Vec<u8> {
        let version = der(INTEGER, &[vec![self.version]]);
        let sha256 = der(SEQUENCE, &[der(OID, &[OID_SHA256.to_vec()])]);
        let rsa = der(SEQUENCE, &[der(OID, &[OID_RSA.to_vec()]), der(NULL, &[])]);
        let value = der(OCTETS, &[vec![0x5a; 256]]);
        let signer = [
            version.clone(),
            self.signer.clone(),
            sha256.clone(),
            rsa,
            value,
        ];
        let content = der(SEQUENCE, &[der(OID, &[OID_DATA.to_vec()])]);
        let signers = der(SET, &[der(SEQUENCE, &signer)]);
        let signed = der(SEQUENCE, &[version, der(SET, &[sha256]), content, signers]);
        der(
            SEQUENCE,
            &[
                der(OID, &[OID_SIGNED_DATA.to_vec()]),
                der(CONTEXT_0, &[signed]),
            ],
        )
    }
}

/// One relative distinguished name.
fn attribute(kind: &[u8], text: &str) -> Vec<u8> {
    let pair = [
        der(OID, &[kind.to_vec()]),
        der(UTF8, &[text.as_bytes().to_vec()]),
    ];
    der(SET, &[der(SEQUENCE, &pair)])
}

/// Tag, definite length, contents.
fn der(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ 0..0x80) => out.push(short),
        _ => {
            let length = u16::try_from(content.len()).expect("test signatures stay below 64 KiB");
            out.push(0x82);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(content);
    out
}
