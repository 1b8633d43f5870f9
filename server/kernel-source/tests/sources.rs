//! One kernel told of by every kind of source, each made by the real tool where there is one.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use kabi::symvers::Row;
use kernel_source::{Description, Found, Kind, Limits, Unknown, read};
use proptest::prelude::*;
use tempfile::TempDir;
use testkit::{ModuleBuilder, RpmBuilder};

const RELEASE: &str = "6.4.0-150600.21-default";
const TAIL: &str = "SMP preempt mod_unload modversions ";
const SYMVERS: &str = "0xfa596f96\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n\
                       0x0f6dc4f1\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n\
                       0x00000005\textra_call\tdrivers/net/extra\tEXPORT_SYMBOL_GPL\tEXTRA\n";

fn found(bytes: &[u8], name: &str) -> Vec<Description> {
    match read(bytes, name, &Limits::default()) {
        Ok(Found::Kernels(kernels)) => kernels,
        Ok(Found::Repository(kernels)) => kernels.map(Result::unwrap).collect(),
        Err(error) => panic!("{name}: {error}"),
    }
}

fn only(bytes: &[u8], name: &str) -> Description {
    let mut kernels = found(bytes, name);
    assert_eq!(kernels.len(), 1, "{name}");
    kernels.remove(0)
}

fn refusal(bytes: &[u8], name: &str) -> String {
    match read(bytes, name, &Limits::default()) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{name} is not refused"),
    }
}

fn versions(kernel: &Description) -> BTreeSet<(&str, u32)> {
    let rows = kernel.symvers.rows.iter();
    rows.map(|row| (row.symbol.as_str(), row.crc.0)).collect()
}

fn rows(kernel: &Description) -> BTreeSet<(&str, u32, &str, bool, Option<&str>)> {
    let facts = |row: &'_ Row| (row.crc.0, row.gpl);
    let rows = kernel.symvers.rows.iter();
    rows.map(|row| {
        let (crc, gpl) = facts(row);
        let namespace = row.namespace.as_deref();
        (
            row.symbol.as_str(),
            crc,
            row.provider.as_str(),
            gpl,
            namespace,
        )
    })
    .collect()
}

fn reference() -> Description {
    only(SYMVERS.as_bytes(), &format!("symvers-{RELEASE}"))
}

fn extra_module() -> Vec<u8> {
    ModuleBuilder::new("extra")
        .vermagic(&format!("{RELEASE} {TAIL}"))
        .exports_gpl_in_namespace("extra_call", 5, "EXTRA")
        .alias("pci:v0000ACE1d*sv*sd*bc*sc*i*")
        .modinfo("intree", "Y")
        .this_module_size(896)
        .build()
}

fn packed(program: &str, bytes: &[u8]) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, bytes).unwrap();
    tool(Command::new(program).arg("-c").arg(&file), program)
}

