//! What cannot be read on is refused, with a sentence.

use kmp::{EntryProblem, Error, Limits, Part};
use testkit::{Format, RpmBuilder, Value};

use crate::{COMPRESSORS, full, plain, try_read};

fn error(package: &[u8]) -> Error {
    match try_read(package) {
        Err(error) => error,
        Ok(package) => panic!("{} was read", package.nevra()),
    }
}

#[test]
fn other_files() {
    let cases: [&[u8]; 5] = [
        b"",
        b"\x7fELF",
        b"PK\x03\x04",
        b"x",
        b"\xed\xab\xee\xdc rest",
    ];
    for bytes in cases {
        assert!(matches!(error(bytes), Error::NotAnRpm { .. }), "{bytes:?}");
    }
    assert!(matches!(
        error(b"\xed\xab"),
        Error::Truncated {
            part: Part::Lead,
            at: 2,
            ..
        }
    ));
}

#[test]
fn cut_short_anywhere() {
    for compressor in COMPRESSORS {
        let bytes = full(Format::V4, compressor).build();
        for length in (4..bytes.len()).step_by(97) {
            let error = error(&bytes[..length]);
            let Error::Truncated { at, .. } = error else {
                panic!("{compressor}, {length} of {} bytes: {error}", bytes.len());
            };
            assert_eq!(at, length as u64);
        }
    }
}

#[test]
fn what_was_expected_is_told() {
    let bytes = full(Format::V4, "xz").build();
    let text = error(&bytes[..bytes.len() - 1]).to_string();
    let (found, expected) = (bytes.len() - 1, bytes.len());
    assert!(text.contains(&format!("ends at byte {found}")), "{text}");
    assert!(
        text.contains(&format!("{expected} bytes would be whole")),
        "{text}"
    );
}

/// Patches four bytes of the main header: of its intro, or of an index entry.
fn patched(offset: usize, value: u32) -> Vec<u8> {
    let mut bytes = plain().file("/x", "x").build();
    let start = crate::read(&bytes).header_start as usize + offset;
    bytes[start..start + 4].copy_from_slice(&value.to_be_bytes());
    bytes
}

/// Offset of an index entry's field (tag, type, offset, count) from the header's start.
fn field(entry: usize, field: usize) -> usize {
    16 + 16 * entry + 4 * field
}

#[test]
fn broken_headers() {
    let (tag, kind, offset, count) = (0, 1, 2, 3);
    // The region, then tags 100, 1000, 1001, 1002, 1004, 1005, 1006 (a number) …
    let cases = [
        (field(0, count), 15, EntryProblem::Region),
        (field(0, offset), 0, EntryProblem::Region),
        (field(0, kind), 4, EntryProblem::Region),
        (field(2, kind), 0, EntryProblem::UnknownType),
        (field(2, kind), 10, EntryProblem::UnknownType),
        (field(2, count), 0, EntryProblem::Empty),
        (field(2, count), 2, EntryProblem::ManyStrings),
        (field(2, offset), 0, EntryProblem::Overlap),
        (field(2, offset), u32::MAX, EntryProblem::OutOfBounds),
        (field(2, tag), 1001, EntryProblem::Duplicate),
        (field(7, count), u32::MAX, EntryProblem::OutOfBounds),
    ];
    for (at, value, expected) in cases {
        match error(&patched(at, value)) {
            Error::HeaderEntry {
                part: Part::Header,
                problem,
                ..
            } => {
                assert_eq!(problem, expected, "{value} at {at}");
            }
            other => panic!("{value} at {at}: {other}"),
        }
    }
    assert!(matches!(
        error(&patched(0, 0)),
        Error::HeaderMagic {
            part: Part::Header,
            ..
        }
    ));
    assert!(matches!(
        error(&patched(4, 1)),
        Error::HeaderMagic {
            part: Part::Header,
            ..
        }
    ));
}

#[test]
fn unaligned_numbers() {
    let epoch = Value::Raw(4, 1, vec![0, 0, 0, 1]);
    let builder = plain()
        .header_tag(1003, Some(epoch))
        .header_tag(1002, Some(Value::string("1")));
    let error = error(&builder.build());
    let problem = EntryProblem::Unaligned;
    assert!(matches!(error, Error::HeaderEntry { problem: p, tag: 1003, .. } if p == problem));
}

#[test]
fn claims_of_size_are_limited_before_memory_is_taken() {
    let cases = [
        (8, "index entries of a header"),
        (12, "bytes of a header's data"),
    ];
    for (at, expected) in cases {
        let error = error(&patched(at, u32::MAX));
        assert!(
            matches!(error, Error::OverLimit { what, .. } if what == expected),
            "{error}"
        );
    }
}

