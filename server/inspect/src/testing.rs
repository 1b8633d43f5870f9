//! An honest package for tests, and what a check says to it.

use crate::check::Check;
use crate::context::Context;
use crate::report::{Finding, Severity};
use crate::{Family, KitCertificate, Policy};
use kmod::{Btf, Crc, Export, Import, Machine, Module, ModuleSignature, Versions};
use kmp::{
    Covers, Dependencies, Dependency, DigestCheck, File, JudgedSignature, Package, PackagedModule,
    Scriptlet, SignatureReport, SignatureVerdict, sense,
};

/// `uname -r` of the kernel that [`honest`] is built for.
pub const RELEASE: &str = "6.4.0-150600.21-default";
/// Where its module lies.
pub const MODULE: &str = "/lib/modules/6.4.0-150600.21-default/updates/acme-net.ko";

/// What a check finds in a package signed by a registered key, under SUSE's usual policy.
pub fn report_of(check: &'static Check, package: &Package) -> Vec<Finding> {
    report_with(check, package, &policy())
}

/// The same under another policy.
pub fn report_with(check: &'static Check, package: &Package, policy: &Policy) -> Vec<Finding> {
    report_signed(check, package, &signed(), policy)
}

/// The same with other signatures.
pub fn report_signed(
    check: &'static Check,
    package: &Package,
    signatures: &SignatureReport,
    policy: &Policy,
) -> Vec<Finding> {
    crate::run(check, &Context::new(package, signatures, policy))
}

/// SUSE's usual policy.
pub fn policy() -> Policy {
    Policy::for_family(Family::Suse)
}

/// Says that a check finds nothing in the honest package, and this in the changed one.
#[track_caller]
pub fn assert_finds(
    check: &'static Check,
    change: impl FnOnce(&mut Package),
    severity: Severity,
    detail: &str,
) {
    assert_eq!(report_of(check, &honest()), []);
    let findings = report_of(check, &changed(change));
    let told: Vec<_> = findings
        .iter()
        .map(|f| (f.severity, f.detail.as_str()))
        .collect();
    assert_eq!(told, [(severity, detail)]);
}

/// Says that a check finds nothing in the changed package either.
#[track_caller]
pub fn assert_passes(check: &'static Check, change: impl FnOnce(&mut Package)) {
    assert_eq!(report_of(check, &changed(change)), []);
}

/// The honest package with one thing changed.
pub fn changed(change: impl FnOnce(&mut Package)) -> Package {
    let mut package = honest();
    change(&mut package);
    package
}

/// Its module, to be changed.
pub fn module_of(package: &mut Package) -> &mut Module {
    package.modules[0].module.as_mut().unwrap()
}

/// Another value of a `.modinfo` key, or none.
pub fn set_modinfo(package: &mut Package, key: &str, values: &[&str]) {
    let modinfo = &mut module_of(package).modinfo;
    modinfo.retain(|(known, _)| known != key);
    modinfo.extend(
        values
            .iter()
            .map(|value| (key.to_owned(), (*value).to_owned())),
    );
}

/// All modules signed by a certificate of this issuer and serial number.
pub fn sign_modules(package: &mut Package, issuer: &str, serial: &str) {
    for module in &mut package.modules {
        module.module.as_mut().unwrap().signature = Some(ModuleSignature {
            signer: Some(issuer.to_owned()),
            key_id: Some(serial.to_owned()),
            hash: Some("sha256".to_owned()),
        });
    }
}

/// A certificate of this issuer and serial number in the package `acme-ueficert`.
pub fn kit_certificate(issuer: &str, serial: &str) -> KitCertificate {
    KitCertificate {
        package: "acme-ueficert".to_owned(),
        certificate: kmod::Certificate {
            subject: Some("Acme module key".to_owned()),
            issuer: Some(issuer.to_owned()),
            serial: serial.to_owned(),
            subject_key_id: None,
            public_key: None,
        },
    }
}

