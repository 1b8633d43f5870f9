//! Walks a tar archive as a stream.
//!
//! ```text
//! archive = *( header data padding ) two blocks of zeros
//! header  = name(100) mode(8) uid(8) gid(8) size(12) mtime(12) checksum(8) type(1) link(100)
//!           "ustar"(6) version(2) … prefix(155)                           ; 512 bytes
//! ```
//! Long names come as a pseudo-file before their entry: type `L` (GNU) or `x` with `path=` (POSIX).
//! Numbers are octal text, or binary when the first bit is set (GNU). Reading is our own because
//! names and counts have to stay within [`Limits`] whatever the archive says.

use std::io::Read;

use crate::{Error, Limits};

const BLOCK: usize = 512;
/// Where `ustar` stands in a header.
const MAGIC_AT: usize = 257;
/// Most bytes of a pseudo-file: a path with the attributes that POSIX writes beside it.
const EXTENSION: u64 = 64 << 10;

/// Does an archive begin with these bytes?
pub(crate) fn begins(head: &[u8]) -> bool {
    head.get(MAGIC_AT..)
        .is_some_and(|rest| rest.starts_with(b"ustar"))
}

/// Takes a regular file's path, its size and a reader over its data.
pub(crate) type Each<'e> = dyn FnMut(&str, u64, &mut dyn Read) -> Result<(), Error> + 'e;

/// Calls `each` for every regular file. What it does not read is passed over.
pub(crate) fn walk(
    input: &mut dyn Read,
    place: &str,
    limits: &Limits,
    each: &mut Each<'_>,
) -> Result<(), Error> {
    let mut archive = Archive {
        input,
        place,
        at: 0,
    };
    let mut long_path = None;
    let mut entries = 0;
    while let Some(header) = archive.header()? {
        entries += 1;
        if entries > limits.files {
            return Err(archive.too_large("files in the archive", limits.files as u64));
        }
        match header.kind {
            b'L' => {
                let name = archive.extension(header.size)?;
                long_path = Some(text(&name));
            }
            b'x' => long_path = posix_path(&archive.extension(header.size)?).or(long_path),
            b'0' | 0 | b'7' => {
                let path = long_path.take().unwrap_or(header.path);
                if path.len() > limits.path_length {
                    return Err(archive.too_large("bytes of a path", limits.path_length as u64));
                }
                archive.file(&path, header.size, each)?;
            }
            _ => {
                long_path = None;
                archive.skip(header.size)?;
            }
        }
    }
    Ok(())
}

struct Header {
    path: String,
    size: u64,
    kind: u8,
}

struct Archive<'a> {
    input: &'a mut dyn Read,
    place: &'a str,
    /// Bytes read so far.
    at: u64,
}

impl Archive<'_> {
    /// The next header; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>, Error> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.input.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(self.broken("a header is cut short")),
                Ok(count) => filled += count,
                Err(source) => return Err(Error::input(self.place, source)),
            }
        }
        self.at += BLOCK as u64;
        if block.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        if !has_right_sum(&block) {
            return Err(self.broken("the checksum of a header is wrong"));
        }
        let size = number(&block[124..136]).ok_or_else(|| self.broken("a size is no number"))?;
        let name = field(&block[..100]);
        let path = match field(&block[345..500]) {
            prefix if !prefix.is_empty() && &block[MAGIC_AT..MAGIC_AT + 6] == b"ustar\0" => {
                format!("{}/{}", text(prefix), text(name))
            }
            _ => text(name),
        };
        Ok(Some(Header {
            path,
            size,
            kind: block[156],
        }))
    }

    fn file(&mut self, path: &str, size: u64, each: &mut Each<'_>) -> Result<(), Error> {
        let mut data = (&mut *self.input).take(size);
        each(path, size, &mut data)?;
        let left = data.limit();
        self.at += size - left;
        self.skip_bytes(left)?;
        self.padding(size)
    }

    fn skip(&mut self, size: u64) -> Result<(), Error> {
        self.skip_bytes(size)?;
        self.padding(size)
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, Error> {
        if size > EXTENSION {
            return Err(self.too_large("bytes of a long name", EXTENSION));
        }
        let mut bytes = Vec::new();
        let mut data = (&mut *self.input).take(size);
        let read = data.read_to_end(&mut bytes);
        read.map_err(|source| Error::input(self.place, source))?;
        if (bytes.len() as u64) < size {
            return Err(self.broken("a long name is cut short"));
        }
        self.at += size;
        self.padding(size)?;
        Ok(bytes)
    }

    fn padding(&mut self, size: u64) -> Result<(), Error> {
        self.skip_bytes(size.next_multiple_of(BLOCK as u64) - size)
    }

    fn skip_bytes(&mut self, count: u64) -> Result<(), Error> {
        let mut rest = (&mut *self.input).take(count);
        let skipped = std::io::copy(&mut rest, &mut std::io::sink());
        let skipped = skipped.map_err(|source| Error::input(self.place, source))?;
        self.at += skipped;
        match skipped == count {
            true => Ok(()),
            false => Err(self.broken("a file in it is cut short")),
        }
    }

    fn broken(&self, why: &'static str) -> Error {
        Error::Archive {
            place: self.place.to_owned(),
            format: "tar",
            at: self.at,
            why,
        }
    }

    fn too_large(&self, what: &'static str, limit: u64) -> Error {
        Error::TooLarge {
            place: self.place.to_owned(),
            what,
            limit,
        }
    }
}

