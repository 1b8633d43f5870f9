//! SARIF 2.1.0 (OASIS), as code scanning services take it: one log for all files, at the end.
//!
//! The rules are the checks with their help. What was found inside a package has the package as its
//! place in the file system and the path inside as its logical place.

use super::output::Writer;
use super::subject::{NOT_A_PACKAGE, Outcome, Report, UNKNOWN_FILE};
use crate::formats::{SARIF_SCHEMA, uri};
use ::inspect::{CHECKS, Finding, Severity};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Collects results; of one check about one file there is a bounded number.
#[derive(Default)]
pub struct Log {
    results: Vec<Value>,
    /// What went wrong with files, which is no result.
    notifications: Vec<Value>,
}

impl Writer for Log {
    fn file(&mut self, _: &mut dyn Write, report: &Report) -> io::Result<()> {
        let uri = uri(&report.file);
        if let Outcome::Trouble(why) = &report.outcome {
            let location = json!({ "physicalLocation": { "artifactLocation": { "uri": uri } } });
            self.notifications.push(json!({
                "level": "error",
                "message": { "text": format!("{}: {why}", report.file) },
                "locations": [location],
            }));
        }
        let results = report
            .findings()
            .iter()
            .map(|finding| result(&uri, finding));
        self.results.extend(results);
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let log = json!({
            "$schema": SARIF_SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": env!("CARGO_PKG_NAME"),
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules(),
                }},
                "invocations": [{
                    "executionSuccessful": self.notifications.is_empty(),
                    "toolExecutionNotifications": self.notifications,
                }],
                "results": self.results,
            }],
        });
        serde_json::to_writer_pretty(&mut *out, &log)?;
        writeln!(out)
    }
}

fn result(uri: &str, finding: &Finding) -> Value {
    let mut location = json!({ "physicalLocation": { "artifactLocation": { "uri": uri } } });
    if let Some(place) = &finding.place {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": place }]);
    }
    json!({
        "ruleId": finding.check,
        "level": level(finding.severity),
        "message": { "text": format!("{}: {}", finding.title, finding.detail) },
        "locations": [location],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Reject => "error",
    }
}

fn rules() -> Vec<Value> {
    let checks = CHECKS.iter().map(|check| {
        json!({
            "id": check.id,
            "shortDescription": { "text": check.title },
            "help": { "text": check.help },
            "defaultConfiguration": { "level": level(check.severity) },
            "properties": { "source": check.source, "waivable": check.waivable },
        })
    });
    let others = [NOT_A_PACKAGE, UNKNOWN_FILE].map(|rule| {
        json!({
            "id": rule.id,
            "shortDescription": { "text": rule.title },
            "help": { "text": rule.help },
            "defaultConfiguration": { "level": level(Severity::Reject) },
        })
    });
    checks.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_is_a_rule_with_help() {
        let rules = rules();
        assert_eq!(rules.len(), CHECKS.len() + 2);
        for rule in rules {
            let help = rule["help"]["text"].as_str().unwrap();
            assert!(!help.is_empty(), "{rule}");
        }
    }
}
