//! Walks the payload's files: compares them with the header's list, hashes them, reads the modules.

use std::collections::{HashMap, HashSet};

use super::Chunks;
use super::archive::{Archive, Entry};
use crate::digest::{Hasher, RunningCheck, update_each};
use crate::error::ArchiveProblem;
use crate::files::FileList;
use crate::oddities::{Oddities, quoted};
use crate::read::Wanted;
use crate::text::decode;
use crate::{
    DigestCheck, Error, File, Keep, KeptFile, Limits, ModulePath, PackagedCertificate,
    PackagedModule,
};
use sha1::{Digest as _, Sha1};

/// What a walk needs to know.
#[derive(Clone, Copy)]
pub(crate) struct Walk<'a> {
    pub(crate) list: &'a FileList,
    pub(crate) limits: &'a Limits,
    pub(crate) wanted: Wanted,
    /// Makes the digests over the unpacked payload.
    pub(crate) checks: &'a (dyn Fn() -> Vec<RunningCheck> + Sync),
}

/// What was found on it.
#[derive(Default)]
pub(crate) struct Contents {
    /// In the order of the payload.
    pub(crate) modules: Vec<PackagedModule>,
    /// Likewise.
    pub(crate) certificates: Vec<PackagedCertificate>,
    /// Likewise.
    pub(crate) kept: Vec<KeptFile>,
    /// First those over the whole unpacked payload, then one for each file.
    pub(crate) digests: Vec<DigestCheck>,
    /// Unpacked bytes up to the archive's end.
    pub(crate) archive_size: u64,
    pub(crate) oddities: Oddities,
}

impl Walk<'_> {
    /// From the first byte of the archive to the last of the payload.
    pub(crate) fn run(self, chunks: &mut impl Chunks) -> Result<Contents, Error> {
        let mut archive = Archive::new(chunks, self.limits.path_length, (self.checks)());
        let mut state = State::new(self);
        while state.one_file(&mut archive)? {}
        state.hash_the_last();
        let (after, filled) = archive.rest()?;
        if filled {
            let what = format!("{after} bytes follow the end of the archive inside the payload");
            state.oddities.note("bytes-after-archive", || what);
        }
        state.note_missing_files();
        let (position, checks) = archive.finish();
        let mut digests: Vec<_> = checks.into_iter().map(RunningCheck::finish).collect();
        digests.append(&mut state.digests);
        Ok(Contents {
            modules: state.modules,
            certificates: state.certificates,
            kept: state.kept,
            digests,
            archive_size: position - after,
            oddities: state.oddities,
        })
    }
}

/// What is known in the middle of a walk.
struct State<'a> {
    list: &'a FileList,
    limits: &'a Limits,
    by_path: HashMap<&'a str, usize>,
    /// Files that had their turn.
    seen: HashSet<usize>,
    /// Files whose bytes went by, under this or another name.
    hashed: HashSet<usize>,
    entries: usize,
    modules: Vec<PackagedModule>,
    certificates: Vec<PackagedCertificate>,
    wanted: Wanted,
    kept: Vec<KeptFile>,
    /// Empty: what files before this one were read into, for the next.
    buffers: Vec<Vec<u8>>,
    /// A module that waits for another, to be hashed with it.
    unhashed: Option<Unhashed>,
    /// Of all modules so far, see [`Limits::module_facts`].
    facts: u64,
    digests: Vec<DigestCheck>,
    oddities: Oddities,
}

