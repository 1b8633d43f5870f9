//! Odd but legal packages are read, and what is odd is told.

use kmp::sense;
use testkit::{DependencyKind, Format, ModuleBuilder, RpmBuilder, Value};

use crate::{codes, plain, read};

#[test]
fn each_by_its_code() {
    let text = |text: &str| Some(Value::string(text));
    let cases: Vec<(&str, RpmBuilder)> = vec![
        (
            "broken-symbol-dependency",
            plain().requires("ksym(default:"),
        ),
        (
            "broken-symbol-dependency",
            plain().provides("ksym(default:x) = notacrc"),
        ),
        ("odd-dependency", plain().requires("")),
        ("odd-dependency", plain().requires("a\u{2}b")),
        (
            "dependency-lengths",
            plain().header_tag(1048, Some(Value::Int32(vec![0]))),
        ),
        ("odd-tag-type", plain().header_tag(1048, text("flags"))),
        (
            "odd-tag-type",
            plain().header_tag(1011, Some(Value::Int32(vec![1]))),
        ),
        ("odd-identity", plain().header_tag(1002, text("1/../2"))),
        ("odd-identity", plain().header_tag(1000, text("acme net"))),
        ("changelog-lengths", changelog_of(2)),
        ("relative-path", plain().file("usr/bin/x", "x")),
        ("path-with-dots", plain().file("/usr/../etc/passwd", "x")),
        ("path-with-dots", plain().file("/usr/./x", "x")),
        ("odd-path", plain().file("/usr//x", "x")),
        ("odd-path", plain().file("/usr/x\ny", "x")),
        ("symlink", plain().symlink("/usr/x", "y")),
        (
            "hard-link",
            plain().file("/usr/x", "x").hardlink("/usr/y", "/usr/x"),
        ),
        (
            "path-listed-twice",
            plain().file("/usr/x", "x").missing_file("/usr/x", "x"),
        ),
        ("file-not-listed", plain().stowaway("/usr/x", "x")),
        ("file-not-packed", plain().missing_file("/usr/x", "x")),
        (
            "file-size-differs",
            plain().swapped_file("/usr/x", "long", "short one"),
        ),
        (
            "file-mode-differs",
            plain()
                .file("/x", "x")
                .header_tag(1030, Some(mode(0o104_755))),
        ),
        (
            "file-without-digest",
            plain().file("/x", "x").header_tag(1035, text("")),
        ),
        (
            "file-without-directory",
            plain().file("/x", "x").header_tag(1116, Some(int(9))),
        ),
        (
            "file-list-lengths",
            plain().file("/x", "x").header_tag(1039, None),
        ),
        (
            "unknown-digest-algorithm",
            plain().file("/x", "x").header_tag(5011, Some(int(99))),
        ),
        (
            "unknown-digest-algorithm",
            plain().header_tag(5093, Some(int(99))),
        ),
        (
            "link-target-differs",
            plain().symlink("/x", "y").header_tag(1036, text("z")),
        ),
        ("file-packed-twice", with_first_file_twice(Format::V4)),
        ("file-without-data", with_empty_links()),
        ("many-signatures", with_signatures(40)),
        ("many-triggers", with_triggers(5000)),
        (
            "not-utf-8",
            plain().header_tag(1004, Some(Value::I18n(vec![b"\xff".to_vec()]))),
        ),
        ("trailing-bytes", plain().trailing("more")),
        ("package-size", plain().signature_tag(1000, Some(int(5)))),
        ("archive-size", plain().signature_tag(1007, Some(int(5)))),
        (
            "bytes-after-archive",
            plain().compressor("none").trailing("more"),
        ),
        ("payload-compressor", plain().header_tag(1125, text("zstd"))),
        ("signature-encoding", plain().signature_tag(278, text("*"))),
        ("lead-differs", plain().header_tag(1044, None)),
        ("lead-differs", plain().header_tag(5114, Some(int(6)))),
    ];
    let built = cases
        .into_iter()
        .map(|(code, builder)| (code, builder.build()));
    let patched = [
        ("odd-lead", with_odd_lead()),
        ("signature-header-region", with_small_region()),
    ];
    let mut met = Vec::new();
    for (code, bytes) in built.chain(patched) {
        let package = read(&bytes);
        assert!(
            codes(&package).contains(&code),
            "{code}: {:?}",
            package.oddities
        );
        met.push(code);
    }
    met.sort_unstable();
    met.dedup();
    assert_eq!(
        met,
        kmp::ODDITIES.map(|(code, _)| code),
        "every code, in order, has a case"
    );
}

fn with_odd_lead() -> Vec<u8> {
    let mut bytes = plain().build();
    bytes[4] = 9;
    bytes
}

/// The trailer of the signature header's region counts one entry less than there are.
fn with_small_region() -> Vec<u8> {
    let mut bytes = plain().build();
    let trailer = [0, 0, 0, 62, 0, 0, 0, 7, 0xff];
    let at = bytes
        .windows(trailer.len())
        .position(|window| window == trailer)
        .unwrap();
    let back = i32::from_be_bytes(bytes[at + 8..at + 12].try_into().unwrap());
    bytes[at + 8..at + 12].copy_from_slice(&(back + 16).to_be_bytes());
    bytes
}

