//! `kmp-portal inspect`: packages and single modules, looked at without a server by the same code
//! that looks at uploads.
//!
//! What a file is, its first bytes say, never its name. Here are the command line and the exit
//! codes; [`subject`] reads, and each format writes in a file of its own.

mod facts;
mod json;
mod junit;
mod output;
mod policy;
mod progress;
mod sarif;
mod subject;
mod text;

use crate::TROUBLE;
use crate::formats::clean;
use anyhow::Context as _;
use output::{Format, Status};
use progress::Progress;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use subject::Inspector;

/// Exit code for findings that reject, as opposed to trouble.
const REJECTED: u8 = 1;

const AFTER_HELP: &str = "\
What a file is (RPM package, or module: plain or packed by gzip, xz, zstd or bzip2) is told by its \
first bytes, not by its name. Folders are not walked.

Without --certificate, signatures are listed but not judged, and no signature is no reason to \
reject.

Formats:
  text   for people; colours on a terminal, unless NO_COLOR is set
  json   one object per file, one per line (JSON lines). A module: file, name, vermagic, license, \
depends, aliases, imports, exports, namespaces, versions, this_module_size, signature. A package: \
what its header says, modules (each as above), signatures, findings, decision. Of a file that \
cannot be read: file, error, findings, decision; of one that cannot be opened: file, error
  sarif  one SARIF 2.1.0 log for all files
  junit  JUnit XML: a test suite for each file, a test case for each check

Exit code:
  0  nothing that rejects
  1  a finding that rejects, or a file that is no whole package or module
  2  trouble: a file cannot be opened, or the command line is wrong";

/// The command line.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Inspect {
    /// Packages and modules
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to tell what was found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Judge signatures by the public keys in this file; may be repeated. Packages must then be
    /// signed by one of them
    #[arg(long = "certificate", value_name = "KEY.asc")]
    certificates: Vec<PathBuf>,
    /// What packages are held to: `suse` or `redhat` for the conventions of a family, or a file in
    /// TOML or JSON, such as a portal gives at /api/v1/products/NAME/policy
    #[arg(long, default_value = "suse", value_name = "FAMILY|FILE")]
    policy: String,
    /// A NAME-ueficert package with the certificate that modules must be signed by; may be repeated
    #[arg(long = "kit", value_name = "PACKAGE.rpm")]
    kit: Vec<PathBuf>,
    /// Show how far it is, if standard error is a terminal
    #[arg(long)]
    progress: bool,
}

/// Looks at every file in turn. One that cannot be opened does not stop the others.
///
/// # Errors
/// A certificate or the policy cannot be read, or standard output cannot be written.
pub fn run(line: &Inspect) -> anyhow::Result<ExitCode> {
    let inspector = Inspector {
        policy: policy::read(&line.policy, &line.kit, !line.certificates.is_empty())?,
        certificates: certificates(&line.certificates)?,
        now: now(),
    };
    let progress = Progress::new(line.progress, &line.files);
    let mut status = Status::Clean;
    match tell(line, &inspector, &progress, &mut status) {
        // `kmp-portal inspect … | head`: who reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        told => told.context("standard output")?,
    }
    Ok(match status {
        Status::Clean => ExitCode::SUCCESS,
        Status::Rejected => ExitCode::from(REJECTED),
        Status::Trouble => ExitCode::from(TROUBLE),
    })
}

fn tell(
    line: &Inspect,
    inspector: &Inspector,
    progress: &Progress,
    status: &mut Status,
) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut writer = line.format.writer(&inspector.policy);
    for path in &line.files {
        let report = inspector.look(path, progress);
        *status = report.status().max(*status);
        progress.hide_while(|| {
            if let subject::Outcome::Trouble(why) = &report.outcome {
                eprintln!("kmp-portal: {}: {}", clean(&report.file), clean(why));
            }
            writer.file(&mut out, &report)?;
            out.flush()
        })?;
    }
    writer.end(&mut out)?;
    out.flush()
}

fn certificates(files: &[PathBuf]) -> anyhow::Result<Vec<keyring::Certificate>> {
    let mut all = Vec::new();
    for file in files {
        let name = || file.display().to_string();
        let bytes = std::fs::read(file).with_context(name)?;
        all.extend(keyring::Certificate::parse_all(&bytes).with_context(name)?);
    }
    Ok(all)
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a command line's own clock")]
fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
