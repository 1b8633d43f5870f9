//! Verdicts for people: a table of files for each kernel, with the reasons below each file.

use super::report::{FileVerdict, KernelReport, Report, words};
use crate::formats::clean;
use kabi::{Reason, Severity, codes};
use std::io::{self, Write};

/// Writes all kernels, an empty line between them.
pub fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for (index, kernel) in report.kernels.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        write_kernel(out, kernel)?;
    }
    Ok(())
}

fn write_kernel(out: &mut impl Write, kernel: &KernelReport) -> io::Result<()> {
    writeln!(out, "{} ({})", clean(&kernel.label), clean(&kernel.facts))?;
    for note in &kernel.notes {
        writeln!(out, "  note: {}", clean(note))?;
    }
    let names: Vec<String> = kernel.files.iter().map(|file| clean(&file.file)).collect();
    let width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    for (file, name) in kernel.files.iter().zip(names) {
        writeln!(out, "  {name:<width$}  {}", words(file.verdict.verdict))?;
        for group in groups(file) {
            writeln!(out, "      {}", group.line(file.verdict.modules.len()))?;
        }
    }
    Ok(())
}

/// Reasons that read as one line.
struct Group<'a> {
    /// The first of them; the others differ in symbol or module only.
    reason: &'a Reason,
    symbols: Vec<&'a str>,
    modules: Vec<&'a str>,
}

/// Worst first, and among equals in the order they came.
fn groups(file: &FileVerdict) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for module in &file.verdict.modules {
        let said = |reason: &&Reason| !is_note_of_kernel(reason);
        for reason in module.reasons.iter().filter(said) {
            let known = groups
                .iter_mut()
                .find(|group| is_alike(group.reason, reason));
            let group = match known {
                Some(group) => group,
                None => {
                    groups.push(Group {
                        reason,
                        symbols: Vec::new(),
                        modules: Vec::new(),
                    });
                    groups.last_mut().expect("one was added just now")
                }
            };
            let symbol = reason.symbol.as_deref();
            add(&mut group.symbols, symbol);
            add(&mut group.modules, Some(module.module.as_str()));
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.reason.severity));
    groups
}

/// Stands once above the files and would stand below each of them.
fn is_note_of_kernel(reason: &Reason) -> bool {
    reason.code == codes::VERMAGIC_TAIL_UNKNOWN && reason.severity == Severity::Info
}

fn add<'a>(list: &mut Vec<&'a str>, name: Option<&'a str>) {
    list.extend(name.filter(|name| !list.contains(name)));
}

/// A changed symbol is a line of its own; others share it with their like.
fn is_alike(a: &Reason, b: &Reason) -> bool {
    let same = a.code == b.code
        && a.severity == b.severity
        && a.provider == b.provider
        && a.detail == b.detail;
    let is_change = a.found.is_some() || b.found.is_some();
    same && (!is_change || (&a.symbol, a.expected, a.found) == (&b.symbol, b.expected, b.found))
}

impl Group<'_> {
    /// Names the modules where the file has several.
    fn line(&self, modules_of_file: usize) -> String {
        let mut line = match self.reason.severity {
            Severity::Fatal => String::new(),
            Severity::Warn => "warning: ".to_owned(),
            Severity::Info => "note: ".to_owned(),
        };
        line += &self.what();
        if modules_of_file > 1 {
            line += &format!(" ({})", self.modules.join(", "));
        }
        clean(&line)
    }

    fn what(&self) -> String {
        let reason = self.reason;
        let symbols = self.symbols.iter().map(|symbol| format!("`{symbol}`"));
        let symbols = symbols.collect::<Vec<_>>().join(", ");
        if let (Some(expected), Some(found)) = (reason.expected, reason.found) {
            let changed = format!("{symbols} changed {expected} → {found}");
            return match reason.code.as_str() {
                codes::CRC_MISMATCH => changed,
                _ => format!("{}: {changed}", meaning(&reason.code)),
            };
        }
        let mut what = meaning(&reason.code).to_owned();
        let found = reason.found.map(|crc| format!("found {crc}"));
        let provider = reason.provider.as_ref().map(|name| format!("from {name}"));
        let symbols = Some(symbols).filter(|text| !text.is_empty());
        let parts = [symbols, found, provider, reason.detail.clone()];
        for (index, part) in parts.into_iter().flatten().enumerate() {
            what += if index == 0 { ": " } else { ", " };
            what += &part;
        }
        what
    }
}

fn meaning(code: &str) -> &str {
    codes::meaning(code).unwrap_or(code)
}