/// `name = version`.
pub fn equal(name: &str, version: &str) -> Dependency {
    Dependency {
        name: name.to_owned(),
        flags: sense::EQUAL,
        version: version.to_owned(),
    }
}

/// A dependency without a version.
pub fn plain(name: &str) -> Dependency {
    Dependency {
        name: name.to_owned(),
        flags: 0,
        version: String::new(),
    }
}

/// A second module, beside the first.
pub fn add_module(package: &mut Package, file: &str, module: Module) {
    let path = format!("/lib/modules/{RELEASE}/updates/{file}");
    package.files.push(file_at(&path, 0o100_644));
    package.modules.push(PackagedModule {
        path,
        size: 9000,
        module: Ok(module),
        seal: None,
    });
}

/// A file of root's.
pub fn file_at(path: &str, mode: u16) -> File {
    File {
        path: path.to_owned(),
        mode,
        size: 11_184,
        flags: 0,
        digest: (mode & 0o170_000 == 0o100_000).then(|| "ab".repeat(32)),
        link_target: None,
        user: "root".to_owned(),
        group: "root".to_owned(),
        capabilities: None,
    }
}

/// A good signature over the header.
pub fn signed() -> SignatureReport {
    let certificate = "0123456789ABCDEF0123456789ABCDEF01234567".to_owned();
    let user_id = "Acme Drivers <drivers@acme.example>".to_owned();
    judged(SignatureVerdict::Good {
        certificate,
        user_id,
    })
}

/// One signature over the header with this verdict.
pub fn judged(verdict: SignatureVerdict) -> SignatureReport {
    let issuer = Some("89ABCDEF01234567".to_owned());
    let created = Some(1_767_571_200);
    SignatureReport {
        signatures: vec![JudgedSignature {
            covers: Covers::Header,
            issuer,
            created,
            algorithm: Some("RSA 4096, SHA-256".to_owned()),
            verdict,
        }],
        modules: Vec::new(),
    }
}

/// A package as rpmbuild makes it from SUSE's template: one PCI driver that exports a symbol.
pub fn honest() -> Package {
    Package {
        name: "acme-net-kmp-default".to_owned(),
        epoch: None,
        version: "1.0_k6.4.0_150600.21".to_owned(),
        release: "1".to_owned(),
        arch: "x86_64".to_owned(),
        is_source: false,
        rpm_format: 4,
        summary: "Acme network driver".to_owned(),
        description: "Acme network driver".to_owned(),
        license: Some("GPL-2.0-only".to_owned()),
        vendor: Some("Acme Devices, Inc.".to_owned()),
        packager: None,
        group: Some("System/Kernel".to_owned()),
        url: None,
        build_host: Some("build".to_owned()),
        source_rpm: Some("acme-net-1.0-1.src.rpm".to_owned()),
        build_time: 1_767_571_200,
        dependencies: dependencies(),
        files: vec![
            file_at(&format!("/lib/modules/{RELEASE}"), 0o040_755),
            file_at(&format!("/lib/modules/{RELEASE}/updates"), 0o040_755),
            file_at(MODULE, 0o100_644),
        ],
        scriptlets: ["pre", "post", "preun", "postun", "posttrans"]
            .map(scriptlet)
            .to_vec(),
        changelog: Vec::new(),
        modules: vec![PackagedModule {
            path: MODULE.to_owned(),
            size: 11_184,
            module: Ok(module()),
            seal: None,
        }],
        certificates: Vec::new(),
        compressor: "zstd".to_owned(),
        file_size: 20_000,
        sha256: [7; 32],
        header_start: 4_504,
        header_end: 12_000,
        header_bytes: Vec::new(),
        installed_size: 11_184,
        archive_size: 11_700,
        signatures: Vec::new(),
        digests: ["header", "payload"].map(digest).to_vec(),
        oddities: Vec::new(),
    }
}

