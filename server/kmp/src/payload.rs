//! The payload: a compressed cpio archive, unpacked and walked in one pass.
//!
//! Two halves meet here. The [`unpack`] half reads and decompresses, the [`walk`] half follows the
//! archive, hashes each file and reads the modules. Small payloads go through both on one thread;
//! for large ones each half has a thread of its own, and so have the digests over the packed bytes,
//! see [`threads`].

mod archive;
mod decoder;
mod threads;
mod unpack;
mod walk;

use std::io::Read;

use decoder::Compressor;
use unpack::Unpacker;
use walk::{Contents, Walk};

use crate::files::FileList;
use crate::header::Header;
use crate::oddities::{Oddities, quoted};
use crate::read::{Wanted, archive_size, expected_size};
use crate::signature::SignatureHeader;
use crate::source::Source;
use crate::text::text;
use crate::{DigestCheck, Error, Limits, expectations, tag};

/// Bytes that are unpacked at once.
const CHUNK: usize = 64 << 10;
/// From this unpacked size on threads pay.
const THREADS_FROM: u64 = 4 << 20;

/// The payload and everything behind it.
pub(crate) struct Payload {
    pub(crate) compressor: &'static str,
    pub(crate) contents: Contents,
    /// Over header and payload, and over the packed payload.
    pub(crate) digests: Vec<DigestCheck>,
    /// Bytes behind the payload.
    trailing: u64,
    /// Of the whole file.
    pub(crate) file_size: u64,
    pub(crate) sha256: [u8; 32],
}

impl Payload {
    /// Reads from the source's position to its end.
    pub(crate) fn read<R: Read>(
        mut source: Source<R>,
        header: &Header,
        list: &FileList,
        signature: &SignatureHeader,
        (limits, wanted): (&Limits, Wanted),
        oddities: &mut Oddities,
    ) -> Result<Payload, Error> {
        let compressor = compressor(&mut source, header, oddities)?;
        let mut unpacker = Unpacker::new(source, compressor, limits)?;
        let checks = &|| expectations::unpacked(header);
        let walk = Walk {
            list,
            limits,
            wanted,
            checks,
        };
        let contents = walk_payload(&mut unpacker, walk, archive_size(signature, header));
        let contents = match contents {
            Err(error) if !error.is_about_content() => return Err(error),
            other => other,
        };
        let mut source = unpacker.into_source();
        let trailing = source.drain()?;
        let (file_size, sha256, digests) = source.finish();
        match contents {
            Ok(contents) => {
                let compressor = compressor.name();
                Ok(Payload {
                    compressor,
                    contents,
                    digests,
                    trailing,
                    file_size,
                    sha256,
                })
            }
            Err(reason) => {
                let expected = expected_size(signature, header);
                Err(reason.explained(file_size, expected, &digests))
            }
        }
    }

    /// Reads it to its end without looking inside.
    pub(crate) fn pass_over<R: Read>(
        mut source: Source<R>,
        header: &Header,
        oddities: &mut Oddities,
    ) -> Result<Payload, Error> {
        let compressor = compressor(&mut source, header, oddities)?.name();
        source.drain()?;
        let (file_size, sha256, digests) = source.finish();
        Ok(Payload {
            compressor,
            contents: Contents::default(),
            digests,
            trailing: 0,
            file_size,
            sha256,
        })
    }

    /// Notes where the sizes that the package gives are not the real ones.
    pub(crate) fn note_odd_sizes(
        &self,
        archive: Option<u64>,
        file: Option<u64>,
        oddities: &mut Oddities,
    ) {
        if self.trailing > 0 {
            let trailing = self.trailing;
            let what = || format!("{trailing} bytes follow the end of the payload");
            oddities.note("trailing-bytes", what);
        }
        let sizes = [
            (
                "archive-size",
                "unpacked payload",
                archive,
                self.contents.archive_size,
            ),
            ("package-size", "file", file, self.file_size - self.trailing),
        ];
        for (code, what, said, found) in sizes {
            if let Some(said) = said.filter(|&said| said != found) {
                oddities.note(code, || {
                    format!("the {what} has {found} bytes, the package says {said}")
                });
            }
        }
    }
}

/// What the payload is packed with: by its first bytes where they tell, else by the header.
fn compressor<R: Read>(
    source: &mut Source<R>,
    header: &Header,
    oddities: &mut Oddities,
) -> Result<Compressor, Error> {
    let format = text(header, tag::PAYLOAD_FORMAT).unwrap_or_else(|| "cpio".to_owned());
    if format != "cpio" {
        return Err(Error::PayloadFormat {
            format: quoted(&format),
        });
    }
    source.fill_to(decoder::MAGIC_SIZE)?;
    let found = Compressor::sniff(source.window());
    // rpm takes gzip for granted, and its gzip reader lets unpacked bytes through.
    let name = text(header, tag::PAYLOAD_COMPRESSOR);
    let named = name.as_deref().map(Compressor::from_name);
    match (found, named) {
        (Some(found), Some(named)) if named != Some(found) => {
            oddities.note("payload-compressor", || {
                let name = quoted(name.as_deref().unwrap_or_default());
                format!(
                    "the payload is packed with {}, the header says {name}",
                    found.name()
                )
            });
            Ok(found)
        }
        (Some(found), _) => Ok(found),
        (None, None) => Ok(Compressor::Gzip),
        (None, Some(named)) => named.ok_or_else(|| Error::UnknownCompressor {
            name: quoted(name.as_deref().unwrap_or_default()),
        }),
    }
}

/// Walks the whole payload. `expected` is the unpacked size as the header gives it.
fn walk_payload<R: Read>(
    unpacker: &mut Unpacker<R>,
    walk: Walk<'_>,
    expected: Option<u64>,
) -> Result<Contents, Error> {
    match expected {
        Some(THREADS_FROM..) => threads::walk(unpacker, walk),
        _ => walk.run(unpacker),
    }
}

/// Where unpacked bytes come from.
trait Chunks {
    /// Fills the chunk, whose length is [`CHUNK`], from its start; gives how many bytes it holds now.
    /// Zero means the end.
    fn next(&mut self, chunk: &mut Vec<u8>) -> Result<usize, Error>;
}

impl<R: Read> Chunks for Unpacker<R> {
    fn next(&mut self, chunk: &mut Vec<u8>) -> Result<usize, Error> {
        self.unpack(chunk)
    }
}
