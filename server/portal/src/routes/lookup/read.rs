//! Questions as they come: JSON, CBOR or lines of text, packed or not, or one device in the address.

use crate::error::{Error, Result};
use crate::hardware::question::{Policy, QUESTION_BYTES, Question};
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use std::borrow::Cow;
use std::io::Read as _;

/// What can be asked for in the address. With JSON and CBOR everything but `format` and `signed` stands
/// in the body.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wish {
    product: Option<String>,
    arch: Option<String>,
    kernel: Option<String>,
    /// One, or several with commas, the best first.
    channel: Option<String>,
    secure_boot: Option<Flag>,
    free_only: Option<Flag>,
    certified_only: Option<Flag>,
    portal_only: Option<Flag>,
    modalias: Option<String>,
    pub format: Option<String>,
    pub signed: Option<Flag>,
}

/// `1` or `true`, `0` or `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Flag(pub bool);

impl TryFrom<String> for Flag {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "1" | "true" => Ok(Self(true)),
            "0" | "false" | "" => Ok(Self(false)),
            other => Err(format!("`{other}` is neither 1 nor 0")),
        }
    }
}

/// What a body says, by its type.
///
/// # Errors
/// 400 and 413 with what is wrong with it and where.
pub fn question(wish: &Wish, headers: &HeaderMap, body: &[u8]) -> Result<Question> {
    let body = unpack(headers, body)?;
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|it| it.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim() {
        "" | "application/json" | "application/x-www-form-urlencoded" => {
            only_in_body(wish)?;
            serde_json::from_slice(&body).map_err(|e| misread("JSON", &e))
        }
        "application/cbor" => {
            only_in_body(wish)?;
            ciborium::from_reader(&*body).map_err(|e| misread("CBOR", &e))
        }
        "text/plain" => of_lines(wish, &body),
        other => Err(Error::bad_request(format!(
            "Questions come as application/json, application/cbor or text/plain (one modalias a \
             line), not as `{other}`."
        ))),
    }
}

/// # Errors
/// 400 when the address does not name a device.
pub fn of_one_device(wish: &Wish) -> Result<Question> {
    let modalias = wish.modalias.clone().ok_or_else(|| missing("modalias"))?;
    if modalias.contains('\u{fffd}') {
        return Err(Error::bad_request(
            "`modalias` is not UTF-8; no device has such a name.",
        ));
    }
    of_address(wish, vec![modalias])
}

/// What the body is too large for.
pub fn too_large() -> Error {
    Error::too_large(format!(
        "A question may have {QUESTION_BYTES} bytes, also unpacked. Split it."
    ))
}

fn misread(form: &str, error: &dyn std::fmt::Display) -> Error {
    Error::bad_request(format!(
        "Send `{{\"product\": …, \"arch\": …, \"modaliases\": […]}}`. Reading the {form} failed: \
         {error}."
    ))
}

fn missing(name: &str) -> Error {
    Error::bad_request(format!(
        "`{name}` is missing: ?product=…&arch=…&modalias=… are needed."
    ))
}

/// Two places for one thing would leave open which counts.
fn only_in_body(wish: &Wish) -> Result<()> {
    let is_in_address = wish.product.is_some()
        || wish.arch.is_some()
        || wish.kernel.is_some()
        || wish.channel.is_some()
        || wish.modalias.is_some()
        || wish
            .secure_boot
            .or(wish.free_only)
            .or(wish.certified_only)
            .or(wish.portal_only)
            .is_some();
    match is_in_address {
        true => Err(Error::bad_request(
            "With JSON and CBOR, the address takes `format` and `signed` only; all else stands in \
             the body.",
        )),
        false => Ok(()),
    }
}

fn of_lines(wish: &Wish, body: &[u8]) -> Result<Question> {
    if wish.modalias.is_some() {
        return Err(Error::bad_request(
            "The body names the devices; leave `modalias` out.",
        ));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        let before = &body[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::bad_request(format!(
            "Line {line} is not UTF-8; no device has such a name."
        ))
    })?;
    let lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
    of_address(wish, lines.map(str::to_owned).collect())
}

fn of_address(wish: &Wish, modaliases: Vec<String>) -> Result<Question> {
    let is_set = |flag: Option<Flag>| flag.unwrap_or_default().0;
    let channels = wish.channel.as_deref().unwrap_or_default().split(',');
    Ok(Question {
        product: wish.product.clone().ok_or_else(|| missing("product"))?,
        arch: wish.arch.clone().ok_or_else(|| missing("arch"))?,
        kernel: wish.kernel.clone().filter(|it| !it.is_empty()),
        channel: None,
        channels: channels
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect(),
        secure_boot: is_set(wish.secure_boot),
        policy: Policy {
            free_only: is_set(wish.free_only),
            certified_only: is_set(wish.certified_only),
            portal_only: is_set(wish.portal_only),
        },
        modaliases,
    })
}

