//! Verdicts for programs, line by line: JSON objects, or columns divided by tabs.

use super::report::Report;
use crate::formats::clean;
use kabi::Reason;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Columns of the tab-separated form.
const COLUMNS: [&str; 11] = [
    "file", "module", "kernel", "verdict", "code", "symbol", "expected", "found", "detail",
    "severity", "provider",
];

/// One object per file, module and kernel. Every key is always there.
pub fn write_json(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for (kernel, file, module) in report.modules() {
        let reasons: Vec<Value> = module.reasons.iter().map(reason).collect();
        let object = json!({
            "file": file.file,
            "module": module.module,
            "kernel": kernel.label,
            "verdict": module.verdict.as_str(),
            "reasons": reasons,
        });
        writeln!(out, "{object}")?;
    }
    Ok(())
}

/// The same columns; a module without reasons has one line, too.
pub fn write_tsv(out: &mut impl Write, report: &Report) -> io::Result<()> {
    writeln!(out, "{}", COLUMNS.join("\t"))?;
    for (kernel, file, module) in report.modules() {
        let subject = [
            &file.file,
            &module.module,
            &kernel.label,
            module.verdict.as_str(),
        ]
        .map(clean)
        .join("\t");
        if module.reasons.is_empty() {
            let empty = "\t".repeat(COLUMNS.len() - 4);
            writeln!(out, "{subject}{empty}")?;
        }
        for reason in &module.reasons {
            writeln!(
                out,
                "{subject}\t{}",
                cells(&self::reason(reason)).join("\t")
            )?;
        }
    }
    Ok(())
}

fn reason(reason: &Reason) -> Value {
    json!({
        "code": reason.code,
        "symbol": reason.symbol,
        "expected": reason.expected,
        "found": reason.found,
        "detail": reason.detail,
        "severity": reason.severity,
        "provider": reason.provider,
    })
}

fn cells(reason: &Value) -> Vec<String> {
    let cell = |key: &&str| clean(reason[key].as_str().unwrap_or_default());
    COLUMNS[4..].iter().map(cell).collect()
}
