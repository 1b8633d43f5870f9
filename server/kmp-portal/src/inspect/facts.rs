//! The JSON of a module and of a package. Scripts depend on these names: add, never rename.

use super::subject::PackageReport;
use ::inspect::{Decision, Finding};
use kmod::{Crc, Export, Import, Module, ModuleSignature, Versions};
use kmp::{Covers, PackagedModule, SignatureVerdict};
use serde::Serialize;

/// What one module says of itself.
#[derive(Serialize)]
pub struct ModuleFacts<'a> {
    /// Path as given, or inside the package.
    file: &'a str,
    name: &'a str,
    vermagic: Option<&'a str>,
    license: Vec<&'a str>,
    depends: Vec<&'a str>,
    aliases: Vec<&'a str>,
    imports: Vec<ImportFacts<'a>>,
    exports: Vec<ExportFacts<'a>>,
    /// Symbol namespaces it imports from.
    namespaces: Vec<&'a str>,
    versions: Versions,
    this_module_size: Option<u64>,
    signature: Option<&'a ModuleSignature>,
}

#[derive(Serialize)]
struct ImportFacts<'a> {
    symbol: &'a str,
    crc: Option<Crc>,
    weak: bool,
}

#[derive(Serialize)]
struct ExportFacts<'a> {
    symbol: &'a str,
    crc: Option<Crc>,
    gpl: bool,
    namespace: Option<&'a str>,
}

impl<'a> ModuleFacts<'a> {
    pub fn new(file: &'a str, module: &'a Module) -> ModuleFacts<'a> {
        ModuleFacts {
            file,
            name: &module.name,
            vermagic: module.vermagic.as_deref(),
            license: module.licenses().collect(),
            depends: module.depends(),
            aliases: module.aliases().collect(),
            imports: module.imports.iter().map(ImportFacts::new).collect(),
            exports: module.exports.iter().map(ExportFacts::new).collect(),
            namespaces: module.import_namespaces().collect(),
            versions: module.versions,
            this_module_size: module.this_module_size,
            signature: module.signature.as_ref(),
        }
    }
}

impl<'a> ImportFacts<'a> {
    fn new(import: &'a Import) -> ImportFacts<'a> {
        ImportFacts {
            symbol: &import.symbol,
            crc: import.crc,
            weak: import.weak,
        }
    }
}

impl<'a> ExportFacts<'a> {
    fn new(export: &'a Export) -> ExportFacts<'a> {
        ExportFacts {
            symbol: &export.symbol,
            crc: export.crc,
            gpl: export.gpl,
            namespace: export.namespace.as_deref(),
        }
    }
}

/// What a package says of itself, and what is to be said of it.
#[derive(Serialize)]
pub struct PackageFacts<'a> {
    file: &'a str,
    nevra: String,
    name: &'a str,
    epoch: Option<u32>,
    version: &'a str,
    release: &'a str,
    arch: &'a str,
    summary: &'a str,
    license: Option<&'a str>,
    vendor: Option<&'a str>,
    source_rpm: Option<&'a str>,
    /// Seconds since 1970.
    build_time: u64,
    rpm_format: u8,
    compressor: &'a str,
    file_size: u64,
    sha256: String,
    modules: Vec<PackagedFacts<'a>>,
    signatures: Vec<SignatureFacts<'a>>,
    findings: &'a [Finding],
    decision: Decision,
}

/// A module in a package, or why it could not be read.
#[derive(Serialize)]
#[serde(untagged)]
enum PackagedFacts<'a> {
    Read(ModuleFacts<'a>),
    Unreadable { file: &'a str, error: &'a str },
}

#[derive(Serialize)]
struct SignatureFacts<'a> {
    covers: Covers,
    issuer: Option<&'a str>,
    /// Seconds since 1970.
    created: Option<u64>,
    /// `None` when there was no certificate to judge it by.
    verdict: Option<&'a SignatureVerdict>,
}

impl<'a> PackageFacts<'a> {
    pub fn new(file: &'a str, report: &'a PackageReport) -> PackageFacts<'a> {
        let package = &report.package;
        PackageFacts {
            file,
            nevra: package.nevra(),
            name: &package.name,
            epoch: package.epoch,
            version: &package.version,
            release: &package.release,
            arch: &package.arch,
            summary: &package.summary,
            license: package.license.as_deref(),
            vendor: package.vendor.as_deref(),
            source_rpm: package.source_rpm.as_deref(),
            build_time: package.build_time,
            rpm_format: package.rpm_format,
            compressor: &package.compressor,
            file_size: package.file_size,
            sha256: hex::encode(package.sha256),
            modules: package.modules.iter().map(PackagedFacts::new).collect(),
            signatures: report
                .signatures
                .signatures
                .iter()
                .map(|s| SignatureFacts {
                    covers: s.covers,
                    issuer: s.issuer.as_deref(),
                    created: s.created,
                    verdict: report.is_judged.then_some(&s.verdict),
                })
                .collect(),
            findings: &report.inspection.findings,
            decision: report.inspection.decision,
        }
    }
}

impl<'a> PackagedFacts<'a> {
    fn new(packaged: &'a PackagedModule) -> PackagedFacts<'a> {
        let file = &packaged.path;
        match &packaged.module {
            Ok(module) => PackagedFacts::Read(ModuleFacts::new(file, module)),
            Err(error) => PackagedFacts::Unreadable { file, error },
        }
    }
}

/// A file without facts.
#[derive(Serialize)]
pub struct FailureFacts<'a> {
    file: &'a str,
    error: String,
    /// Not there when the file could not be opened, which says nothing about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<[&'a Finding; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Decision>,
}

impl<'a> FailureFacts<'a> {
    /// It is no whole package or module.
    pub fn unreadable(file: &'a str, finding: &'a Finding) -> FailureFacts<'a> {
        FailureFacts {
            file,
            error: format!("{}: {}", finding.title, finding.detail),
            findings: Some([finding]),
            decision: Some(Decision::Reject),
        }
    }

    /// It could not be opened or read.
    pub fn trouble(file: &'a str, why: &str) -> FailureFacts<'a> {
        FailureFacts {
            file,
            error: why.to_owned(),
            findings: None,
            decision: None,
        }
    }
}
