//! Just enough DER to walk a PKCS#7 structure: tag, definite length, contents.
//!
//! A flat walk without recursion, so nesting cannot hurt. Source: ITU-T X.690.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// Tag of a context-specific element, constructed.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// Tag of a context-specific element, primitive.
pub(crate) const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

/// Most bytes of a long length. Four give 4 GiB.
const LENGTH_BYTES_MAX: usize = 4;

/// Reads the elements of one level, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// Tag and contents of the next element.
    pub(crate) fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.rest.split_first()?;
        // Tags of more than one byte occur in no signature.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, rest) = length(rest)?;
        let (contents, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some((tag, contents))
    }

    /// Contents of the next element if it has this tag; else nothing is consumed.
    pub(crate) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let (found, contents) = ahead.any()?;
        (found == tag).then(|| {
            *self = ahead;
            contents
        })
    }

    /// Walks into the next element if it has this tag.
    pub(crate) fn enter(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.take(tag).map(Reader::new)
    }
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((usize::from(first), rest));
    }
    let count = usize::from(first & 0x7f);
    // Zero would be the indefinite length of BER.
    if count == 0 || count > LENGTH_BYTES_MAX {
        return None;
    }
    let (digits, rest) = rest.split_at_checked(count)?;
    let length = digits
        .iter()
        .fold(0, |length, digit| length << 8 | u64::from(*digit));
    Some((usize::try_from(length).ok()?, rest))
}

/// How the length of an element is written.
pub(crate) fn length_of(count: usize) -> Vec<u8> {
    if let Ok(short @ ..0x80) = u8::try_from(count) {
        return vec![short];
    }
    let bytes = count.to_be_bytes();
    let digits = bytes.iter().skip_while(|byte| **byte == 0);
    let digits: Vec<u8> = digits.copied().collect();
    let marked = 0x80 | u8::try_from(digits.len()).expect("a number has eight bytes at most");
    [vec![marked], digits].concat()
}

/// Dotted text of an object identifier's contents.
pub(crate) fn dotted(oid: &[u8]) -> Option<String> {
    let mut numbers = Vec::new();
    let mut number = 0_u64;
    for byte in oid {
        number = number
            .checked_mul(128)?
            .checked_add(u64::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            numbers.push(number);
            number = 0;
        }
    }
    // The first number holds two: 40 x (0, 1 or 2) plus the second.
    let first = numbers.first()?;
    let root = (first / 40).min(2);
    let mut text = format!("{root}.{}", first - root * 40);
    for number in numbers.iter().skip(1) {
        text += &format!(".{number}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_short_and_long_lengths() {
        let mut reader = Reader::new(&[2, 1, 7, 4, 0x81, 2, 8, 9, 5, 0]);
        assert_eq!(reader.take(SEQUENCE), None);
        assert_eq!(reader.take(INTEGER), Some([7].as_slice()));
        assert_eq!(reader.any(), Some((4, [8, 9].as_slice())));
        assert_eq!(reader.any(), Some((5, [].as_slice())));
        assert_eq!(reader.any(), None);
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let cases: [&[u8]; 7] = [
            &[],
            &[0x30],
            &[0x30, 5, 0],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x85, 0, 0, 0, 0, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x1f, 0x1f, 0],
        ];
        for bytes in cases {
            assert!(Reader::new(bytes).any().is_none(), "{bytes:x?}");
        }
    }

    #[test]
    fn lengths_are_read_as_they_are_written() {
        for count in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1_2345] {
            let written = length_of(count);
            assert_eq!(length(&written), Some((count, &[][..])), "{count}");
        }
        assert_eq!(length_of(0x80), [0x81, 0x80]);
    }

    #[test]
    fn spells_object_identifiers() {
        let cases: [(&[u8], Option<&str>); 5] = [
            (
                b"\x60\x86\x48\x01\x65\x03\x04\x02\x01",
                Some("2.16.840.1.101.3.4.2.1"),
            ),
            (
                b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02",
                Some("1.2.840.113549.1.7.2"),
            ),
            (b"\x88\x37", Some("2.999")),
            (b"", None),
            (&[0xff; 20], None),
        ];
        for (oid, expected) in cases {
            assert_eq!(dotted(oid).as_deref(), expected, "{oid:x?}");
        }
    }
}
