//! Unpacks a file in memory up to a limit, whatever of the usual formats it has.

use super::Error;
use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};

/// How a file is packed, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// `.xz`.
    Xz,
    /// RFC 8878.
    Zstd,
    /// `.bz2`.
    Bzip2,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Gzip => "gzip",
            Format::Xz => "xz",
            Format::Zstd => "zstd",
            Format::Bzip2 => "bzip2",
        })
    }
}

/// Memory an xz dictionary may take: `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 96 << 20;
/// Largest zstd window, as a power of two: 128 MiB, what `zstd -d` takes by default.
const ZSTD_WINDOW_LOG: u32 = 27;

/// The unpacked bytes; those of a plain file as they are.
///
/// Never holds more than `limit` bytes and what the decompressor needs.
pub(super) fn unpack(bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, Error> {
    let Some(format) = format_of(bytes) else {
        if bytes.len() > limit {
            return Err(Error::TooLarge { limit });
        }
        return Ok(Cow::Borrowed(bytes));
    };
    let unpacked = reader(format, bytes)
        .and_then(|reader| read_up_to(reader, limit))
        .map_err(|error| Error::Unpack {
            format,
            why: error.to_string(),
        })?;
    unpacked.map(Cow::Owned).ok_or(Error::TooLarge { limit })
}

fn format_of(bytes: &[u8]) -> Option<Format> {
    match bytes {
        [0x1f, 0x8b, ..] => Some(Format::Gzip),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Format::Xz),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Format::Zstd),
        [b'B', b'Z', b'h', ..] => Some(Format::Bzip2),
        _ => None,
    }
}

fn reader(format: Format, bytes: &[u8]) -> io::Result<Box<dyn Read + '_>> {
    Ok(match format {
        Format::Gzip => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        Format::Xz => {
            let flags = liblzma::stream::CONCATENATED;
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, flags)
                .map_err(io::Error::other)?;
            Box::new(liblzma::read::XzDecoder::new_stream(bytes, stream))
        }
        Format::Zstd => {
            let mut decoder = zstd::Decoder::new(bytes)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        Format::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(bytes)),
    })
}

/// `None` when there is more than the limit.
fn read_up_to(reader: impl Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut unpacked = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(bound).read_to_end(&mut unpacked)?;
    Ok((unpacked.len() <= limit).then_some(unpacked))
}
