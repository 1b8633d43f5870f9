//! A digest that does not match is told, and nothing else is made of it.

use kmp::{Error, Package};
use testkit::{Format, RpmBuilder};

use crate::{ALL_FORMATS, plain, read, try_read};

fn differing(package: &Package) -> Vec<String> {
    let bad = package.digests.iter().filter(|check| !check.matches());
    bad.map(|check| format!("{} {}", check.what, check.algorithm))
        .collect()
}

fn position(bytes: &[u8], text: &str) -> usize {
    bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes())
        .expect("is there")
}

#[test]
fn a_changed_header() {
    let cases = [
        (Format::V3, vec!["header+payload md5"]),
        (
            Format::V4,
            vec!["header sha1", "header sha256", "header+payload md5"],
        ),
        (Format::V6, vec!["header sha256", "header sha3-256"]),
    ];
    for (format, expected) in cases {
        let mut bytes = plain()
            .summary("UNIQUE")
            .format(format)
            .file("/x", "x")
            .build();
        let at = position(&bytes, "UNIQUE");
        bytes[at] = b'u';
        assert_eq!(differing(&read(&bytes)), expected, "{format:?}");
    }
}

#[test]
fn a_changed_payload() {
    let file_sha256 = "/usr/x sha256";
    let cases = [
        (Format::V3, vec!["header+payload md5", "/usr/x md5"]),
        (
            Format::V4,
            vec!["header+payload md5", "payload sha256", file_sha256],
        ),
        (
            Format::V6,
            vec![
                "payload sha256",
                "payload sha512",
                "payload sha3-256",
                file_sha256,
            ],
        ),
    ];
    for (format, expected) in cases {
        let builder = plain()
            .format(format)
            .compressor("none")
            .file("/usr/x", "CONTENT");
        let mut bytes = builder.build();
        let at = position(&bytes, "CONTENT");
        bytes[at] = b'c';
        assert_eq!(differing(&read(&bytes)), expected, "{format:?}");
    }
}

/// The digest over the unpacked payload is an alternative: rpm does not look at it where the other holds.
#[test]
fn the_alternative_counts_where_it_stands_alone() {
    const PACKED: u32 = 5092;
    const UNPACKED: u32 = 5097;
    let wrong = || Some(testkit::Value::strings(["00"]));
    let builder = || plain().format(Format::V4).file("/usr/x", "CONTENT");
    let beside = builder().header_tag(UNPACKED, wrong()).build();
    assert_eq!(differing(&read(&beside)), [""; 0]);
    let alone = builder()
        .header_tag(PACKED, None)
        .header_tag(UNPACKED, wrong())
        .build();
    assert_eq!(differing(&read(&alone)), ["payload-unpacked sha256"]);
    let good = builder().header_tag(PACKED, None).build();
    let good = read(&good);
    assert_eq!(differing(&good), [""; 0]);
    assert!(
        good.digests
            .iter()
            .any(|check| check.what == "payload-unpacked")
    );
}

/// Whoever can rebuild the package can make all other digests right.
#[test]
fn a_swapped_file_alone() {
    for format in ALL_FORMATS {
        let package = read(
            &plain()
                .format(format)
                .swapped_file("/usr/x", "good", "evil")
                .build(),
        );
        assert_eq!(differing(&package).len(), 1, "{format:?}");
        assert!(differing(&package)[0].starts_with("/usr/x "), "{format:?}");
    }
}

#[test]
fn a_second_name_with_another_digest() {
    let builder = plain()
        .file("/usr/one", "same")
        .hardlink("/usr/two", "/usr/one");
    let digests = testkit::Value::strings(["00", hex::encode(sha256(b"same")).as_str()]);
    let package = read(&builder.header_tag(1035, Some(digests)).build());
    assert_eq!(differing(&package), ["/usr/one sha256"]);
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).to_vec()
}

/// A payload that cannot be unpacked any more is an error, which says since when.
#[test]
fn a_payload_broken_on_its_way() {
    for compressor in ["gzip", "bzip2", "xz", "zstd", "lzma"] {
        let builder: RpmBuilder = plain().compressor(compressor).file("/usr/x", noise());
        let mut bytes = builder.build();
        let at = bytes.len() - 3000;
        for byte in &mut bytes[at..at + 64] {
            *byte ^= 0x55;
        }
        let error = match try_read(&bytes) {
            Err(error) => error,
            // LZMA has no check of its own.
            Ok(package) => {
                assert!(!differing(&package).is_empty(), "{compressor}");
                continue;
            }
        };
        assert!(
            matches!(error, Error::Damaged { .. }),
            "{compressor}: {error}"
        );
        let text = error.to_string();
        assert!(
            text.contains("changed after it was built"),
            "{compressor}: {text}"
        );
    }
}

/// Bytes that do not pack.
fn noise() -> Vec<u8> {
    let mut state = 1_u32;
    let next = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    next.take(10_000).collect()
}
