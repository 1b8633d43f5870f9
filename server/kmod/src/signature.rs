//! The signature that `scripts/sign-file` appends to a module. Read, not verified: see [`crate::Seal`].
//!
//! ```text
//! file    = elf data trailer magic
//! trailer = algo hash id_type signer_len key_id_len 3*pad sig_len     8 x u8, big-endian u32
//! magic   = "~Module signature appended~" LF
//! ```
//! Since 4.3 `id_type` is 2 and `data` is a detached PKCS#7 of `sig_len` bytes. Before, `data` was the
//! signer's name, the key id and `sig_len` bytes of signature.
//! Source: `include/linux/module_signature.h`, `kernel/module_signature.c`; RFC 5652.

use crate::{
    ModuleSignature,
    der::{self, INTEGER, OID, Reader, SEQUENCE, SET},
    oddities::Oddities,
};

const MAGIC: &[u8] = b"~Module signature appended~\n";

/// Bytes of `struct module_signature`.
const TRAILER: usize = 12;

/// `PKEY_ID_X509` and `PKEY_ID_PKCS7`.
const ID_TYPE_X509: u8 = 1;
const ID_TYPE_PKCS7: u8 = 2;

/// `enum pkey_hash_algo` of kernels before 4.3.
const OLD_HASHES: [&str; 8] = [
    "md4", "md5", "sha1", "rmd160", "sha256", "sha384", "sha512", "sha224",
];

/// Digests a signature may name, as `modinfo` spells them.
const HASHES: [(&[u8], &str); 10] = [
    (b"\x2a\x86\x48\x86\xf7\x0d\x02\x05", "md5"),
    (b"\x2b\x0e\x03\x02\x1a", "sha1"),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x04", "sha224"),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x01", "sha256"),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x02", "sha384"),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x03", "sha512"),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x08", "sha3-256"),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x09", "sha3-384"),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x0a", "sha3-512"),
    (b"\x2a\x81\x1c\xcf\x55\x01\x83\x11", "sm3"),
];

/// Object identifier of the common name of a distinguished name.
const OID_COMMON_NAME: &[u8] = b"\x55\x04\x03";

/// Two bytes a character, big-endian.
const BMP_STRING: u8 = 0x1e;

/// A file without its signature, and the signature.
#[derive(Default)]
pub(crate) struct Split<'a> {
    pub(crate) elf: &'a [u8],
    /// What it says of itself.
    pub(crate) signature: Option<ModuleSignature>,
    /// The PKCS#7 structure, as it is.
    pub(crate) pkcs7: Option<&'a [u8]>,
}

/// Takes the signature off.
///
/// A trailer that contradicts itself is an oddity; the file is then cut at the magic only.
pub(crate) fn split<'a>(file: &'a [u8], oddities: &mut Oddities) -> Split<'a> {
    let without = |elf| Split {
        elf,
        ..Split::default()
    };
    let Some(signed) = file.strip_suffix(MAGIC) else {
        return without(file);
    };
    match trailer(signed) {
        Some(split) => {
            let complete = |signature: &ModuleSignature| {
                signature.hash.is_some() && signature.key_id.is_some()
            };
            if !split.signature.as_ref().is_some_and(complete) {
                oddities.add("signature-malformed", || {
                    "the appended signature is not a PKCS#7 structure with one signer: sign again".to_owned()
                });
            }
            split
        }
        None => {
            oddities.add("signature-malformed", || {
                "the file ends like a signed module, but the lengths before the mark make no sense: \
                 sign it again as the last step, after strip"
                    .to_owned()
            });
            without(signed)
        }
    }
}

