//! Fetches files from addresses that somebody else named, without being led astray.
//!
//! http and https only. Every address that a name resolves to has to be public, or in a network that
//! the operator allows; the connection goes to the addresses that were checked and no others. Each
//! redirect is checked like the first address. Size and time are bounded.

mod networks;
mod repository;

pub use networks::{Networks, NoNetwork};
pub use repository::{Primary, as_folder, is_below, primary, primary_unless};

use futures_util::StreamExt as _;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    LOCATION,
};
use reqwest::{Client, Response, StatusCode, redirect};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// Redirects followed at most.
const REDIRECTS: usize = 5;
const CONNECT: Duration = Duration::from_secs(10);
/// A server may pause this long.
const PAUSE: Duration = Duration::from_secs(30);
/// Longer validators are not remembered, in bytes.
const LONGEST_VALIDATOR: usize = 500;
/// One file may take this long.
const WHOLE: Duration = Duration::from_secs(900);

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address has a form that is not followed.
    #[error("`{url}` is not fetched: {why}")]
    Address { url: String, why: &'static str },
    /// An address that is not on the public internet.
    #[error(
        "`{host}` leads to {address}, which is not a public address; the operator can allow its \
         network with `fetch-allow`"
    )]
    Forbidden { host: String, address: IpAddr },
    /// The server answers otherwise than with the file.
    #[error("{url} is answered with {status}")]
    Status { url: String, status: u16 },
    /// A file beyond the limit.
    #[error("{url} has more than {limit} bytes")]
    TooLarge { url: String, limit: u64 },
    /// One redirect after the other.
    #[error("{url} leads on and on: more than {REDIRECTS} redirects")]
    Redirects { url: String },
    /// The network fails, or the server says nothing.
    #[error("{url} cannot be fetched: {why}")]
    Network { url: String, why: String },
    /// A repository that is not what its own metadata says.
    #[error("{url}: {why}")]
    Repository { url: String, why: String },
    /// The own disk fails.
    #[error("the file cannot be kept: {0}")]
    Disk(#[from] io::Error),
}

impl FetchError {
    /// May go well later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            FetchError::Network { .. } | FetchError::Disk(_) => true,
            FetchError::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }
}

/// A file that was fetched; it vanishes when it is dropped.
#[derive(Debug)]
pub struct Fetched {
    pub sha256: [u8; 32],
    pub size: u64,
    /// Stands at the beginning.
    pub file: File,
}

/// By what a server knows a version of a file (RFC 9110, section 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

impl Validators {
    fn of(answer: &Response) -> Self {
        let text = |name| {
            let value = answer.headers().get(name)?.to_str().ok()?;
            (value.len() <= LONGEST_VALIDATOR).then(|| value.to_owned())
        };
        Self {
            etag: text(ETAG),
            last_modified: text(LAST_MODIFIED),
        }
    }

    /// Headers that ask for any other version.
    fn conditions(&self) -> HeaderMap {
        let header = |name: HeaderName, value: &Option<String>| {
            let value = HeaderValue::from_str(value.as_deref()?).ok()?;
            Some((name, value))
        };
        let both = [
            header(IF_NONE_MATCH, &self.etag),
            header(IF_MODIFIED_SINCE, &self.last_modified),
        ];
        both.into_iter().flatten().collect()
    }
}

/// Fetches files.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client,
    networks: Arc<Networks>,
}