fn dependencies() -> Dependencies {
    let itself = "1.0_k6.4.0_150600.21-1";
    let build = "acme-net-kmp-default-k6.4.0_150600.21";
    Dependencies {
        provides: vec![
            equal("acme-net-kmp", "1.0"),
            equal("acme-net-kmp", "1.0_k6.4.0_150600.21"),
            equal("acme-net-kmp-default", itself),
            equal("acme-net-kmp-default(x86-64)", itself),
            plain(build),
            plain("kmod(acme_net.ko)"),
            equal("ksym(default:acme_reset)", "a11ce"),
            plain("multiversion(kernel)"),
        ],
        requires: vec![
            plain("/bin/sh"),
            plain("coreutils"),
            plain("grep"),
            equal("ksym(default:__pci_register_driver)", "f6dc4f1"),
            equal("ksym(default:module_layout)", "bce1a965"),
            plain("rpmlib(CompressedFileNames)"),
            plain("suse-kernel-rpm-scriptlets"),
        ],
        conflicts: vec![plain(build)],
        supplements: vec![
            plain("(kernel-default and acme-net)"),
            plain("modalias(kernel-default:pci:v0000ACE1d0000100[12]sv*sd*bc*sc*i*)"),
        ],
        enhances: vec![plain("kernel-default")],
        ..Dependencies::default()
    }
}

/// The honest package's module.
pub fn module() -> Module {
    let modinfo = [
        ("license", "GPL"),
        ("alias", "pci:v0000ACE1d00001001sv*sd*bc*sc*i*"),
        ("alias", "pci:v0000ACE1d00001002sv*sd*bc*sc*i*"),
        ("depends", ""),
        ("retpoline", "Y"),
        ("name", "acme_net"),
    ];
    Module {
        name: "acme_net".to_owned(),
        machine: Machine {
            e_machine: 62,
            is_64: true,
            little_endian: true,
        },
        vermagic: Some(format!("{RELEASE} SMP preempt mod_unload modversions ")),
        modinfo: modinfo
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec(),
        imports: vec![
            import("__pci_register_driver", 0x0f6d_c4f1),
            Import {
                undefined: false,
                ..import("module_layout", 0xbce1_a965)
            },
        ],
        exports: vec![export("acme_reset", 0x000a_11ce)],
        versions: Versions::Basic,
        this_module_size: Some(896),
        signature: None,
        livepatch: false,
        btf: Btf::None,
        oddities: Vec::new(),
    }
}

/// The honest package's module under another name, without exports and aliases.
pub fn other_module(name: &str) -> Module {
    let mut other = Module {
        name: name.to_owned(),
        exports: Vec::new(),
        ..module()
    };
    other.modinfo.retain(|(key, _)| key != "alias");
    other
}

pub fn import(symbol: &str, crc: u32) -> Import {
    Import {
        symbol: symbol.to_owned(),
        crc: Some(Crc(crc)),
        weak: false,
        undefined: true,
    }
}

pub fn export(symbol: &str, crc: u32) -> Export {
    Export {
        symbol: symbol.to_owned(),
        crc: Some(Crc(crc)),
        gpl: false,
        namespace: None,
    }
}

fn scriptlet(kind: &'static str) -> Scriptlet {
    let scripts = "/usr/lib/module-init-tools/kernel-scriptlets";
    Scriptlet {
        kind,
        interpreter: vec!["/bin/sh".to_owned()],
        body: format!(
            "[ ! -x {scripts}/kmp-{kind} ] || {scripts}/kmp-{kind} --flavor default \"$@\"\n"
        ),
        triggers: Vec::new(),
    }
}

fn digest(what: &str) -> DigestCheck {
    DigestCheck {
        what: what.to_owned(),
        algorithm: "sha256".to_owned(),
        expected: "00".repeat(32),
        found: "00".repeat(32),
    }
}
