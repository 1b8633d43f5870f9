//! Good inputs: what damage and fuzzing begin from. All made by the builders of `testkit`; the few
//! lines of text are of the kinds that real kernels and packages hold.

use std::sync::OnceLock;

use kmp::Limits;
use testkit::{ExportLayout, Format, ModuleBuilder, RpmBuilder};

/// An input and its file name in the corpus.
pub struct Seed {
    /// Unique within its target.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

/// Every format with some compressor and every compressor with some format.
const PACKAGES: [(Format, &str); 9] = [
    (Format::V3, "gzip"),
    (Format::V4, "gzip"),
    (Format::V4, "xz"),
    (Format::V4, "zstd"),
    (Format::V4, "none"),
    (Format::V4Large, "none"),
    (Format::V6, "none"),
    (Format::V6, "lzma"),
    (Format::V6, "bzip2"),
];
const LEAD_SIZE: usize = 96;
const MODULES: &str = "/lib/modules/6.4.0-150600.21-default/updates";

/// A change to a builder.
type Change = fn(ModuleBuilder) -> ModuleBuilder;

/// A module of every layout on every kind of machine.
pub fn modules() -> Vec<Seed> {
    let machines: [(&str, Change); 4] = [
        ("x86_64", |builder| builder),
        ("s390x", ModuleBuilder::big_endian),
        ("arm", ModuleBuilder::bits32),
        ("ppc", |builder| builder.big_endian().bits32()),
    ];
    let layouts = [
        ExportLayout::Absolute,
        ExportLayout::Relative,
        ExportLayout::InSection,
        ExportLayout::Flags,
    ];
    let all = machines
        .iter()
        .flat_map(|machine| layouts.map(|layout| (machine, layout)));
    all.map(|((machine, change), layout)| Seed {
        name: format!("{machine}-{layout:?}").to_lowercase(),
        bytes: change(full_module()).export_layout(layout).build(),
    })
    .collect()
}

/// A package of every format, packed in every way.
pub fn packages() -> Vec<Seed> {
    let package = |&(format, compressor): &(Format, &str)| Seed {
        name: format!("{format:?}-{compressor}").to_lowercase(),
        bytes: full_package(format, compressor).build(),
    };
    PACKAGES.iter().map(package).collect()
}

/// Packages whose payloads want nearly all the memory that decompressors may have by default.
pub fn wide_windows() -> Vec<Seed> {
    let seed = |name: &str, bytes| Seed {
        name: name.to_owned(),
        bytes,
    };
    let zstd = full_package(Format::V4, "zstd").packed_by(zstd_with_128_mib);
    vec![
        seed("zstd-128-mib", zstd.build()),
        seed("xz-96-mib", with_payload("xz", xz_with_96_mib)),
        seed("lzma-96-mib", with_payload("lzma", lzma_with_96_mib)),
    ]
}

/// A frame that asks for a window of 128 MiB, with the archive in blocks as it is.
/// Source: RFC 8878, sections 3.1.1.1.2 and 3.1.1.2.
fn zstd_with_128_mib(archive: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64 << 10;
    const WINDOW: u8 = (27 - 10) << 3;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, WINDOW];
    let mut blocks = archive.chunks(BLOCK).peekable();
    while let Some(block) = blocks.next() {
        let is_last = u32::from(blocks.peek().is_none());
        let header = (block.len() as u32) << 3 | is_last;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(block);
    }
    frame
}

/// A package with a change to the first bytes of its payload.
fn with_payload(compressor: &str, change: fn(&mut [u8])) -> Vec<u8> {
    let mut bytes = full_package(Format::V4, compressor).build();
    let start = read(&bytes).header_end as usize;
    change(&mut bytes[start..]);
    bytes
}

/// The dictionary stands in the first filter of the block header, which ends in a checksum.
/// Source: the .xz file format, sections 3.1 and 5.3.1.
fn xz_with_96_mib(payload: &mut [u8]) {
    const BLOCK: usize = 12;
    let size = (usize::from(payload[BLOCK]) + 1) * 4;
    let header = &mut payload[BLOCK..BLOCK + size];
    header[4] = 29;
    let (fields, checksum) = header.split_at_mut(size - 4);
    checksum.copy_from_slice(&crc32(fields).to_le_bytes());
}

