//! All kernels of a repository, from its primary.xml alone.
//!
//! A package is part of a kernel when its name begins with `kernel`, it is no driver, and it provides
//! symbols or a `kernel-uname-r`. Parts of one kernel share their release; a part that does not name
//! it (SUSE's `-extra`) shares version, architecture and flavor with one that does.
//!
//! A repository may hold hundreds of kernels of 25,000 symbols, so names are kept once and a symbol
//! of a kernel takes eight bytes until its kernel is asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::BufRead;

use kabi::Symvers;
use kmod::Crc;

use crate::rpm::{Provided, is_driver, open_row};
use crate::{Description, Error, Kind, Limits, Part, UNKNOWN_PROVIDER};

/// Reads an unpacked primary.xml as a stream; `place` is for errors.
///
/// # Errors
/// It is not one, it is damaged, or it holds more than `limits` allow.
pub fn read_primary(
    input: impl BufRead,
    place: &str,
    limits: &Limits,
) -> Result<KernelsOfRepository, Error> {
    let mut scan = Scan {
        place,
        limits,
        names: HashMap::new(),
        pairs: 0,
        parts: Vec::new(),
        refused: None,
    };
    let read = repomd::read_primary(input, &repomd::Limits::default(), &mut |record| {
        scan.take(&record).map_err(|error| {
            scan.refused = Some(error);
            // Only stops the reading; what it says is in `refused`.
            repomd::Error::OpenSize {
                document: String::new(),
                limit: 0,
            }
        })
    });
    if let Some(refused) = scan.refused {
        return Err(refused);
    }
    read.map_err(|source| Error::Metadata {
        place: place.to_owned(),
        source: Box::new(source),
    })?;
    scan.finish()
}

/// The kernels of a repository, each made when it is asked for. Ordered by release, architecture and
/// version.
#[derive(Debug)]
pub struct KernelsOfRepository {
    names: Vec<Box<str>>,
    kernels: std::vec::IntoIter<Vec<Piece>>,
}

/// What one package tells.
#[derive(Debug)]
struct Piece {
    part: Part,
    release: Option<String>,
    arch: Option<&'static str>,
    flavor: Option<String>,
    symsets: usize,
    /// Number of the name, CRC.
    symbols: Vec<(u32, u32)>,
}

struct Scan<'a> {
    place: &'a str,
    limits: &'a Limits,
    names: HashMap<Box<str>, u32>,
    pairs: usize,
    parts: Vec<Piece>,
    refused: Option<Error>,
}

