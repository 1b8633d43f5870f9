//! A yum repository's primary.xml: repomd.xml, its signature when a key is pinned, the file it names,
//! with its size and digest.

use super::{FetchError, Fetched, Fetcher};
use keyring::Certificate;
use sha2::{Sha384, Sha512};
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::Path;
use url::Url;

/// Largest repomd.xml, signature.
const SMALL: u64 = 4 << 20;

/// What is fetched, and by whose key.
#[derive(Debug)]
pub struct Primary {
    /// Address of the repository, the folder above `repodata`.
    pub url: Url,
    /// Who must have signed it; empty: nobody.
    pub keys: Vec<Certificate>,
    /// Bytes it may have, packed.
    pub limit: u64,
}

/// Fetches the primary.xml as it is packed, below `folder`. Gives its name, too.
///
/// # Errors
/// See [`FetchError`]; a wrong signature, size or digest is a [`FetchError::Repository`].
pub async fn primary(
    fetcher: &Fetcher,
    wanted: &Primary,
    folder: &Path,
    now: u64,
) -> Result<(String, File), FetchError> {
    let base = as_folder(&wanted.url);
    let wrong = |why: String| FetchError::Repository {
        url: base.to_string(),
        why,
    };
    let below = |location: &str| {
        base.join(location)
            .map_err(|_| wrong(format!("`{location}` is no address")))
    };
    let repomd = fetcher.bytes(&below("repodata/repomd.xml")?, SMALL).await?;
    if !wanted.keys.is_empty() {
        let signature = fetcher
            .bytes(&below("repodata/repomd.xml.asc")?, SMALL)
            .await?;
        keyring::verify_detached(&repomd, &signature, &wanted.keys, now)
            .map_err(|error| wrong(format!("repomd.xml: {error}")))?;
    }
    let index = repomd::parse_repomd(&repomd).map_err(|error| wrong(error.to_string()))?;
    let data = index.data.iter().find(|data| data.kind == "primary");
    let data = data.ok_or_else(|| wrong("repomd.xml names no primary".to_owned()))?;
    if !is_below(&data.location) {
        let location = &data.location;
        return Err(wrong(format!("`{location}` leads out of the repository")));
    }
    let mut fetched = fetcher
        .file(&below(&data.location)?, wanted.limit, folder)
        .await?;
    check(&mut fetched, data).map_err(|error| match error {
        Checked::Wrong(why) => wrong(format!("{}: {why}", data.location)),
        Checked::Disk(error) => error.into(),
    })?;
    Ok((data.location.clone(), fetched.file))
}