impl Fetcher {
    /// One that also goes to these networks.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(networks: Networks) -> anyhow::Result<Self> {
        let networks = Arc::new(networks);
        let client = Client::builder()
            .dns_resolver(Arc::new(CheckedNames(networks.clone())))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .read_timeout(PAUSE)
            .timeout(WHOLE)
            .user_agent("kmp-portal")
            .build()?;
        Ok(Self { client, networks })
    }

    /// A small file, in memory.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn bytes(&self, url: &Url, limit: u64) -> Result<Vec<u8>, FetchError> {
        let answer = self.open(url, HeaderMap::new()).await?;
        collect(url, answer, limit).await
    }

    /// A small file, if it is another version than this one.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn bytes_unless(
        &self,
        url: &Url,
        limit: u64,
        known: &Validators,
    ) -> Result<Option<(Vec<u8>, Validators)>, FetchError> {
        let conditions = known.conditions();
        let asks = !conditions.is_empty();
        let answer = self.open(url, conditions).await?;
        if answer.status() == StatusCode::NOT_MODIFIED && asks {
            return Ok(None);
        }
        let validators = Validators::of(&answer);
        Ok(Some((collect(url, answer, limit).await?, validators)))
    }

    /// A large file, on disk below `folder`.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn file(&self, url: &Url, limit: u64, folder: &Path) -> Result<Fetched, FetchError> {
        let mut file = tempfile::tempfile_in(folder)?;
        let (mut hash, mut size) = (Sha256::new(), 0);
        let answer = self.open(url, HeaderMap::new()).await?;
        stream(url, answer, limit, |chunk| {
            hash.update(chunk);
            size += chunk.len() as u64;
            file.write_all(chunk)
        })
        .await?;
        file.rewind()?;
        Ok(Fetched {
            sha256: hash.finalize().into(),
            size,
            file,
        })
    }

    /// Follows redirects to the answer, which is the file, or that it has not changed.
    async fn open(&self, url: &Url, headers: HeaderMap) -> Result<Response, FetchError> {
        let mut at = url.clone();
        for _ in 0..=REDIRECTS {
            self.check(&at)?;
            let asked = self.client.get(at.clone()).headers(headers.clone());
            let answer = asked.send().await;
            let answer =
                answer.map_err(|error| refused_name(&error).unwrap_or(network(&at, &error)))?;
            let status = answer.status();
            let is_same = status == StatusCode::NOT_MODIFIED && !headers.is_empty();
            if status.is_success() || is_same {
                return Ok(answer);
            }
            let leads_on = status
                .is_redirection()
                .then(|| answer.headers().get(LOCATION));
            let Some(location) = leads_on.flatten().and_then(|value| value.to_str().ok()) else {
                return Err(FetchError::Status {
                    url: at.to_string(),
                    status: status.as_u16(),
                });
            };
            let next = at
                .join(location)
                .map_err(|_| address(&at, "it leads to no address"))?;
            if at.scheme() == "https" && next.scheme() != "https" {
                return Err(address(&at, "it leads from https to plain http"));
            }
            at = next;
        }
        Err(FetchError::Redirects {
            url: url.to_string(),
        })
    }

    /// Names are checked when they are resolved; numbers are not resolved.
    fn check(&self, url: &Url) -> Result<(), FetchError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(address(url, "only http and https are"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(address(url, "a name or password does not belong into it"));
        }
        let number: IpAddr = match url.host() {
            Some(Host::Ipv4(number)) => number.into(),
            Some(Host::Ipv6(number)) => number.into(),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(address(url, "it names no server")),
        };
        match self.networks.allows(number) {
            true => Ok(()),
            false => Err(FetchError::Forbidden {
                host: url.host_str().unwrap_or_default().to_owned(),
                address: number,
            }),
        }
    }
}

async fn collect(url: &Url, answer: Response, limit: u64) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    stream(url, answer, limit, |chunk| {
        bytes.extend_from_slice(chunk);
        Ok(())
    })
    .await?;
    Ok(bytes)
}

async fn stream(
    url: &Url,
    answer: Response,
    limit: u64,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), FetchError> {
    let too_large = || FetchError::TooLarge {
        url: url.to_string(),
        limit,
    };
    if answer.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut body = answer.bytes_stream();
    let mut size = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| network(url, &error))?;
        size += chunk.len() as u64;
        if size > limit {
            return Err(too_large());
        }
        each(&chunk)?;
    }
    Ok(())
}

fn address(url: &Url, why: &'static str) -> FetchError {
    FetchError::Address {
        url: url.to_string(),
        why,
    }
}

fn network(url: &Url, error: &dyn std::error::Error) -> FetchError {
    let mut why = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        why = inner.to_string();
        source = inner.source();
    }
    FetchError::Network {
        url: url.to_string(),
        why,
    }
}

/// The refusal of the resolver, from inside the client's error.
fn refused_name(error: &reqwest::Error) -> Option<FetchError> {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = source {
        if let Some(Refused { host, address }) = inner.downcast_ref() {
            return Some(FetchError::Forbidden {
                host: host.clone(),
                address: *address,
            });
        }
        source = inner.source();
    }
    None
}

/// Resolves names, and gives no address of a name of which one is not allowed.
struct CheckedNames(Arc<Networks>);

