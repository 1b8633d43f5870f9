//! Where a repository lies that is to be checked: a folder, or an address on the web.

use super::folder;
use anyhow::Context as _;
use portal::fetch::{FetchError, Fetcher, Networks};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use tokio::runtime::Runtime;
use url::Url;

/// The largest file of a repository's metadata that is fetched, in bytes: it is held in memory.
const DATA_LIMIT: u64 = 512 << 20;
/// Whoever gives an address at a command line may ask there.
const EVERYWHERE: &str = "0.0.0.0/0,::/0";

/// What the command line says.
#[derive(Clone, Debug)]
pub enum Place {
    Folder(PathBuf),
    Web(Url),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Ok(Self::Folder(text.into()));
        }
        let text = format!("{}/", text.trim_end_matches('/'));
        Url::parse(&text).map(Self::Web).map_err(|e| e.to_string())
    }
}

/// Reads files of a repository by their locations below its root.
pub enum Reader {
    Folder(PathBuf),
    Web {
        base: Url,
        fetcher: Fetcher,
        runtime: Runtime,
        /// Packages on their way to be hashed.
        folder: tempfile::TempDir,
    },
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(root) => root.display().fmt(f),
            Self::Web { base, .. } => base.fmt(f),
        }
    }
}

impl Reader {
    /// # Errors
    /// TLS cannot be set up.
    pub fn open(place: &Place) -> anyhow::Result<Self> {
        Ok(match place {
            Place::Folder(root) => Self::Folder(root.clone()),
            Place::Web(base) => {
                // A second call finds the first one's.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let networks = Networks::from_str(EVERYWHERE)?;
                Self::Web {
                    base: base.clone(),
                    fetcher: Fetcher::new(networks)?,
                    runtime: crate::serve::runtime()?,
                    folder: tempfile::tempdir()?,
                }
            }
        })
    }

    /// The root, where it is a folder.
    pub fn folder(&self) -> Option<&std::path::Path> {
        match self {
            Self::Folder(root) => Some(root),
            Self::Web { .. } => None,
        }
    }

    /// A file of the metadata, in memory.
    ///
    /// # Errors
    /// It is not there ([`io::ErrorKind::NotFound`]), too large, or cannot be read.
    pub fn metadata(&self, location: &str) -> io::Result<Vec<u8>> {
        match self {
            Self::Folder(root) => folder::read_file(&root.join(location)),
            Self::Web {
                base,
                fetcher,
                runtime,
                ..
            } => {
                let url = address(base, location)?;
                let bytes = runtime.block_on(fetcher.bytes(&url, DATA_LIMIT));
                bytes.map_err(failure)
            }
        }
    }

    /// A package of `size` bytes, from its beginning; a longer one is not read to its end.
    ///
    /// # Errors
    /// It is not there, has another size, or cannot be read.
    pub fn package(&self, location: &str, size: u64) -> anyhow::Result<File> {
        let (file, found) = match self {
            Self::Folder(root) => {
                let path = root.join(location);
                let metadata = fs::metadata(&path)?;
                anyhow::ensure!(metadata.is_file(), "it is not a file");
                (File::open(&path)?, metadata.len())
            }
            Self::Web {
                base,
                fetcher,
                runtime,
                folder,
            } => {
                let url = address(base, location)?;
                let fetched = runtime.block_on(fetcher.file(&url, size, folder.path()));
                let fetched = fetched.context("it cannot be had")?;
                (fetched.file, fetched.size)
            }
        };
        anyhow::ensure!(
            found == size,
            "it has {found} bytes where the metadata says {size}"
        );
        Ok(file)
    }
}

/// Blanks and percent signs in a location stand for themselves.
fn address(base: &Url, location: &str) -> io::Result<Url> {
    let mut url = base.clone();
    let mut segments = url
        .path_segments_mut()
        .map_err(|()| io::Error::other("the address cannot have files below it"))?;
    segments.pop_if_empty().extend(location.split('/'));
    drop(segments);
    Ok(url)
}

fn failure(error: FetchError) -> io::Error {
    match error {
        FetchError::Status { status: 404, .. } => io::Error::new(io::ErrorKind::NotFound, error),
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_become_addresses() {
        let base = Url::parse("https://example.com/repo/").unwrap();
        let cases = [
            (
                "repodata/repomd.xml",
                "https://example.com/repo/repodata/repomd.xml",
            ),
            (
                "a b/c%d+é.rpm",
                "https://example.com/repo/a%20b/c%25d+%C3%A9.rpm",
            ),
        ];
        for (location, url) in cases {
            assert_eq!(address(&base, location).unwrap().as_str(), url);
        }
    }

    #[test]
    fn an_address_is_told_from_a_folder() {
        assert!(matches!("http/x".parse(), Ok(Place::Folder(_))));
        assert!(matches!("https://x.example/y".parse(), Ok(Place::Web(_))));
        assert!("http://[".parse::<Place>().is_err());
    }
}
