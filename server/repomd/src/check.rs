//! Reads a whole repository as a client would, and says what it holds.

use std::collections::HashSet;
use std::io::{self, BufRead};

use crate::compression::Compression;
use crate::digest::{Digesting, require_digest, require_digest_of};
use crate::error::{Error, Result, shortened};
use crate::index::{Data, Repomd, parse_repomd};
use crate::read::{Document, Limits, PackageHead, PackageReader};
use crate::record::Record;

/// The documents that every repository must have.
const DOCUMENTS: [&str; 3] = ["primary", "filelists", "other"];

/// A repository that holds together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What `repomd.xml` says.
    pub repomd: Repomd,
    /// In the order of primary.
    pub packages: Vec<CheckedPackage>,
}

/// What a client needs to fetch one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPackage {
    pub name: String,
    /// `[epoch:]version-release`; an epoch of 0 is left out.
    pub evr: String,
    pub arch: String,
    /// The file's digest, lower-case hex.
    pub pkgid: String,
    /// Relative to the repository's root: no `..`, not absolute, no URL.
    pub location: String,
    /// Bytes of the file.
    pub size: u64,
}

/// [`check_within`] the default limits.
pub fn check(repomd: &[u8], fetch: &mut dyn FnMut(&str) -> io::Result<Vec<u8>>) -> Result<Checked> {
    check_within(&Limits::default(), repomd, fetch)
}

/// Reads the repository behind the bytes of a `repomd.xml`. `fetch` gets a data file's location,
/// relative to the repository's root, and gives its bytes.
///
/// Every data file must have the size and the digests that are said of it, packed and open;
/// primary, filelists and other must be there, be well-formed, and describe the same packages;
/// each package needs a location of its own inside the repository. Signatures and the package
/// files themselves are the caller's part.
pub fn check_within(
    limits: &Limits,
    repomd: &[u8],
    fetch: &mut dyn FnMut(&str) -> io::Result<Vec<u8>>,
) -> Result<Checked> {
    let repomd = parse_repomd(repomd)?;
    let mut packages = Vec::new();
    let mut heads = Vec::new();
    for kind in DOCUMENTS {
        let data = repomd.data(kind).ok_or(Error::NoData { kind })?;
        let packed = fetch_packed(data, fetch)?;
        match kind {
            "primary" => {
                packages = read_primary(data, &packed, limits)?;
                heads = packages.iter().map(|(_, head)| head.clone()).collect();
                heads.sort_unstable();
            }
            _ => compare(kind, &heads, read_heads(data, &packed, limits)?)?,
        }
    }
    for data in repomd
        .data
        .iter()
        .filter(|data| !DOCUMENTS.contains(&data.kind.as_str()))
    {
        check_extra(data, &fetch_packed(data, fetch)?, limits)?;
    }
    let packages = packages.into_iter().map(|(package, _)| package).collect();
    Ok(Checked { repomd, packages })
}

/// A data file's bytes, if they are the ones that `repomd.xml` describes.
fn fetch_packed(
    data: &Data,
    fetch: &mut dyn FnMut(&str) -> io::Result<Vec<u8>>,
) -> Result<Vec<u8>> {
    let location = &data.location;
    require_inside("repomd.xml", location)?;
    let packed = fetch(location).map_err(|source| Error::Fetch {
        location: shortened(location),
        source,
    })?;
    require_size(location, "as it is", data.size, packed.len() as u64)?;
    require_digest_of(location, &data.checksum, &packed)?;
    Ok(packed)
}

fn read_primary(
    data: &Data,
    packed: &[u8],
    limits: &Limits,
) -> Result<Vec<(CheckedPackage, PackageHead)>> {
    let mut packages = Vec::new();
    let mut locations = HashSet::new();
    let document = Document {
        name: "primary",
        root: "metadata",
        limits,
    };
    let end = document.read(open(data, packed, limits)?, &mut |pull, _, number| {
        let reader = PackageReader {
            limits,
            number,
            entries: 0,
        };
        let record = reader.primary(pull, false)?;
        require_inside("primary", &record.location)?;
        if !locations.insert(record.location.clone()) {
            return Err(Error::SameLocation {
                location: shortened(&record.location),
            });
        }
        packages.push(checked_package(record));
        Ok(())
    });
    close(data, end)?;
    Ok(packages)
}

fn checked_package(record: Record) -> (CheckedPackage, PackageHead) {
    let epoch = if record.epoch == 0 {
        String::new()
    } else {
        format!("{}:", record.epoch)
    };
    let head = PackageHead {
        pkgid: record.pkgid,
        name: record.name,
        arch: record.arch,
        epoch: record.epoch,
        version: record.version,
        release: record.release,
    };
    let package = CheckedPackage {
        name: head.name.clone(),
        evr: format!("{epoch}{}-{}", head.version, head.release),
        arch: head.arch.clone(),
        pkgid: head.pkgid.clone(),
        location: record.location,
        size: record.size_package,
    };
    (package, head)
}