fn trailer(signed: &[u8]) -> Option<Split<'_>> {
    let (before, trailer) = signed.split_last_chunk::<TRAILER>()?;
    let [
        algo,
        hash,
        id_type,
        signer_len,
        key_id_len,
        pad @ ..,
        a,
        b,
        c,
        d,
    ] = *trailer;
    let sig_len = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    match id_type {
        ID_TYPE_PKCS7 => {
            if [algo, hash, signer_len, key_id_len] != [0; 4] || pad != [0; 3] {
                return None;
            }
            let (elf, data) = split_end(before, sig_len)?;
            let unreadable = ModuleSignature {
                signer: None,
                key_id: None,
                hash: None,
            };
            Some(Split {
                elf,
                signature: Some(pkcs7(data).unwrap_or(unreadable)),
                pkcs7: Some(data),
            })
        }
        ID_TYPE_X509 => {
            let (before, _) = split_end(before, sig_len)?;
            let (before, key_id) = split_end(before, usize::from(key_id_len))?;
            let (elf, signer) = split_end(before, usize::from(signer_len))?;
            let hash = OLD_HASHES.get(usize::from(hash)).copied();
            Some(Split {
                elf,
                signature: Some(ModuleSignature {
                    signer: Some(String::from_utf8_lossy(signer).into_owned()),
                    key_id: Some(hex(key_id)),
                    hash: hash.map(str::to_owned),
                }),
                pkcs7: None,
            })
        }
        _ => None,
    }
}

fn split_end(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.len().checked_sub(length)?)
}

/// Signer, key and digest of the first `SignerInfo` of a PKCS#7 `SignedData`.
fn pkcs7(data: &[u8]) -> Option<ModuleSignature> {
    let mut signer = signer_info(data)?;
    let (name, key_id) = signer_identifier(&mut signer)?;
    let digest = signer.enter(SEQUENCE)?.take(OID)?;
    Some(ModuleSignature {
        signer: name,
        key_id: Some(hex(key_id)),
        hash: hash_name(digest),
    })
}

/// The first `SignerInfo` of a PKCS#7 `SignedData`, behind its version.
pub(crate) fn signer_info(data: &[u8]) -> Option<Reader<'_>> {
    let mut content_info = Reader::new(data).enter(SEQUENCE)?;
    content_info.take(OID)?;
    let mut signed_data = content_info.enter(der::context(0))?.enter(SEQUENCE)?;
    signed_data.take(INTEGER)?;
    signed_data.take(SET)?;
    signed_data.take(SEQUENCE)?;
    // Certificates and revocation lists, which sign-file leaves out.
    signed_data.take(der::context(0));
    signed_data.take(der::context(1));
    let mut signer = signed_data.enter(SET)?.enter(SEQUENCE)?;
    signer.take(INTEGER)?;
    Some(signer)
}

/// Issuer's common name and serial number, or no name and the subject key id.
fn signer_identifier<'a>(signer: &mut Reader<'a>) -> Option<(Option<String>, &'a [u8])> {
    if let Some(key_id) = signer.take(der::context_primitive(0)) {
        return Some((None, key_id));
    }
    let mut issuer_and_serial = signer.enter(SEQUENCE)?;
    let issuer = issuer_and_serial.enter(SEQUENCE)?;
    let serial = issuer_and_serial.take(INTEGER)?;
    Some((common_name(issuer), positive(serial)))
}

/// A number without the zero in front that only keeps it positive.
pub(crate) fn positive(number: &[u8]) -> &[u8] {
    let rest = number.strip_prefix(&[0]).filter(|rest| !rest.is_empty());
    rest.unwrap_or(number)
}

/// The common name in a distinguished name.
pub(crate) fn common_name(mut issuer: Reader<'_>) -> Option<String> {
    while let Some(mut attributes) = issuer.enter(SET) {
        while let Some(mut attribute) = attributes.enter(SEQUENCE) {
            if attribute.take(OID) == Some(OID_COMMON_NAME) {
                return attribute.any().map(|(tag, text)| string(tag, text));
            }
        }
    }
    None
}

fn string(tag: u8, text: &[u8]) -> String {
    if tag != BMP_STRING {
        return String::from_utf8_lossy(text).into_owned();
    }
    let units = text.chunks_exact(2).filter_map(|pair| pair.first_chunk());
    let units: Vec<u16> = units.map(|pair| u16::from_be_bytes(*pair)).collect();
    String::from_utf16_lossy(&units)
}