#[test]
fn limits() {
    let default = Limits::default();
    let cases = [
        (
            "bytes of the file",
            Limits {
                file_size: 1000,
                ..default
            },
        ),
        (
            "index entries of a header",
            Limits {
                header_entries: 10,
                ..default
            },
        ),
        (
            "bytes of a header's data",
            Limits {
                header_bytes: 500,
                ..default
            },
        ),
        (
            "dependencies",
            Limits {
                dependencies: 5,
                ..default
            },
        ),
        (
            "entries of the change log",
            Limits {
                changelog_entries: 1,
                ..default
            },
        ),
        (
            "files",
            Limits {
                files: 5,
                ..default
            },
        ),
        (
            "bytes of a path",
            Limits {
                path_length: 20,
                ..default
            },
        ),
        (
            "folders within folders in a path",
            Limits {
                path_depth: 2,
                ..default
            },
        ),
        (
            "bytes of what the modules say",
            Limits {
                module_facts: 100,
                ..default
            },
        ),
        (
            "modules",
            Limits {
                modules: 0,
                ..default
            },
        ),
    ];
    for (expected, limits) in cases {
        for format in [Format::V3, Format::V4, Format::V6] {
            let bytes = full(format, "gzip").build();
            let error = kmp::read(&bytes[..], &limits).expect_err(expected);
            assert!(error.limit().is_some(), "{error}");
            let Error::OverLimit { what, .. } = error else {
                panic!("{expected}: {error}")
            };
            assert_eq!(what, expected);
        }
    }
}

#[test]
fn few_directories_cannot_make_many_long_paths() {
    let deep = format!("/{}", "d/".repeat(1000));
    let files = (0..100).fold(plain(), |builder, at| {
        builder.file(&format!("{deep}{at}"), "")
    });
    let limits = Limits {
        header_bytes: 32 << 10,
        path_depth: 2000,
        ..Limits::default()
    };
    let error = kmp::read(&files.build()[..], &limits).unwrap_err();
    assert!(
        matches!(
            error,
            Error::OverLimit {
                what: "bytes of all paths",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn more_files_packed_than_listed() {
    let stowaways = (0..10).fold(plain(), |builder, at| {
        builder.stowaway(&format!("/x{at}"), "")
    });
    let limits = Limits {
        files: 5,
        ..Limits::default()
    };
    let error = kmp::read(&stowaways.build()[..], &limits).unwrap_err();
    assert!(
        matches!(
            error,
            Error::OverLimit {
                what: "files in the payload",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn counts_are_looked_at_before_lists_are_made() {
    let many = Value::Raw(8, 1 << 20, vec![0; 1 << 20]);
    let cases = [
        (1118, "directories"),
        (1117, "files"),
        (1049, "dependencies"),
    ];
    for (tag, expected) in cases {
        let error = error(
            &plain()
                .file("/x", "x")
                .header_tag(tag, Some(many.clone()))
                .build(),
        );
        assert!(
            matches!(error, Error::OverLimit { what, .. } if what == expected),
            "{error}"
        );
    }
    let package = crate::read(&plain().header_tag(1086, Some(many)).build());
    assert_eq!(package.scriptlets[0].interpreter.len(), 64);
}

#[test]
fn too_many_streams() {
    let empty = zstd::encode_all(&b""[..], 1).unwrap();
    let builder = plain()
        .compressor("zstd")
        .packed_by(move |_| empty.repeat(70_000));
    let error = error(&builder.build());
    assert!(
        matches!(
            error,
            Error::OverLimit {
                what: "streams in the payload",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn what_a_package_must_have() {
    for tag in [1000, 1001, 1002, 1022] {
        let missing = error(&plain().header_tag(tag, None).build());
        assert!(
            matches!(missing, Error::MissingTag { tag: t, .. } if t == tag),
            "{missing}"
        );
        let empty = error(&plain().header_tag(tag, Some(Value::string(""))).build());
        assert!(matches!(empty, Error::MissingTag { .. }), "{empty}");
    }
}

#[test]
fn payloads_of_another_kind() {
    let delta = error(
        &plain()
            .header_tag(1124, Some(Value::string("drpm")))
            .build(),
    );
    assert!(matches!(delta, Error::PayloadFormat { .. }), "{delta}");
    let unknown = plain()
        .compressor("lzma")
        .header_tag(1125, Some(Value::string("lz9")));
    let unknown = error(&unknown.build());
    assert!(
        matches!(unknown, Error::UnknownCompressor { .. }),
        "{unknown}"
    );
}

/// Makes a payload from the archive.
type Pack = fn(&[u8]) -> Vec<u8>;

#[test]
fn broken_archives() {
    let cases: [(&str, Pack); 5] = [
        ("no cpio entry", |_| b"07070Y00000000".to_vec()),
        ("hexadecimal", |archive| {
            [b"0707010000000g", &archive[14..]].concat()
        }),
        ("points behind the end", |_| b"07070X00000009\0\0".to_vec()),
        ("middle of an entry", |archive| archive[..100].to_vec()),
        ("bytes of a name", |archive| {
            [&archive[..94], b"00ffffff", &archive[102..]].concat()
        }),
    ];
    for (expected, pack) in cases {
        let builder: RpmBuilder = plain().compressor("none").file("/usr/x", "x");
        let error = error(&builder.packed_by(pack).build());
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

#[test]
fn an_unterminated_name() {
    let builder = plain().compressor("none").file("/usr/x", "x");
    let bytes = builder.packed_by(|archive| {
        let mut archive = archive.to_vec();
        archive[110 + "./usr/x".len()] = b'y';
        archive
    });
    assert!(
        error(&bytes.build())
            .to_string()
            .contains("does not end with its length")
    );
}

/// What the reader itself fails with comes through.
#[test]
fn a_failing_input() {
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("disk on fire"))
        }
    }
    let error = kmp::read(Failing, &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("disk on fire"), "{error}");
}

#[test]
fn the_signature_header_is_checked_too() {
    let mut bytes = plain().build();
    bytes[96] = 0;
    assert!(matches!(
        error(&bytes),
        Error::HeaderMagic {
            part: Part::SignatureHeader,
            at: 96
        }
    ));
}