/// The sum of all bytes, its own field counted as blanks.
fn has_right_sum(block: &[u8; BLOCK]) -> bool {
    let field = 148..156;
    let sum: u64 = block
        .iter()
        .enumerate()
        .map(|(at, &byte)| u64::from(if field.contains(&at) { b' ' } else { byte }))
        .sum();
    number(&block[field]) == Some(sum)
}

/// Up to the first zero.
fn field(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&byte| byte == 0);
    &bytes[..end.unwrap_or(bytes.len())]
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(field(bytes)).into_owned()
}

/// Sizes beyond this are taken for damage; it keeps sums far from overflowing.
const LARGEST: u64 = 1 << 50;

fn number(field: &[u8]) -> Option<u64> {
    let value = match field {
        [first, rest @ ..] if first & 0x80 != 0 => {
            let start = u64::from(first & 0x7f);
            rest.iter().try_fold(start, |sum: u64, &byte| {
                Some(sum.checked_mul(256)? | u64::from(byte))
            })?
        }
        _ => {
            let text = std::str::from_utf8(field).ok()?;
            let digits = text.trim_matches(['\0', ' ']);
            match digits {
                "" => 0,
                digits if digits.starts_with('+') => return None,
                digits => u64::from_str_radix(digits, 8).ok()?,
            }
        }
    };
    (value <= LARGEST).then_some(value)
}

/// The value of `path` in `LENGTH KEY=VALUE LF` records.
fn posix_path(records: &[u8]) -> Option<String> {
    let mut rest = records;
    while let Some(blank) = rest.iter().position(|&byte| byte == b' ') {
        let length: usize = std::str::from_utf8(&rest[..blank]).ok()?.parse().ok()?;
        let record = rest.get(blank + 1..length.checked_sub(1)?)?;
        if let Some(path) = record.strip_prefix(b"path=") {
            return Some(text(path));
        }
        rest = rest.get(length..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::process::Command;

    fn names(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let mut found = Vec::new();
        let limits = Limits::default();
        walk(&mut &*archive, "x.tar", &limits, &mut |path, _, data| {
            let mut bytes = Vec::new();
            // Every other file is left unread.
            if found.len() % 2 == 0 {
                data.read_to_end(&mut bytes).unwrap();
            }
            found.push((path.to_owned(), bytes));
            Ok(())
        })?;
        Ok(found)
    }

    fn packed(format: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let long = "d".repeat(90);
        let deep = folder.path().join("a").join(&long).join(&long);
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("first.ko"), "one").unwrap();
        fs::write(folder.path().join("a/second"), vec![7; 513]).unwrap();
        fs::write(folder.path().join("a/third"), "three").unwrap();
        std::os::unix::fs::symlink("second", folder.path().join("a/link")).unwrap();
        let output = Command::new("tar")
            .args(["--create", "--sort=name", "--format", format, "a"])
            .current_dir(folder.path())
            .output()
            .expect("tar is needed: apt-get install tar");
        assert!(output.status.success());
        output.stdout
    }

    #[test]
    fn archives_of_the_real_tar() {
        for format in ["gnu", "ustar", "posix", "oldgnu"] {
            let long = "d".repeat(90);
            let found = names(&packed(format)).unwrap();
            let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
            let deep = format!("a/{long}/{long}/first.ko");
            assert_eq!(paths, [deep.as_str(), "a/second", "a/third"], "{format}");
            assert_eq!(found[0].1, b"one");
            assert_eq!(found[2].1, b"three");
        }
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let whole = packed("gnu");
        let error = names(&whole[..700]).unwrap_err().to_string();
        assert!(
            error.contains("x.tar is not a sound tar archive at byte"),
            "{error}"
        );
        let mut torn = whole.clone();
        torn[3] ^= 1;
        let error = names(&torn).unwrap_err().to_string();
        assert!(error.contains("checksum"), "{error}");
    }

    proptest! {
        #[test]
        fn any_damage_is_survived(at in 0_usize..4096, byte: u8, length in 0_usize..6000) {
            let mut bytes = packed("posix");
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(length);
            let _ = names(&bytes);
        }

        #[test]
        fn numbers_are_survived(field in proptest::collection::vec(any::<u8>(), 0..12)) {
            let _ = number(&field);
            let _ = posix_path(&field);
        }
    }
}
