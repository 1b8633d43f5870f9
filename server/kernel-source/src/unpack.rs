//! Undoes compression as a stream, within bounds, and looks ahead without losing what it saw.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use crate::error::OverUnpacked;

/// Bytes looked at to tell what a source is: up to behind the magic of tar (257) and of a boot image
/// (514).
const HEAD: usize = 1024;
/// Memory an xz dictionary may take: `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 96 << 20;
/// Largest zstd window, as a power of two: 128 MiB, what `zstd -d` takes by default.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Undoes whatever compression the first bytes announce; gives never more than `limit` bytes, and an
/// error instead of the next.
///
/// # Errors
/// The first bytes cannot be read, or the decompressor not be set up.
pub fn unpacked<'a>(input: impl Read + 'a, limit: u64) -> io::Result<Box<dyn BufRead + 'a>> {
    Ok(Stream::new(input)?.unpacked(limit)?.all)
}

/// A stream whose first bytes are known.
pub(crate) struct Stream<'a> {
    /// The first bytes, fewer than [`HEAD`] only where there are no more.
    pub head: Vec<u8>,
    /// Everything, the head included.
    pub all: Box<dyn BufRead + 'a>,
}

impl<'a> Stream<'a> {
    /// Reads the first bytes of any reader.
    pub fn new(mut input: impl Read + 'a) -> io::Result<Stream<'a>> {
        let mut head = Vec::new();
        input.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        let all = BufReader::new(Cursor::new(head.clone()).chain(input));
        Ok(Stream {
            head,
            all: Box::new(all),
        })
    }

    /// The unpacked stream, never more than `limit` bytes; the same one when it is not packed.
    pub fn unpacked(self, limit: u64) -> io::Result<Stream<'a>> {
        use kmod::Compression;
        let input = self.all;
        let plain: Box<dyn Read + 'a> = match kmod::compression(&self.head) {
            None => {
                return Ok(Stream {
                    head: self.head,
                    all: input,
                });
            }
            Some(Compression::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
            Some(Compression::Xz) => {
                let flags = liblzma::stream::CONCATENATED;
                let decoder = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, flags)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(input, decoder))
            }
            Some(Compression::Zstd) => {
                let mut decoder = zstd::Decoder::with_buffer(input)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
            Some(Compression::Bzip2) => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        };
        Stream::new(Bounded {
            inner: plain,
            left: limit,
            limit,
        })
    }
}

/// A reader that fails instead of giving more than its limit.
struct Bounded<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other(OverUnpacked { limit: self.limit }))?;
        Ok(count)
    }
}

/// All that is left of a reader, but `None` when that is more than `limit` bytes.
pub(crate) fn read_up_to(input: impl Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    input.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= limit).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_bomb_is_not_unpacked_beyond_the_limit() {
        let zeros = vec![0; 4 << 20];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&zeros).unwrap();
        let packed = gzip.finish().unwrap();
        let stream = Stream::new(&*packed).unwrap().unpacked(1 << 20).unwrap();
        let error = io::copy(&mut { stream.all }, &mut io::sink()).unwrap_err();
        let error = crate::Error::input("x.gz", error).to_string();
        assert_eq!(
            error,
            "x.gz: unpacked bytes are more than the limit of 1048576"
        );
    }

    #[test]
    fn plain_bytes_come_as_they_are() {
        for text in ["", "0x1\ta\tvmlinux\n"] {
            let stream = Stream::new(text.as_bytes()).unwrap();
            let mut all = String::new();
            let mut plain = stream.unpacked(100).unwrap();
            plain.all.read_to_string(&mut all).unwrap();
            assert_eq!(all, text);
        }
    }
}
