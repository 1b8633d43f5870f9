//! Signature packets out of hostile bytes: bounded, and nothing but signatures.

use openpgp::Packet;
use openpgp::packet::{Signature, Tag};
use openpgp::parse::{Dearmor, PacketParserBuilder, PacketParserResult, Parse as _};
use openpgp::types::SignatureType;
use sequoia_openpgp as openpgp;

/// Largest block of signatures: SLH-DSA, the longest kind, has 50 KB.
const MAX_BYTES: usize = 1 << 17;

/// Most signatures in one block.
const MAX_SIGNATURES: usize = 16;

/// The signatures over binary data in `bytes`, which are packets without armor; at least one.
pub(crate) fn signatures(bytes: &[u8]) -> Result<Vec<Signature>, String> {
    if bytes.is_empty() {
        return Err("it is empty".into());
    }
    if bytes.len() > MAX_BYTES {
        return Err(format!(
            "it has {} bytes, more than the {MAX_BYTES} allowed",
            bytes.len()
        ));
    }
    // Looked at before the parser runs, which would unpack compressed data.
    if tag(bytes[0]) != Some(u8::from(Tag::Signature)) {
        return Err("it does not begin with a signature packet".into());
    }
    let mut found = Vec::new();
    let mut next = PacketParserBuilder::from_bytes(bytes).and_then(|builder| {
        builder
            .dearmor(Dearmor::Disabled)
            .max_recursion_depth(0)
            .build()
    });
    loop {
        let parser = match next {
            Ok(PacketParserResult::Some(parser)) => parser,
            Ok(PacketParserResult::EOF(_)) => return Ok(found),
            Err(error) => return Err(format!("{error:#}")),
        };
        if found.len() == MAX_SIGNATURES {
            return Err(format!("it holds more than {MAX_SIGNATURES} signatures"));
        }
        let (packet, rest) = parser.next().map_err(|error| format!("{error:#}"))?;
        found.push(signature(packet)?);
        next = Ok(rest);
    }
}

fn signature(packet: Packet) -> Result<Signature, String> {
    match packet {
        Packet::Signature(signature) if signature.typ() == SignatureType::Binary => Ok(signature),
        Packet::Signature(other) => Err(format!(
            "it is a {}, not a signature over data",
            other.typ()
        )),
        Packet::Unknown(unknown) => Err(format!("{:#}", unknown.into_error())),
        other => Err(format!("it holds a {} packet", other.tag())),
    }
}

/// Packet type out of the first byte (RFC 9580 section 4.2), new or old format.
fn tag(byte: u8) -> Option<u8> {
    match byte >> 6 {
        0b11 => Some(byte & 0x3f),
        0b10 => Some((byte & 0x3c) >> 2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn says_what_it_is_not() {
        for (bytes, expected) in [
            (&b""[..], "empty"),
            (b"hello", "does not begin with a signature"),
            (b"\xc8\x01\x00", "does not begin with a signature"), // compressed data
            (b"\x99\x00\x01\x04", "does not begin with a signature"), // public key
            (b"\xc2\x01\x04", "Invalid size"),
            (b"\xc2\x0c\x09aaaaaaaaaaa", "ersion"),
            (b"\x88\x50\x04", ""), // cut short
        ] {
            let why = signatures(bytes).unwrap_err();
            assert!(why.contains(expected), "{bytes:?}: {why}");
        }
        assert!(
            signatures(&[0xc2; MAX_BYTES + 1])
                .unwrap_err()
                .contains("131073 bytes")
        );
    }

    proptest! {
        #[test]
        fn never_panics(mut bytes in prop::collection::vec(any::<u8>(), 1..400), old in any::<bool>()) {
            bytes[0] = if old { 0x88 } else { 0xc2 };
            let _ = signatures(&bytes);
        }
    }
}
