//! What can be said of a pattern without a text: its pieces, and how specific it is.

/// Weights of [`specificity`]: a byte that must be just so, one of several, any.
const LITERAL: u32 = 4;
const SET: u32 = 2;
const ANY_BYTE: u32 = 1;

/// How much of a device a pattern determines: the more, the better a driver fits when several do.
///
/// Each byte that must be just so counts 4, each set (`[012]`) 2, each `?` 1, `*` nothing. Only
/// patterns of one bus compare well: field letters count like identifiers, and a bus gives every
/// pattern the same ones. So `pci:v00008086d00001502sv*…` is above `pci:v*d*sv*sd*bc02sc00i*`.
pub fn specificity(pattern: &str) -> u32 {
    pieces(pattern.as_bytes())
        .map(|piece| match piece {
            Piece::Literal(_) => LITERAL,
            Piece::Set | Piece::Opaque => SET,
            Piece::AnyByte => ANY_BYTE,
            Piece::AnyText => 0,
        })
        .fold(0, u32::saturating_add)
}

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// This byte, plain or escaped.
    Literal(u8),
    /// `?`
    AnyByte,
    /// A set that is easily understood.
    Set,
    /// `*`
    AnyText,
    /// From here on the pattern is not taken apart: an ill-formed set, or one with a set of rules
    /// inside (`[[:digit:]]`, escapes), whose end can depend on the text. Always the last piece.
    Opaque,
}

/// Takes a pattern apart. Every text that the pattern matches consists of these pieces in order.
pub(crate) fn pieces(pattern: &[u8]) -> impl Iterator<Item = Piece> {
    let mut rest = pattern;
    std::iter::from_fn(move || {
        let (piece, length) = match *rest.first()? {
            b'*' => (Piece::AnyText, 1),
            b'?' => (Piece::AnyByte, 1),
            b'\\' => match rest.get(1) {
                Some(&escaped) => (Piece::Literal(escaped), 2),
                None => (Piece::Opaque, 1),
            },
            b'[' => match plain_set(&rest[1..]) {
                Some(length) => (Piece::Set, 1 + length),
                None => (Piece::Opaque, rest.len()),
            },
            byte => (Piece::Literal(byte), 1),
        };
        rest = &rest[length..];
        Some(piece)
    })
}

/// Bytes of a set behind its `[`, if it holds neither `[` nor `\`: then it ends at the first `]`
/// that is not its first item, whatever the text.
fn plain_set(set: &[u8]) -> Option<usize> {
    let mut start = usize::from(matches!(set.first(), Some(b'!' | b'^')));
    start += usize::from(set.get(start) == Some(&b']'));
    let end = start
        + set
            .get(start..)?
            .iter()
            .position(|byte| b"]\\[".contains(byte))?;
    (set[end] == b']').then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_patterns_apart() {
        use Piece::{AnyByte, AnyText, Literal, Opaque, Set};
        let cases: [(&str, &[Piece]); 12] = [
            ("", &[]),
            ("a*", &[Literal(b'a'), AnyText]),
            ("?\\*", &[AnyByte, Literal(b'*')]),
            ("a\\", &[Literal(b'a'), Opaque]),
            ("[ab]c", &[Set, Literal(b'c')]),
            ("[!]]c", &[Set, Literal(b'c')]),
            ("[]-a]c", &[Set, Literal(b'c')]),
            ("[a-]]", &[Set, Literal(b']')]),
            ("[[:digit:]]c", &[Opaque]),
            ("[\\]]c", &[Opaque]),
            ("a[bc", &[Literal(b'a'), Opaque]),
            ("[]", &[Opaque]),
        ];
        for (pattern, expected) in cases {
            let found: Vec<_> = pieces(pattern.as_bytes()).collect();
            assert_eq!(found, expected, "{pattern}");
        }
    }

    #[test]
    fn ranks_by_what_is_determined() {
        let ranking = [
            "*",
            "pci:*",
            "pci:v*d*sv*sd*bc03sc*i*",
            "pci:v*d*sv*sd*bc0Csc03i30*",
            "pci:v00008086d*sv*sd*bc0Csc03i30*",
            "pci:v00008086d0000150?sv*sd*bc0Csc03i30*",
            "pci:v00008086d0000150[23]sv*sd*bc0Csc03i30*",
            "pci:v00008086d00001502sv*sd*bc0Csc03i30*",
            "pci:v00008086d00001502sv00001028sd00000493bc0Csc03i30",
        ];
        for pair in ranking.windows(2) {
            assert!(
                specificity(pair[0]) < specificity(pair[1]),
                "{} below {}",
                pair[0],
                pair[1]
            );
        }
        assert_eq!(specificity("\\**[ab]?"), 4 + 2 + 1);
    }
}
