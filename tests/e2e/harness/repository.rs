//! A repository as a careful client reads it: every signature, every checksum, every package.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use keyring::Certificate;
use repomd::Record;
use sha2::{Digest as _, Sha256};

use super::http::{Ask, Reply};

/// The small files that change with each generation.
pub const REPOMD: &str = "repodata/repomd.xml";
pub const SIGNATURE: &str = "repodata/repomd.xml.asc";
pub const KEY: &str = "repodata/repomd.xml.key";

/// In which order a client asks for the small files.
pub type Order = [&'static str; 2];
/// zypper's.
pub const SIGNATURE_FIRST: Order = [SIGNATURE, REPOMD];
/// dnf's.
pub const DOCUMENT_FIRST: Order = [REPOMD, SIGNATURE];

/// More than any metadata of ours, unpacked.
const LIMIT: u64 = 1 << 28;

pub struct Repository {
    /// Ends with a slash.
    url: String,
    key: Certificate,
}

/// Why a look was not whole.
#[derive(Debug)]
pub enum Trouble {
    /// Nobody answers, or the connection broke off.
    Down(ureq::Error),
    /// Something a client would refuse.
    Wrong(String),
}

impl Repository {
    /// The repository at an address, signed by the key of an armored text.
    pub fn at(url: &str, armored: &str) -> Repository {
        let keys = Certificate::parse_all(armored.as_bytes()).unwrap();
        let [key] = keys.try_into().unwrap();
        Repository {
            url: url.into(),
            key,
        }
    }

    /// A file, which must be there.
    pub fn file(&self, location: &str) -> Result<Vec<u8>, Trouble> {
        Ok(self.ask("GET", location, "e2e")?.body)
    }

    fn ask(&self, method: &'static str, location: &str, program: &str) -> Result<Reply, Trouble> {
        let ask = Ask::new(method, format!("{}{location}", self.url));
        let reply = ask
            .header("user-agent", program)
            .try_send()
            .map_err(Trouble::Down)?;
        match reply.status {
            200 => Ok(reply),
            status => Err(Trouble::Wrong(format!(
                "{method} {location} answers {status}"
            ))),
        }
    }

    /// Reads all metadata in zypper's order, checks signature and checksums, and sees that each
    /// listed package is there in full size. Returns the names of the packages.
    pub fn look(&self, now: u64) -> Result<Vec<String>, Trouble> {
        self.look_in_order(SIGNATURE_FIRST, now)
    }

    /// The same, the small files asked for in this order.
    pub fn look_in_order(&self, order: Order, now: u64) -> Result<Vec<String>, Trouble> {
        // Each look is another client: one that came before may be served what it began with.
        static LOOKS: AtomicU64 = AtomicU64::new(0);
        let program = format!("careful-client/{}", LOOKS.fetch_add(1, Ordering::Relaxed));
        let mut small = HashMap::new();
        for location in order {
            small.insert(location, self.ask("GET", location, &program)?.body);
        }
        let (repomd, signature) = (&small[REPOMD], &small[SIGNATURE]);
        keyring::verify_detached(repomd, signature, std::slice::from_ref(&self.key), now)
            .map_err(|error| Trouble::Wrong(format!("{REPOMD}: {error}")))?;
        let mut trouble = None;
        let checked = repomd::check(repomd, &mut |location| {
            self.ask("GET", location, &program)
                .map(|reply| reply.body)
                .map_err(|error| {
                    let text = std::io::Error::other(format!("{error:?}"));
                    trouble = Some(error);
                    text
                })
        });
        let checked = match (checked, trouble) {
            (Ok(checked), _) => checked,
            (Err(_), Some(trouble)) => return Err(trouble),
            (Err(error), None) => return Err(Trouble::Wrong(error.to_string())),
        };
        let mut names = Vec::new();
        for package in checked.packages {
            let head = self.ask("HEAD", &package.location, &program)?;
            if head.header("content-length") != package.size.to_string() {
                return Err(Trouble::Wrong(format!(
                    "{} should have {} bytes, not {}",
                    package.location,
                    package.size,
                    head.header("content-length")
                )));
            }
            names.push(package.location);
        }
        Ok(names)
    }

    /// A metadata document, unpacked.
    pub fn document(&self, kind: &str) -> Vec<u8> {
        let repomd = repomd::parse_repomd(&self.file(REPOMD).unwrap()).unwrap();
        let location = &repomd.data(kind).unwrap().location;
        repomd::unpack(location, &self.file(location).unwrap(), LIMIT).unwrap()
    }

    pub fn primary(&self) -> Vec<Record> {
        repomd::parse_primary(&self.document("primary")).unwrap()
    }

    /// Downloads all of it into a folder, packages with their checksums compared.
    pub fn copy_to(&self, folder: &Path) {
        fs::create_dir_all(folder.join("repodata")).unwrap();
        let keep = |location: &str| {
            let bytes = self.file(location).unwrap();
            fs::write(folder.join(location), &bytes).unwrap();
            bytes
        };
        keep(SIGNATURE);
        keep(KEY);
        let repomd = repomd::parse_repomd(&keep(REPOMD)).unwrap();
        for data in &repomd.data {
            keep(&data.location);
        }
        for package in self.primary() {
            let bytes = keep(&package.location);
            assert_eq!(
                hex::encode(Sha256::digest(bytes)),
                package.pkgid,
                "{}",
                package.location
            );
        }
    }
}

/// Seconds since 1970, for the validity of signatures.
#[expect(
    clippy::disallowed_methods,
    reason = "the clients look at this machine's clock, too"
)]
pub fn now() -> u64 {
    time::OffsetDateTime::now_utc()
        .unix_timestamp()
        .cast_unsigned()
}