/// The dictionary is a number behind the first byte.
fn lzma_with_96_mib(payload: &mut [u8]) {
    payload[1..5].copy_from_slice(&(96_u32 << 20).to_le_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(!0, byte)
}

/// The packages without their leads.
pub fn headers() -> Vec<Seed> {
    let mut seeds = packages();
    for seed in &mut seeds {
        seed.bytes.drain(..LEAD_SIZE);
    }
    seeds
}

/// The payloads of the packages, behind the number of their headers.
pub fn payloads() -> Vec<Seed> {
    let mut seeds = packages();
    for ((number, seed), front) in (0..).zip(&mut seeds).zip(payload_fronts()) {
        seed.bytes.splice(..front.len(), [number]);
    }
    seeds
}

/// What stands before the payload of each package.
pub fn payload_fronts() -> &'static [Vec<u8>] {
    static FRONTS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FRONTS.get_or_init(|| {
        let fronts = packages().into_iter().map(|mut seed| {
            let package = read(&seed.bytes);
            seed.bytes.truncate(package.header_end as usize);
            seed.bytes
        });
        fronts.collect()
    })
}

/// The lead of a good package.
pub fn lead() -> &'static [u8] {
    static LEAD: OnceLock<Vec<u8>> = OnceLock::new();
    LEAD.get_or_init(|| {
        let mut bytes = full_package(Format::V4, "none").build();
        bytes.truncate(LEAD_SIZE);
        bytes
    })
}

/// When signatures are made and judged, seconds since 1970 (2024).
pub const JUDGED_AT: u64 = 1_710_000_000;

/// A good package without a signature.
pub fn unsigned() -> kmp::Package {
    read(&full_package(Format::V4, "none").build())
}

#[cfg(feature = "signatures")]
pub use with_openpgp::{certificate, signatures};

#[cfg(feature = "signatures")]
mod with_openpgp {
    use std::sync::OnceLock;

    use keyring::{Certificate, KeyAlgorithm, SigningKey};

    use super::{JUDGED_AT, Seed, unsigned};

    fn key() -> &'static SigningKey {
        static KEY: OnceLock<SigningKey> = OnceLock::new();
        let make =
            || SigningKey::generate("Acme <a@acme.example>", KeyAlgorithm::Ed25519, JUDGED_AT);
        KEY.get_or_init(|| make().expect("a key can be made"))
    }

    /// The certificate by which signatures are judged.
    pub fn certificate() -> Vec<Certificate> {
        vec![key().certificate()]
    }

    /// A signature packet, and a certificate.
    pub fn signatures() -> Vec<Seed> {
        let packet = key().sign_packet(&unsigned().header_bytes, JUDGED_AT);
        let seed = |name: &str, bytes| Seed {
            name: name.to_owned(),
            bytes,
        };
        vec![
            seed("packet", packet.expect("the key can sign")),
            seed("certificate", key().certificate().to_armored().into_bytes()),
        ]
    }
}

/// The tables of several eras.
pub fn symvers() -> Vec<Seed> {
    texts(&[
        (
            "today",
            "0x92997ed8\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n\
             0x037a0cba\tacme_zap\tdrivers/net/acme/acme_net\tEXPORT_SYMBOL_GPL\tACME\n\
             0x00000000\tunversioned\tvmlinux\tEXPORT_SYMBOL\t\n",
        ),
        (
            "four-columns",
            "0x92997ed8\tprintk\tvmlinux\tEXPORT_SYMBOL\n",
        ),
        ("three-columns", "0x92997ed8\tprintk\tvmlinux\n"),
        (
            "other-kinds",
            "0x00000001\ta\tvmlinux\tEXPORT_UNUSED_SYMBOL\n0x00000002\tb\tvmlinux\tEXPORT_SYMBOL_GPL_FUTURE\n",
        ),
    ])
}

/// Patterns of the busy buses with aliases that match and that do not.
pub fn modaliases() -> Vec<Seed> {
    texts(&[
        (
            "pci",
            "pci:v00008086d00001533sv*sd*bc*sc*i*\n\
             pci:v00008086d00001533sv0000ACE1sd00000001bc02sc00i00\npci:v00008086\n",
        ),
        (
            "usb",
            "usb:v0B05p1234d*dc*dsc*dp*ic[0-9A]isc*ip*in*\nusb:v0B05p1234d0100dc00dsc00dp00ic0Aisc00ip00in00\n",
        ),
        ("acpi", "acpi*:ACME0001:*\nacpi:ACME0001:PNP0C02:\n"),
        (
            "of",
            "of:N*T*Cacme,net?C*\nof:NethernetT(null)Cacme,net1Cacme,base\n",
        ),
        ("brackets", "x:[!a-c]\\*[]-]*\nx:d*-\n"),
        (
            "supplement",
            "modalias(kernel-default:pci:v00008086d*sv*sd*bc02sc*i*)\n",
        ),
        ("packageand", "packageand(kernel-default:acme:pci%3Av*)\n"),
    ])
}

