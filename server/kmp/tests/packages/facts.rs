//! What a built package says is what was put into it.

use kmp::{Covers, Dependency, sense};
use testkit::{DependencyKind, Format, Value};

use crate::{ALL_FORMATS, COMPRESSORS, MODULE_PATH, codes, full, plain, read};

/// Without unpacking, everything that the header says is the same.
#[test]
fn headers_alone_say_the_same() {
    for format in ALL_FORMATS {
        for compressor in COMPRESSORS {
            let bytes = full(format, compressor).build();
            let (whole, headers) = (read(&bytes), read_headers(&bytes));
            let at = format!("{format:?} {compressor}");
            assert_eq!(headers.sha256, whole.sha256, "{at}");
            assert_eq!(headers.files, whole.files, "{at}");
            assert_eq!(headers.dependencies, whole.dependencies, "{at}");
            assert_eq!(headers.changelog, whole.changelog, "{at}");
            assert_eq!(headers.archive_size, whole.archive_size, "{at}");
            assert_eq!(
                (headers.header_start, headers.header_end, headers.file_size),
                (whole.header_start, whole.header_end, whole.file_size),
                "{at}"
            );
            assert!(headers.modules.is_empty(), "{at}");
            assert!(headers.digests.iter().all(|it| it.matches()), "{at}");
            // Whatever byte is altered behind the signature header, some digest tells.
            for place in [headers.header_start + 200, headers.header_end + 3] {
                let mut altered = bytes.clone();
                altered[usize::try_from(place).unwrap()] ^= 1;
                let told = kmp::read_headers(altered.as_slice(), &kmp::Limits::default());
                let told = told.map(|package| package.digests.iter().any(|it| !it.matches()));
                assert!(told.unwrap_or(true), "{at}, byte {place}");
            }
        }
    }
}