/// The packages of filelists or other.
fn read_heads(data: &Data, packed: &[u8], limits: &Limits) -> Result<Vec<PackageHead>> {
    let mut heads = Vec::new();
    let (name, root) = match data.kind.as_str() {
        "filelists" => ("filelists", "filelists"),
        _ => ("other", "otherdata"),
    };
    let document = Document { name, root, limits };
    let end = document.read(open(data, packed, limits)?, &mut |pull, tag, number| {
        let reader = PackageReader {
            limits,
            number,
            entries: 0,
        };
        heads.push(reader.filelists(pull, tag, false)?.package);
        Ok(())
    });
    close(data, end)?;
    Ok(heads)
}

/// Both lists must hold the same packages; `primary` is sorted.
fn compare(document: &str, primary: &[PackageHead], mut found: Vec<PackageHead>) -> Result<()> {
    found.sort_unstable();
    if primary == found {
        return Ok(());
    }
    let first = primary.iter().zip(&found).position(|(a, b)| a != b);
    let first = first.unwrap_or(primary.len().min(found.len()));
    let (package, only_in) = match (primary.get(first), found.get(first)) {
        (Some(a), Some(b)) if b < a => (b, document),
        (Some(a), _) => (a, "primary"),
        (None, Some(b)) => (b, document),
        (None, None) => unreachable!("lists that differ differ somewhere"),
    };
    Err(Error::Differs {
        document: document.to_owned(),
        package: shortened(&format!(
            "{}-{}-{}.{} ({})",
            package.name, package.version, package.release, package.arch, package.pkgid
        )),
        only_in: only_in.to_owned(),
    })
}

/// Checks the unpacked bytes of a document whose content is not ours to judge. Ways of packing
/// that we do not read (sqlite files in bzip2) are left at the packed digest.
fn check_extra(data: &Data, packed: &[u8], limits: &Limits) -> Result<()> {
    let foreign = matches!(
        packed,
        [b'B', b'Z', b'h', ..] | [0xfd, b'7', b'z', b'X', b'Z', ..]
    );
    if foreign || data.open_checksum.is_none() {
        return Ok(());
    }
    let mut reader = open(data, packed, limits)?;
    loop {
        match reader.fill_buf().map(<[u8]>::len) {
            Ok(0) => return close(data, Ok(reader)),
            Ok(length) => reader.consume(length),
            Err(error) => return close(data, Err(Error::reading(&data.location, &error))),
        }
    }
}

type OpenReader<'p> = Digesting<Box<dyn BufRead + 'p>>;

/// A reader of the unpacked bytes that stops where more come than `repomd.xml` or the limits say.
fn open<'p>(data: &Data, packed: &'p [u8], limits: &Limits) -> Result<OpenReader<'p>> {
    let location = &data.location;
    let reader = Compression::of(packed)
        .unpack(packed)
        .map_err(|error| Error::reading(location, &error))?;
    let limit = data.open_size.unwrap_or(u64::MAX).min(limits.open_size);
    let algorithm = data
        .open_checksum
        .as_ref()
        .map_or("sha256", |sum| &sum.algorithm);
    Digesting::new(reader, location, algorithm, limit)
}

/// Compares size and digest of what was read with what was said of it.
fn close(data: &Data, end: Result<OpenReader<'_>>) -> Result<()> {
    let location = &data.location;
    let reader = match (end, data.open_size) {
        // More came than was said: that is the fault to name, not the limit.
        (Err(Error::OpenSize { limit, .. }), Some(expected)) if limit == expected => {
            let (location, what) = (shortened(location), "unpacked, at least");
            return Err(Error::Size {
                location,
                what,
                expected,
                found: expected.saturating_add(1),
            });
        }
        (end, _) => end?,
    };
    require_size(location, "unpacked", data.open_size, reader.bytes())?;
    match &data.open_checksum {
        Some(expected) => require_digest(location, "open digest", expected, reader.finish()),
        None => Ok(()),
    }
}

fn require_size(
    location: &str,
    what: &'static str,
    expected: Option<u64>,
    found: u64,
) -> Result<()> {
    match expected {
        Some(expected) if expected != found => Err(Error::Size {
            location: shortened(location),
            what,
            expected,
            found,
        }),
        _ => Ok(()),
    }
}

/// A location must stay below the repository's root wherever that is: clients drop others as
/// hostile.
fn require_inside(document: &str, location: &str) -> Result<()> {
    let first = location.split('/').next().unwrap_or_default();
    let inside = !location.is_empty()
        && !location.starts_with('/')
        && !first.contains(':')
        && !location.contains(['\\', '\0'])
        && location.split('/').all(|part| part != "..");
    if inside {
        return Ok(());
    }
    Err(Error::Malformed {
        document: document.to_owned(),
        what: "a location",
        found: shortened(location),
        expected: "a path inside the repository",
    })
}
