//! Answers as they go out: JSON, CBOR, or the plan alone as a file for an installer; signed on demand.

use super::read::{Flag, Wish};
use crate::app::App;
use crate::error::{Error, Result};
use crate::hardware::answer::Answer;
use crate::hardware::plan::{FORMS, Form};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// What the answer for a whole machine takes, so that it is written in one go.
const USUAL_BYTES: usize = 64 << 10;

/// How the answer is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    Json,
    Cbor,
    Plan(Form),
}

/// A written answer.
pub struct Document {
    content_type: &'static str,
    bytes: Vec<u8>,
}

/// A document with a signature over its very bytes.
#[derive(Serialize)]
struct Signed<'a> {
    content_type: &'a str,
    document: &'a str,
    /// Detached, armored.
    signature: String,
    key: String,
    key_fingerprint: String,
}

impl Reply {
    /// By `?format=`, else by the header `Accept`, else JSON.
    ///
    /// # Errors
    /// 400 for a format that there is not.
    pub fn choose(wish: &Wish, headers: &HeaderMap) -> Result<Self> {
        let reply = match wish.format.as_deref() {
            Some("json") => Self::Json,
            Some("cbor") => Self::Cbor,
            Some(word) => Self::Plan(Form::named(word).ok_or_else(|| {
                Error::bad_request(format!(
                    "`{word}` is no format. There are json, cbor, {FORMS}."
                ))
            })?),
            None => Self::accepted(headers),
        };
        if reply == Self::Cbor && wish.signed == Some(Flag(true)) {
            return Err(Error::bad_request(
                "Only text is signed: ask for another format than cbor.",
            ));
        }
        Ok(reply)
    }

    /// The first type in `Accept` that is one of ours. Weights are not looked at: nobody sends them
    /// with these.
    fn accepted(headers: &HeaderMap) -> Self {
        let types = headers.get_all(header::ACCEPT).iter();
        let types = types
            .filter_map(|it| it.to_str().ok())
            .flat_map(|it| it.split(','));
        let known = types.filter_map(|it| {
            Some(match it.split(';').next()?.trim() {
                "application/json" => Self::Json,
                "application/cbor" => Self::Cbor,
                "application/xml" => Self::Plan(Form::named("autoyast")?),
                "application/vnd.agama+json" => Self::Plan(Form::named("agama")?),
                "text/plain" => Self::Plan(Form::named("repo")?),
                "text/x-kickstart" => Self::Plan(Form::named("kickstart")?),
                "text/cloud-config" => Self::Plan(Form::named("cloud-init")?),
                "text/x-suse-ymp" => Self::Plan(Form::named("one-click")?),
                "text/x-shellscript" => Self::Plan(Form::Shell),
                _ => return None,
            })
        });
        { known }.next().unwrap_or(Self::Json)
    }

    /// # Errors
    /// Memory cannot be written to.
    pub fn write(self, answer: &Answer<'_>) -> Result<Document> {
        let (content_type, bytes) = match self {
            Self::Json => {
                let mut bytes = Vec::with_capacity(USUAL_BYTES);
                serde_json::to_writer(&mut bytes, answer).map_err(anyhow::Error::from)?;
                ("application/json", bytes)
            }
            Self::Cbor => {
                // By way of JSON, so that ids and days are the same words in both.
                let value = serde_json::to_value(answer).map_err(anyhow::Error::from)?;
                let mut bytes = Vec::new();
                ciborium::into_writer(&value, &mut bytes).map_err(anyhow::Error::from)?;
                ("application/cbor", bytes)
            }
            Self::Plan(form) => {
                let text = answer.plan.render(form).map_err(anyhow::Error::from)?;
                (form.content_type(), text.into_bytes())
            }
        };
        Ok(Document {
            content_type,
            bytes,
        })
    }
}

impl Document {
    /// Its entity tag.
    pub fn tag(&self) -> String {
        let digest = Sha256::digest(&self.bytes);
        format!("\"{}\"", hex::encode(&digest[..16]))
    }

    /// The document, or a JSON object with it and a signature by the key of the repositories.
    pub async fn into_response(self, app: &App, wish: &Wish) -> Result<Response> {
        let headers = [(header::CONTENT_TYPE, self.content_type)];
        if wish.signed != Some(Flag(true)) {
            return Ok((headers, self.bytes).into_response());
        }
        let (key, now) = (app.repository_key.clone(), app.now().unix_timestamp());
        let (bytes, signature) = tokio::task::spawn_blocking(move || {
            let signature = key.sign_detached(&self.bytes, now.cast_unsigned());
            (self.bytes, signature)
        })
        .await
        .map_err(anyhow::Error::from)?;
        let signature = signature?;
        let signed = Signed {
            content_type: self.content_type,
            document: std::str::from_utf8(&bytes).map_err(anyhow::Error::from)?,
            signature: String::from_utf8(signature).map_err(anyhow::Error::from)?,
            key: app.url("/keys/repository.asc"),
            key_fingerprint: app.repository_key.fingerprint(),
        };
        Ok(axum::Json(signed).into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_chosen() {
        let wish = |format: Option<&str>| {
            let mut wish = Wish::default();
            wish.format = format.map(str::to_owned);
            wish
        };
        let accept = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, text.parse().unwrap());
            headers
        };
        for (format, header, expected) in [
            (None, "*/*", Some(Reply::Json)),
            (None, "text/html, application/cbor;q=0.5", Some(Reply::Cbor)),
            (None, "text/x-shellscript", Some(Reply::Plan(Form::Shell))),
            (Some("json"), "application/cbor", Some(Reply::Json)),
            (
                Some("kickstart"),
                "*/*",
                Form::named("kickstart").map(Reply::Plan),
            ),
            (Some("docx"), "*/*", None),
        ] {
            let reply = Reply::choose(&wish(format), &accept(header)).ok();
            assert_eq!(reply, expected, "{format:?} {header}");
        }
        for word in FORMS.split(", ") {
            assert!(Form::named(word).is_some(), "{word}");
        }
    }
}