impl<'a> State<'a> {
    fn new(walk: Walk<'a>) -> State<'a> {
        let files = walk.list.files.iter().enumerate();
        State {
            list: walk.list,
            limits: walk.limits,
            by_path: files.map(|(at, file)| (relative(&file.path), at)).collect(),
            seen: HashSet::new(),
            hashed: HashSet::new(),
            entries: 0,
            modules: Vec::new(),
            certificates: Vec::new(),
            wanted: walk.wanted,
            kept: Vec::new(),
            buffers: Vec::new(),
            unhashed: None,
            facts: 0,
            digests: Vec::new(),
            oddities: Oddities::default(),
        }
    }

    /// Takes one file; false behind the last.
    fn one_file<C: Chunks>(&mut self, archive: &mut Archive<'_, C>) -> Result<bool, Error> {
        let (position, size) = match archive.entry()? {
            Entry::Trailer => return Ok(false),
            Entry::Named { name, mode, size } => (self.find(&name, mode, size), size),
            Entry::Listed(position) => {
                let size = self.packed_size(position);
                let size = size.ok_or_else(|| archive.problem(ArchiveProblem::NoSuchFile))?;
                (self.first_time(position), size)
            }
        };
        self.entries += 1;
        if self.entries > self.limits.files {
            let (found, limit) = (self.entries as u64, self.limits.files as u64);
            return Err(Error::OverLimit {
                what: "files in the payload",
                name: Some("files"),
                found,
                limit,
            });
        }
        let file = position.and_then(|at| Some((at, self.list.files.get(at)?)));
        match file {
            Some((position, file)) if file.is_regular() => {
                self.regular(archive, position, file, size)?;
            }
            Some((_, file)) if file.is_symlink() => self.symlink(archive, file, size)?,
            _ => archive.data(size, |_| {})?,
        }
        Ok(true)
    }

    /// The position in the list of a name in the archive, when this is its first time.
    fn find(&mut self, name: &[u8], mode: u64, size: u64) -> Option<usize> {
        let name = decode(name);
        let Some(&position) = self.by_path.get(relative(&name)) else {
            let what = || format!("{} is in the payload but not in the header", quoted(&name));
            self.oddities.note("file-not-listed", what);
            return None;
        };
        let file = self.list.files.get(position)?;
        if u64::from(file.mode) != mode {
            let (listed, path) = (file.mode, quoted(&file.path));
            let what =
                || format!("{path} has mode {mode:o} in the payload, {listed:o} in the header");
            self.oddities.note("file-mode-differs", what);
        }
        if self.packed_size(position) != Some(size) && !self.may_be_empty(position, size) {
            let (listed, path) = (file.size, quoted(&file.path));
            let what = || format!("{path} has {size} bytes in the payload, {listed} in the header");
            self.oddities.note("file-size-differs", what);
        }
        self.first_time(position)
    }

    fn first_time(&mut self, position: usize) -> Option<usize> {
        if self.seen.insert(position) {
            return Some(position);
        }
        if let Some(file) = self.list.files.get(position) {
            self.oddities
                .note("file-packed-twice", || quoted(&file.path));
        }
        None
    }

    /// Bytes that a listed file has in the payload. Of several names for one file only the last
    /// carries the data; directories and devices have none.
    fn packed_size(&self, position: usize) -> Option<u64> {
        let file = self.list.files.get(position)?;
        let names = self.list.names_of(position).unwrap_or_default();
        let elsewhere = names.last().is_some_and(|&last| last != position);
        let has_data = file.is_symlink() || file.is_regular() && !elsewhere;
        Some(if has_data { file.size } else { 0 })
    }

    /// rpm up to 4.5 let another name than the last carry the data.
    fn may_be_empty(&self, position: usize, size: u64) -> bool {
        let listed = self.list.files.get(position).map(|file| file.size);
        self.list.names_of(position).is_some() && (size == 0 || Some(size) == listed)
    }

    fn regular<C: Chunks>(
        &mut self,
        archive: &mut Archive<'_, C>,
        position: usize,
        file: &File,
        size: u64,
    ) -> Result<(), Error> {
        if size == 0 && file.size > 0 && self.list.names_of(position).is_some() {
            return archive.data(size, |_| {});
        }
        let mut check = self.running_check(file);
        let kind = Kind::of(&file.path, self.wanted.keep);
        let mut bytes = kind.map(|_| self.buffers.pop().unwrap_or_default());
        let most = match kind {
            Some(Kind::Module) => self.limits.module.unpacked,
            Some(Kind::Kept) => self.room_for(size)?,
            Some(Kind::Certificate) => self.limits.certificate_bytes,
            None => 0,
        };
        // A module that is read as a whole.
        let later = matches!(kind, Some(Kind::Module)) && size <= UNHASHED_MAX.min(most as u64);
        archive.data(size, |piece| {
            if let Some(check) = check.as_mut().filter(|_| !later) {
                check.update(piece);
            }
            if let Some(bytes) = bytes
                .as_mut()
                .filter(|bytes| bytes.len() + piece.len() <= most)
            {
                grow(bytes, piece.len(), size);
                bytes.extend_from_slice(piece);
            }
        })?;
        if let Some(check) = check.take_if(|_| !later) {
            self.checked(position, check.finish());
        }
        let (Some(kind), Some(bytes)) = (kind, bytes) else {
            return Ok(());
        };
        match kind {
            Kind::Module => self.module(file, size, &bytes)?,
            Kind::Certificate => self.certificate(file, size, &bytes)?,
            Kind::Kept => {
                let path = file.path.clone();
                self.kept.push(KeptFile { path, bytes });
                return Ok(());
            }
        }
        match check {
            Some(check) => self.hash_beside(Unhashed {
                position,
                check,
                bytes,
                done: 0,
            }),
            None => self.reuse(bytes),
        }
        Ok(())
    }

    /// Hashes a module together with the one that waits, as far as both go; one of them may go on
    /// waiting.
    fn hash_beside(&mut self, mut fresh: Unhashed) {
        let Some(mut waiting) = self.unhashed.take() else {
            self.unhashed = Some(fresh);
            return;
        };
        let count = waiting.left().min(fresh.left());
        update_each(
            [&mut waiting, &mut fresh]
                .into_iter()
                .map(|it| it.next(count)),
        );
        for it in [waiting, fresh] {
            match it.left() {
                0 => self.hashed_whole(it),
                _ => self.unhashed = Some(it),
            }
        }
    }

    /// Hashes the module that no other came for.
    fn hash_the_last(&mut self) {
        if let Some(mut last) = self.unhashed.take() {
            let (hasher, bytes) = last.next(last.left());
            hasher.update(bytes);
            self.hashed_whole(last);
        }
    }

    fn hashed_whole(&mut self, it: Unhashed) {
        self.checked(it.position, it.check.finish());
        self.reuse(it.bytes);
    }

    fn reuse(&mut self, mut bytes: Vec<u8>) {
        if bytes.capacity() <= BUFFER_MAX {
            bytes.clear();
            self.buffers.push(bytes);
        }
    }

    /// How many bytes a file to be kept may have; an error when it has more.
    fn room_for(&self, size: u64) -> Result<usize, Error> {
        let kept: usize = self.kept.iter().map(|file| file.bytes.len()).sum();
        let found = size.saturating_add(kept as u64);
        let limit = self.wanted.keep.bytes as u64;
        if found > limit {
            return Err(Error::OverLimit {
                what: "bytes of the files that tell about the package",
                name: None,
                found,
                limit,
            });
        }
        Ok(self.wanted.keep.bytes - kept)
    }

    fn running_check(&self, file: &File) -> Option<RunningCheck> {
        let expected = file.digest.clone()?;
        Some(RunningCheck::new(
            &file.path,
            self.list.algorithm?,
            expected,
        ))
    }

    /// Records a file's digest, and the same bytes under each other name that says something else.
    fn checked(&mut self, position: usize, check: DigestCheck) {
        let names = self.list.names_of(position).unwrap_or_default();
        // The first to carry the data speaks for all: a long list is gone through once.
        let names = if self.hashed.insert(position) {
            names
        } else {
            &[]
        };
        for &other in names.iter().filter(|&&other| other != position) {
            let Some(file) = self.list.files.get(other) else {
                continue;
            };
            if self.hashed.insert(other) && file.digest.as_ref() != Some(&check.expected) {
                let (what, expected) = (file.path.clone(), file.digest.clone().unwrap_or_default());
                self.digests.push(DigestCheck {
                    what,
                    expected,
                    ..check.clone()
                });
            }
        }
        self.digests.push(check);
    }

    fn module(&mut self, file: &File, size: u64, bytes: &[u8]) -> Result<(), Error> {
        if self.modules.len() >= self.limits.modules {
            let limit = self.limits.modules as u64;
            return Err(Error::OverLimit {
                what: "modules",
                name: Some("modules"),
                found: limit + 1,
                limit,
            });
        }
        let most = self.limits.module.unpacked;
        let module = if bytes.len() as u64 == size {
            self.read_module(bytes, &file.path)
        } else {
            Err(format!(
                "the file has {size} bytes, more than the limit of {most} for one module \
                 (`module-bytes`)"
            ))
        };
        let (module, seal) = match module {
            Ok((module, seal)) => (Ok(module), seal),
            Err(why) => (Err(why), None),
        };
        self.facts += module.as_ref().map_or(0, weight);
        if self.facts > self.limits.module_facts {
            let (found, limit) = (self.facts, self.limits.module_facts);
            return Err(Error::OverLimit {
                what: "bytes of what the modules say",
                name: Some("module-facts"),
                found,
                limit,
            });
        }
        self.modules.push(PackagedModule {
            path: file.path.clone(),
            size,
            module,
            seal,
        });
        Ok(())
    }

    fn read_module(
        &self,
        bytes: &[u8],
        path: &str,
    ) -> Result<(kmod::Module, Option<kmod::Seal>), String> {
        let limits = &self.limits.module;
        let read = if self.wanted.seals {
            kmod::Module::read_sealed(bytes, path, limits)
        } else {
            kmod::Module::read(bytes, path, limits).map(|module| (module, None))
        };
        read.map_err(|error| error.to_string())
    }

    fn certificate(&mut self, file: &File, size: u64, bytes: &[u8]) -> Result<(), Error> {
        if self.certificates.len() >= self.limits.certificates {
            let limit = self.limits.certificates as u64;
            return Err(Error::OverLimit {
                what: "certificates",
                name: Some("certificates"),
                found: limit + 1,
                limit,
            });
        }
        let certificate = if bytes.len() as u64 == size {
            kmod::Certificate::read(bytes).map_err(|error| error.to_string())
        } else {
            let most = self.limits.certificate_bytes;
            Err(format!(
                "the file has {size} bytes, more than the limit of {most} for a certificate \
                 (`certificate-bytes`)"
            ))
        };
        self.certificates.push(PackagedCertificate {
            path: file.path.clone(),
            fingerprint: hex::encode_upper(Sha1::digest(bytes)),
            certificate,
        });
        Ok(())
    }

    fn symlink<C: Chunks>(
        &mut self,
        archive: &mut Archive<'_, C>,
        file: &File,
        size: u64,
    ) -> Result<(), Error> {
        let (mut target, most) = (Vec::new(), self.limits.path_length);
        archive.data(size, |piece| {
            target.extend_from_slice(piece.get(..piece.len().min(most)).unwrap_or_default());
            target.truncate(most);
        })?;
        let target = decode(&target);
        let listed = file.link_target.as_deref().unwrap_or_default();
        if target != listed {
            self.oddities.note("link-target-differs", || {
                let (path, listed) = (quoted(&file.path), quoted(listed));
                format!(
                    "{path} leads to {} in the payload, {listed} in the header",
                    quoted(&target)
                )
            });
        }
        Ok(())
    }

    fn note_missing_files(&mut self) {
        for (position, file) in self.list.files.iter().enumerate() {
            if file.is_ghost() {
                continue;
            }
            if !self.seen.contains(&position) {
                self.oddities.note("file-not-packed", || quoted(&file.path));
            } else if self.running_check(file).is_some() && !self.hashed.contains(&position) {
                self.oddities
                    .note("file-without-data", || quoted(&file.path));
            }
        }
    }
}

/// A file whose bytes are read, not only hashed.
#[derive(Clone, Copy)]
enum Kind {
    Module,
    Certificate,
    Kept,
}

/// A module that was read and whose digest is not complete.
struct Unhashed {
    /// In the header's list.
    position: usize,
    check: RunningCheck,
    bytes: Vec<u8>,
    /// How many of them were hashed.
    done: usize,
}

impl Unhashed {
    fn left(&self) -> usize {
        self.bytes.len() - self.done
    }

