//! Verdicts as SARIF 2.1.0, which code hosts show beside the build.
//!
//! One result per reason; what a kernel does not tell and files that cannot be read are
//! notifications. Source: OASIS, Static Analysis Results Interchange Format 2.1.0.

use super::report::{FileVerdict, KernelReport, Report, words};
use crate::formats::{SARIF_SCHEMA, uri};
use kabi::{ModuleVerdict, Reason, Severity, codes};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes one log with one run.
pub fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let rules: Vec<Value> = codes::ALL
        .iter()
        .map(|(id, meaning)| json!({"id": id, "shortDescription": {"text": meaning}}))
        .collect();
    let results: Vec<Value> = report
        .modules()
        .flat_map(|(kernel, file, module)| {
            let reasons = module.reasons.iter();
            reasons.map(move |reason| result(kernel, file, module, reason))
        })
        .collect();
    let log = json!({
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "kmp-portal check",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [{
                "executionSuccessful": report.troubles.is_empty(),
                "toolExecutionNotifications": notifications(report),
            }],
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

fn result(
    kernel: &KernelReport,
    file: &FileVerdict,
    module: &ModuleVerdict,
    reason: &Reason,
) -> Value {
    let level = match reason.severity {
        Severity::Fatal => "error",
        Severity::Warn => "warning",
        Severity::Info => "note",
    };
    let verdict = words(module.verdict);
    let rule = codes::ALL.iter().position(|(id, _)| *id == reason.code);
    let mut result = json!({
        "ruleId": reason.code,
        "level": level,
        "message": {
            "text": format!("{} on {}, {verdict}: {reason}", module.module, kernel.label),
        },
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": uri(&file.file)}},
            "logicalLocations": [{"name": module.module, "kind": "module"}],
        }],
        "partialFingerprints": {
            "reason/v1": format!(
                "{}/{}/{}/{}",
                module.module,
                kernel.label,
                reason.code,
                reason.symbol.as_deref().unwrap_or_default()
            ),
        },
        "properties": {"kernel": kernel.label, "verdict": module.verdict.as_str()},
    });
    if let Some(rule) = rule {
        result["ruleIndex"] = json!(rule);
    }
    result
}

fn notifications(report: &Report) -> Vec<Value> {
    let notes = report.kernels.iter().flat_map(|kernel| {
        let notes = kernel.notes.iter();
        notes.map(|note| {
            json!({"level": "note", "message": {"text": format!("{}: {note}", kernel.label)}})
        })
    });
    let troubles = report.troubles.iter().map(|(file, why)| {
        json!({
            "level": "error",
            "message": {"text": why},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(file)}}}],
        })
    });
    notes.chain(troubles).collect()
}
