//! Text out of a header.
//!
//! rpm does not say what encoding text has. Today it is UTF-8; older packages hold ISO 8859-1, and
//! `createrepo_c` takes for that whatever is not UTF-8. So does this.

use std::str;

use crate::header::Header;
use crate::oddities::Oddities;
use crate::tag::{self, Class};

/// The text of these bytes.
pub(crate) fn decode(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// The only or first text of a tag.
pub(crate) fn text(header: &Header, tag: u32) -> Option<String> {
    header.text(tag).map(decode)
}

/// Notes what [`Header`]'s readers silently pass over: known tags with data of another class, and
/// text that is not UTF-8.
pub(crate) fn note_odd_data(header: &Header, oddities: &mut Oddities) {
    for tag in header.tags() {
        match tag::class(tag) {
            Some(Class::Text) => note_odd_text(header, tag, oddities),
            Some(Class::Number) if header.numbers(tag).is_none() => {
                oddities.note("odd-tag-type", || format!("tag {tag} holds no numbers"));
            }
            _ => {}
        }
    }
}

fn note_odd_text(header: &Header, tag: u32, oddities: &mut Oddities) {
    let Some(mut texts) = header.texts(tag) else {
        oddities.note("odd-tag-type", || format!("tag {tag} holds no text"));
        return;
    };
    if texts.any(|text| str::from_utf8(text).is_err()) {
        oddities.note("not-utf-8", || {
            format!("tag {tag} holds text that is not UTF-8")
        });
    }
}