fn int(number: u32) -> Value {
    Value::Int32(vec![number])
}

fn mode(mode: u16) -> Value {
    Value::Int16(vec![mode])
}

fn changelog_of(times: usize) -> RpmBuilder {
    let times = Value::Int32(vec![1; times]);
    plain()
        .changelog(1, "somebody", "something")
        .header_tag(1080, Some(times))
}

#[test]
fn an_ordinary_package_has_none() {
    let package = read(&plain().file("/usr/x", "x").dir("/usr/y").build());
    assert_eq!(codes(&package), [""; 0], "{:?}", package.oddities);
}

/// From a package of a distribution: `ksym(default:` cut short, once with a control character.
#[test]
fn dependencies_cut_short_are_kept_verbatim() {
    let package = read(
        &plain()
            .requires("ksym(default:")
            .requires("ksym(default:\u{2}")
            .build(),
    );
    let names: Vec<&str> = package
        .dependencies
        .requires
        .iter()
        .rev()
        .map(|d| d.name.as_str())
        .take(2)
        .collect();
    assert_eq!(names, ["ksym(default:\u{2}", "ksym(default:"]);
    assert_eq!(
        codes(&package),
        ["broken-symbol-dependency", "odd-dependency"]
    );
}

#[test]
fn hundreds_of_a_kind_are_counted() {
    let many = (0..300).fold(plain(), |builder, at| {
        builder.symlink(&format!("/usr/{at}"), "x")
    });
    let package = read(&many.build());
    assert_eq!(package.oddities.len(), 21);
    assert_eq!(package.oddities[20].detail, "and 280 more of this kind");
}

#[test]
fn missing_flags_and_versions_are_empty() {
    let builder = plain()
        .requires("a = 1")
        .header_tag(1048, None)
        .header_tag(1050, None);
    let package = read(&builder.build());
    let last = package.dependencies.requires.last().expect("was added");
    assert_eq!(
        (last.flags & sense::COMPARISON, last.version.as_str()),
        (0, "")
    );
}

/// Two names for one file, both packed empty.
fn with_empty_links() -> RpmBuilder {
    let names = plain()
        .swapped_file("/usr/a", "data", "")
        .swapped_file("/usr/b", "data", "");
    names.header_tag(1096, Some(Value::Int32(vec![7, 7])))
}

fn with_triggers(count: usize) -> RpmBuilder {
    (0..count).fold(plain(), |builder, _| {
        builder.trigger("triggerin", "x", "true")
    })
}

fn with_signatures(count: usize) -> RpmBuilder {
    (0..count).fold(plain(), |builder, _| {
        builder.header_signature(278, |_| vec![1])
    })
}

/// A module whose entry is in the archive twice.
fn with_first_file_twice(format: Format) -> RpmBuilder {
    let path = "/lib/modules/6.4.0-1-default/updates/a.ko";
    let builder = plain()
        .format(format)
        .file(path, ModuleBuilder::new("a").build());
    builder.compressor("none").packed_by(|archive| {
        let trailer = archive.len() - TRAILER_SIZE;
        [&archive[..trailer], archive].concat()
    })
}

/// A cpio header of 110 bytes, `TRAILER!!!`, zeros up to a multiple of four.
const TRAILER_SIZE: usize = 124;

#[test]
fn a_file_packed_twice_is_not_read_twice() {
    for format in [Format::V4, Format::V4Large] {
        let package = read(&with_first_file_twice(format).build());
        assert!(
            codes(&package).contains(&"file-packed-twice"),
            "{:?}",
            package.oddities
        );
        assert_eq!(package.modules.len(), 1);
    }
}

#[test]
fn no_more_signatures_than_needed() {
    assert_eq!(read(&with_signatures(40).build()).signatures.len(), 32);
}

#[test]
fn modules_that_cannot_be_read_say_why() {
    let path = "/lib/modules/6.4.0-1-default/updates/a.ko";
    let package = read(&plain().file(path, "not a module").build());
    assert!(package.modules[0].module.is_err());

    let module = ModuleBuilder::new("a").build();
    let mut limits = kmp::Limits::default();
    limits.module.unpacked = 100;
    let package = kmp::read(&plain().file(path, module).build()[..], &limits).unwrap();
    let why = package.modules[0].module.as_ref().unwrap_err();
    assert!(why.contains("limit of 100"), "{why}");
    assert!(
        package.digests.iter().all(kmp::DigestCheck::matches),
        "hashed all the same"
    );
}

#[test]
fn old_dependency_kinds_are_known_by_their_tags() {
    let builder = plain()
        .dependency(DependencyKind::OldSuggests, "x", 0, "")
        .header_tag(1158, Some(Value::string("not numbers")));
    assert_eq!(codes(&read(&builder.build())), ["odd-tag-type"]);
}