impl Scan<'_> {
    fn take(&mut self, record: &repomd::Record) -> Result<(), Error> {
        if !record.name.starts_with("kernel") || is_driver(&record.name) {
            return Ok(());
        }
        let mut provided = Provided::default();
        let mut flavors = BTreeSet::new();
        for told in &record.provides {
            let dependency = kmp::Dependency {
                name: told.name.clone(),
                flags: told.flags,
                version: without_epoch(&told.version),
            };
            provided.take(&dependency, &mut flavors);
        }
        let location = format!("{}: {}", self.place, record.location);
        let provided = provided.settle(flavors, &location)?;
        if provided.symbols.is_empty() && provided.release.is_none() && provided.symsets == 0 {
            return Ok(());
        }
        self.pairs += provided.symbols.len();
        self.hold("symbols of all kernels", self.pairs, self.limits.provides)?;
        let symbols = provided.symbols;
        let symbols: Vec<(u32, u32)> = symbols
            .into_iter()
            .map(|(name, crc)| (self.number(name), crc.0))
            .collect();
        let build = format!("{}-{}", record.version, record.release);
        let epoch = match record.epoch {
            0 => String::new(),
            epoch => format!("{epoch}:"),
        };
        self.parts.push(Piece {
            part: Part {
                kind: Kind::Primary,
                name: record.name.clone(),
                label: format!("{}-{epoch}{build}.{}", record.name, record.arch),
                build: Some(format!("{epoch}{build}")),
                sha256: sha256(&record.pkgid),
                symbols: symbols.len(),
                modules: 0,
            },
            release: provided.release,
            arch: kabi::arch::rpm_name(&record.arch),
            flavor: provided.flavor,
            symsets: provided.symsets,
            symbols,
        });
        self.hold(
            "packages of kernels",
            self.parts.len(),
            PARTS * self.limits.kernels,
        )
    }

    fn number(&mut self, name: String) -> u32 {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        *self.names.entry(name.into_boxed_str()).or_insert(next)
    }

    fn finish(mut self) -> Result<KernelsOfRepository, Error> {
        name_releases(&mut self.parts);
        let mut kernels: BTreeMap<_, Vec<Piece>> = BTreeMap::new();
        for piece in std::mem::take(&mut self.parts) {
            let key = (
                piece.release.clone(),
                piece.arch,
                piece.part.build.clone(),
                piece.flavor.clone().filter(|_| piece.release.is_none()),
            );
            kernels.entry(key).or_default().push(piece);
        }
        // Headers and documentation name a release, too.
        kernels.retain(|_, pieces| {
            pieces
                .iter()
                .any(|p| !p.symbols.is_empty() || p.symsets > 0)
        });
        self.hold("kernels", kernels.len(), self.limits.kernels)?;
        let mut names = vec![Box::from(""); self.names.len()];
        for (name, number) in self.names {
            names[number as usize] = name;
        }
        let kernels = Vec::from_iter(kernels.into_values()).into_iter();
        Ok(KernelsOfRepository { names, kernels })
    }

    fn hold(&self, what: &'static str, found: usize, limit: usize) -> Result<(), Error> {
        match found > limit {
            true => Err(Error::TooLarge {
                place: self.place.to_owned(),
                what,
                limit: limit as u64,
            }),
            false => Ok(()),
        }
    }
}

/// Packages that one kernel is made of, at most: with all debug and devel packages some twenty.
const PARTS: usize = 64;

/// Gives parts without a release that of the part they were built with.
fn name_releases(parts: &mut [Piece]) {
    let key = |piece: &Piece| {
        let build = piece.part.build.clone();
        (build, piece.arch, piece.flavor.clone())
    };
    let mut named: HashMap<_, Option<String>> = HashMap::new();
    for piece in parts.iter().filter(|piece| piece.release.is_some()) {
        let release = named
            .entry(key(piece))
            .or_insert_with(|| piece.release.clone());
        if *release != piece.release {
            // Two kernels of one build: it is not known to which the part belongs.
            *release = None;
        }
    }
    for piece in parts.iter_mut().filter(|piece| piece.release.is_none()) {
        piece.release = named.get(&key(piece)).cloned().flatten();
    }
}

impl Iterator for KernelsOfRepository {
    type Item = Result<Description, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let pieces = self.kernels.next()?;
        Some(self.describe(pieces))
    }
}

impl KernelsOfRepository {
    /// How many are left.
    #[must_use]
    pub fn count_left(&self) -> usize {
        self.kernels.len()
    }

    fn describe(&self, pieces: Vec<Piece>) -> Result<Description, Error> {
        let mut kernel = Description::default();
        for piece in pieces {
            let place = piece.part.label.clone();
            let mut part = Description {
                arch: piece.arch.map(str::to_owned),
                flavor: piece.flavor,
                symsets: piece.symsets,
                parts: vec![piece.part],
                ..Description::default()
            };
            part.symvers = Symvers {
                rows: piece
                    .symbols
                    .iter()
                    .map(|&(name, crc)| {
                        open_row(&self.names[name as usize], Crc(crc), UNKNOWN_PROVIDER)
                    })
                    .collect(),
            };
            if let Some(release) = &piece.release {
                part.called(release);
            }
            kernel
                .add(part)
                .map_err(|source| Error::Contradictions { place, source })?;
        }
        Ok(kernel)
    }
}

/// Metadata writes an epoch of zero before everything.
fn without_epoch(version: &str) -> String {
    version.strip_prefix("0:").unwrap_or(version).to_owned()
}

fn sha256(pkgid: &str) -> Option<[u8; 32]> {
    hex::decode(pkgid).ok()?.try_into().ok()
}
