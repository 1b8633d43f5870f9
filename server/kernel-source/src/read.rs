//! Tells by the first bytes what a source is, and reads it.

use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::unpack::{Stream, read_up_to};
use crate::{
    Description, Error, KernelsOfRepository, Kind, Limits, Part, Tree, boot_image, deb, location,
    primary, rpm, tar,
};

/// What a source tells of.
#[derive(Debug)]
pub enum Found {
    /// The kernels of a file or package; never empty.
    Kernels(Vec<Description>),
    /// Those of a whole repository, made one by one. The SHA-256 is that of the metadata.
    Repository(KernelsOfRepository),
}

/// Reads a source from its first byte to its last. `name` is its file's name or path, which tells of
/// bare symvers files what they do not tell themselves; what a source is, its first bytes tell.
///
/// # Errors
/// See [`Error`]; each names the place, what was found there and what to do.
pub fn read(input: impl Read, name: &str, limits: &Limits) -> Result<Found, Error> {
    let mut hash = Hashing {
        inner: input,
        hash: Sha256::new(),
    };
    let mut found = read_kind(&mut hash, name, limits)?;
    if let Found::Kernels(kernels) = &mut found {
        // A reader that has seen enough leaves the rest.
        io::copy(&mut hash, &mut io::sink()).map_err(|source| Error::input(name, source))?;
        let sha256: [u8; 32] = hash.hash.finalize().into();
        for part in kernels.iter_mut().flat_map(|kernel| &mut kernel.parts) {
            part.sha256 = Some(sha256);
        }
    }
    Ok(found)
}

fn read_kind(input: &mut dyn Read, name: &str, limits: &Limits) -> Result<Found, Error> {
    let wrap = |source| Error::input(name, source);
    let mut packed = Stream::new(input).map_err(wrap)?;
    if rpm::begins(&packed.head) {
        return rpm::read(&mut packed.all, name, limits).map(Found::Kernels);
    }
    if deb::begins(&packed.head) {
        return deb::read(&mut packed.all, name, limits).map(Found::Kernels);
    }
    let mut stream = packed.unpacked(limits.unpacked).map_err(wrap)?;
    let head = stream.head.clone();
    if is_xml(&head) {
        return primary::read_primary(stream.all, name, limits).map(Found::Repository);
    }
    let kind = if tar::begins(&head) || is_module(&head) {
        Kind::Modules
    } else if head.starts_with(b"\x7fELF") || boot_image::begins(&head) {
        Kind::Image
    } else if is_text(&head) {
        Kind::Symvers
    } else {
        return Err(Error::UnknownKind {
            place: name.to_owned(),
        });
    };
    let mut tree = Tree::new(name, limits);
    match kind {
        Kind::Modules if tar::begins(&head) => tree.add_archive(&mut stream.all, name)?,
        Kind::Modules => tree.add(&in_form(name, "module.ko", ".ko"), &mut stream.all)?,
        Kind::Image => tree.add("vmlinux", &mut stream.all)?,
        _ => return symvers(&mut stream.all, name, limits),
    }
    let found = tree.finish(&part(kind, name))?;
    if found.is_empty() {
        return Err(Error::NoKernel {
            place: name.to_owned(),
        });
    }
    Ok(Found::Kernels(found))
}

fn symvers(input: &mut dyn Read, name: &str, limits: &Limits) -> Result<Found, Error> {
    let place = || name.to_owned();
    let bytes = read_up_to(input, limits.symvers).map_err(|source| Error::input(name, source))?;
    let bytes = bytes.ok_or_else(|| Error::TooLarge {
        place: place(),
        what: "bytes of a symvers file",
        limit: limits.symvers as u64,
    })?;
    let symvers =
        kabi::symvers::parse_within(&bytes, &limits.symvers_content).map_err(|source| {
            Error::Symvers {
                place: place(),
                source,
            }
        })?;
    let told = location::read(Path::new(name));
    let arch = told.arch.as_deref().and_then(kabi::arch::rpm_name);
    let kernel = Description {
        arch: arch.map(str::to_owned),
        release: told.release,
        flavor: told.flavor,
        parts: vec![Part {
            symbols: symvers.rows.len(),
            ..part(Kind::Symvers, name)
        }],
        symvers,
        is_whole: true,
        ..Description::default()
    };
    Ok(Found::Kernels(vec![kernel]))
}

fn part(kind: Kind, name: &str) -> Part {
    let file = name.rsplit('/').next().unwrap_or(name);
    Part {
        kind,
        name: file.to_owned(),
        build: None,
        label: file.to_owned(),
        sha256: None,
        symbols: 0,
        modules: 0,
    }
}

/// A name that says what the bytes have been found to be.
fn in_form(name: &str, otherwise: &str, suffix: &str) -> String {
    match name.contains(suffix) {
        true => name.to_owned(),
        false => otherwise.to_owned(),
    }
}

fn is_xml(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    text.trim_ascii_start().starts_with(b"<")
}

/// A relocatable ELF file: the type stands behind the 16 bytes of `e_ident`.
fn is_module(head: &[u8]) -> bool {
    const ET_REL: u8 = 1;
    head.starts_with(b"\x7fELF") && matches!(head.get(16..18), Some([ET_REL, 0] | [0, ET_REL]))
}

/// What a symvers file may begin with; what is wrong in it, its own reader says best.
fn is_text(head: &[u8]) -> bool {
    head.iter()
        .all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace())
}

/// Hashes what goes by.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.hash.update(&out[..count]);
        Ok(count)
    }
}
