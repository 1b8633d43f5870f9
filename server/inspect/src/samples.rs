//! For every check something that it finds, and something that it passes.
//!
//! The test at the end goes through the registry: a check that is not here, finds nothing or never
//! passes makes it fail.

use crate::testing::*;
use crate::{CHECKS, Check, Family, KitCertificate, Policy, Scope};
use kmp::{JudgedModule, ModuleVerdict, Package, PackagedCertificate, SignatureReport};

/// What a check looks at.
pub struct Sample {
    pub package: Package,
    pub signatures: SignatureReport,
    pub policy: Policy,
}

/// An honest package that this check passes.
pub fn fine_for(check: &Check) -> Sample {
    fine(match check.scope {
        Scope::Only(family) => family,
        Scope::All => Family::Suse,
    })
}

/// An honest package that every check of this family passes.
fn fine(family: Family) -> Sample {
    let package = changed(|package| {
        sign_modules(package, "Acme CA", "0abc");
        set_modinfo(package, "supported", &["external"]);
        package.dependencies.requires.push(plain("acme-ueficert"));
        if family == Family::RedHat {
            package.name = "kmod-acme-net".to_owned();
            package
                .dependencies
                .provides
                .push(equal("kernel-modules", "5.14.0-427.el9"));
        }
    });
    let kit: KitCertificate = kit_certificate("Acme CA", "0abc");
    Sample {
        package,
        signatures: signed(),
        policy: Policy {
            module_certificates: vec![kit],
            ..Policy::for_family(family)
        },
    }
}

/// The same with what this check must find; false: there is no sample for it.
pub fn spoil(id: &str, sample: &mut Sample) -> bool {
    spoil_content(id, sample) || spoil_module(id, sample) || spoil_dependencies(id, sample)
}

fn odd(code: &str) -> kmod::Oddity {
    let (code, detail) = (code.to_owned(), "odd".to_owned());
    kmod::Oddity { code, detail }
}

/// Checks of names, files, scriptlets and the package as a whole.
fn spoil_content(id: &str, sample: &mut Sample) -> bool {
    let Sample {
        package,
        signatures,
        policy,
    } = sample;
    match id {
        "signature" => signatures.signatures.clear(),
        "digest-mismatch" => package.digests[0].found = "other".to_owned(),
        "source-package" => package.is_source = true,
        "debug-package" => package.name.push_str("-debuginfo"),
        "package-name" => package.name = "acme".to_owned(),
        "provider-prefix" => policy.provider_prefixes = vec!["beta".to_owned()],
        "package-version" => package.version = "1.0_k5.3_1".to_owned(),
        "vendor-tag" => package.vendor = None,
        "no-modules" => package.modules.clear(),
        "companion-modules" => package.name = "acme-ueficert".to_owned(),
        "companion-files" => {
            package.modules.clear();
            package.name = "acme-tools".to_owned();
            policy.companions = vec!["acme-tools".to_owned()];
        }
        "module-root" => policy.module_roots = vec!["/usr/lib/modules".to_owned()],
        "several-kernels" => {
            let mut second = package.modules[0].clone();
            second.path = "/lib/modules/6.4.0-9-default/updates/b.ko".to_owned();
            package.modules.push(second);
        }
        "module-directory" => {
            package.modules[0].path = format!("/lib/modules/{RELEASE}/kernel/a.ko");
        }
        "module-links" => package.files.push(file_at(MODULE, 0o120_777)),
        "duplicate-module" => add_module(package, "net/acme_net.ko", other_module("acme_net")),
        "flavor-mismatch" => package.name = "acme-net-kmp-azure".to_owned(),
        "arch-mismatch" => policy.arches = vec!["s390x".to_owned()],
        "multiversion" => package.dependencies.provides.clear(),
        "template-tags" => package.dependencies.enhances.clear(),
        "weak-modules-scriptlet" => package.scriptlets.clear(),
        "scriptlet-content" => package.scriptlets[0].body = "curl x".to_owned(),
        "package-license" => package.license = None,
        "uefi-certificate" => {
            package.name = "acme-ueficert".to_owned();
            package.certificates = vec![PackagedCertificate {
                path: "/etc/uefi/certs/1A2B3C4D.crt".to_owned(),
                fingerprint: "FF".repeat(20),
                certificate: Err("none".to_owned()),
            }];
        }
        "file-places" => package.files.push(file_at("/usr/bin/x", 0o100_755)),
        "file-modes" => package.files.push(file_at("/usr/bin/x", 0o104_755)),
        "odd-package" => package.oddities.push(odd("bytes-after-archive")),
        "broken-dependency" => package.oddities.push(odd("odd-dependency")),
        _ => return false,
    }
    true
}

