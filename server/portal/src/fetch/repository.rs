//! A yum repository's primary.xml: repomd.xml, its signature when a key is pinned, the file it names,
//! with its size and digest.

use super::{FetchError, Fetched, Fetcher, Validators};
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
    let anything = Validators::default();
    let (repomd, _) = repomd(fetcher, wanted, &anything, now)
        .await?
        .ok_or_else(|| wrong(wanted, "repomd.xml is the same as none"))?;
    data_of(fetcher, wanted, &repomd, folder).await
}

/// The same, if repomd.xml is another version than the known one, and what the new one is known by.
///
/// # Errors
/// As [`primary`].
pub async fn primary_unless(
    fetcher: &Fetcher,
    wanted: &Primary,
    known: &Validators,
    folder: &Path,
    now: u64,
) -> Result<Option<(String, File, Validators)>, FetchError> {
    let Some((repomd, validators)) = repomd(fetcher, wanted, known, now).await? else {
        return Ok(None);
    };
    let (name, file) = data_of(fetcher, wanted, &repomd, folder).await?;
    Ok(Some((name, file, validators)))
}

fn wrong(wanted: &Primary, why: impl Into<String>) -> FetchError {
    FetchError::Repository {
        url: as_folder(&wanted.url).to_string(),
        why: why.into(),
    }
}

fn below(wanted: &Primary, location: &str) -> Result<Url, FetchError> {
    as_folder(&wanted.url)
        .join(location)
        .map_err(|_| wrong(wanted, format!("`{location}` is no address")))
}

/// repomd.xml, rightly signed.
async fn repomd(
    fetcher: &Fetcher,
    wanted: &Primary,
    known: &Validators,
    now: u64,
) -> Result<Option<(repomd::Repomd, Validators)>, FetchError> {
    let url = below(wanted, "repodata/repomd.xml")?;
    let Some((bytes, validators)) = fetcher.bytes_unless(&url, SMALL, known).await? else {
        return Ok(None);
    };
    if !wanted.keys.is_empty() {
        let url = below(wanted, "repodata/repomd.xml.asc")?;
        let signature = fetcher.bytes(&url, SMALL).await?;
        keyring::verify_detached(&bytes, &signature, &wanted.keys, now)
            .map_err(|error| wrong(wanted, format!("repomd.xml: {error}")))?;
    }
    let parsed = repomd::parse_repomd(&bytes).map_err(|error| wrong(wanted, error.to_string()))?;
    Ok(Some((parsed, validators)))
}

async fn data_of(
    fetcher: &Fetcher,
    wanted: &Primary,
    index: &repomd::Repomd,
    folder: &Path,
) -> Result<(String, File), FetchError> {
    let data = index
        .data("primary")
        .ok_or_else(|| wrong(wanted, "repomd.xml names no primary"))?;
    let location = &data.location;
    if !is_below(location) {
        let why = format!("`{location}` leads out of the repository");
        return Err(wrong(wanted, why));
    }
    let mut fetched = fetcher
        .file(&below(wanted, location)?, wanted.limit, folder)
        .await?;
    check(&mut fetched, data).map_err(|error| match error {
        Checked::Wrong(why) => wrong(wanted, format!("{location}: {why}")),
        Checked::Disk(error) => error.into(),
    })?;
    Ok((location.clone(), fetched.file))
}

/// The address of a repository with a slash at its end; that of repomd.xml itself is understood, too.
#[must_use]
pub fn as_folder(url: &Url) -> Url {
    let mut url = url.clone();
    let path = url.path().trim_end_matches("repodata/repomd.xml");
    let path = format!("{}/", path.trim_end_matches('/'));
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// Whether a place in a repository is relative and never leads upwards.
#[must_use]
pub fn is_below(location: &str) -> bool {
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
