//! Every form of symvers there was, packed and plain, and what is none.

use super::*;
use proptest::prelude::*;
use std::io::Write;

const TODAY: &str = "0x38fb4146\tkmem_cache_alloc\tvmlinux\tEXPORT_SYMBOL\t\n\
                     0x00000000\tkvm_x\tarch/x86/kvm/kvm\tEXPORT_SYMBOL_GPL\tKVM\n";

fn row(crc: u32, symbol: &str, provider: &str, export: &str, namespace: Option<&str>) -> Row {
    let export = ExportKind::from(export);
    Row {
        crc: Crc(crc),
        symbol: symbol.to_owned(),
        provider: provider.to_owned(),
        gpl: export.is_gpl(),
        export,
        namespace: namespace.map(str::to_owned),
    }
}

#[test]
fn every_form_of_a_line_is_read() {
    let s = "EXPORT_SYMBOL";
    let gpl = "EXPORT_SYMBOL_GPL";
    let list = "module:kvm,kvm-amd,kvm-intel";
    let cases = [
        (
            "three columns",
            "0x1\ta\tfs/b",
            row(1, "a", "fs/b", "", None),
        ),
        (
            "four columns",
            "0x1\ta\tfs/b\tEXPORT_SYMBOL",
            row(1, "a", "fs/b", s, None),
        ),
        (
            "empty namespace",
            "0x1\ta\tfs/b\tEXPORT_SYMBOL\t",
            row(1, "a", "fs/b", s, None),
        ),
        (
            "namespace last",
            "0x1\ta\tb\tEXPORT_SYMBOL_GPL\tNS",
            row(1, "a", "b", gpl, Some("NS")),
        ),
        (
            "namespace third",
            "0x1\ta\tNS\tb\tEXPORT_SYMBOL",
            row(1, "a", "b", s, Some("NS")),
        ),
        (
            "empty third",
            "0x1\ta\t\tb\tEXPORT_SYMBOL_GPL",
            row(1, "a", "b", gpl, None),
        ),
        (
            "list",
            &format!("0x1\ta\tb\t{gpl}\t{list}"),
            row(1, "a", "b", gpl, Some(list)),
        ),
        (
            "blanks",
            "0x1 a  b EXPORT_SYMBOL",
            row(1, "a", "b", s, None),
        ),
        (
            "blanks, namespace",
            "0x1 a b EXPORT_SYMBOL NS",
            row(1, "a", "b", s, Some("NS")),
        ),
        (
            "blanks, 5.4",
            "0x1 a NS b EXPORT_SYMBOL",
            row(1, "a", "b", s, Some("NS")),
        ),
        (
            "carriage return",
            "0x1\ta\tb\tEXPORT_SYMBOL\t\r",
            row(1, "a", "b", s, None),
        ),
        (
            "upper case",
            "0XABCDEF01\ta\tb\tEXPORT_SYMBOL",
            row(0xabcd_ef01, "a", "b", s, None),
        ),
        (
            "unknown type",
            "0x1\ta\tb\tEXPORT_X\t",
            row(1, "a", "b", "EXPORT_X", None),
        ),
        (
            "blanks around",
            "0x1\t a \tb\tEXPORT_SYMBOL\t ",
            row(1, "a", "b", s, None),
        ),
    ];
    for (what, line, expected) in cases {
        let symvers = parse(format!("\n{line}\n\r\n").as_bytes()).expect(what);
        assert_eq!(symvers.rows, [expected], "{what}");
    }
}

#[test]
fn an_export_type_nobody_knows_is_taken_as_gpl_only() {
    let cases = [
        ("EXPORT_SYMBOL", false),
        ("EXPORT_SYMBOL_GPL", true),
        ("EXPORT_SYMBOL_GPL_FUTURE", false),
        ("EXPORT_UNUSED_SYMBOL", false),
        ("EXPORT_UNUSED_SYMBOL_GPL", true),
        ("EXPORT_SYMBOL_NEW", true),
    ];
    for (text, gpl) in cases {
        assert_eq!(ExportKind::from(text).is_gpl(), gpl, "{text}");
    }
}

