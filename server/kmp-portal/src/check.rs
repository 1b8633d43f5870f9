//! `kmp-portal check`: will these packages and modules load on those kernels? Without a portal.
//!
//! Reads files, judges with `kabi`, prints. What a file does not tell and no option says is noted: in
//! the report, or on the standard error channel where the report has no room for it.

mod assumption;
mod input;
mod junit;
mod kernel;
mod lines;
mod report;
mod sarif;
mod text;

use crate::formats::clean;
use anyhow::Context;
use clap::{Args, ValueEnum};
use input::Input;
use kernel::KernelFile;
use report::{FileVerdict, KernelReport, Report};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit code when some file will not load on some kernel, or that is not known.
const FINDINGS: u8 = 1;

/// What `kmp-portal check` takes.
#[derive(Args)]
pub struct Check {
    /// A kernel: its Module.symvers or symvers-*.gz (plain, gz, xz, zst, bz2), an RPM or Debian
    /// package of it, its vmlinux or vmlinuz, a folder or tar archive of its modules, or a
    /// repository's primary.xml with several kernels. Parts of one release add up
    #[arg(long = "kernel", required = true, value_name = "SOURCE")]
    kernels: Vec<PathBuf>,
    /// Another package or module that may provide symbols; it is not judged itself
    #[arg(long, value_name = "RPM|KO")]
    with: Vec<PathBuf>,
    /// Packages (.rpm) and modules (.ko, .ko.xz, .ko.gz, .ko.zst, .ko.bz2) to judge; they may
    /// provide symbols to each other
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to write the verdicts
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    told: Told,
}

/// What the caller says about kernels whose files do not.
#[derive(Args)]
struct Told {
    /// The kernel's version magic, as `modinfo -F vermagic` prints it for one of its modules, blank
    /// at the end included; with or without the release in front
    #[arg(long, value_name = "TEXT")]
    vermagic: Option<String>,
    /// The kernel's sizeof(struct module): the size of `.gnu.linkonce.this_module` in its modules
    #[arg(long, value_name = "BYTES")]
    this_module_size: Option<u64>,
    /// `uname -r` of the kernel, where its symvers file's name does not say it
    #[arg(long)]
    release: Option<String>,
    /// The kernel's architecture (`x86_64`, `aarch64` …), likewise
    #[arg(long)]
    arch: Option<String>,
    /// The kernel's flavor (default, rt …), likewise
    #[arg(long)]
    flavor: Option<String>,
}

/// How verdicts are written.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// One object per file, module and kernel, each on a line
    Json,
    /// One reason a line, columns divided by tabs
    Tsv,
    /// SARIF 2.1.0, for code hosts
    Sarif,
    /// `JUnit` XML.
    #[value(help = "JUnit XML, for build servers")]
    Junit,
}

/// Judges and prints. 0: all will load, 1: some will not or that is not known, 2: a file could not
/// be read.
///
/// # Errors
/// A kernel or a file of `--with` cannot be read, or the options contradict each other: then
/// nothing is judged. A FILE that cannot be read is reported, and the others are judged.
pub fn run(check: &Check) -> anyhow::Result<ExitCode> {
    let kernels = kernel::read_all(&check.kernels, &check.told)?;
    let with = check
        .with
        .iter()
        .map(|path| Input::read(path).with_context(|| format!("--with {}", path.display())))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut troubles = Vec::new();
    let mut files = Vec::new();
    for path in &check.files {
        match Input::read(path) {
            Ok(file) => files.push(file),
            Err(error) => troubles.push((path.display().to_string(), format!("{error:#}"))),
        }
    }
    let kernels = judge(kernels, &files, &with);
    let report = Report { kernels, troubles };
    tell_beside(&report, check.format);
    match write(&report, check.format) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        written => written.context("cannot write the report")?,
    }
    Ok(exit_code(&report))
}

fn judge(kernels: Vec<KernelFile>, files: &[Input], with: &[Input]) -> Vec<KernelReport> {
    let candidates: Vec<_> = files.iter().chain(with).map(Input::candidate).collect();
    kernels
        .into_iter()
        .map(|mut kernel| {
            let verdicts = assumption::judge(&mut kernel, files, &candidates);
            let files = files.iter().zip(verdicts);
            KernelReport {
                files: files
                    .map(|(file, verdict)| FileVerdict {
                        file: file.name.clone(),
                        verdict,
                    })
                    .collect(),
                label: kernel.label,
                facts: kernel.facts,
                notes: kernel.notes,
            }
        })
        .collect()
}

/// What has no room in the report goes to the other channel.
fn tell_beside(report: &Report, format: Format) {
    let has_room = !matches!(format, Format::Json | Format::Tsv);
    for kernel in report.kernels.iter().filter(|_| !has_room) {
        for note in &kernel.notes {
            let label = clean(&kernel.label);
            eprintln!("kmp-portal: note: {label}: {}", clean(note));
        }
    }
    for (file, why) in &report.troubles {
        eprintln!("kmp-portal: {}: {}", clean(file), clean(why));
    }
}

fn write(report: &Report, format: Format) -> io::Result<()> {
    let out = &mut std::io::BufWriter::new(std::io::stdout().lock());
    match format {
        Format::Text => text::write(out, report)?,
        Format::Json => lines::write_json(out, report)?,
        Format::Tsv => lines::write_tsv(out, report)?,
        Format::Sarif => sarif::write(out, report)?,
        Format::Junit => junit::write(out, report)?,
    }
    out.flush()
}

fn exit_code(report: &Report) -> ExitCode {
    let mut verdicts = report.kernels.iter().flat_map(|kernel| &kernel.files);
    if !report.troubles.is_empty() {
        ExitCode::from(crate::TROUBLE)
    } else if verdicts.all(|file| file.verdict.verdict.loads()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FINDINGS)
    }
}