/// The address with a slash at its end; that of repomd.xml itself is understood, too.
fn as_folder(url: &Url) -> Url {
    let mut url = url.clone();
    let path = url.path().trim_end_matches("repodata/repomd.xml");
    let path = format!("{}/", path.trim_end_matches('/'));
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// Relative, and never upwards.
fn is_below(location: &str) -> bool {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    !location.contains(['\\', ':', '?', '#', '%']) && location.split('/').all(is_plain)
}

enum Checked {
    Wrong(String),
    Disk(io::Error),
}

fn check(fetched: &mut Fetched, data: &repomd::Data) -> Result<(), Checked> {
    if data.size.is_some_and(|size| size != fetched.size) {
        let why = "has another size than repomd.xml says: fetch it again later";
        return Err(Checked::Wrong(why.to_owned()));
    }
    let found = match data.checksum.algorithm.as_str() {
        "sha256" => hex::encode(fetched.sha256),
        "sha384" => digest::<Sha384>(&mut fetched.file).map_err(Checked::Disk)?,
        "sha512" => digest::<Sha512>(&mut fetched.file).map_err(Checked::Disk)?,
        other => {
            return Err(Checked::Wrong(format!(
                "its digest is by `{other}`; sha256, sha384 and sha512 are trusted"
            )));
        }
    };
    match found == data.checksum.value {
        true => Ok(()),
        false => {
            let why = "has another digest than repomd.xml says: fetch it again later";
            Err(Checked::Wrong(why.to_owned()))
        }
    }
}

fn digest<D: sha2::Digest>(file: &mut File) -> io::Result<String> {
    let mut hash = D::new();
    let mut chunk = vec![0; 128 << 10];
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            count => hash.update(&chunk[..count]),
        }
    }
    file.rewind()?;
    Ok(hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyring::{KeyAlgorithm, SigningKey};
    use sha2::{Digest as _, Sha256};
    use std::collections::HashMap;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    const NOW: u64 = 1_790_000_000;
    const PRIMARY: &[u8] = b"<metadata packages=\"0\"/>";

    /// Serves these files on a loopback port.
    async fn server(files: HashMap<&'static str, Vec<u8>>) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/repo/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let count = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..count]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default();
                let answer = match files.get(path.trim_start_matches("/repo/")) {
                    Some(body) => {
                        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length:";
                        [format!("{head} {}\r\n\r\n", body.len()).as_bytes(), body].concat()
                    }
                    None => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
                };
                let _ = stream.write_all(&answer).await;
            }
        });
        Url::parse(&url).unwrap()
    }

    fn repomd(sha256: &str, size: usize) -> Vec<u8> {
        format!(
            "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>1</revision>\
             <data type=\"primary\"><checksum type=\"sha256\">{sha256}</checksum>\
             <location href=\"repodata/primary.xml\"/><timestamp>1</timestamp>\
             <size>{size}</size></data></repomd>"
        )
        .into_bytes()
    }

    fn good_repomd() -> Vec<u8> {
        repomd(&hex::encode(Sha256::digest(PRIMARY)), PRIMARY.len())
    }

    async fn fetch(
        repomd: Vec<u8>,
        signature: Option<Vec<u8>>,
        keys: Vec<Certificate>,
    ) -> Result<(String, File), FetchError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let files = [
            Some(("repodata/repomd.xml", repomd)),
            signature.map(|bytes| ("repodata/repomd.xml.asc", bytes)),
            Some(("repodata/primary.xml", PRIMARY.to_vec())),
        ];
        let wanted = Primary {
            url: server(files.into_iter().flatten().collect()).await,
            keys,
            limit: 1 << 20,
        };
        let fetcher = Fetcher::new("127.0.0.0/8".parse().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        primary(&fetcher, &wanted, folder.path(), NOW).await
    }

    #[tokio::test]
    async fn what_repomd_says_of_the_primary_has_to_hold() {
        let (name, _) = fetch(good_repomd(), None, Vec::new()).await.unwrap();
        assert_eq!(name, "repodata/primary.xml");
        let other = hex::encode(Sha256::digest(b"other"));
        for (repomd, expected) in [
            (repomd(&other, PRIMARY.len()), "another digest"),
            (repomd(&other, PRIMARY.len() + 1), "another size"),
        ] {
            let error = fetch(repomd, None, Vec::new()).await.unwrap_err();
            assert!(matches!(error, FetchError::Repository { .. }), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn a_pinned_key_must_have_signed() {
        let key =
            |name: &str| SigningKey::generate(name, KeyAlgorithm::Ed25519, NOW - 1_000).unwrap();
        let (own, other) = (key("own <a@example.com>"), key("other <b@example.com>"));
        let pinned = || vec![own.certificate()];
        let by = |key: &SigningKey, text: &[u8]| Some(key.sign_detached(text, NOW).unwrap());
        assert!(
            fetch(good_repomd(), by(&own, &good_repomd()), pinned())
                .await
                .is_ok()
        );
        for (what, signature) in [
            ("another key's", by(&other, &good_repomd())),
            ("of another text", by(&own, b"<repomd/>")),
            ("none at all", Some(b"hello".to_vec())),
        ] {
            let error = fetch(good_repomd(), signature, pinned()).await.unwrap_err();
            assert!(
                matches!(error, FetchError::Repository { .. }),
                "{what}: {error}"
            );
        }
        // Left out altogether.
        assert!(fetch(good_repomd(), None, pinned()).await.is_err());
    }

    #[test]
    fn folders_and_places() {
        for text in [
            "https://example.com/repo",
            "https://example.com/repo/",
            "https://example.com/repo/?x=1",
            "https://example.com/repo/repodata/repomd.xml",
        ] {
            let url = as_folder(&Url::parse(text).unwrap());
            assert_eq!(url.as_str(), "https://example.com/repo/", "{text}");
        }
        assert!(is_below("repodata/abc-primary.xml.gz"));
        for bad in ["../x", "/x", "http://x/y", "a//b", "a/%2e%2e/b", ""] {
            assert!(!is_below(bad), "{bad}");
        }
    }
}