fn tool(command: &mut Command, package: &str) -> Vec<u8> {
    let output = command.output();
    let output = output.unwrap_or_else(|_| panic!("it is missing: apt-get install {package}"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
    output.stdout
}

#[test]
fn symvers_files_plain_and_packed() {
    let plain = reference();
    assert_eq!(plain.release.as_deref(), Some(RELEASE));
    assert_eq!(plain.flavor.as_deref(), Some("default"));
    assert_eq!(plain.modversions(), Some(true));
    assert_eq!(
        plain.unknown(),
        [
            Unknown::Arch,
            Unknown::VermagicTail,
            Unknown::ThisModuleSize
        ]
    );
    for (program, suffix) in [
        ("gzip", "gz"),
        ("xz", "xz"),
        ("zstd", "zst"),
        ("bzip2", "bz2"),
    ] {
        let name = format!("/boot/symvers-{RELEASE}.{suffix}");
        let unpacked = only(&packed(program, SYMVERS.as_bytes()), &name);
        assert_eq!(rows(&unpacked), rows(&plain), "{suffix}");
        assert_eq!(unpacked.release, plain.release, "{suffix}");
    }
}

/// Provides of the base package: what the image exports.
fn base_rpm() -> RpmBuilder {
    RpmBuilder::new("kernel-default", "6.4.0", "150600.21.2", "x86_64")
        .provides("kernel-uname-r = 6.4.0-150600.21-default")
        .provides("ksym(default:module_layout) = fa596f96")
        .provides("ksym(default:_printk) = f6dc4f1")
        .file(&format!("/boot/vmlinuz-{RELEASE}"), "not looked into")
}

/// Without a release among its Provides, as SUSE builds it.
fn extra_rpm() -> RpmBuilder {
    let path = format!("/lib/modules/{RELEASE}/kernel/drivers/net/extra.ko");
    RpmBuilder::new("kernel-default-extra", "6.4.0", "150600.21.2", "x86_64")
        .provides("ksym(default:extra_call) = 5")
        .file(&path, extra_module())
}

#[test]
fn packages_with_a_symvers_file_tell_everything() {
    let places = [
        format!("/boot/symvers-{RELEASE}.gz"),
        format!("/usr/lib/modules/{RELEASE}/symvers.gz"),
    ];
    for place in places {
        let rpm = base_rpm().file(&place, packed("gzip", SYMVERS.as_bytes()));
        let kernel = only(&rpm.build(), "kernel-default.rpm");
        assert_eq!(rows(&kernel), rows(&reference()), "{place}");
        assert_eq!(kernel.release.as_deref(), Some(RELEASE));
        assert_eq!(kernel.arch.as_deref(), Some("x86_64"));
        assert_eq!(
            kernel.parts[0].label,
            "kernel-default-6.4.0-150600.21.2.x86_64"
        );
    }
}

#[test]
fn devel_packages() {
    let folders = [
        "/usr/src/linux-6.4.0-150600.21-obj/x86_64/default".to_owned(),
        format!("/usr/src/kernels/{RELEASE}"),
    ];
    for folder in folders {
        let rpm = RpmBuilder::new("kernel-default-devel", "6.4.0", "150600.21.2", "x86_64")
            .file(&format!("{folder}/Module.symvers"), SYMVERS)
            .file(
                &format!("{folder}/.config"),
                "CONFIG_X86_64=y\nCONFIG_SMP=y\nCONFIG_PREEMPT=y\nCONFIG_MODULE_UNLOAD=y\n\
                 CONFIG_MODVERSIONS=y\n",
            );
        let kernel = only(&rpm.build(), "devel.rpm");
        assert_eq!(rows(&kernel), rows(&reference()), "{folder}");
        assert_eq!(kernel.release.as_deref(), Some(RELEASE), "{folder}");
        assert_eq!(kernel.vermagic_tail.as_deref(), Some(TAIL), "{folder}");
        assert_eq!(kernel.unknown(), [Unknown::ThisModuleSize], "{folder}");
    }
}

#[test]
fn subpackages_of_one_kernel_add_up() {
    let mut kernel = only(&base_rpm().build(), "base.rpm");
    assert_eq!(kernel.symvers.rows[0].provider, "vmlinux");
    assert!(kernel.unknown().contains(&Unknown::ExportKinds));
    let extra = only(&extra_rpm().build(), "extra.rpm");
    assert!(extra.unknown().contains(&Unknown::Image));
    kernel.add(extra.clone()).unwrap();
    assert_eq!(versions(&kernel), versions(&reference()));
    assert_eq!(kernel.vermagic_tail.as_deref(), Some(TAIL));
    assert_eq!(kernel.this_module_size, Some(896));
    assert_eq!(kernel.modules[0].path, "drivers/net/extra");
    assert_eq!(kernel.modules[0].aliases, ["pci:v0000ACE1d*sv*sd*bc*sc*i*"]);
    assert_eq!(kernel.parts.len(), 2);
    let once = kernel.clone();
    kernel.add(extra).unwrap();
    assert_eq!(kernel, once, "an identical part changes nothing");
    // What the modules themselves say is in full.
    assert!(rows(&kernel).contains(&("extra_call", 5, "drivers/net/extra", true, Some("EXTRA"))));
}

#[test]
fn red_hats_provides() {
    let rpm = RpmBuilder::new("kernel-core", "5.14.0", "503.el9", "x86_64")
        .provides("kernel-core-uname-r = 5.14.0-503.el9.x86_64+rt")
        .provides("kernel(module_layout) = 0xfa596f96")
        .provides("kernel(_printk) = 0x0f6dc4f1");
    let kernel = only(&rpm.build(), "core.rpm");
    assert_eq!(kernel.release.as_deref(), Some("5.14.0-503.el9.x86_64+rt"));
    assert_eq!(kernel.flavor.as_deref(), Some("rt"));
    assert!(versions(&kernel).contains(&("_printk", 0x0f6d_c4f1)));
}

#[test]
fn a_repository_by_createrepo() {
    let folder = TempDir::new().unwrap();
    let put = |name: &str, rpm: RpmBuilder| fs::write(folder.path().join(name), rpm.build());
    put("a-extra.rpm", extra_rpm()).unwrap();
    put("base.rpm", base_rpm()).unwrap();
    let next = RpmBuilder::new("kernel-default", "6.4.0", "150600.23.1", "x86_64")
        .provides("kernel-uname-r = 6.4.0-150600.23-default")
        .provides("ksym(default:module_layout) = 1");
    put("next.rpm", next).unwrap();
    let driver = RpmBuilder::new("kernel-thing-kmp-default", "1", "1", "x86_64")
        .provides("ksym(default:theirs) = 1");
    put("driver.rpm", driver).unwrap();
    put(
        "devel.rpm",
        RpmBuilder::new("kernel-devel", "6.4.0", "1", "noarch"),
    )
    .unwrap();
    for (option, suffix) in [("gz", "gz"), ("xz", "xz"), ("bz2", "bz2")] {
        let mut createrepo = Command::new("createrepo_c");
        let compression = format!("--general-compress-type={option}");
        createrepo.args(["--quiet", "--no-database", &compression]);
        tool(createrepo.arg(folder.path()), "createrepo-c");
        let primary = primary_in(folder.path(), suffix);
        let kernels = found(&fs::read(&primary).unwrap(), &primary);
        let releases: Vec<_> = kernels.iter().flat_map(|kernel| &kernel.release).collect();
        assert_eq!(releases, [RELEASE, "6.4.0-150600.23-default"], "{suffix}");
        let kernel = &kernels[0];
        assert_eq!(versions(kernel), versions(&reference()), "{suffix}");
        assert_eq!(kernel.arch.as_deref(), Some("x86_64"));
        assert!(kernel.unknown().contains(&Unknown::Providers));
        let parts = kernel
            .parts
            .iter()
            .map(|part| (part.kind, part.label.as_str()));
        assert_eq!(
            BTreeSet::from_iter(parts),
            BTreeSet::from([
                (Kind::Primary, "kernel-default-6.4.0-150600.21.2.x86_64"),
                (
                    Kind::Primary,
                    "kernel-default-extra-6.4.0-150600.21.2.x86_64"
                ),
            ])
        );
        assert!(kernel.parts.iter().all(|part| part.sha256.is_some()));
    }
}

fn primary_in(folder: &Path, suffix: &str) -> String {
    let end = format!("primary.xml.{suffix}");
    let files = fs::read_dir(folder.join("repodata")).unwrap();
    let mut paths = files.map(|file| file.unwrap().path().display().to_string());
    paths.find(|path| path.ends_with(&end)).unwrap()
}

#[test]
fn debian_packages_and_archives() {
    const DEBIAN: &str = "6.1.0-56-amd64";
    let folder = TempDir::new().unwrap();
    let put = |path: &str, bytes: &[u8]| {
        let path = folder.path().join("root").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let headers = format!("usr/src/linux-headers-{DEBIAN}");
    put(&format!("{headers}/Module.symvers"), SYMVERS.as_bytes());
    put(
        &format!("{headers}/.config"),
        b"CONFIG_X86_64=y\nCONFIG_SMP=y\nCONFIG_PREEMPT_BUILD=y\nCONFIG_MODULE_UNLOAD=y\n\
          CONFIG_MODVERSIONS=y\n",
    );
    let uts = format!("#define UTS_RELEASE \"{DEBIAN}\"\n");
    put(
        &format!("{headers}/include/generated/utsrelease.h"),
        uts.as_bytes(),
    );
    put(&format!("{headers}/scripts/module.lds"), b"SECTIONS {}");
    put(
        "DEBIAN/control",
        format!(
            "Package: linux-headers-{DEBIAN}\nVersion: 6.1.192-2\nArchitecture: amd64\n\
             Maintainer: Nobody <nobody@example.com>\nDescription: headers\n"
        )
        .as_bytes(),
    );
    let root = folder.path().join("root");
    for packer in ["gzip", "xz", "zstd"] {
        let file = folder.path().join(format!("{packer}.deb"));
        let mut command = Command::new("dpkg-deb");
        command.args(["--root-owner-group", &format!("-Z{packer}"), "-b"]);
        tool(command.args([&root, &file]), "dpkg");
        let kernel = only(&fs::read(&file).unwrap(), "headers.deb");
        assert_eq!(rows(&kernel), rows(&reference()), "{packer}");
        assert_eq!(kernel.release.as_deref(), Some(DEBIAN));
        assert_eq!(kernel.arch.as_deref(), Some("x86_64"));
        assert_eq!(kernel.flavor.as_deref(), Some("amd64"));
        assert_eq!(kernel.vermagic_tail.as_deref(), Some(TAIL));
        let label = format!("linux-headers-{DEBIAN}_6.1.192-2_amd64");
        assert_eq!(kernel.parts[0].label, label);
    }
    let mut tar = Command::new("tar");
    let archive = tool(tar.arg("-C").arg(&root).args(["-c", "usr"]), "tar");
    for archive in [archive.clone(), packed("xz", &archive)] {
        let kernel = only(&archive, "headers.tar");
        assert_eq!(rows(&kernel), rows(&reference()));
        assert_eq!(kernel.release.as_deref(), Some(DEBIAN));
    }
}

#[test]
fn modules_alone_leave_the_image_unknown() {
    let kernel = only(&extra_module(), "extra.ko");
    assert_eq!(kernel.release.as_deref(), Some(RELEASE));
    assert_eq!(kernel.arch.as_deref(), Some("x86_64"));
    assert_eq!(kernel.unknown(), [Unknown::Image]);
}

#[test]
fn refusals_say_what_and_how_to_mend() {
    let kmp = RpmBuilder::new("acme-kmp-default", "1_k6.4.0", "1", "x86_64");
    let empty = RpmBuilder::new("empty", "1", "1", "x86_64");
    let two = base_rpm().provides("ksym(rt:_printk) = 1");
    let torn = base_rpm().file(
        &format!("/boot/symvers-{RELEASE}.gz"),
        packed("gzip", b"0x1 printk"),
    );
    let mut half = base_rpm().build();
    half.truncate(half.len() / 2);
    let cases = [
        (kmp.build(), "is the driver package acme-kmp-default"),
        (empty.build(), "tells of no kernel"),
        (two.build(), "several flavors (default, rt)"),
        (
            torn.build(),
            "symvers-6.4.0-150600.21-default.gz: line 1 has 2 columns",
        ),
        (half, "cannot be read as an RPM"),
        (
            b"\x00\x01binary".to_vec(),
            "is nothing that tells of a kernel",
        ),
        (b"hello\n".to_vec(), "line 1 has 1 columns"),
        (b"".to_vec(), "the file lists no symbols"),
        (b"<html></html>".to_vec(), "primary"),
        (
            b"!<arch>\njunk".to_vec(),
            "not a sound Debian archive at byte",
        ),
        (b"\x7fELF\x02\x01\x01".to_vec(), "it is no ELF file"),
        (packed("gzip", b"hello world"), "line 1 has 2 columns"),
    ];
    for (bytes, words) in cases {
        let error = refusal(&bytes, "x");
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn limits_hold() {
    let limits = Limits {
        modules: 0,
        ..Limits::default()
    };
    let error = read(&*extra_module(), "extra.ko", &limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "extra.ko: modules are more than the limit of 0"
    );
    let zeros = packed("gzip", &vec![b'\n'; 65 << 20]);
    let error = refusal(&zeros, "zeros.gz");
    assert!(
        error.contains("bytes of a symvers file are more"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_sources_are_survived(which in 0_usize..4, at: usize, byte: u8, cut: usize) {
        let mut bytes = match which {
            0 => SYMVERS.as_bytes().to_vec(),
            1 => extra_rpm().build(),
            2 => extra_module(),
            _ => base_rpm().file("/boot/symvers-1.gz", gzip(SYMVERS.as_bytes())).build(),
        };
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(cut % (2 * length));
        let _ = read(&*bytes, "damaged", &Limits::default());
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..1500), which in 0_usize..6) {
        let magics: [&[u8]; 6] = [b"", b"\xed\xab\xee\xdb", b"!<arch>\n", b"\x1f\x8b", b"<", b"\x7fELF"];
        let bytes = [magics[which], &bytes].concat();
        let _ = read(&*bytes, "any", &Limits::default());
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
