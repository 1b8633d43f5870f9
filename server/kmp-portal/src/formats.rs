//! What the formats of reports ask of text that comes from files: no meaning but its own.

use quick_xml::escape::escape;
use std::fmt::Write as _;

/// Where the schema of SARIF 2.1.0 stands.
pub const SARIF_SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// A path as a URI reference: a relative one stays relative.
pub fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// Escaped for XML 1.0, and [`carried`] by it.
pub fn xml(text: &str) -> String {
    escape(carried(text)).into_owned()
}

/// Not escaped, but without the characters that XML 1.0 cannot carry at all.
pub fn carried(text: &str) -> String {
    let can_carry = |c: char| match c {
        '\t' | '\n' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => !c.is_control(),
    };
    let replace = |c: char| {
        if can_carry(c) {
            c
        } else {
            char::REPLACEMENT_CHARACTER
        }
    };
    text.chars().map(replace).collect()
}

/// Without control characters: what a file says must not reach the terminal as a command to it.
pub fn clean(text: &str) -> String {
    let replace = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.chars().map(replace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references() {
        let cases = [
            ("a/acme-net.ko", "a/acme-net.ko"),
            ("/tmp/a b.rpm", "file:///tmp/a%20b.rpm"),
            ("a:b#1.ko", "a%3Ab%231.ko"),
            ("ü.ko", "%C3%BC.ko"),
        ];
        for (path, expected) in cases {
            assert_eq!(uri(path), expected);
        }
    }

    #[test]
    fn no_text_breaks_an_xml_document() {
        let cases = [
            ("<a b=\"1\">&'", "&lt;a b=&quot;1&quot;&gt;&amp;&apos;"),
            ("a\u{2}b\u{ffff}", "a\u{fffd}b\u{fffd}"),
            ("]]>", "]]&gt;"),
        ];
        for (text, expected) in cases {
            assert_eq!(xml(text), expected);
        }
    }

    #[test]
    fn no_text_steers_a_terminal() {
        assert_eq!(clean("a\u{1b}[2J\tb\n"), "a\u{fffd}[2J\u{fffd}b\u{fffd}");
        assert_eq!(clean("`ö` → x"), "`ö` → x");
    }
}