/// Checks of what modules say.
fn spoil_module(id: &str, sample: &mut Sample) -> bool {
    let package = &mut sample.package;
    match id {
        "unreadable-module" => package.modules[0].module = Err("damaged".to_owned()),
        "vermagic-mismatch" => module_of(package).vermagic = None,
        "loader-refusal" => module_of(package).oddities.push(odd("symtab-missing")),
        "missing-modversions" => module_of(package).versions = kmod::Versions::None,
        "symbol-crc-conflict" => {
            let mut other = other_module("b");
            other.imports[0].crc = Some(kmod::Crc(9));
            add_module(package, "b.ko", other);
        }
        "duplicate-export" => {
            let mut other = other_module("b");
            other.exports.push(export("acme_reset", 0xa11ce));
            add_module(package, "b.ko", other);
        }
        "match-all-alias" => set_modinfo(package, "alias", &["pci:*"]),
        "alias-without-supplement" => set_modinfo(package, "alias", &["usb:v0001p*"]),
        "supplement-without-alias" => set_modinfo(package, "alias", &[]),
        "supported-flag" => set_modinfo(package, "supported", &["yes"]),
        "module-license" => set_modinfo(package, "license", &["Proprietary"]),
        "gpl-only-symbols" | "namespace-not-imported" => {
            let export = &mut module_of(package).exports[0];
            (export.gpl, export.namespace) = (true, Some("ACME".to_owned()));
            let mut user = other_module("user");
            user.imports.push(import("acme_reset", 0xa11ce));
            user.modinfo = vec![("license".to_owned(), "Proprietary".to_owned())];
            add_module(package, "user.ko", user);
        }
        "broken-module-signature" => sample.signatures.modules.push(JudgedModule {
            path: MODULE.to_owned(),
            signer: "Acme module key".to_owned(),
            verdict: ModuleVerdict::Bad,
        }),
        "module-signature" => module_of(package).signature = None,
        "module-signer" => sign_modules(package, "Other", "01"),
        "intree-flag" => set_modinfo(package, "intree", &["Y"]),
        "live-patch" => module_of(package).livepatch = true,
        "firmware-not-included" => set_modinfo(package, "firmware", &["acme.bin"]),
        "odd-module" => module_of(package)
            .oddities
            .push(odd("version-without-import")),
        _ => return false,
    }
    true
}

/// Checks of dependencies.
fn spoil_dependencies(id: &str, sample: &mut Sample) -> bool {
    let lists = &mut sample.package.dependencies;
    let ksym = |symbol: &str, crc: &str| equal(&format!("ksym({symbol})"), crc);
    match id {
        "missing-ksym-requires" => lists.requires.retain(|it| !it.name.starts_with("ksym(")),
        "superfluous-ksym-requires" => lists.requires.push(ksym("default:kfree", "1")),
        "ksym-crc-mismatch" => lists.requires.push(ksym("default:module_layout", "1")),
        "ksym-spelling" => lists
            .requires
            .push(ksym("default:module_layout", "0xBCE1A965")),
        "ksym-flavor" => lists.requires.push(ksym("azure:module_layout", "bce1a965")),
        "foreign-ksym-provides" => lists.provides.push(ksym("default:_printk", "1")),
        "missing-ksym-provides" => lists.provides.retain(|it| !it.name.starts_with("ksym(")),
        "symbol-sets" | "missing-kernel-set" => {
            lists.requires.retain(|it| !it.name.starts_with("ksym("));
            let set = equal("kernel(default:fs)", "f06347de1657cfa8");
            lists.requires.push(set);
        }
        "supplement-spelling" => lists.supplements.push(plain("modalias(pci:v0000ACE1d*)")),
        "capability-hijack" => lists.provides.push(plain("kernel-default")),
        "unusual-requires" => lists.requires.push(plain("libcurl4")),
        "driver-disk" => lists.provides.retain(|it| it.name != "kernel-modules"),
        "certificate-requires" => lists.requires.retain(|it| it.name != "acme-ueficert"),
        _ => return false,
    }
    true
}

#[test]
fn every_check_finds_something_and_passes_something() {
    for check in CHECKS {
        let looks = |sample: &Sample| {
            report_signed(check, &sample.package, &sample.signatures, &sample.policy)
        };
        let mut sample = fine_for(check);
        assert_eq!(
            looks(&sample),
            [],
            "{} finds something in what is fine",
            check.id
        );
        assert!(spoil(check.id, &mut sample), "{} has no sample", check.id);
        assert_ne!(looks(&sample), [], "{} does not find its sample", check.id);
    }
}
