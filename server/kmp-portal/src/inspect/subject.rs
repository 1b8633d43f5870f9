//! One file: opened, told apart by its first bytes, read, and judged.

use super::output::Status;
use super::progress::Progress;
use ::inspect::{CHECKS, Decision, Finding, Inspection, Policy, Severity};
use keyring::Certificate;
use kmod::Module;
use kmp::{ModuleVerdict, Package, SignatureReport, SignatureVerdict};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// First bytes of an RPM package's lead.
const RPM_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
/// First bytes of a plain module.
const ELF_MAGIC: &[u8] = b"\x7fELF";
/// Bytes read from a file at a time.
const READ_AHEAD: usize = 1 << 20;

/// Finding of a file that is not a whole package. The portal calls it the same.
pub const NOT_A_PACKAGE: Rule = Rule {
    id: "not-a-package",
    title: "This is not a whole RPM package",
    help: "Check the file with `rpm -K --nosignature FILE`, and take it again, whole, as rpmbuild \
           and rpmsign wrote it.",
};
/// Finding of a file that is something else.
pub const UNKNOWN_FILE: Rule = Rule {
    id: "unknown-file",
    title: "This is neither an RPM package nor a kernel module",
    help: "Name .rpm files, or .ko files: plain or packed by gzip, xz, zstd or bzip2.",
};

/// What is found without being a check of packages.
pub struct Rule {
    pub id: &'static str,
    pub title: &'static str,
    pub help: &'static str,
}

/// What files are held to.
pub struct Inspector {
    pub policy: Policy,
    /// None: signatures are not judged.
    pub certificates: Vec<Certificate>,
    /// Seconds since 1970.
    pub now: u64,
}

/// One file, and what came of it.
pub struct Report {
    /// Path as given.
    pub file: String,
    pub outcome: Outcome,
}

/// What came of a file.
pub enum Outcome {
    Package(Box<PackageReport>),
    Module(Box<ModuleReport>),
    /// Opened, but no whole package or module.
    Unreadable(Finding),
    /// Not opened, or not read to its end, which says nothing about its content.
    Trouble(String),
}

/// A package that was read.
pub struct PackageReport {
    pub package: Package,
    pub signatures: SignatureReport,
    /// There were certificates to judge them by.
    pub is_judged: bool,
    pub inspection: Inspection,
}

/// A module that was read.
pub struct ModuleReport {
    pub module: Module,
    pub findings: Vec<Finding>,
}

impl Report {
    /// Worst first.
    pub fn findings(&self) -> &[Finding] {
        match &self.outcome {
            Outcome::Package(report) => &report.inspection.findings,
            Outcome::Module(report) => &report.findings,
            Outcome::Unreadable(finding) => std::slice::from_ref(finding),
            Outcome::Trouble(_) => &[],
        }
    }

    /// What it does to the exit code.
    pub fn status(&self) -> Status {
        match (&self.outcome, Decision::of(self.findings())) {
            (Outcome::Trouble(_), _) => Status::Trouble,
            (_, Decision::Reject) => Status::Rejected,
            (_, Decision::Accept) => Status::Clean,
        }
    }
}

impl Inspector {
    /// Looks at one file; never fails, and never holds a whole package in memory.
    pub fn look(&self, path: &Path, progress: &Progress) -> Report {
        let outcome = self
            .open_and_read(path, progress)
            .unwrap_or_else(|error| Outcome::Trouble(error.to_string()));
        Report {
            file: path.to_string_lossy().into_owned(),
            outcome,
        }
    }

