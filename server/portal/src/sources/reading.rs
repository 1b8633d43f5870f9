//! Reads one source: repomd.xml if it changed, its signature, its primary.xml, and of that the
//! driver packages.

use super::driver;
use crate::app::App;
use crate::fetch::{self, FetchError, Primary, Validators};
use anyhow::Context as _;
use keyring::Certificate;
use std::collections::HashSet;
use std::fs::File;
use std::time::Duration;
use store::sources::{Package, Source};
use url::Url;

/// Bytes of a packed primary.xml.
const PACKED: u64 = 64 << 20;
/// Bytes of an unpacked one.
const OPEN: u64 = 1 << 30;
/// Driver packages of one source.
const PACKAGES: usize = 5_000;
/// Patterns of hardware of all of them.
const ALIASES: usize = 500_000;
/// Symbols that its packages provide.
const OFFERS: usize = 500_000;
/// Whoever publishes is caught in the middle of it now and then: how long until a second look.
const SECOND_LOOK: Duration = Duration::from_secs(3);

/// What came of reading.
#[derive(Debug)]
pub enum Reading {
    /// Nothing has changed.
    Same,
    Other {
        packages: Vec<Package>,
        validators: Validators,
    },
}

/// Why a source was not read.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It may go well later, and says nothing against what was read before.
    #[error("{0}")]
    Passing(String),
    /// It is not what was registered, or lies about itself.
    #[error("{0}")]
    Trust(String),
    /// Not the source's.
    #[error(transparent)]
    Ours(#[from] anyhow::Error),
}

impl From<FetchError> for Fault {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Repository { .. } => Self::Trust(error.to_string()),
            FetchError::Disk(_) => Self::Ours(error.into()),
            _ => Self::Passing(error.to_string()),
        }
    }
}

/// Reads it, unless it is still the known version.
///
/// # Errors
/// See [`Fault`].
pub async fn read(app: &App, source: &Source, known: &Validators) -> Result<Reading, Fault> {
    match read_once(app, source, known).await {
        Err(Fault::Trust(_)) => {
            tokio::time::sleep(SECOND_LOOK).await;
            read_once(app, source, &Validators::default()).await
        }
        outcome => outcome,
    }
}

async fn read_once(app: &App, source: &Source, known: &Validators) -> Result<Reading, Fault> {
    let wanted = Primary {
        url: Url::parse(&source.url).context("the stored address")?,
        keys: Certificate::parse_all(source.key.as_bytes()).context("the stored key")?,
        limit: PACKED,
    };
    if wanted.keys.is_empty() {
        return Err(anyhow::anyhow!("no key is stored for {}", source.url).into());
    }
    let now = u64::try_from(app.now().unix_timestamp()).unwrap_or(0);
    let folder = app.storage.incoming();
    let fetched = fetch::primary_unless(&app.fetcher, &wanted, known, &folder, now).await?;
    let Some((name, file, validators)) = fetched else {
        return Ok(Reading::Same);
    };
    let packages = tokio::task::spawn_blocking(move || drivers(&name, file, OPEN));
    Ok(Reading::Other {
        packages: packages.await.context("reading metadata")??,
        validators,
    })
}

/// The driver packages of a packed primary.xml, which may have so many bytes unpacked.
fn drivers(name: &str, file: File, most: u64) -> Result<Vec<Package>, Fault> {
    let input = kernel_source::unpacked(file, most)
        .map_err(|error| Fault::Trust(format!("{name}: {error}")))?;
    let limits = repomd::Limits {
        open_size: most,
        ..repomd::Limits::default()
    };
    let (mut found, mut aliases) = (Vec::new(), 0);
    let mut offers = HashSet::new();
    let mut refused = None;
    let read = repomd::read_primary(input, &limits, &mut |record| {
        let Some((package, provides)) = driver::of(&record) else {
            return Ok(());
        };
        aliases += package.aliases.len();
        found.push(package);
        offers.extend(provides);
        if found.len() <= PACKAGES && aliases <= ALIASES && offers.len() <= OFFERS {
            return Ok(());
        }
        refused = Some(format!(
            "{name}: it holds more than {PACKAGES} driver packages, {ALIASES} hardware patterns or \
             {OFFERS} symbols"
        ));
        // Only stops the reading; what it says is in `refused`.
        Err(repomd::Error::OpenSize {
            document: String::new(),
            limit: 0,
        })
    });
    if let Some(why) = refused {
        return Err(Fault::Trust(why));
    }
    read.map_err(|error| Fault::Trust(format!("{name}: {error}")))?;
    for package in &mut found {
        let needed = package.needs.len();
        package.needs.retain(|need| !offers.contains(need));
        package.needs_others = package.needs.len() < needed;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, Write as _};

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn what_is_no_metadata_is_a_fault_of_the_source() {
        for bytes in [&b"<html></html>"[..], b"", b"\x1f\x8bxx"] {
            let fault = drivers("primary.xml.gz", file(bytes), OPEN).unwrap_err();
            assert!(matches!(fault, Fault::Trust(_)), "{fault}");
            assert!(fault.to_string().starts_with("primary.xml.gz: "), "{fault}");
        }
    }

    #[test]
    fn a_bomb_is_a_fault_of_the_source_and_goes_off_nowhere() {
        let mut text =
            b"<metadata xmlns=\"http://linux.duke.edu/metadata/common\" packages=\"0\">".to_vec();
        text.resize(8 << 20, b' ');
        text.extend(b"</metadata>");
        let bomb = repomd::Compression::Gzip.pack(&text);
        assert!(bomb.len() < 16 << 10, "{} bytes", bomb.len());
        let fault = drivers("primary.xml.gz", file(&bomb), 1 << 20).unwrap_err();
        assert!(matches!(fault, Fault::Trust(_)), "{fault}");
        // It is its size alone that is wrong.
        let found = drivers("primary.xml.gz", file(&bomb), OPEN).unwrap();
        assert_eq!(found, []);
    }

    #[test]
    fn a_signature_is_a_matter_of_trust_and_a_silent_server_is_not() {
        let url = || "https://example.com/".to_owned();
        let trust = FetchError::Repository {
            url: url(),
            why: String::new(),
        };
        assert!(matches!(Fault::from(trust), Fault::Trust(_)));
        let silent = FetchError::Status {
            url: url(),
            status: 404,
        };
        assert!(matches!(Fault::from(silent), Fault::Passing(_)));
    }
}
