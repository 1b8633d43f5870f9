//! Payloads as the compressors may write them, large ones, and ones that ask for too much.

use std::io::Write;

use kmp::{Error, Limits};
use testkit::{Format, ModuleBuilder, RpmBuilder};

use crate::{codes, plain, read, try_read};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn xz(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut out = liblzma::write::XzEncoder::new(Vec::new(), level);
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zstd(bytes: &[u8], window_log: u32) -> Vec<u8> {
    let mut out = zstd::Encoder::new(Vec::new(), 1).unwrap();
    out.window_log(window_log).unwrap();
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn is_sound(package: &kmp::Package) -> bool {
    package.digests.iter().all(kmp::DigestCheck::matches) && package.oddities.is_empty()
}

/// Parallel compressors write many streams.
#[test]
fn several_streams() {
    let halves = |pack: fn(&[u8]) -> Vec<u8>| {
        move |archive: &[u8]| {
            let (front, back) = archive.split_at(archive.len() / 2);
            [pack(front), pack(back)].concat()
        }
    };
    let cases: [(&str, RpmBuilder); 4] = [
        ("gzip", plain().packed_by(halves(gzip))),
        ("bzip2", plain().packed_by(halves(bzip2))),
        ("xz", plain().packed_by(halves(|bytes| xz(bytes, 0)))),
        ("zstd", plain().packed_by(halves(|bytes| zstd(bytes, 20)))),
    ];
    for (compressor, builder) in cases {
        let package = read(
            &builder
                .compressor(compressor)
                .file("/usr/x", vec![1; 9999])
                .build(),
        );
        assert!(is_sound(&package), "{compressor}: {:?}", package.oddities);
    }
}

/// Above 4 MiB a second thread walks the archive; nothing else may change.
#[test]
fn large_payloads() {
    let module = ModuleBuilder::new("acme").imports("printk", 1).build();
    for format in [Format::V3, Format::V4, Format::V4Large, Format::V6] {
        let mut builder = plain().format(format).compressor("zstd");
        for number in 0..5_u8 {
            let path = format!("/lib/modules/6.4.0-1-default/updates/m{number}.ko");
            builder = builder.file(&path, module.clone());
            builder = builder.file(&format!("/usr/data{number}"), vec![number; 2_000_003]);
        }
        let package = read(&builder.build());
        assert!(is_sound(&package), "{format:?}: {:?}", package.oddities);
        assert!(package.archive_size > 10_000_000);
        assert_eq!(package.modules.len(), 5, "{format:?}");
        assert!(package.modules.iter().all(|module| module.module.is_ok()));
    }
}

#[test]
fn a_large_payload_that_breaks_off() {
    let builder = plain().compressor("gzip").file("/usr/x", vec![0; 8 << 20]);
    let bytes = builder
        .packed_by(|archive| gzip(&archive[..archive.len() - 1000]))
        .build();
    let error = try_read(&bytes).unwrap_err();
    assert!(matches!(error, Error::Archive { .. }), "{error}");

    let builder = plain().compressor("gzip").file("/usr/x", vec![0; 8 << 20]);
    let bytes = builder
        .packed_by(|archive| gzip(archive)[..2000].to_vec())
        .build();
    let error = try_read(&bytes).unwrap_err();
    assert!(matches!(error, Error::Truncated { .. }), "{error}");

    let garbage = plain().compressor("none").file("/usr/x", vec![0; 8 << 20]);
    let bytes = garbage
        .packed_by(|archive| archive.replace_at(6, b"zzzz"))
        .build();
    let error = try_read(&bytes).unwrap_err();
    assert!(matches!(error, Error::Archive { at: 14, .. }), "{error}");
}

trait ReplaceAt {
    fn replace_at(&self, at: usize, with: &[u8]) -> Vec<u8>;
}

impl ReplaceAt for [u8] {
    fn replace_at(&self, at: usize, with: &[u8]) -> Vec<u8> {
        let mut copy = self.to_vec();
        copy[at..at + with.len()].copy_from_slice(with);
        copy
    }
}

#[test]
fn what_unpacks_to_too_much() {
    let limits = Limits {
        payload: 1 << 20,
        ..Limits::default()
    };
    let bytes = plain().file("/usr/x", vec![0; 2 << 20]).build();
    let error = kmp::read(&bytes[..], &limits).unwrap_err();
    let what = "unpacked bytes of the payload";
    assert!(matches!(error, Error::OverLimit { what: w, limit: 1_048_576, .. } if w == what));

    // Zeros pack a thousandfold.
    let zeros = plain()
        .compressor("bzip2")
        .file("/usr/x", vec![0; 40 << 20]);
    let bytes = zeros.build();
    let error = try_read(&bytes).unwrap_err();
    assert!(
        error.to_string().contains("for each packed byte"),
        "{error}"
    );
    let generous = Limits {
        ratio: 1_000_000,
        ..Limits::default()
    };
    assert!(is_sound(&kmp::read(&bytes[..], &generous).unwrap()));
}

#[test]
fn what_needs_too_much_memory() {
    let cases = [
        plain().compressor("xz").packed_by(|archive| xz(archive, 9)),
        plain()
            .compressor("zstd")
            .packed_by(|archive| zstd(archive, 26)),
    ];
    let small = Limits {
        decoder_memory: 10 << 20,
        ..Limits::default()
    };
    for builder in cases {
        let bytes = builder.file("/usr/x", vec![0; 1 << 20]).build();
        let error = kmp::read(&bytes[..], &small).unwrap_err();
        assert!(matches!(error, Error::TooMuchMemory { .. }), "{error}");
        assert!(is_sound(&read(&bytes)), "within the usual limit");
    }
}

#[test]
fn a_payload_of_rpm_that_names_no_compressor() {
    // rpm's uncompressed payloads, and those of rpm before 2.5.
    let plain_cpio = plain().compressor("none").file("/usr/x", "x").build();
    assert_eq!(read(&plain_cpio).compressor, "none");
    let old = plain().compressor("gzip").header_tag(1125, None).build();
    assert_eq!(read(&old).compressor, "gzip");
    assert_eq!(codes(&read(&old)), [""; 0]);
}
