//! Packed modules (`.ko.gz`, `.ko.xz`, `.ko.zst`, `.ko.bz2`): told by magic, never by name.
//!
//! Output is counted while it is made, so a bomb costs no more than the limit.

use std::{
    borrow::Cow,
    io::{self, Read},
};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use liblzma::{read::XzDecoder, stream::Stream};
use zstd::stream::read::Decoder as ZstdDecoder;

use crate::{Compression, Error, Limits};

/// First bytes of each packed form; plain ELF matches none.
const MAGICS: [(&[u8], Compression); 4] = [
    (b"\x1f\x8b", Compression::Gzip),
    (b"\xfd7zXZ\0", Compression::Xz),
    (b"\x28\xb5\x2f\xfd", Compression::Zstd),
    (b"BZh", Compression::Bzip2),
];

/// Bytes of output that are never held against the ratio.
const RATIO_FREE: usize = 1 << 20;

/// Bounds of what zstd takes as the logarithm of its window.
const ZSTD_WINDOW_LOG: std::ops::RangeInclusive<u32> = 10..=31;

/// The unpacked bytes of a module file: `bytes` themselves unless they are packed.
///
/// # Errors
/// [`Error::BadCompression`] when the packed data is damaged or cut short, [`Error::TooLarge`] when
/// it unpacks to more than the limits allow (plain bytes are measured, too).
pub fn unpack<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, Error> {
    match compression(bytes) {
        None if bytes.len() > limits.unpacked => Err(too_many_bytes(limits.unpacked)),
        None => Ok(Cow::Borrowed(bytes)),
        Some(format) => inflate(bytes, format, limits).map(Cow::Owned),
    }
}

/// How a file is packed, told by its first bytes. `None`: not packed in a way we know.
pub fn compression(bytes: &[u8]) -> Option<Compression> {
    MAGICS
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map(|(_, format)| *format)
}

fn inflate(bytes: &[u8], format: Compression, limits: &Limits) -> Result<Vec<u8>, Error> {
    let bad = |err: io::Error| Error::BadCompression {
        format,
        reason: err.to_string(),
    };
    let by_ratio = bytes.len().saturating_mul(limits.ratio).max(RATIO_FREE);
    let most = limits.unpacked.min(by_ratio);

    let mut unpacked = Vec::new();
    let one_too_many = most as u64 + 1;
    decoder(bytes, format, limits)
        .map_err(bad)?
        .take(one_too_many)
        .read_to_end(&mut unpacked)
        .map_err(bad)?;
    if unpacked.len() <= most {
        Ok(unpacked)
    } else if most == limits.unpacked {
        Err(too_many_bytes(most))
    } else {
        Err(Error::TooLarge {
            what: "unpacked bytes per packed byte",
            limit: limits.ratio as u64,
            name: Some("module-ratio"),
        })
    }
}

fn decoder<'a>(
    bytes: &'a [u8],
    format: Compression,
    limits: &Limits,
) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match format {
        Compression::Gzip => Box::new(MultiGzDecoder::new(bytes)),
        Compression::Xz => {
            let stream =
                Stream::new_stream_decoder(limits.decoder_memory, liblzma::stream::CONCATENATED)?;
            Box::new(XzDecoder::new_stream(bytes, stream))
        }
        Compression::Zstd => {
            let mut decoder = ZstdDecoder::with_buffer(bytes)?;
            let window = limits.decoder_memory.max(1).ilog2();
            let (least, most) = ZSTD_WINDOW_LOG.into_inner();
            decoder.window_log_max(window.clamp(least, most))?;
            Box::new(decoder)
        }
        Compression::Bzip2 => Box::new(MultiBzDecoder::new(bytes)),
    })
}

fn too_many_bytes(limit: usize) -> Error {
    Error::TooLarge {
        what: "unpacked bytes",
        limit: limit as u64,
        name: Some("module-bytes"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use crate::{Module, testing::acme};

    use super::*;

    const ALL: [Compression; 4] = [
        Compression::Gzip,
        Compression::Xz,
        Compression::Zstd,
        Compression::Bzip2,
    ];

    fn pack(bytes: &[u8], format: Compression) -> Vec<u8> {
        match format {
            Compression::Gzip => {
                let mut out =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                out.write_all(bytes).unwrap();
                out.finish().unwrap()
            }
            Compression::Xz => {
                let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
                out.write_all(bytes).unwrap();
                out.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
            Compression::Bzip2 => {
                let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                out.write_all(bytes).unwrap();
                out.finish().unwrap()
            }
        }
    }

    #[test]
    fn plain_bytes_are_not_copied() {
        let bytes = acme().build();
        assert!(matches!(
            unpack(&bytes, &Limits::default()),
            Ok(Cow::Borrowed(_))
        ));
    }

    #[test]
    fn every_packed_form_reads_like_the_plain_one() {
        let bytes = acme().imports("printk", 1).build();
        let plain = Module::read(&bytes, "acme_net.ko", &Limits::default()).unwrap();
        for format in ALL {
            let packed = pack(&bytes, format);
            assert_eq!(compression(&packed), Some(format));
            let read = Module::read(&packed, "acme_net.ko", &Limits::default());
            assert_eq!(read.as_ref(), Ok(&plain), "{format}");
        }
    }

    #[test]
    fn parts_that_follow_each_other_are_one_file() {
        let bytes = acme().build();
        let (front, back) = bytes.split_at(1000);
        for format in ALL {
            let packed = [pack(front, format), pack(back, format)].concat();
            assert_eq!(
                unpack(&packed, &Limits::default()).unwrap(),
                bytes,
                "{format}"
            );
        }
    }

    #[test]
    fn damage_is_an_error() {
        let bytes = acme().build();
        for format in ALL {
            let packed = pack(&bytes, format);
            let cut = packed.get(..packed.len() / 2).unwrap();
            let error = unpack(cut, &Limits::default()).unwrap_err();
            assert!(
                matches!(error, Error::BadCompression { .. }),
                "{format}: {error}"
            );
        }
    }

    #[test]
    fn a_bomb_goes_off_at_the_limit() {
        let zeros = vec![0; 8 << 20];
        let small = Limits {
            unpacked: 4 << 20,
            ..Limits::default()
        };
        for format in ALL {
            let packed = pack(&zeros, format);
            let by_size = unpack(
                &packed,
                &Limits {
                    ratio: usize::MAX,
                    ..small
                },
            );
            assert_eq!(by_size, Err(too_many_bytes(4 << 20)), "{format}");
            let by_ratio = unpack(
                &packed,
                &Limits {
                    ratio: 50,
                    ..Limits::default()
                },
            );
            let what = "unpacked bytes per packed byte";
            assert_eq!(
                by_ratio,
                Err(Error::TooLarge {
                    what,
                    limit: 50,
                    name: Some("module-ratio"),
                }),
                "{format}"
            );
        }
        assert_eq!(unpack(&zeros, &small), Err(too_many_bytes(4 << 20)));
    }

    #[test]
    fn a_small_file_of_zeros_is_no_bomb() {
        let zeros = vec![0; 1 << 20];
        for format in ALL {
            let packed = pack(&zeros, format);
            let limits = Limits {
                ratio: 1,
                ..Limits::default()
            };
            assert_eq!(
                unpack(&packed, &limits).unwrap().len(),
                zeros.len(),
                "{format}"
            );
        }
    }
}