    /// The next so many bytes to hash.
    fn next(&mut self, count: usize) -> (&mut Hasher, &[u8]) {
        let next = self.done..self.done + count;
        self.done = next.end;
        let bytes = self.bytes.get(next).unwrap_or_default();
        (self.check.hasher(), bytes)
    }
}

/// Bytes of memory that are kept from one file to the next; few modules are larger.
const BUFFER_MAX: usize = 4 << 20;

/// Larger modules are hashed while they come in, so that two of them are never in memory.
const UNHASHED_MAX: u64 = 1 << 20;

/// Makes room for so many bytes more of a file that says it has `size`: by doubling, so that memory
/// grows with what is really there, but not beyond its end.
fn grow(bytes: &mut Vec<u8>, more: usize, size: u64) {
    if bytes.capacity() - bytes.len() < more {
        let missing = usize::try_from(size).map_or(more, |size| size.saturating_sub(bytes.len()));
        bytes.reserve_exact(missing.min(bytes.len()).max(more));
    }
}

/// Where `-ueficert` packages put the certificates of their vendor's modules.
const CERTIFICATES: &str = "/etc/uefi/certs/";

impl Kind {
    fn of(path: &str, keep: Keep) -> Option<Kind> {
        if ModulePath::parse(path).is_some() {
            return Some(Kind::Module);
        }
        if (keep.wanted)(path) {
            return Some(Kind::Kept);
        }
        path.starts_with(CERTIFICATES).then_some(Kind::Certificate)
    }
}

/// Bytes that a module's facts take in memory, roughly.
fn weight(module: &kmod::Module) -> u64 {
    const EACH: u64 = 64;
    let imports = module.imports.iter().map(|import| import.symbol.len());
    let exports = module
        .exports
        .iter()
        .map(|export| export.symbol.len() + export.namespace.as_ref().map_or(0, String::len));
    let modinfo = module
        .modinfo
        .iter()
        .map(|(key, value)| key.len() + value.len());
    imports
        .chain(exports)
        .chain(modinfo)
        .map(|length| length as u64 + EACH)
        .sum()
}

/// Archive names begin with `./`, with nothing (rpm 3, source packages) or, in the header, with `/`.
fn relative(path: &str) -> &str {
    let path = path
        .strip_prefix('.')
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    path.strip_prefix('/').unwrap_or(path)
}
