//! Packing and unpacking of data files. A data file is a sequence of members (gzip members, zstd
//! frames), each of which unpacks alone; every client reads the sequence as one stream.

use std::io::{self, BufRead, BufReader, Read, Write};

use flate2::bufread::MultiGzDecoder;
use flate2::{Compression as GzipLevel, GzBuilder};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, shortened};

/// gzip's own default: smaller costs 2.5 times the time for 4 % less.
const GZIP_LEVEL: u32 = 6;
/// Half the size of gzip's at the same time: dependency lists repeat far apart.
const ZSTD_LEVEL: i32 = 9;
/// The largest zstd window that is accepted from others, as a power of two: 128 MiB, the limit of
/// the zstd program.
const ZSTD_WINDOW_LOG: u32 = 27;
/// "Unknown" in the gzip header, so that the bytes do not depend on the machine.
const GZIP_OS_UNKNOWN: u8 = 255;

/// How data files are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// Read by every client that ever was.
    #[default]
    Gzip,
    /// Half the size; not read by SLE 12 and EL 7.
    Zstd,
    /// Not packed at all.
    None,
}

impl Compression {
    /// What a file's name ends with, dot included.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
            Self::None => "",
        }
    }

    /// Packs `open` into one member. The same bytes always give the same member.
    pub fn pack(self, open: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip => gzip(open),
            Self::Zstd => zstd::bulk::compress(open, ZSTD_LEVEL)
                .expect("compressing memory into memory does no I/O and the level is valid"),
            Self::None => open.to_vec(),
        }
    }

    /// The compression that the first bytes announce.
    pub(crate) fn of(packed: &[u8]) -> Self {
        match packed {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// A reader of all members as one stream. Memory stays bounded by the window; the caller
    /// bounds the length.
    pub(crate) fn unpack<'a>(self, packed: &'a [u8]) -> io::Result<Box<dyn BufRead + 'a>> {
        Ok(match self {
            Self::Gzip => Box::new(BufReader::new(MultiGzDecoder::new(packed))),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(BufReader::new(decoder))
            }
            Self::None => Box::new(packed),
        })
    }
}

fn gzip(open: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .operating_system(GZIP_OS_UNKNOWN)
        .write(Vec::new(), GzipLevel::new(GZIP_LEVEL));
    encoder
        .write_all(open)
        .and_then(|()| encoder.finish())
        .expect("writing into memory cannot fail")
}

/// Unpacks a whole data file, of whatever compression its first bytes announce, but never to more
/// than `limit` bytes. `location` is for errors.
pub fn unpack(location: &str, packed: &[u8], limit: u64) -> Result<Vec<u8>> {
    let reading = |error| Error::reading(location, &error);
    let mut bytes = Vec::new();
    let reader = Compression::of(packed).unpack(packed).map_err(reading)?;
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(reading)?;
    if bytes.len() as u64 > limit {
        return Err(Error::OpenSize {
            document: shortened(location),
            limit,
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_read_as_one_stream() {
        for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
            let mut packed = Vec::new();
            let mut open = Vec::new();
            for member in ["<a>\n", "", "<b/>\n", "</a>\n"] {
                packed.extend(compression.pack(member.as_bytes()));
                open.extend(member.as_bytes());
            }
            assert_eq!(Compression::of(&packed), compression);
            assert_eq!(unpack("x", &packed, 1000).unwrap(), open, "{compression:?}");
        }
    }

    #[test]
    fn packing_is_reproducible_and_names_no_time_nor_machine() {
        let packed = Compression::Gzip.pack(b"x");
        assert_eq!(packed, Compression::Gzip.pack(b"x"));
        assert_eq!(packed[4..8], [0; 4], "modification time");
        assert_eq!(packed[9], GZIP_OS_UNKNOWN);
    }

    #[test]
    fn a_bomb_is_not_unpacked_beyond_the_limit() {
        let zeros = vec![0; 1 << 20];
        for compression in [Compression::Gzip, Compression::Zstd] {
            let packed = compression.pack(&zeros);
            assert!(packed.len() < 2000);
            let error = unpack("bomb.gz", &packed, 1000).unwrap_err();
            assert!(
                matches!(error, Error::OpenSize { limit: 1000, .. }),
                "{error}"
            );
        }
    }
}
