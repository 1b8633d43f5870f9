//! Debian packages of a kernel: `linux-headers-*`, `linux-image-*`, `linux-modules-*`.
//!
//! ```text
//! package = "!<arch>" LF member*                     ; an ar archive, deb(5)
//! member  = name(16) mtime(12) uid(6) gid(6) mode(8) size(10) "`" LF data [ LF ]
//! ```
//! The members are `debian-binary`, `control.tar.*` and `data.tar.*`, in this order.

use std::io::{BufReader, Read};

use crate::unpack::{Stream, read_up_to};
use crate::{Description, Error, Kind, Limits, Part, Tree, tar};

/// First bytes of an ar archive.
const MAGIC: &[u8] = b"!<arch>\n";
const HEADER: usize = 60;

/// Does one begin with these bytes?
pub(crate) fn begins(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// Fields of the control file.
#[derive(Default)]
struct Control {
    package: String,
    version: String,
    architecture: String,
}

/// Reads a package; `place` is the file's name.
pub(crate) fn read(
    input: &mut dyn Read,
    place: &str,
    limits: &Limits,
) -> Result<Vec<Description>, Error> {
    let mut archive = Ar {
        input,
        place,
        at: 0,
    };
    archive.exact(&mut [0; MAGIC.len()])?;
    let (mut control, mut tree) = (None, Tree::new(place, limits));
    while let Some((name, size)) = archive.member()? {
        let mut data = BufReader::new((&mut *archive.input).take(size));
        if name.starts_with("control.tar") {
            control = Some(read_control(&mut data, place, limits)?);
        } else if name.starts_with("data.tar") {
            let mut data = unpacked(&mut data, place, limits)?;
            tree.add_archive(&mut data, place)?;
        }
        let left = data.into_inner();
        let unread = left.limit();
        archive.pass(size, unread)?;
    }
    let Some(control) = control else {
        return Err(archive.broken("it has no control.tar member, so it is no Debian package"));
    };
    described(tree, &control, place)
}

fn described(tree: Tree<'_>, control: &Control, place: &str) -> Result<Vec<Description>, Error> {
    let part = Part {
        kind: Kind::Deb,
        name: control.package.clone(),
        build: Some(control.version.clone()),
        label: format!(
            "{}_{}_{}",
            control.package, control.version, control.architecture
        ),
        sha256: None,
        symbols: 0,
        modules: 0,
    };
    let mut found = tree.finish(&part)?;
    for kernel in &mut found {
        if kernel.arch.is_none() {
            kernel.arch = kabi::arch::rpm_name(&control.architecture).map(str::to_owned);
        }
    }
    match found.is_empty() {
        true => Err(Error::NoKernel {
            place: place.to_owned(),
        }),
        false => Ok(found),
    }
}

fn read_control(input: &mut dyn Read, place: &str, limits: &Limits) -> Result<Control, Error> {
    let mut text = Vec::new();
    let mut input = unpacked(input, place, limits)?;
    tar::walk(&mut input, place, limits, &mut |path, _, data| {
        if path.trim_start_matches("./") == "control" {
            let read = read_up_to(data, limits.text);
            let read = read.map_err(|source| Error::input(place, source))?;
            text = read.ok_or_else(|| Error::TooLarge {
                place: place.to_owned(),
                what: "bytes of the control file",
                limit: limits.text as u64,
            })?;
        }
        Ok(())
    })?;
    let text = String::from_utf8_lossy(&text);
    let field = |name: &str| {
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_default().trim().to_owned()
    };
    Ok(Control {
        package: field("Package"),
        version: field("Version"),
        architecture: field("Architecture"),
    })
}

fn unpacked<'a>(
    input: &'a mut dyn Read,
    place: &str,
    limits: &Limits,
) -> Result<Box<dyn Read + 'a>, Error> {
    let stream = Stream::new(input).and_then(|stream| stream.unpacked(limits.unpacked));
    let stream = stream.map_err(|source| Error::input(place, source))?;
    Ok(Box::new(stream.all))
}

struct Ar<'a> {
    input: &'a mut dyn Read,
    place: &'a str,
    at: u64,
}

impl Ar<'_> {
    /// Name and size of the next member; `None` at the end.
    fn member(&mut self) -> Result<Option<(String, u64)>, Error> {
        let mut header = [0; HEADER];
        let first = self.input.read(&mut header[..1]);
        if first.map_err(|source| Error::input(self.place, source))? == 0 {
            return Ok(None);
        }
        self.at += 1;
        self.exact(&mut header[1..])?;
        if &header[58..] != b"`\n" {
            return Err(self.broken("a member does not end its header as ar does"));
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let size = text(&header[48..58]).parse();
        let size = size.map_err(|_| self.broken("the size of a member is no number"))?;
        let name = text(&header[..16]);
        Ok(Some((name.trim_end_matches('/').to_owned(), size)))
    }

    /// Goes behind a member of which some bytes were not read.
    fn pass(&mut self, size: u64, unread: u64) -> Result<(), Error> {
        let mut rest = (&mut *self.input).take(unread);
        let skipped = std::io::copy(&mut rest, &mut std::io::sink());
        let skipped = skipped.map_err(|source| Error::input(self.place, source))?;
        self.at += size - unread + skipped;
        if skipped < unread {
            return Err(self.broken("a member is cut short"));
        }
        if size % 2 == 1 {
            // The padding behind the last member may be missing.
            let padding = self.input.read(&mut [0]);
            self.at += padding.map_err(|source| Error::input(self.place, source))? as u64;
        }
        Ok(())
    }

    fn exact(&mut self, out: &mut [u8]) -> Result<(), Error> {
        match self.input.read_exact(out) {
            Ok(()) => {
                self.at += out.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(self.broken("it is cut short"))
            }
            Err(source) => Err(Error::input(self.place, source)),
        }
    }

    fn broken(&self, why: &'static str) -> Error {
        Error::Archive {
            place: self.place.to_owned(),
            format: "Debian",
            at: self.at,
            why,
        }
    }
}