#[test]
fn errors_name_the_line_and_what_is_wrong() {
    let good = "0x1\ta\tb\tEXPORT_SYMBOL\t\n";
    let cases: [(&[u8], Error); 11] = [
        (b"0x1\ta", Error::Columns { line: 2, found: 2 }),
        (b"nonsense", Error::Columns { line: 2, found: 1 }),
        (b"0x1\ta\tb\tc\td\te", Error::Columns { line: 2, found: 6 }),
        (
            b"1\ta\tb",
            Error::Crc {
                line: 2,
                text: "1".into(),
            },
        ),
        (
            b"0x\ta\tb",
            Error::Crc {
                line: 2,
                text: "0x".into(),
            },
        ),
        (
            b"0x+1\ta\tb",
            Error::Crc {
                line: 2,
                text: "0x+1".into(),
            },
        ),
        (
            b"0x123456789\ta\tb",
            Error::Crc {
                line: 2,
                text: "0x123456789".into(),
            },
        ),
        (
            b"0x1\t\tb\tEXPORT_SYMBOL",
            Error::Empty {
                line: 2,
                column: "symbol",
            },
        ),
        (
            b"0x1\ta\t\tEXPORT_SYMBOL",
            Error::Empty {
                line: 2,
                column: "module",
            },
        ),
        (b"0x1\ta\xff\tb", Error::NotText { line: 2 }),
        (b"0x1\ta\0\tb", Error::NotText { line: 2 }),
    ];
    for (line, error) in cases {
        let bytes = [good.as_bytes(), line].concat();
        assert_eq!(parse(&bytes), Err(error));
    }
    assert_eq!(parse(b""), Err(Error::NoSymbols));
    assert_eq!(parse(b"\n\r\n  \n"), Err(Error::NoSymbols));
    assert_eq!(
        parse(b"0x1\ta").unwrap_err().to_string(),
        "line 1 has 2 columns, a symvers line has 3 to 5 divided by tabs: \
         `0x92997ed8 TAB _printk TAB vmlinux TAB EXPORT_SYMBOL TAB`"
    );
}

fn packed(text: &[u8]) -> Vec<(Format, Vec<u8>)> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    bzip2.write_all(text).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 6);
    xz.write_all(text).unwrap();
    vec![
        (Format::Gzip, gzip.finish().unwrap()),
        (Format::Bzip2, bzip2.finish().unwrap()),
        (Format::Xz, xz.finish().unwrap()),
        (Format::Zstd, zstd::encode_all(text, 3).unwrap()),
    ]
}

#[test]
fn compressed_files_are_read_by_their_first_bytes() {
    let plain = parse(TODAY.as_bytes()).unwrap();
    for (format, bytes) in packed(TODAY.as_bytes()) {
        assert_eq!(parse(&bytes).as_ref(), Ok(&plain), "{format}");
        let cut = &bytes[..bytes.len() - 9];
        assert!(matches!(parse(cut), Err(Error::Unpack { format: f, .. }) if f == format));
    }
}

#[test]
fn bombs_are_refused() {
    const LIMIT: usize = 1 << 20;
    let zeros = vec![b'\n'; LIMIT + 1];
    assert_eq!(
        unpack::unpack(&zeros, LIMIT),
        Err(Error::TooLarge { limit: LIMIT })
    );
    for (format, bytes) in packed(&zeros) {
        assert!(bytes.len() < LIMIT / 100, "{format}");
        let refused = Err(Error::TooLarge { limit: LIMIT });
        assert_eq!(unpack::unpack(&bytes, LIMIT), refused, "{format}");
        assert_eq!(
            unpack::unpack(&bytes, LIMIT + 1).unwrap().len(),
            LIMIT + 1,
            "{format}"
        );
    }
    let limit = Limits::default().unpacked;
    let plain = vec![b'\n'; limit + 1];
    assert_eq!(parse(&plain), Err(Error::TooLarge { limit }));
}

#[test]
fn lines_are_counted() {
    let limits = Limits {
        lines: 1000,
        ..Limits::default()
    };
    let lines = "0x1\ta\tb\n".repeat(limits.lines);
    let read = parse_within(lines.as_bytes(), &limits).unwrap();
    assert_eq!(read.rows.len(), limits.lines);
    let more = lines + "0x1\ta\tb\n";
    assert_eq!(
        parse_within(more.as_bytes(), &limits),
        Err(Error::TooManyLines { limit: 1000 })
    );
}

