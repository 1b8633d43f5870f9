//! JSON lines: one object per file, one per line.

use super::facts::{FailureFacts, ModuleFacts, PackageFacts};
use super::output::Writer;
use super::subject::{Outcome, Report};
use std::io::{self, Write};

/// Writes each object as soon as its file is read.
pub struct Lines;

impl Writer for Lines {
    fn file(&mut self, out: &mut dyn Write, report: &Report) -> io::Result<()> {
        let file = &report.file;
        match &report.outcome {
            Outcome::Package(package) => {
                serde_json::to_writer(&mut *out, &PackageFacts::new(file, package))
            }
            Outcome::Module(module) => {
                serde_json::to_writer(&mut *out, &ModuleFacts::new(file, &module.module))
            }
            Outcome::Unreadable(finding) => {
                serde_json::to_writer(&mut *out, &FailureFacts::unreadable(file, finding))
            }
            Outcome::Trouble(why) => {
                serde_json::to_writer(&mut *out, &FailureFacts::trouble(file, why))
            }
        }?;
        writeln!(out)
    }

    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}
