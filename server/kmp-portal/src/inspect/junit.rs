//! `JUnit` XML, as continuous integration takes it: a suite for each file, a case for each check.
//!
//! There is no standard; this keeps to what all readers share. Only what rejects is a failure.
//! Warnings and notes are the case's output.

use super::output::Writer;
use super::subject::{Outcome, Report};
use crate::formats::xml;
use ::inspect::{CHECKS, Finding, Policy, Severity};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Checks of a module that is in no package.
const OF_MODULES: [&str; 2] = ["unreadable-module", "odd-module"];

/// Writes each suite as soon as its file is read.
pub struct Suites {
    /// Ids of the checks that the policy asks for.
    checks: Vec<&'static str>,
    has_begun: bool,
}

impl Suites {
    /// For packages under this policy: a check that it does not ask for is no case.
    pub fn new(policy: &Policy) -> Suites {
        let asked = CHECKS.iter().filter(|check| policy.asks_for(check));
        Suites {
            checks: asked.map(|check| check.id).collect(),
            has_begun: false,
        }
    }

    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.has_begun {
            return Ok(());
        }
        self.has_begun = true;
        writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
        writeln!(
            out,
            r#"<testsuites name="{} inspect">"#,
            env!("CARGO_PKG_NAME")
        )
    }

    /// What the file is held to, in order, and what was found; nothing for what it passed.
    fn cases<'a>(&self, report: &'a Report) -> Vec<(&'a str, Vec<&'a Finding>)> {
        let mut found: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
        for finding in report.findings() {
            found.entry(&finding.check).or_default().push(finding);
        }
        let ids: Vec<&str> = match report.outcome {
            Outcome::Package(_) => self.checks.clone(),
            Outcome::Module(_) => OF_MODULES.to_vec(),
            Outcome::Unreadable(_) | Outcome::Trouble(_) => Vec::new(),
        };
        let mut cases: Vec<_> = ids
            .into_iter()
            .map(|id| (id, found.remove(id).unwrap_or_default()))
            .collect();
        // What no check of the list has found: an unreadable file, a check that broke down.
        cases.extend(found);
        cases
    }
}

impl Writer for Suites {
    fn file(&mut self, out: &mut dyn Write, report: &Report) -> io::Result<()> {
        self.begin(out)?;
        let file = xml(&report.file);
        if let Outcome::Trouble(why) = &report.outcome {
            writeln!(
                out,
                r#"  <testsuite name="{file}" tests="1" failures="0" errors="1">"#
            )?;
            writeln!(out, r#"    <testcase classname="{file}" name="open">"#)?;
            writeln!(out, r#"      <error message="{}"/>"#, xml(why))?;
            writeln!(out, "    </testcase>\n  </testsuite>")?;
            return Ok(());
        }
        let cases = self.cases(report);
        let tests = cases.len();
        let failures = cases
            .iter()
            .filter(|(_, found)| found.iter().any(rejects))
            .count();
        writeln!(
            out,
            r#"  <testsuite name="{file}" tests="{tests}" failures="{failures}" errors="0">"#
        )?;
        for (check, found) in &cases {
            case(out, &file, check, found)?;
        }
        writeln!(out, "  </testsuite>")
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.begin(out)?;
        writeln!(out, "</testsuites>")
    }
}

fn case(out: &mut dyn Write, file: &str, check: &str, found: &[&Finding]) -> io::Result<()> {
    let start = format!(r#"    <testcase classname="{file}" name="{}""#, xml(check));
    if found.is_empty() {
        return writeln!(out, "{start}/>");
    }
    writeln!(out, "{start}>")?;
    // One failure for each case, as readers want it; its text tells all that rejects.
    let (reject, mention): (Vec<&Finding>, Vec<&Finding>) = found.iter().partition(|f| rejects(f));
    if let Some(first) = reject.first() {
        let (title, text) = (xml(&first.title), xml(&told(&reject)));
        writeln!(
            out,
            r#"      <failure message="{title}" type="reject">{text}</failure>"#
        )?;
    }
    if !mention.is_empty() {
        writeln!(
            out,
            "      <system-out>{}</system-out>",
            xml(&told(&mention))
        )?;
    }
    writeln!(out, "    </testcase>")
}

fn rejects(finding: &&Finding) -> bool {
    finding.severity == Severity::Reject
}

fn told(findings: &[&Finding]) -> String {
    let mut lines: Vec<String> = findings
        .iter()
        .map(|finding| match &finding.place {
            Some(place) => format!("{place}: {}", finding.detail),
            None => finding.detail.clone(),
        })
        .collect();
    lines.extend(
        findings
            .first()
            .map(|finding| format!("Fix: {}", finding.help)),
    );
    lines.join("\n")
}