#[test]
fn the_hash_tells_abis_apart_and_nothing_else() {
    let hash = |text: &str| parse(text.as_bytes()).unwrap().content_hash();
    let base = hash("0x1\ta\tvmlinux\tEXPORT_SYMBOL\t\n0x2\tb\tfs/b\tEXPORT_SYMBOL_GPL\tNS\n");
    let same = [
        "0x2\tb\tfs/b\tEXPORT_SYMBOL_GPL\tNS\n0x1\ta\tvmlinux\tEXPORT_SYMBOL\t\n",
        "0x1\ta\tfs/moved\tEXPORT_SYMBOL\t\n0x2\tb\tvmlinux\tEXPORT_SYMBOL_GPL\tNS\n",
        "0x01 a vmlinux EXPORT_SYMBOL\r\n0x02 b NS fs/b EXPORT_SYMBOL_GPL\r\n",
    ];
    for text in same {
        assert_eq!(hash(text), base, "{text}");
    }
    let different = [
        "0x3\ta\tvmlinux\tEXPORT_SYMBOL\t\n0x2\tb\tfs/b\tEXPORT_SYMBOL_GPL\tNS\n",
        "0x1\tc\tvmlinux\tEXPORT_SYMBOL\t\n0x2\tb\tfs/b\tEXPORT_SYMBOL_GPL\tNS\n",
        "0x1\ta\tvmlinux\tEXPORT_SYMBOL_GPL\t\n0x2\tb\tfs/b\tEXPORT_SYMBOL_GPL\tNS\n",
        "0x1\ta\tvmlinux\tEXPORT_SYMBOL\t\n0x2\tb\tfs/b\tEXPORT_SYMBOL_GPL\t\n",
        "0x1\ta\tvmlinux\tEXPORT_SYMBOL\t\n",
    ];
    for text in different {
        assert_ne!(hash(text), base, "{text}");
    }
}

#[test]
fn canonical_text_is_sorted_and_padded() {
    let symvers = parse(b"0xa b fs/x EXPORT_SYMBOL NS\n0x1 a vmlinux\n").unwrap();
    assert_eq!(
        symvers.to_canonical_text(),
        "0x00000001\ta\tvmlinux\t\t\n0x0000000a\tb\tfs/x\tEXPORT_SYMBOL\tNS\n"
    );
    assert!(!symvers.states_export_types());
}

fn any_row() -> impl Strategy<Value = Row> {
    let export = prop_oneof![
        Just("EXPORT_SYMBOL"),
        Just("EXPORT_SYMBOL_GPL"),
        Just("EXPORT_UNUSED_SYMBOL_GPL"),
        Just("EXPORT_ODD"),
    ];
    let namespace = proptest::option::of("[A-Z][A-Z_]{0,9}|module:[a-z*,-]{1,20}");
    (
        any::<u32>(),
        "[a-zA-Z_.$][a-zA-Z0-9_.$]{0,60}",
        "vmlinux|[a-z]+(/[a-z0-9-]+){0,3}",
        export,
    )
        .prop_flat_map(move |(crc, symbol, provider, export)| {
            namespace.clone().prop_map(move |namespace| {
                row(crc, &symbol, &provider, export, namespace.as_deref())
            })
        })
}

proptest! {
    #[test]
    fn canonical_text_reads_back(rows in proptest::collection::vec(any_row(), 1..40)) {
        let symvers = Symvers { rows };
        let text = symvers.to_canonical_text();
        let again = parse(text.as_bytes()).unwrap();
        prop_assert_eq!(again.rows.len(), symvers.rows.len());
        prop_assert_eq!(again.content_hash(), symvers.content_hash());
        prop_assert_eq!(again.to_canonical_text(), text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(
        which in 0usize..5,
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = match which.checked_sub(1) {
            None => TODAY.as_bytes().to_vec(),
            Some(n) => packed(TODAY.as_bytes()).swap_remove(n).1,
        };
        let place = place.index(bytes.len());
        bytes[place] = byte;
        bytes.truncate(cut.index(bytes.len()) + 1);
        let _ = parse(&bytes);
    }
}