fn read_headers(bytes: &[u8]) -> kmp::Package {
    kmp::read_headers(bytes, &kmp::Limits::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_format_and_compressor() {
    for format in ALL_FORMATS {
        for compressor in COMPRESSORS {
            let bytes = full(format, compressor).build();
            let package = read(&bytes);
            let at = format!("{format:?} {compressor}");
            assert_eq!(
                codes(&package),
                ["hard-link", "symlink"],
                "{at}: {:?}",
                package.oddities
            );
            let bad: Vec<_> = package
                .digests
                .iter()
                .filter(|check| !check.matches())
                .collect();
            assert!(bad.is_empty(), "{at}: {bad:?}");
            assert_eq!(package.compressor, compressor, "{at}");
            assert_eq!(package.file_size, bytes.len() as u64, "{at}");
            assert_eq!(package.header_bytes, bytes[package.header_range()], "{at}");
            assert_eq!(package.files.len(), 9, "{at}");
            let [module] = package.modules.as_slice() else {
                panic!("one module in {at}")
            };
            assert_eq!(module.path, MODULE_PATH);
            assert_eq!(module.module.as_ref().expect("is a module").name, "acme");
        }
    }
}

#[test]
fn certificates_are_read_and_named_by_their_digest() {
    const FOLDER: &str = "/etc/uefi/certs/";
    let bytes = plain()
        .file(&format!("{FOLDER}A9993E36.crt"), b"abc".to_vec())
        .file(&format!("{FOLDER}large.crt"), vec![0x30; 100_000])
        .file("/etc/other.crt", b"abc".to_vec())
        .build();
    let package = read(&bytes);
    let [small, large] = package.certificates.as_slice() else {
        panic!("{:?}", package.certificates)
    };
    // The well-known SHA-1 of `abc`.
    assert_eq!(
        small.fingerprint,
        "A9993E364706816ABA3E25717850C26C9CD0D89D"
    );
    let why = small.certificate.as_ref().unwrap_err();
    assert!(why.contains("no X.509 certificate"), "{why}");
    let why = large.certificate.as_ref().unwrap_err();
    assert!(why.contains("100000 bytes"), "{why}");
}

trait HeaderRange {
    fn header_range(&self) -> std::ops::Range<usize>;
}

impl HeaderRange for kmp::Package {
    fn header_range(&self) -> std::ops::Range<usize> {
        self.header_start as usize..self.header_end as usize
    }
}

#[test]
fn format_numbers() {
    let numbers = ALL_FORMATS.map(|format| read(&full(format, "gzip").build()).rpm_format);
    assert_eq!(numbers, [3, 4, 4, 6]);
}

#[test]
fn digests_by_format() {
    let kinds = |format| {
        let package = read(&full(format, "xz").build());
        let whole = package
            .digests
            .iter()
            .filter(|check| !check.what.starts_with('/'));
        whole
            .map(|check| format!("{} {}", check.what, check.algorithm))
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(Format::V3), ["header+payload md5"]);
    assert_eq!(
        kinds(Format::V4),
        [
            "header sha1",
            "header sha256",
            "header+payload md5",
            "payload sha256"
        ]
    );
    assert_eq!(
        kinds(Format::V6),
        [
            "header sha256",
            "header sha3-256",
            "payload sha256",
            "payload sha512",
            "payload sha3-256"
        ]
    );
}

#[test]
fn every_packed_file_has_its_digest_checked() {
    for format in ALL_FORMATS {
        let package = read(&full(format, "zstd").build());
        let mut checked: Vec<&str> = package
            .digests
            .iter()
            .map(|c| c.what.as_str())
            .filter(|w| w.starts_with('/'))
            .collect();
        checked.sort_unstable();
        // Two names for one file need only one.
        let expected = [
            "/etc/acme.conf",
            MODULE_PATH,
            "/usr/bin/acme",
            "/usr/share/acme/empty",
            "/usr/share/acme/two",
        ];
        assert_eq!(checked, expected, "{format:?}");
    }
}

#[test]
fn identity() {
    let package = read(&full(Format::V4, "gzip").build());
    assert_eq!(package.evr(), "2:1.0_k6.4.0_150600.21-1");
    assert_eq!(
        package.nevra(),
        "acme-net-kmp-default-2:1.0_k6.4.0_150600.21-1.x86_64"
    );
    assert_eq!(
        package.file_name(),
        "acme-net-kmp-default-1.0_k6.4.0_150600.21-1.x86_64.rpm"
    );
    assert_eq!(package.summary, "Größe matters");
    assert_eq!(package.description, "First line\nsecond line\n");
    assert_eq!(package.vendor.as_deref(), Some("Acme Inc."));
    assert_eq!(package.build_time, u64::from(testkit::rpm::BUILD_TIME));
    assert!(!package.is_source);

    let zero = read(&plain().epoch(0).build());
    assert_eq!(zero.evr(), "0:1.0_k6.4.0_150600.21-1");
    assert_eq!(
        zero.nevra(),
        "acme-net-kmp-default-1.0_k6.4.0_150600.21-1.x86_64"
    );
    let none = read(&plain().build());
    assert_eq!(none.evr(), "1.0_k6.4.0_150600.21-1");
    assert_eq!(none.vendor, None);
}

#[test]
fn source_packages() {
    let source = plain().source().file("acme.spec", "Name: acme\n");
    let package = read(&source.build());
    assert!(package.is_source);
    assert_eq!(package.arch, "src");
    assert_eq!(codes(&package), [""; 0]);
    let nosrc = plain()
        .source()
        .header_tag(1051, Some(Value::Int32(vec![0])));
    assert_eq!(read(&nosrc.build()).arch, "nosrc");
}

#[test]
fn old_weak_dependencies_go_where_they_belong() {
    let bytes = plain()
        .recommends("new")
        .dependency(DependencyKind::OldSuggests, "strong", sense::STRONG, "")
        .dependency(DependencyKind::OldSuggests, "weak", 0, "")
        .dependency(
            DependencyKind::OldEnhances,
            "modalias(kernel-default:pci:*)",
            sense::STRONG,
            "",
        )
        .dependency(DependencyKind::OldEnhances, "enhanced", sense::EQUAL, "1")
        .build();
    let lists = read(&bytes).dependencies;
    let names = |list: &[Dependency]| list.iter().map(Dependency::to_string).collect::<Vec<_>>();
    assert_eq!(names(&lists.recommends), ["new", "strong"]);
    assert_eq!(names(&lists.suggests), ["weak"]);
    assert_eq!(
        names(&lists.supplements),
        [
            "(kernel-default and acme-net)",
            "modalias(kernel-default:pci:*)"
        ]
    );
    assert_eq!(names(&lists.enhances), ["kernel-default", "enhanced = 1"]);
}

#[test]
fn a_package_of_rpm_3_provides_itself() {
    let package = read(&plain().format(Format::V3).epoch(1).build());
    let itself = package.dependencies.provides.last().expect("there is one");
    assert_eq!(
        itself.to_string(),
        "acme-net-kmp-default = 1:1.0_k6.4.0_150600.21-1"
    );
}

#[test]
fn scriptlets_and_triggers() {
    let package = read(&full(Format::V4, "gzip").build());
    let found: Vec<(&str, String, &str)> = package
        .scriptlets
        .iter()
        .map(|script| {
            (
                script.kind,
                script.interpreter.join(" "),
                script.body.as_str(),
            )
        })
        .collect();
    let template = "/usr/lib/module-init-tools/kernel-scriptlets/kmp-";
    let expected = [
        ("pre", "/usr/bin/perl -w".to_owned(), "1;\n"),
        (
            "post",
            "/bin/sh".to_owned(),
            &*format!("{template}post \"$@\"\n"),
        ),
        (
            "postun",
            "/bin/sh".to_owned(),
            &*format!("{template}postun \"$@\"\n"),
        ),
        ("pretrans", "<lua>".to_owned(), "print('x')\n"),
        ("verify", "/sbin/ldconfig".to_owned(), ""),
        ("triggerin", "/bin/sh".to_owned(), "true\n"),
        ("triggerpostun", "/bin/sh".to_owned(), "false\n"),
    ];
    assert_eq!(found, expected);
    assert_eq!(package.scriptlets[5].triggers[0].name, "kernel-default");
    assert_eq!(package.scriptlets[6].triggers[0].name, "acme-old");
}

#[test]
fn files() {
    for format in ALL_FORMATS {
        let package = read(&full(format, "gzip").build());
        let file = |path: &str| {
            package
                .files
                .iter()
                .find(|file| file.path == path)
                .expect("is in the list")
        };
        assert_eq!(file("/usr/bin/acme").mode, 0o104_755, "{format:?}");
        assert_eq!(file("/usr/share/acme/one").size, 5000);
        assert_eq!(
            file("/usr/share/acme/link").link_target.as_deref(),
            Some("../elsewhere")
        );
        assert!(file("/usr/share/acme/link").is_symlink());
        assert!(file("/var/log/acme.log").is_ghost());
        assert!(file("/lib/modules/6.4.0-150600.21-default/updates").is_dir());
        assert_eq!(file("/etc/acme.conf").flags, kmp::file_flag::CONFIG);
        assert_eq!(file("/etc/acme.conf").user, "root");
    }
}

#[test]
fn signatures() {
    let bytes = plain()
        .signed(|header| [b"rsa", &header[..4]].concat())
        .header_signature(1005, |covered| covered.len().to_be_bytes().to_vec())
        .header_signature(278, |_| b"first".to_vec())
        .header_signature(278, |_| b"second one".to_vec())
        .build();
    let package = read(&bytes);
    let found: Vec<_> = package
        .signatures
        .iter()
        .map(|s| (s.tag, s.covers, s.packet.as_slice()))
        .collect();
    let covered = bytes.len() - package.header_start as usize;
    let expected: [(u32, Covers, &[u8]); 4] = [
        (268, Covers::Header, b"rsa\x8e\xad\xe8\x01"),
        (1005, Covers::HeaderAndPayload, &covered.to_be_bytes()),
        (278, Covers::Header, b"first"),
        (278, Covers::Header, b"second one"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn latin_1_is_read_as_such() {
    let summary = Value::I18n(vec![b"Gr\xf6\xdfe".to_vec()]);
    let package = read(&plain().header_tag(1004, Some(summary)).build());
    assert_eq!(package.summary, "Größe");
    assert_eq!(codes(&package), ["not-utf-8"]);
}
