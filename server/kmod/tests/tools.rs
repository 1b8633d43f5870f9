//! kmod's own tools read the builder's modules as this crate does, so neither is alone in its view.

use std::{path::Path, process::Command};

use kmod::{Certificate, CertificateError, Limits, Module};
use testkit::{ExportLayout, ModuleBuilder};

fn run(program: &str, options: &[&str], file: &Path) -> String {
    let output = Command::new(program).args(options).arg(file).output();
    let output = output.unwrap_or_else(|err| panic!("{program}: {err}; apt-get install kmod"));
    assert!(output.status.success(), "{program} {options:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

fn lines(text: &str) -> Vec<String> {
    sorted(text.lines().map(str::to_owned))
}

/// A change to a builder.
type Change = fn(ModuleBuilder) -> ModuleBuilder;

/// Modules of every layout on every machine, with a word on each.
fn modules() -> Vec<(String, ModuleBuilder)> {
    let module = ModuleBuilder::new("acme_net")
        .license("Dual BSD/GPL")
        .depends("nfc,crc-itu-t")
        .alias("pci:v00001B36d*")
        .alias("pci:v00001B37d*")
        .imports("printk", 0x9299_7ed8)
        .imports("kfree", 0x037a_0cba)
        .imports_weak("mach_cell")
        .exports("acme_send", 0xdead_beef)
        .exports_gpl("acme_attach", 7)
        .signed_by("Acme module key", &[0x0a, 0xbc]);
    let targets: [(&str, Change); 4] = [
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
    let named = |(name, target): &(&str, Change), layout| {
        (
            format!("{name} {layout:?}"),
            target(module.clone()).export_layout(layout),
        )
    };
    targets
        .iter()
        .flat_map(|target| layouts.map(|layout| named(target, layout)))
        .collect()
}

#[test]
fn modprobe_and_modinfo_agree() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme_net.ko");
    for (name, builder) in modules() {
        let bytes = builder.build();
        std::fs::write(&file, &bytes).unwrap();
        let module = Module::read(&bytes, "acme_net.ko", &Limits::default()).unwrap();

        let versions = module
            .imports
            .iter()
            .filter_map(|import| Some((import.crc?, &import.symbol)));
        let versions = sorted(versions.map(|(crc, symbol)| format!("{crc}\t{symbol}")));
        assert_eq!(
            versions,
            lines(&run("modprobe", &["--dump-modversions"], &file)),
            "{name}"
        );

        let exports = module
            .exports
            .iter()
            .map(|export| (export.crc.unwrap(), &export.symbol));
        let exports = sorted(exports.map(|(crc, symbol)| format!("{crc}\t{symbol}")));
        assert_eq!(
            exports,
            lines(&run("modprobe", &["--show-exports"], &file)),
            "{name}"
        );

        for key in ["vermagic", "license", "depends", "alias", "name"] {
            let ours: String = module.all(key).map(|value| format!("{value}\n")).collect();
            assert_eq!(
                ours,
                run("modinfo", &["--field", key], &file),
                "{name} {key}"
            );
        }
    }
}

#[test]
fn modinfo_reads_the_same_signature() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme_net.ko");
    let builder = ModuleBuilder::new("acme_net").signed_by("Acme module key", &[0x0a, 0xbc]);
    std::fs::write(&file, builder.build()).unwrap();
    let module = Module::read(&builder.build(), "acme_net.ko", &Limits::default()).unwrap();
    let signature = module.signature.unwrap();
    let field = |key: &str| {
        run("modinfo", &["--field", key], &file)
            .trim_end()
            .to_owned()
    };
    assert_eq!(signature.signer, Some(field("signer")));
    assert_eq!(signature.hash, Some(field("sig_hashalgo")));
    assert_eq!(
        signature.key_id,
        Some(field("sig_key").replace(':', "").to_lowercase())
    );
}

/// A certificate and its key in `folder`, as openssl makes them.
fn certificate(folder: &Path, name: &str) -> Certificate {
    let subject = format!("/O=Acme/CN={name}");
    openssl(
        folder,
        &[
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-subj",
            &subject,
        ],
        &["-out", "cert.pem"],
    );
    openssl(
        folder,
        &["x509", "-in", "cert.pem", "-outform", "DER"],
        &["-out", "cert.der"],
    );
    Certificate::read(&std::fs::read(folder.join("cert.der")).unwrap()).unwrap()
}

fn openssl(folder: &Path, options: &[&str], more: &[&str]) -> String {
    let mut command = Command::new("openssl");
    command.args(options).args(more).current_dir(folder);
    let output = command.output();
    let output = output.unwrap_or_else(|err| panic!("openssl: {err}; apt-get install openssl"));
    assert!(output.status.success(), "openssl {options:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The module with a signature by the key in `folder`, as `scripts/sign-file` makes it.
fn sign(folder: &Path, module: &[u8], options: &[&str]) -> Vec<u8> {
    std::fs::write(folder.join("a.ko"), module).unwrap();
    let make = [
        "cms", "-sign", "-binary", "-noattr", "-nocerts", "-md", "sha512", "-outform", "DER",
    ];
    let files = [
        "-signer", "cert.pem", "-inkey", "key.pem", "-in", "a.ko", "-out", "a.p7s",
    ];
    openssl(folder, &make, &[options, &files].concat());
    let signature = std::fs::read(folder.join("a.p7s")).unwrap();
    let length = u32::try_from(signature.len()).unwrap().to_be_bytes();
    [
        module,
        &signature,
        &[0, 0, 2, 0, 0, 0, 0, 0],
        &length,
        b"~Module signature appended~\n",
    ]
    .concat()
}

#[test]
fn a_certificate_knows_the_signatures_of_its_key() {
    let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mine = certificate(own.path(), "Acme module key");
    let others = certificate(other.path(), "Acme module key");
    let told = openssl(
        own.path(),
        &["x509", "-in", "cert.pem", "-noout", "-serial"],
        &[],
    );
    let serial = told.trim().trim_start_matches("serial=").to_lowercase();
    assert_eq!(mine.serial, serial);
    assert_eq!(mine.subject.as_deref(), Some("Acme module key"));
    assert_eq!(mine.issuer, mine.subject);

    let module = ModuleBuilder::new("acme").build();
    for options in [&[][..], &["-keyid"]] {
        let signed = sign(own.path(), &module, options);
        let read = Module::read(&signed, "a.ko", &Limits::default()).unwrap();
        let signature = read.signature.unwrap();
        assert_eq!(signature.hash.as_deref(), Some("sha512"));
        assert!(mine.is_signer_of(&signature), "{options:?} {signature:?}");
        assert!(!others.is_signer_of(&signature), "{options:?}");
    }
    let pem = std::fs::read(own.path().join("cert.pem")).unwrap();
    assert_eq!(Certificate::read(&pem), Err(CertificateError::Pem));
}
