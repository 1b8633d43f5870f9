//! Whole packages through `kmp::read`: built in memory, built by `rpmbuild`, damaged.

mod digests;
mod errors;
mod facts;
mod oddities;
mod payloads;
mod rpm_crate;
mod rpm_program;

use kmp::{Error, Limits, Package};
use testkit::{Format, ModuleBuilder, RpmBuilder};

/// Formats that rpm 4.18, the one in Debian 12, reads.
const OLD_FORMATS: [Format; 3] = [Format::V3, Format::V4, Format::V4Large];
const ALL_FORMATS: [Format; 4] = [Format::V3, Format::V4, Format::V4Large, Format::V6];
const COMPRESSORS: [&str; 6] = ["gzip", "bzip2", "xz", "lzma", "zstd", "none"];

const MODULE_PATH: &str = "/lib/modules/6.4.0-150600.21-default/updates/acme.ko";

fn read(package: &[u8]) -> Package {
    try_read(package).unwrap_or_else(|error| panic!("{error}"))
}

fn try_read(package: &[u8]) -> Result<Package, Error> {
    kmp::read(package, &Limits::default())
}

/// Codes of the oddities, each once.
fn codes(package: &Package) -> Vec<&str> {
    let mut codes: Vec<&str> = package
        .oddities
        .iter()
        .map(|oddity| oddity.code.as_str())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// A small kernel module package without anything odd.
fn plain() -> RpmBuilder {
    RpmBuilder::new(
        "acme-net-kmp-default",
        "1.0_k6.4.0_150600.21",
        "1",
        "x86_64",
    )
    .kmp()
}

/// One with a bit of everything.
fn full(format: Format, compressor: &str) -> RpmBuilder {
    plain()
        .format(format)
        .compressor(compressor)
        .epoch(2)
        .summary("Größe matters")
        .description("First line\nsecond line\n")
        .license("GPL-2.0-only")
        .vendor("Acme Inc.")
        .packager("A Person <person@example.com>")
        .url("https://example.com/")
        .requires("ksym(default:printk) = 92997ed8")
        .requires("(acme-firmware if linux-firmware)")
        .provides("ksym(default:acme_open) = 1234abc")
        .obsoletes("acme-old < 1.0")
        .recommends("acme-tools >= 2")
        .suggests("acme-doc")
        .supplements("modalias(kernel-default:pci:v00008086d00001533sv*sd*bc*sc*i*)")
        .order_with_requires("acme-firmware")
        .dir("/lib/modules/6.4.0-150600.21-default/updates")
        .file(MODULE_PATH, module())
        .symlink("/usr/share/acme/link", "../elsewhere")
        .file("/usr/share/acme/one", vec![7; 5000])
        .hardlink("/usr/share/acme/two", "/usr/share/acme/one")
        .file("/usr/share/acme/empty", "")
        .ghost("/var/log/acme.log")
        .config_file("/etc/acme.conf", "a=b\n")
        .file_with_mode("/usr/bin/acme", 0o4755, "#!/bin/sh\n")
        .scriptlet_with("pretrans", &["<lua>"], "print('x')\n")
        .scriptlet_with("pre", &["/usr/bin/perl", "-w"], "1;\n")
        .scriptlet_with("verify", &["/sbin/ldconfig"], "")
        .trigger("triggerin", "kernel-default", "true\n")
        .trigger("triggerpostun", "acme-old", "false\n")
        .changelog(
            1_690_000_000,
            "A Vendor <a@example.com> - 1.0",
            "- new\n- newer",
        )
        .changelog(1_680_000_000, "A Vendor <a@example.com> - 0.9", "- old")
}

fn module() -> Vec<u8> {
    ModuleBuilder::new("acme")
        .imports("printk", 0x9299_7ed8)
        .exports("acme_open", 0x0123_4abc)
        .alias("pci:v00008086d00001533sv*sd*bc*sc*i*")
        .build()
}