/// Name of a digest; its dotted identifier where it is none we know.
pub(crate) fn hash_name(oid: &[u8]) -> Option<String> {
    let known = HASHES
        .iter()
        .find(|(known, _)| *known == oid)
        .map(|(_, name)| (*name).to_owned());
    known.or_else(|| der::dotted(oid))
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::{acme, codes, read, read_bytes};

    use super::*;

    fn signature(signer: Option<&str>, key_id: &str, hash: &str) -> ModuleSignature {
        ModuleSignature {
            signer: signer.map(str::to_owned),
            key_id: Some(key_id.to_owned()),
            hash: Some(hash.to_owned()),
        }
    }

    #[test]
    fn signer_key_and_digest_are_read() {
        let cases = [
            (
                acme().signed_by("Acme Module Key", &[0x0a, 0xbc]),
                signature(Some("Acme Module Key"), "0abc", "sha256"),
            ),
            (
                acme().signed_by("Acmé", &[0, 0xff]),
                signature(Some("Acmé"), "ff", "sha256"),
            ),
            (
                acme().signed_by_key(&[1, 2, 3]),
                signature(None, "010203", "sha256"),
            ),
        ];
        for (builder, expected) in cases {
            let module = read(&builder);
            assert_eq!(module.signature.as_ref(), Some(&expected));
            assert_eq!(codes(&module), [""; 0]);
        }
        assert_eq!(read(&acme()).signature, None);
    }

    #[test]
    fn the_signature_is_no_part_of_the_module() {
        let signed = read(&acme().imports("printk", 1).signed_by("Acme", &[1]));
        let plain = read(&acme().imports("printk", 1));
        assert_eq!(
            crate::Module {
                signature: None,
                ..signed
            },
            plain
        );
    }

    /// `sign-file` before 4.3: name and key id lie in front of the signature.
    #[test]
    fn the_form_before_4_3_is_read() {
        let mut file = acme().build();
        file.extend(b"Acme key");
        file.extend([0xab, 0xcd]);
        file.extend([0x5a; 258]);
        file.extend([1, 4, 1, 8, 2, 0, 0, 0, 0, 0, 1, 2]);
        file.extend(MAGIC);
        let module = read_bytes(&file);
        assert_eq!(
            module.signature,
            Some(signature(Some("Acme key"), "abcd", "sha256"))
        );
        assert_eq!(codes(&module), [""; 0]);
    }

    #[test]
    fn a_trailer_that_makes_no_sense_is_odd() {
        let trailers: [[u8; TRAILER]; 5] = [
            [0, 0, 2, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
            [0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 4],
            [0, 0, 2, 0, 0, 0, 0, 9, 0, 0, 0, 4],
            [0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 4],
            [1, 4, 1, 255, 255, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff],
        ];
        for trailer in trailers {
            let file = [
                acme().build(),
                b"\x30\x02\x05\x00".to_vec(),
                trailer.to_vec(),
                MAGIC.to_vec(),
            ]
            .concat();
            let module = read_bytes(&file);
            assert_eq!(module.signature, None, "{trailer:?}");
            assert_eq!(codes(&module), ["signature-malformed"], "{trailer:?}");
        }
        assert_eq!(
            codes(&read_bytes(&[acme().build(), MAGIC.to_vec()].concat())),
            ["signature-malformed"]
        );
    }

    #[test]
    fn data_that_is_no_pkcs7_is_odd_but_a_signature() {
        let trailer = [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 4];
        let file = [
            acme().build(),
            b"\x30\x02\x05\x00".to_vec(),
            trailer.to_vec(),
            MAGIC.to_vec(),
        ]
        .concat();
        let module = read_bytes(&file);
        assert_eq!(
            module.signature,
            Some(ModuleSignature {
                signer: None,
                key_id: None,
                hash: None
            })
        );
        assert_eq!(codes(&module), ["signature-malformed"]);
    }

    #[test]
    fn names_of_two_bytes_a_character_are_read() {
        assert_eq!(string(BMP_STRING, b"\0A\0\xe9"), "Aé");
        assert_eq!(string(0x0c, "Aé".as_bytes()), "Aé");
    }

    #[test]
    fn an_unknown_digest_keeps_its_number() {
        assert_eq!(hash_name(b"\x2a\x03\x04").as_deref(), Some("1.2.3.4"));
    }
}
