//! Reads a whole repository as a client would, and says what it holds.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead};

use sha2::{Digest as _, Sha256};

use crate::compression::Compression;
use crate::digest::{Digesting, require_digest, require_digest_of};
use crate::error::{Error, Result, shortened};
use crate::index::{Data, Repomd, parse_repomd};
use crate::package_reader::PackageReader;
use crate::read::{Document, Limits, PackageHead};
use crate::record::Record;
use crate::susedata::Support;

/// The documents that every repository must have.
const DOCUMENTS: [&str; 3] = ["primary", "filelists", "other"];
/// What a distributor says of support.
const SUSEDATA: &str = "susedata";

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
    /// What susedata says of it; `None`: nothing.
    pub support: Option<Supported>,
}

/// What a client knows of support for a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supported {
    /// `support_l2` and the like.
    pub keywords: Vec<String>,
    /// SHA-256 of the licence to agree to, lower-case hex; `None`: there is none.
    pub eula: Option<String>,
}

impl Supported {
    /// Of what somebody says.
    #[must_use]
    pub fn of(support: &Support) -> Self {
        let eula = (!support.eula.is_empty()).then(|| hex::encode(Sha256::digest(&support.eula)));
        Self {
            keywords: support.keywords.clone(),
            eula,
        }
    }
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
/// susedata, if it is there, may speak of these only, and once of each; each package needs a location
/// of its own inside the repository. Signatures and the package
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
        let packed = fetch_packed(data, fetch)?;
        match data.kind.as_str() {
            SUSEDATA => add_support(data, &packed, limits, &mut packages)?,
            _ => check_extra(data, &packed, limits)?,
        }
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
    let end =
        Document::primary(limits).read(open(data, packed, limits)?, &mut |pull, _, number| {
            let record = PackageReader::new(limits, number).primary(pull, false)?;
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
        support: None,
    };
    (package, head)
}

/// Adds what susedata says of the packages of primary.
fn add_support(
    data: &Data,
    packed: &[u8],
    limits: &Limits,
    packages: &mut [(CheckedPackage, PackageHead)],
) -> Result<()> {
    let places: HashMap<PackageHead, usize> = packages
        .iter()
        .enumerate()
        .map(|(place, (_, head))| (head.clone(), place))
        .collect();
    let reader = open(data, packed, limits)?;
    let end = Document::susedata(limits).read(reader, &mut |pull, tag, number| {
        let entry = PackageReader::new(limits, number).susedata(pull, tag)?;
        let place = places.get(&entry.package);
        let place = place.ok_or_else(|| only_in(SUSEDATA, &entry.package, SUSEDATA))?;
        let support = &mut packages[*place].0.support;
        if support.is_some() {
            return Err(Error::Twice {
                document: SUSEDATA.to_owned(),
                package: shown(&entry.package),
            });
        }
        *support = Some(Supported::of(&entry.support));
        Ok(())
    });
    close(data, end)
}

/// The packages of filelists or other.
fn read_heads(data: &Data, packed: &[u8], limits: &Limits) -> Result<Vec<PackageHead>> {
    let mut heads = Vec::new();
    let document = match data.kind.as_str() {
        "filelists" => Document::filelists(limits),
        _ => Document::other(limits),
    };
    let end = document.read(open(data, packed, limits)?, &mut |pull, tag, number| {
        let reader = PackageReader::new(limits, number);
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
    Err(self::only_in(document, package, only_in))
}

fn only_in(document: &str, package: &PackageHead, only_in: &str) -> Error {
    Error::Differs {
        document: document.to_owned(),
        package: shown(package),
        only_in: only_in.to_owned(),
    }
}

fn shown(package: &PackageHead) -> String {
    shortened(&format!(
        "{}-{}-{}.{} ({})",
        package.name, package.version, package.release, package.arch, package.pkgid
    ))
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::assemble::{Assembler, Metadata, Options, assemble, assemble_groups};
    use crate::compression::unpack;
    use crate::group::Group;
    use crate::index::Checksum;
    use crate::render::{Rendered, render};

    fn record(name: &str) -> Record {
        Record {
            name: name.into(),
            version: "1".into(),
            release: "2".into(),
            arch: "noarch".into(),
            pkgid: hex::encode(name),
            location: format!("{name}.rpm"),
            size_package: 7,
            ..Record::default()
        }
    }

    fn rendered(names: &[&str]) -> Vec<Rendered> {
        names.iter().map(|name| render(&record(name))).collect()
    }

    fn options(compression: Compression) -> Options {
        Options {
            revision: "1".into(),
            compression,
            ..Options::default()
        }
    }

    fn checked(metadata: &Metadata) -> Result<Checked> {
        let files: HashMap<_, _> = metadata
            .files
            .iter()
            .map(|file| (file.location.as_str(), &file.bytes))
            .collect();
        check(&metadata.repomd, &mut |location| {
            files
                .get(location)
                .map(|bytes| bytes.to_vec())
                .ok_or(io::ErrorKind::NotFound.into())
        })
    }

    /// The metadata with one `repomd.xml` entry changed.
    fn with_data(metadata: &Metadata, kind: &str, change: impl FnOnce(&mut Data)) -> Metadata {
        let mut repomd = parse_repomd(&metadata.repomd).unwrap();
        change(
            repomd
                .data
                .iter_mut()
                .find(|data| data.kind == kind)
                .unwrap(),
        );
        Metadata {
            repomd: repomd.to_xml().into_bytes(),
            ..metadata.clone()
        }
    }

    fn assert_refused(what: &str, metadata: &Metadata, reason: &str) {
        let error = checked(metadata).expect_err(what).to_string();
        assert!(error.contains(reason), "{what}: {error}");
    }

    #[test]
    fn accepts_what_we_write() {
        let packages = rendered(&["b", "a", "c"]);
        for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
            let checked = checked(&assemble(&packages, &options(compression))).unwrap();
            let names: Vec<_> = checked.packages.iter().map(|p| p.name.as_str()).collect();
            assert_eq!(names, ["b", "a", "c"]);
            let a = &checked.packages[1];
            assert_eq!(
                (a.evr.as_str(), a.location.as_str(), a.size),
                ("1-2", "a.rpm", 7)
            );
        }
        let epoch = Record {
            epoch: 3,
            ..record("x")
        };
        let metadata = assemble(&[render(&epoch)], &options(Compression::Gzip));
        assert_eq!(checked(&metadata).unwrap().packages[0].evr, "3:1-2");
    }

    #[test]
    fn refuses_altered_files() {
        let good = assemble(&rendered(&["a", "b"]), &options(Compression::Gzip));
        for (index, kind) in DOCUMENTS.into_iter().enumerate() {
            let mut flipped = good.clone();
            flipped.files[index].bytes[40] ^= 1;
            assert_refused(kind, &flipped, "digest");
            let mut longer = good.clone();
            longer.files[index].bytes.push(0);
            assert_refused(kind, &longer, "as it is");
            let mut missing = good.clone();
            missing.files.remove(index);
            assert_refused(kind, &missing, "cannot be read");
        }
    }

    #[test]
    fn refuses_false_descriptions() {
        let good = assemble(&rendered(&["a", "b"]), &options(Compression::Zstd));
        let sha1 = Checksum {
            algorithm: "sha1".into(),
            value: "00".into(),
        };
        let wrong = Some(Checksum {
            algorithm: "sha256".into(),
            value: "00".into(),
        });
        for kind in DOCUMENTS {
            let change = |change: fn(&mut Data)| with_data(&good, kind, change);
            assert_refused(
                kind,
                &change(|data| data.kind = "x".into()),
                &format!("no `{kind}`"),
            );
            assert_refused(
                kind,
                &change(|data| data.location = "../x".into()),
                "a path inside",
            );
            assert_refused(
                kind,
                &change(|data| data.size = Some(1)),
                "repomd.xml says 1:",
            );
            assert_refused(kind, &change(|data| data.open_size = Some(1)), "at least");
            assert_refused(
                kind,
                &change(|data| data.open_size = Some(1 << 30)),
                "(unpacked)",
            );
            let wrong = with_data(&good, kind, |data| data.open_checksum = wrong.clone());
            assert_refused(kind, &wrong, "open digest");
            let weak = with_data(&good, kind, |data| data.checksum = sha1.clone());
            assert_refused(kind, &weak, "`sha1`");
            let silent = change(|data| {
                (data.size, data.open_size, data.open_checksum) = (None, None, None);
            });
            assert_eq!(checked(&silent).unwrap().packages.len(), 2);
        }
    }

    /// Documents that do not belong together: primary of the first, the others of the second.
    fn mixed(primary: &[&str], others: &[&str]) -> Metadata {
        let (primary, others) = (rendered(primary), rendered(others));
        let mixed: Vec<Rendered> = primary
            .iter()
            .zip(&others)
            .map(|(a, b)| Rendered {
                primary: a.primary.clone(),
                ..b.clone()
            })
            .collect();
        assemble(&mixed, &options(Compression::Gzip))
    }

    #[test]
    fn refuses_documents_that_differ() {
        assert_refused(
            "another",
            &mixed(&["a", "b"], &["a", "c"]),
            "b-1-2.noarch (62) is only in primary",
        );
        assert_refused(
            "foreign",
            &mixed(&["b", "c"], &["a", "c"]),
            "a-1-2.noarch (61) is only in filelists",
        );
        assert_refused(
            "twice",
            &mixed(&["a", "a"], &["a", "a"]),
            "a.rpm for two packages",
        );
        let mut one = rendered(&["a", "b"]);
        one[1].other.clear();
        assert_refused(
            "fewer",
            &assemble(&one, &options(Compression::Gzip)),
            "other announces 2",
        );
        for location in ["", "/a.rpm", "../a.rpm", "x/../../a", "http://x/a", "a\\b"] {
            let record = Record {
                location: location.into(),
                ..record("a")
            };
            let metadata = assemble(&[render(&record)], &options(Compression::Gzip));
            assert!(checked(&metadata).is_err(), "{location}");
        }
    }

    #[test]
    fn refuses_a_bomb() {
        let options = options(Compression::Gzip);
        let mut assembler = Assembler::new(0, &options, &mut |_| Ok(Vec::new())).unwrap();
        let added = assembler.add_document("updateinfo", &[b' '; 1 << 20], Vec::new());
        added.unwrap();
        let bomb: Metadata = assembler.finish().unwrap().into();
        assert!(checked(&bomb).is_ok());
        let lying = with_data(&bomb, "updateinfo", |data| data.open_size = Some(100));
        assert_refused("a lying bomb", &lying, "at least");
        let limits = Limits {
            open_size: 1000,
            ..Limits::default()
        };
        let files = bomb.files.clone();
        let result = check_within(&limits, &bomb.repomd, &mut |location| {
            Ok(files
                .iter()
                .find(|file| file.location == location)
                .unwrap()
                .bytes
                .clone())
        });
        assert!(matches!(result, Err(Error::OpenSize { limit: 1000, .. })));
    }

    #[test]
    fn reads_a_long_document_in_pieces() {
        let names: Vec<String> = (0..2000).map(|number| format!("p{number}")).collect();
        let packages: Vec<_> = names.iter().map(|name| render(&record(name))).collect();
        let metadata = assemble(&packages, &options(Compression::Zstd));
        assert_eq!(checked(&metadata).unwrap().packages.len(), 2000);
        let open = unpack("primary", &metadata.files[0].bytes, 1 << 30).unwrap();
        assert!(open.len() > 1 << 20);
    }

    proptest! {
        #[test]
        fn never_panics_on_damaged_members(
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            document in 0_usize..3,
            zstd in any::<bool>(),
        ) {
            let compression = if zstd { Compression::Zstd } else { Compression::Gzip };
            let packages = rendered(&["a", "b"]);
            let refs: Vec<&Rendered> = packages.iter().collect();
            let mut group = Group::pack(&refs, compression);
            *at.get_mut(group.packed_mut(document)) = byte;
            let options = options(compression);
            // The digest of the packed bytes is right; the damage shows on unpacking, if it does.
            let _ = checked(&assemble_groups([&group], &options));
        }
    }
}
