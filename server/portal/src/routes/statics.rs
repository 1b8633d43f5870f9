//! Style sheet and pictures, compiled in, under names that change with their content.

use crate::error::{Error, Result};
use crate::extract::Segments;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

struct Static {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

static FILES: &[Static] = &[
    Static {
        name: "portal.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../../../static/portal.css"),
    },
    Static {
        name: "icons.svg",
        kind: "image/svg+xml",
        bytes: include_bytes!("../../../../static/icons.svg"),
    },
    Static {
        name: "favicon.svg",
        kind: "image/svg+xml",
        bytes: include_bytes!("../../../../static/favicon.svg"),
    },
];

/// One version for all: a new release fetches them anew.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for file in FILES {
        hash.update(file.bytes);
    }
    hex::encode(&hash.finalize()[..6])
});

/// The address of a static file, with its version as query.
#[must_use]
pub fn href(name: &str) -> String {
    format!("/static/{name}?v={}", *VERSION)
}

/// `GET /static/{file}`
pub async fn file(Segments(name): Segments<String>) -> Result<Response> {
    let file = FILES
        .iter()
        .find(|f| f.name == name)
        .ok_or_else(|| Error::not_found(format!("There is no file `{name}`.")))?;
    let headers = [
        (header::CONTENT_TYPE, file.kind),
        (header::CACHE_CONTROL, "public, max-age=86400"),
    ];
    Ok((headers, file.bytes).into_response())
}
