//! `kmp-portal repo verify`: the portal's self-check for any repository in a folder, and the
//! packages themselves. Whether they may be trusted is not said: only that they are the ones listed.

use super::find;
use super::folder::{KEY, REPOMD, SIGNATURE, read_file};
use super::parallel::in_parallel;
use super::place::{Place, Reader};
use anyhow::Context as _;
use clap::Args;
use keyring::Certificate;
use repomd::CheckedPackage;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Bytes of a package that are hashed at once.
const CHUNK: usize = 1 << 17;

#[derive(Args, Clone, Debug)]
pub struct Verify {
    /// Folder or URL of the repository: the one that holds `repodata`
    #[arg(value_name = "DIR|URL")]
    pub place: Place,
    /// Public OpenPGP key that must have signed the repository; without it the repository's own
    /// repomd.xml.key is taken, which proves nothing of its origin
    #[arg(long, value_name = "KEY.asc")]
    pub key: Option<PathBuf>,
    /// Do not look at the packages themselves
    #[arg(long)]
    pub metadata_only: bool,
}

/// What is to be said of a repository.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Packages that the metadata lists.
    pub packages: usize,
    /// What is wrong, each with the file it is about.
    pub faults: Vec<String>,
    /// What is not wrong but should be known.
    pub notes: Vec<String>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults.len() {
            0 => write!(f, "{} packages, everything holds", self.packages),
            faults => write!(f, "{} packages, {faults} faults", self.packages),
        }
    }
}

/// Checks the repository at the time `now`, seconds since 1970.
///
/// # Errors
/// It cannot be checked: there is no `repomd.xml`, or the given key cannot be read.
pub fn verify(order: &Verify, now: u64) -> anyhow::Result<Verdict> {
    let reader = Reader::open(&order.place)?;
    let repomd = reader
        .metadata(REPOMD)
        .with_context(|| format!("{REPOMD} of {reader}"))?;
    let mut verdict = Verdict::default();
    verify_signature(order, &reader, &repomd, now, &mut verdict)?;
    let fetch = &mut |location: &str| reader.metadata(location);
    match repomd::check(&repomd, fetch) {
        Ok(checked) => {
            verdict.packages = checked.packages.len();
            if order.metadata_only {
                verdict.notes.push("the packages were not looked at".into());
            } else {
                verify_packages(&reader, &checked.packages, &mut verdict)?;
            }
        }
        Err(why) => {
            verdict.faults.push(format!("{}: {why}", find::REPODATA));
            let note =
                "the packages were not checked: what the metadata says of them cannot be read";
            verdict.notes.push(note.into());
        }
    }
    Ok(verdict)
}

fn verify_signature(
    order: &Verify,
    reader: &Reader,
    repomd: &[u8],
    now: u64,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let given = match &order.key {
        Some(path) => Some(given_key(path)?),
        None => None,
    };
    let signature = match reader.metadata(SIGNATURE) {
        Ok(signature) => signature,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match given {
                Some(_) => verdict.faults.push(format!(
                    "{SIGNATURE}: it is missing, the repository is not signed"
                )),
                None => verdict.notes.push("the repository is not signed".into()),
            }
            return Ok(());
        }
        Err(error) => {
            verdict.faults.push(format!("{SIGNATURE}: {error}"));
            return Ok(());
        }
    };
    let is_given = given.is_some();
    let Some(keys) = given.or_else(|| own_key(reader, verdict)) else {
        return Ok(());
    };
    match keyring::verify_detached(repomd, &signature, &keys, now) {
        Ok(fingerprint) if is_given => verdict
            .notes
            .push(format!("signed by {fingerprint}, the key that was given")),
        Ok(fingerprint) => verdict.notes.push(format!(
            "signed by {fingerprint}, which was trusted because {KEY} of the repository itself \
             names it: this proves nothing of its origin; compare the fingerprint, or give --key"
        )),
        Err(why) => verdict.faults.push(format!("{SIGNATURE}: {why}")),
    }
    Ok(())
}

fn given_key(path: &Path) -> anyhow::Result<Vec<Certificate>> {
    let bytes = read_file(path).with_context(|| path.display().to_string())?;
    Certificate::parse_all(&bytes).with_context(|| path.display().to_string())
}

/// The key that the repository brings along; when there is none to use, the verdict says so.
fn own_key(reader: &Reader, verdict: &mut Verdict) -> Option<Vec<Certificate>> {
    match reader.metadata(KEY) {
        Ok(bytes) => match Certificate::parse_all(&bytes) {
            Ok(keys) => return Some(keys),
            Err(why) => verdict.faults.push(format!("{KEY}: {why}")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => verdict.notes.push(
            "the repository is signed, and there is no key to check it with: give --key".into(),
        ),
        Err(error) => verdict.faults.push(format!("{KEY}: {error}")),
    }
    None
}

fn verify_packages(
    reader: &Reader,
    packages: &[CheckedPackage],
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let results = in_parallel("checking", packages, |package| {
        verify_package(reader, package)
    });
    for (package, result) in packages.iter().zip(results) {
        if let Err(why) = result {
            verdict
                .faults
                .push(format!("{}: {why:#}", package.location));
        }
    }
    let Some(root) = reader.folder() else {
        return Ok(());
    };
    let listed: HashSet<&str> = packages.iter().map(|p| p.location.as_str()).collect();
    let unlisted = find::packages(root)?.packages;
    for found in unlisted
        .iter()
        .filter(|found| !listed.contains(found.location.as_str()))
    {
        let note = format!("{} is not in the repository's metadata", found.location);
        verdict.notes.push(note);
    }
    Ok(())
}

fn verify_package(reader: &Reader, package: &CheckedPackage) -> anyhow::Result<()> {
    let file = reader.package(&package.location, package.size)?;
    // The length of the text tells the algorithm; they cannot be confused.
    let (algorithm, found) = match package.pkgid.len() {
        64 => ("SHA-256", digest::<Sha256>(file)?),
        96 => ("SHA-384", digest::<Sha384>(file)?),
        128 => ("SHA-512", digest::<Sha512>(file)?),
        _ => anyhow::bail!(
            "the metadata gives it the checksum {}, of a kind that is not trusted any more; build \
             the repository anew",
            package.pkgid
        ),
    };
    anyhow::ensure!(
        found == package.pkgid,
        "its {algorithm} is {found} where the metadata says {}: its bytes were altered",
        package.pkgid
    );
    Ok(())
}

fn digest<D: Digest>(mut file: File) -> io::Result<String> {
    let mut hasher = D::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hex::encode(hasher.finalize())),
            Ok(length) => hasher.update(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