    fn open_and_read(&self, path: &Path, progress: &Progress) -> io::Result<Outcome> {
        // Asked before it is opened: opening a pipe would wait for who writes into it.
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() {
                "a folder"
            } else {
                "no regular file"
            };
            return Err(io::Error::other(format!(
                "this is {what}: name the files themselves"
            )));
        }
        let mut file = File::open(path)?;
        let mut input = BufReader::with_capacity(READ_AHEAD, progress.watch(path, &file));
        // As much as the buffer holds, or the whole file: enough for any magic.
        let start = input.fill_buf()?;
        if start.starts_with(&RPM_MAGIC) {
            return match self.read(input) {
                Ok(package) => self.judge(package, &mut file),
                Err(kmp::Error::Input { source, .. }) => Err(source),
                Err(error) => Ok(Outcome::Unreadable(NOT_A_PACKAGE.found(error.to_string()))),
            };
        }
        if !start.starts_with(ELF_MAGIC) && kmod::compression(start).is_none() {
            let start = start.get(..4).unwrap_or(start);
            let detail = format!("it starts with {start:02x?}");
            return Ok(Outcome::Unreadable(UNKNOWN_FILE.found(detail)));
        }
        self.read_module(input, &path.to_string_lossy())
    }

    /// Without certificates of modules their signatures need no hashing.
    fn read(&self, input: impl Read) -> Result<Package, kmp::Error> {
        let limits = kmp::Limits::default();
        if self.policy.module_certificates.is_empty() {
            kmp::read(input, &limits)
        } else {
            kmp::read_sealed(input, &limits)
        }
    }

    fn judge(&self, package: Package, file: &mut File) -> io::Result<Outcome> {
        file.seek(SeekFrom::Start(package.header_start))?;
        let mut signed = BufReader::with_capacity(READ_AHEAD, file);
        let mut signatures = keyring::judge_stream(
            &package,
            &self.certificates,
            &keyring::Policy::default(),
            self.now,
            &mut signed,
        )
        .map_err(io::Error::other)?;
        signatures.modules = keyring::judge_modules(&package, &self.policy.known_signers());
        let inspection = self.inspect(&package, &signatures);
        Ok(Outcome::Package(Box::new(PackageReport {
            package,
            signatures,
            is_judged: !self.certificates.is_empty(),
            inspection,
        })))
    }

    fn read_module(&self, input: impl Read, name: &str) -> io::Result<Outcome> {
        let limits = kmod::Limits::default();
        let mut bytes = Vec::new();
        // One byte more than allowed, so that the reader of modules sees that it is too much.
        input
            .take((limits.unpacked as u64).saturating_add(1))
            .read_to_end(&mut bytes)?;
        Ok(match Module::read_sealed(&bytes, name, &limits) {
            Err(error) => Outcome::Unreadable(found("unreadable-module", error.to_string())),
            Ok((module, seal)) => {
                let signature = module.signature.as_ref();
                let verdict = signature.and_then(|signature| {
                    keyring::judge_module(signature, seal.as_ref(), &self.policy.known_signers())
                });
                let oddities = module.oddities.iter();
                let odd = oddities
                    .map(|odd| found("odd-module", format!("{} ({})", odd.detail, odd.code)));
                let findings = found_of_signature(verdict).into_iter().chain(odd).collect();
                Outcome::Module(Box::new(ModuleReport { module, findings }))
            }
        })
    }

    /// Nobody is told that a key is unknown who has not said which are known.
    fn inspect(&self, package: &Package, signatures: &SignatureReport) -> Inspection {
        if !self.certificates.is_empty() {
            return ::inspect::inspect(package, signatures, &self.policy);
        }
        let mut told = signatures.clone();
        told.signatures
            .retain(|s| s.verdict != SignatureVerdict::UnknownKey);
        let mut inspection = ::inspect::inspect(package, &told, &self.policy);
        if told.signatures.is_empty() && !signatures.signatures.is_empty() {
            inspection.findings.retain(|f| f.check != "signature");
            inspection.decision = Decision::of(&inspection.findings);
        }
        inspection
    }
}

/// The finding of a signature that does not fit, as in a package.
fn found_of_signature(verdict: Option<(String, ModuleVerdict)>) -> Option<Finding> {
    let (signer, verdict) = verdict?;
    (verdict == ModuleVerdict::Bad).then(|| {
        let detail = format!(
            "its signature names the certificate of `{signer}`, but that key did not sign this module"
        );
        found("broken-module-signature", detail)
    })
}

/// A finding of a module that is in no package, in the words of the check that finds it in one.
fn found(check: &str, detail: String) -> Finding {
    let check = CHECKS
        .iter()
        .find(|known| known.id == check)
        .expect("named as its file is, which a test sees to");
    Finding {
        check: check.id.to_owned(),
        severity: check.severity,
        title: check.title.to_owned(),
        detail,
        place: None,
        help: check.help.to_owned(),
        waived: None,
    }
}

impl Rule {
    fn found(&self, detail: String) -> Finding {
        Finding {
            check: self.id.to_owned(),
            severity: Severity::Reject,
            title: self.title.to_owned(),
            detail,
            place: None,
            help: self.help.to_owned(),
            waived: None,
        }
    }
}
