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
