//! Repositories for zypper and dnf. Metadata comes from memory, packages from disk.

use crate::app::App;
use crate::client::ClientAddress;
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::key_hints;
use crate::routes::mirrors;
use crate::served::{Asked, Client, DataFile, ServedRepository};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

/// Names with a checksum or a full NEVRA never change their content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// The three small files change with every generation.
const ASK_AGAIN: &str = "no-cache";
const PGP_KEYS: &str = "application/pgp-keys";
const LONGEST_PROGRAM: usize = 256;

/// `GET /repos/{product}/{channel}/{arch}/…`
pub async fn file(
    State(app): State<Arc<App>>,
    Segments((product, channel, arch, location)): Segments<(String, String, String, String)>,
    address: ClientAddress,
    request: Request,
) -> Result<Response> {
    let asked = (product.as_str(), channel.as_str(), arch.as_str());
    answer(&app, asked, &location, address, request).await
}

/// `GET /repos/{product}/vendors/{vendor}/{channel}/{arch}/…`
pub async fn vendor_file(
    State(app): State<Arc<App>>,
    Segments((product, vendor, channel, arch, location)): Segments<(
        String,
        String,
        String,
        String,
        String,
    )>,
    address: ClientAddress,
    request: Request,
) -> Result<Response> {
    let view = format!("vendors/{vendor}/{channel}");
    let asked = (product.as_str(), view.as_str(), arch.as_str());
    answer(&app, asked, &location, address, request).await
}

/// Of a repository by product, view and arch.
async fn answer(
    app: &App,
    (product, view, arch): (&str, &str, &str),
    location: &str,
    address: ClientAddress,
    request: Request,
) -> Result<Response> {
    let repository = app.served.get(product, view, arch).ok_or_else(|| {
        Error::not_found(format!("There is no repository {product}/{view}/{arch}."))
    })?;
    match location {
        "mirrorlist" => mirrors::plain_list(app, &repository).await,
        "metalink" => mirrors::metalink_list(app, &repository).await,
        "repodata/repomd.xml" | "repodata/repomd.xml.asc" => {
            let asked = Asked {
                is_head: request.method() == Method::HEAD,
                is_signature: location.ends_with(".asc"),
            };
            let client = client(address, request.headers());
            let small = app
                .served
                .small((product, view, arch), client, asked, Instant::now())
                .ok_or_else(|| Error::not_found("This repository has no generation yet."))?;
            let (kind, bytes) = match asked.is_signature {
                true => ("application/pgp-signature", small.signature),
                false => ("application/xml", small.repomd),
            };
            let tag = format!("\"{}-{}\"", repository.id, small.number);
            Ok(in_memory(request.headers(), kind, &tag, ASK_AGAIN, bytes))
        }
        "repodata/repomd.xml.key" => {
            let key = app.repository_key.certificate().to_armored();
            let tag = format!("\"{}\"", app.repository_key.fingerprint());
            Ok(in_memory(
                request.headers(),
                PGP_KEYS,
                &tag,
                ASK_AGAIN,
                key.into(),
            ))
        }
        _ if key_hints::is_name(location) => vendors_key(app, location, request.headers()).await,
        _ => lasting(app, &repository, location, request).await,
    }
}

/// Files whose content never changes under their name.
async fn lasting(
    app: &App,
    repository: &ServedRepository,
    location: &str,
    request: Request,
) -> Result<Response> {
    if let Some(data) = repository.data(location) {
        let kind = match location.rsplit('.').next() {
            Some("gz") => "application/gzip",
            Some("zst") => "application/zstd",
            _ => "application/octet-stream",
        };
        return match data {
            DataFile::Memory(bytes) => {
                let tag = format!("\"{location}\"");
                Ok(in_memory(
                    request.headers(),
                    kind,
                    &tag,
                    FOR_EVER,
                    bytes.clone(),
                ))
            }
            DataFile::Disk(path) => on_disk(path, kind, request).await,
        };
    }
    match repository.package(location) {
        Some(sha256) => on_disk(&app.storage.package(sha256), "application/x-rpm", request).await,
        None => Err(no_file(location)),
    }
}

fn no_file(location: &str) -> Error {
    Error::not_found(format!("This repository has no file `{location}`."))
}

/// A vendor's key, as `repomd.xml` hints at it.
async fn vendors_key(app: &App, location: &str, asked: &HeaderMap) -> Result<Response> {
    let mut conn = app.pool.acquire().await?;
    let found = key_hints::at(&mut conn, location).await?;
    let key = found.ok_or_else(|| no_file(location))?;
    let tag = format!("\"{}\"", hex::encode(Sha256::digest(&key.armored)));
    let bytes = key.armored.into();
    Ok(in_memory(asked, PGP_KEYS, &tag, ASK_AGAIN, bytes))
}

