//! Cuts a text into its ASCII-armored blocks (RFC 9580 section 6.2): `-----BEGIN PGP X-----` to
//! `-----END PGP X-----`, with whatever text around. What is between is left to the OpenPGP library.

const BEGIN: &[u8] = b"-----BEGIN PGP ";
const END: &[u8] = b"-----END PGP ";
const DASHES: &[u8] = b"-----";

/// One block, its first and last line included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Block<'a> {
    /// `PUBLIC KEY BLOCK`, `PRIVATE KEY BLOCK`, `SIGNATURE`, `MESSAGE`.
    pub kind: &'a [u8],
    pub bytes: &'a [u8],
}

/// The blocks of a text in order; none when the bytes are not armored. A block without its end reaches
/// to the end of the text.
pub(crate) fn blocks(mut text: &[u8]) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    while let Some(start) = find(text, BEGIN) {
        text = &text[start..];
        let after = &text[BEGIN.len()..];
        let Some(length) = find(after, DASHES) else {
            break;
        };
        let kind = &after[..length];
        let end = find(text, END).map_or(text.len(), |end| {
            let last_line = &text[end + END.len()..];
            let rest = find(last_line, DASHES).map_or(last_line.len(), |at| at + DASHES.len());
            end + END.len() + rest
        });
        found.push(Block {
            kind,
            bytes: &text[..end],
        });
        text = &text[end..];
    }
    found
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_each_block_among_other_text() {
        let text = b"Our keys:\n\
            -----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n\
            and\n-----BEGIN PGP SIGNATURE-----\nBBBB\n-----END PGP SIGNATURE-----";
        let found = blocks(text);
        let kinds: Vec<&[u8]> = found.iter().map(|block| block.kind).collect();
        assert_eq!(kinds, [&b"PUBLIC KEY BLOCK"[..], b"SIGNATURE"]);
        assert!(
            found[0]
                .bytes
                .ends_with(b"\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----")
        );
        assert!(
            found[1]
                .bytes
                .starts_with(b"-----BEGIN PGP SIGNATURE-----\nBBBB")
        );
    }

    #[test]
    fn an_open_block_reaches_to_the_end() {
        let text = b"-----BEGIN PGP MESSAGE-----\nAAAA";
        assert_eq!(
            blocks(text),
            [Block {
                kind: b"MESSAGE",
                bytes: text
            }]
        );
        assert_eq!(blocks(b"-----BEGIN PGP MESSAGE"), []);
        assert_eq!(blocks(b"\x99\x01"), []);
    }

    proptest! {
        #[test]
        fn never_panics(pieces in prop::collection::vec(
            prop_oneof![
                Just(BEGIN.to_vec()), Just(END.to_vec()), Just(DASHES.to_vec()),
                Just(b"PUBLIC KEY BLOCK".to_vec()), prop::collection::vec(any::<u8>(), 0..9),
            ], 0..12,
        )) {
            let text = pieces.concat();
            let total: usize = blocks(&text).iter().map(|block| block.bytes.len()).sum();
            prop_assert!(total <= text.len());
        }
    }
}
