//! Text and attribute values as XML 1.0 wants them. Characters that XML cannot carry are dropped:
//! a reader would reject the whole document for one of them.

/// Appends `value` as element content.
pub(crate) fn push_text(out: &mut String, value: &str) {
    push_escaped(out, value, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        // A raw carriage return is turned into a line feed by every reader.
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

/// Appends `value` as the inside of a double-quoted attribute.
pub(crate) fn push_attribute_value(out: &mut String, value: &str) {
    push_escaped(out, value, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        // White space other than blanks is turned into blanks by every reader.
        b'\t' => Some("&#9;"),
        b'\n' => Some("&#10;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

/// Appends ` name="value"`.
pub(crate) fn push_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    push_attribute_value(out, value);
    out.push('"');
}

/// Appends `<name>value</name>` and a line feed, indented by `indent`. An empty value gives an
/// element without content, in the long form, as `createrepo_c` does.
pub(crate) fn push_element(out: &mut String, indent: &str, name: &str, value: &str) {
    out.push_str(indent);
    out.push('<');
    out.push_str(name);
    out.push('>');
    push_text(out, value);
    out.push_str("</");
    out.push_str(name);
    out.push_str(">\n");
}

/// Copies runs of harmless bytes; replaces what `replacement` knows; drops what XML forbids.
fn push_escaped(out: &mut String, value: &str, replacement: impl Fn(u8) -> Option<&'static str>) {
    let bytes = value.as_bytes();
    let mut copied = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let length = forbidden_length(&bytes[at..]);
        if length > 0 {
            out.push_str(&value[copied..at]);
            at += length;
            copied = at;
            continue;
        }
        if let Some(escaped) = replacement(byte) {
            out.push_str(&value[copied..at]);
            out.push_str(escaped);
            copied = at + 1;
        }
        at += 1;
    }
    out.push_str(&value[copied..]);
}

/// Bytes of the character at the start of `bytes` if XML 1.0 forbids it, else 0: the control
/// characters but tab, line feed and carriage return, and U+FFFE and U+FFFF.
fn forbidden_length(bytes: &[u8]) -> usize {
    match bytes {
        [0x00..=0x08 | 0x0b | 0x0c | 0x0e..=0x1f, ..] => 1,
        [0xef, 0xbf, 0xbe | 0xbf, ..] => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> String {
        let mut out = String::new();
        push_text(&mut out, value);
        out
    }

    fn attribute(value: &str) -> String {
        let mut out = String::new();
        push_attribute_value(&mut out, value);
        out
    }

    #[test]
    fn escapes_what_xml_would_misread_and_drops_what_it_forbids() {
        // (value, as text, as attribute)
        let cases = [
            ("", "", ""),
            ("plain", "plain", "plain"),
            (
                "a<b>&\"c'",
                "a&lt;b&gt;&amp;\"c'",
                "a&lt;b&gt;&amp;&quot;c'",
            ),
            ("a\tb\nc\rd", "a\tb\nc&#13;d", "a&#9;b&#10;c&#13;d"),
            (
                "ksym(default:\u{2}x\u{0}\u{1f})",
                "ksym(default:x)",
                "ksym(default:x)",
            ),
            (
                "é€\u{10348}\u{7f}\u{85}",
                "é€\u{10348}\u{7f}\u{85}",
                "é€\u{10348}\u{7f}\u{85}",
            ),
            ("\u{fffe}a\u{ffff}\u{fffd}", "a\u{fffd}", "a\u{fffd}"),
        ];
        for (value, as_text, as_attribute) in cases {
            assert_eq!(text(value), as_text, "text of {value:?}");
            assert_eq!(attribute(value), as_attribute, "attribute of {value:?}");
        }
    }
}