/// Dependencies as SUSE and the Red Hat family write them, and what else those grammars read.
pub fn dependencies() -> Vec<Seed> {
    texts(&[
        (
            "suse",
            "ksym(default:printk) = 92997ed8\nkernel(default:drivers_net) = d83a5bf8d2abf9f6\nksym(default:\n",
        ),
        (
            "redhat",
            "kernel(printk) = 0x92997ed8\nksym(printk) = 0x92997ed8\nkernel-modules >= 5.14.0-70.el9\n",
        ),
        (
            "boolean",
            "(acme-firmware if (linux-firmware and kernel-default))\n",
        ),
        (
            "hardware",
            "modalias(kernel-default:pci:v00008086d00001533sv*sd*bc*sc*i*)\n\
             (kernel-default and modalias(pci:v*))\n",
        ),
        (
            "versions",
            "1:1.0_k6.4.0_150600.21-1 = 1.0~rc1^git2_k5.14.21_150400.22-lp1.2\n",
        ),
        (
            "names",
            "acme-net-kmp-default = 1.0_k6.4.0_150600.21\nkmod-acme = 1.0-1.el9\n\
             /lib/modules/6.4.0-150600.21-default/updates/acme.ko.xz\n",
        ),
    ])
}

fn texts(all: &[(&str, &str)]) -> Vec<Seed> {
    let seed = |(name, text): &(&str, &str)| Seed {
        name: (*name).to_owned(),
        bytes: text.as_bytes().to_vec(),
    };
    all.iter().map(seed).collect()
}

fn read(package: &[u8]) -> kmp::Package {
    kmp::read(package, &Limits::default()).expect("a good package is readable")
}

fn full_module() -> ModuleBuilder {
    ModuleBuilder::new("acme_net")
        .license("Dual BSD/GPL")
        .depends("nfc,crc-itu-t")
        .alias("pci:v00001B36d00000010sv*sd*bc*sc*i*")
        .modinfo("parm", "debug:How much to say")
        .imports("printk", 0x9299_7ed8)
        .imports("kfree", 0x037a_0cba)
        .imports_weak("mach_cell")
        .exports("acme_send", 0xdead_beef)
        .exports_gpl("acme_attach", 7)
        .exports_in_namespace("acme_zap", 8, "ACME")
        .extended_versions()
        .signed_by("Acme module key", &[1, 2, 3])
}

/// One with a bit of everything.
fn full_package(format: Format, compressor: &str) -> RpmBuilder {
    RpmBuilder::new(
        "acme-net-kmp-default",
        "1.0_k6.4.0_150600.21",
        "1",
        "x86_64",
    )
    .kmp()
    .format(format)
    .compressor(compressor)
    .epoch(2)
    .summary("Größe matters")
    .vendor("Acme Inc.")
    .requires("ksym(default:printk) = 92997ed8")
    .requires("(acme-firmware if linux-firmware)")
    .provides("ksym(default:acme_open) = 1234abc")
    .obsoletes("acme-old < 1.0")
    .recommends("acme-tools >= 2")
    .supplements("modalias(kernel-default:pci:v00008086d00001533sv*sd*bc*sc*i*)")
    .dir(MODULES)
    .file(&format!("{MODULES}/acme_net.ko"), full_module().build())
    .symlink("/usr/share/acme/link", "../elsewhere")
    .file("/usr/share/acme/one", vec![7; 5000])
    .hardlink("/usr/share/acme/two", "/usr/share/acme/one")
    .ghost("/var/log/acme.log")
    .config_file("/etc/acme.conf", "a=b\n")
    .scriptlet_with("pretrans", &["<lua>"], "print('x')\n")
    .scriptlet_with("pre", &["/usr/bin/perl", "-w"], "1;\n")
    .trigger("triggerin", "kernel-default", "true\n")
    .changelog(1_690_000_000, "A Vendor <a@example.com> - 1.0", "- new")
}