/// Who asks.
fn client(address: ClientAddress, headers: &HeaderMap) -> Client {
    let program = headers.get(header::USER_AGENT);
    let mut program = program
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let cut = (0..=LONGEST_PROGRAM.min(program.len())).rfind(|n| program.is_char_boundary(*n));
    program.truncate(cut.unwrap_or(0));
    (address.0, program)
}

fn in_memory(
    asked: &HeaderMap,
    kind: &'static str,
    tag: &str,
    caching: &'static str,
    bytes: Bytes,
) -> Response {
    let known = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .any(|t| matches!(t.trim(), "*") || t.trim().trim_start_matches("W/") == tag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        match byte_range(asked, tag, bytes.len()) {
            None => Body::from(bytes).into_response(),
            Some(Ok((first, last))) => {
                let mut part = Body::from(bytes.slice(first..=last)).into_response();
                *part.status_mut() = StatusCode::PARTIAL_CONTENT;
                let range = format!("bytes {first}-{last}/{}", bytes.len());
                insert(&mut part, header::CONTENT_RANGE, &range);
                part
            }
            Some(Err(())) => {
                let mut refused = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
                insert(
                    &mut refused,
                    header::CONTENT_RANGE,
                    &format!("bytes */{}", bytes.len()),
                );
                refused
            }
        }
    };
    insert(&mut response, header::CONTENT_TYPE, kind);
    insert(&mut response, header::CACHE_CONTROL, caching);
    insert(&mut response, header::ETAG, tag);
    insert(&mut response, header::ACCEPT_RANGES, "bytes");
    response
}

fn insert(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// One range of RFC 9110, first and last byte. Several ranges, other units, a stale `If-Range` and
/// broken syntax give the whole file; `Err` is a range beyond the end.
fn byte_range(asked: &HeaderMap, tag: &str, length: usize) -> Option<Result<(usize, usize), ()>> {
    let text = asked
        .get(header::RANGE)?
        .to_str()
        .ok()?
        .strip_prefix("bytes=")?;
    let condition = asked.get(header::IF_RANGE);
    if condition.is_some_and(|c| c.as_bytes() != tag.as_bytes()) {
        return None;
    }
    let (first, last) = text.split_once('-')?;
    let range = if first.is_empty() {
        let count: usize = last.parse().ok()?;
        (
            length.saturating_sub(count),
            length.checked_sub(1).filter(|_| count > 0),
        )
    } else {
        let first: usize = first.parse().ok()?;
        let end: usize = if last.is_empty() {
            usize::MAX
        } else {
            last.parse().ok()?
        };
        if end < first {
            return None;
        }
        (first, length.checked_sub(1).map(|l| l.min(end)))
    };
    Some(match range {
        (first, Some(last)) if first <= last => Ok((first, last)),
        _ => Err(()),
    })
}

async fn on_disk(path: &Path, kind: &'static str, request: Request) -> Result<Response> {
    let response = ServeFile::new(path).oneshot(request).await;
    let mut response = response.map_err(anyhow::Error::from)?.map(Body::new);
    if response.status() == StatusCode::NOT_FOUND {
        return Err(Error::Internal(anyhow::anyhow!(
            "{} is missing",
            path.display()
        )));
    }
    insert(&mut response, header::CONTENT_TYPE, kind);
    insert(&mut response, header::CACHE_CONTROL, FOR_EVER);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, length, expected) in [
            ("bytes=0-3", 10, Some(Ok((0, 3)))),
            ("bytes=8-", 10, Some(Ok((8, 9)))),
            ("bytes=-4", 10, Some(Ok((6, 9)))),
            ("bytes=-40", 10, Some(Ok((0, 9)))),
            ("bytes=5-99", 10, Some(Ok((5, 9)))),
            ("bytes=10-", 10, Some(Err(()))),
            ("bytes=-0", 10, Some(Err(()))),
            ("bytes=0-", 0, Some(Err(()))),
            ("bytes=4-2", 10, None),
            ("bytes=0-1,3-4", 10, None),
            ("lines=0-1", 10, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, text.parse().unwrap());
            assert_eq!(byte_range(&headers, "\"t\"", length), expected, "{text}");
        }
    }

    #[test]
    fn a_stale_if_range_gives_the_whole() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, "bytes=0-3".parse().unwrap());
        headers.insert(header::IF_RANGE, "\"old\"".parse().unwrap());
        assert_eq!(byte_range(&headers, "\"new\"", 10), None);
        assert_eq!(byte_range(&headers, "\"old\"", 10), Some(Ok((0, 3))));
    }
}