#[derive(Debug, thiserror::Error)]
#[error("{host} leads to {address}")]
struct Refused {
    host: String,
    address: IpAddr,
}

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let refused = found.iter().find(|found| !networks.allows(found.ip()));
            if let Some(refused) = refused {
                let address = refused.ip();
                return Err(Refused { host, address }.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Answers every request on a loopback port with these bytes.
    async fn server(answer: impl Into<Vec<u8>>) -> Url {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(&answer).await;
            }
        });
        Url::parse(&url).unwrap()
    }

    fn fetcher(networks: &str) -> Fetcher {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Fetcher::new(networks.parse().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_file_of_an_allowed_network() {
        let url = server("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
        let fetcher = fetcher("127.0.0.0/8");
        assert_eq!(fetcher.bytes(&url, 5).await.unwrap(), b"hello");
        let error = fetcher.bytes(&url, 4).await.unwrap_err();
        assert!(
            matches!(error, FetchError::TooLarge { limit: 4, .. }),
            "{error}"
        );
        let folder = tempfile::tempdir().unwrap();
        let fetched = fetcher.file(&url, 5, folder.path()).await.unwrap();
        assert_eq!(fetched.size, 5);
    }

    #[tokio::test]
    async fn a_version_that_is_known_is_not_fetched_again() {
        let url = server("HTTP/1.1 304 Not Modified\r\n\r\n").await;
        let fetcher = fetcher("127.0.0.0/8");
        let known = Validators {
            etag: Some("\"1\"".to_owned()),
            last_modified: None,
        };
        assert_eq!(fetcher.bytes_unless(&url, 9, &known).await.unwrap(), None);
        // Nobody asked whether it changed.
        let error = fetcher.bytes(&url, 9).await.unwrap_err();
        assert!(
            matches!(error, FetchError::Status { status: 304, .. }),
            "{error}"
        );
        let url = server("HTTP/1.1 200 OK\r\netag: \"2\"\r\ncontent-length: 2\r\n\r\nok").await;
        let (bytes, now) = fetcher
            .bytes_unless(&url, 9, &known)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (&bytes[..], now.etag.as_deref()),
            (&b"ok"[..], Some("\"2\""))
        );
    }

    #[tokio::test]
    async fn a_length_that_is_not_announced_is_counted() {
        let url = server("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello").await;
        let error = fetcher("127.0.0.0/8").bytes(&url, 4).await.unwrap_err();
        // The connection stays open, so that the limit is what ends it.
        assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
    }

    #[tokio::test]
    async fn what_is_not_public_is_not_asked() {
        let url = server("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret").await;
        let port = url.port().unwrap();
        let closed = fetcher("");
        for host in [
            "127.0.0.1",
            "localhost",
            "[::1]",
            "0.0.0.0",
            "2130706433",
            "[::ffff:127.0.0.1]",
        ] {
            let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
            let error = closed.bytes(&url, 10).await.unwrap_err();
            assert!(
                matches!(error, FetchError::Forbidden { .. }),
                "{host}: {error}"
            );
        }
        for bad in [
            "file:///etc/passwd",
            "ftp://example.com/",
            "http://a:b@example.com/",
        ] {
            let error = closed
                .bytes(&Url::parse(bad).unwrap(), 10)
                .await
                .unwrap_err();
            assert!(
                matches!(error, FetchError::Address { .. }),
                "{bad}: {error}"
            );
        }
    }

    #[tokio::test]
    async fn redirects_are_checked_and_end() {
        let redirect =
            |to: &str| format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
        let fetcher = fetcher("127.0.0.0/8");
        let inner = server(redirect("http://10.0.0.1/")).await;
        let error = fetcher.bytes(&inner, 10).await.unwrap_err();
        assert!(matches!(error, FetchError::Forbidden { .. }), "{error}");
        let file = server(redirect("file:///etc/passwd")).await;
        let error = fetcher.bytes(&file, 10).await.unwrap_err();
        assert!(matches!(error, FetchError::Address { .. }), "{error}");
        let round = server(redirect("/again")).await;
        let error = fetcher.bytes(&round, 10).await.unwrap_err();
        assert!(matches!(error, FetchError::Redirects { .. }), "{error}");
        let good = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        let there = server(redirect(good.as_str())).await;
        assert_eq!(fetcher.bytes(&there, 10).await.unwrap(), b"ok");
        let missing = server("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
        let error = fetcher.bytes(&missing, 10).await.unwrap_err();
        assert!(
            error.to_string().ends_with("is answered with 404"),
            "{error}"
        );
        assert!(!error.is_passing());
    }
}