fn unpack<'b>(headers: &HeaderMap, body: &'b [u8]) -> Result<Cow<'b, [u8]>> {
    let packing = headers.get(header::CONTENT_ENCODING);
    match packing.map(|it| it.to_str().unwrap_or("unreadable")) {
        None | Some("identity" | "") => Ok(Cow::Borrowed(body)),
        Some("gzip" | "x-gzip") => {
            let mut unpacked = Vec::new();
            let most = QUESTION_BYTES as u64 + 1;
            let mut reader = MultiGzDecoder::new(body).take(most);
            reader
                .read_to_end(&mut unpacked)
                .map_err(|e| Error::bad_request(format!("The body is no gzip: {e}.")))?;
            match unpacked.len() > QUESTION_BYTES {
                true => Err(too_large()),
                false => Ok(Cow::Owned(unpacked)),
            }
        }
        Some(other) => Err(Error::bad_request(format!(
            "Bodies come plain or with Content-Encoding: gzip, not `{other}`."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()));
        pairs.collect()
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn expected() -> Question {
        Question {
            product: "sle-15".to_owned(),
            arch: "x86_64".to_owned(),
            modaliases: vec!["pci:v1".to_owned(), "usb:v2".to_owned()],
            ..Question::default()
        }
    }

    #[test]
    fn one_question_in_every_form() {
        let json = br#"{"product":"sle-15","arch":"x86_64","modaliases":["pci:v1","usb:v2"]}"#;
        let value: serde_json::Value = serde_json::from_slice(json).unwrap();
        let mut cbor = Vec::new();
        ciborium::into_writer(&value, &mut cbor).unwrap();
        let wish = Wish::default();
        let in_address = Wish {
            product: Some("sle-15".to_owned()),
            arch: Some("x86_64".to_owned()),
            ..Wish::default()
        };
        let kind = header::CONTENT_TYPE;
        let gzip = (header::CONTENT_ENCODING, "gzip");
        let cases: [(&Wish, HeaderMap, Vec<u8>); 5] = [
            (
                &wish,
                headers(&[(kind.clone(), "application/json")]),
                json.to_vec(),
            ),
            (&wish, headers(&[]), json.to_vec()),
            (&wish, headers(&[gzip]), packed(json)),
            (&wish, headers(&[(kind.clone(), "application/cbor")]), cbor),
            (
                &in_address,
                headers(&[(kind, "text/plain; charset=utf-8")]),
                b"pci:v1\n\n usb:v2\n".to_vec(),
            ),
        ];
        for (wish, headers, body) in cases {
            assert_eq!(
                question(wish, &headers, &body).unwrap(),
                expected(),
                "{headers:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        let text = headers(&[(header::CONTENT_TYPE, "text/plain")]);
        let cbor = headers(&[(header::CONTENT_TYPE, "application/cbor")]);
        let gzip = headers(&[(header::CONTENT_ENCODING, "gzip")]);
        let xz = headers(&[(header::CONTENT_ENCODING, "xz")]);
        let yaml = headers(&[(header::CONTENT_TYPE, "application/yaml")]);
        let bomb = packed(&vec![b' '; QUESTION_BYTES + 1]);
        let cases: [(&HeaderMap, &[u8], &str); 8] = [
            (&text, b"pci:a\npci:\xff\n", "Line 2 is not UTF-8"),
            (&HeaderMap::new(), b"{\"product\": ", "line 1 column"),
            (&HeaderMap::new(), b"{\"product\": \"\xff\"", "JSON"),
            (&cbor, b"\xa1\x61", "CBOR"),
            (&gzip, b"{}", "no gzip"),
            (&gzip, &bomb, "bytes, also unpacked"),
            (&xz, b"", "not `xz`"),
            (&yaml, b"", "not as `application/yaml`"),
        ];
        for (headers, body, words) in cases {
            let error = question(&Wish::default(), headers, body).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
        let wish = Wish {
            product: Some("sle-15".to_owned()),
            ..Wish::default()
        };
        let error = question(&wish, &HeaderMap::new(), b"{}").unwrap_err();
        assert!(error.to_string().contains("in the body"), "{error}");
    }
}
