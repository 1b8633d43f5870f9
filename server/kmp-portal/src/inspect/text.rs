//! Text for people: what the file is, what was found, and under each finding what to do.

use super::output::Writer;
use super::subject::{ModuleReport, Outcome, PackageReport, Report};
use crate::formats::clean;
use ::inspect::{Decision, Finding, Severity};
use kmod::{Crc, Module, Versions};
use kmp::{JudgedSignature, SignatureVerdict};
use std::io::{self, IsTerminal, Write};

/// Modules of a package, or values of a key, that are told; a kernel has thousands.
const TOLD_MAX: usize = 20;
/// Columns of the names in front of values.
const NAMES: usize = 11;

/// Writes each file as soon as it is read.
pub struct Text {
    has_colour: bool,
    is_first: bool,
}

/// How a piece of text looks, as SGR codes of ECMA-48.
#[derive(Clone, Copy)]
enum Look {
    Bold,
    Red,
    Yellow,
    Green,
    Cyan,
}

impl Text {
    /// With colours on a terminal that can show them, unless `NO_COLOR` says something.
    pub fn for_stdout() -> Text {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Text::new(io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb)
    }

    fn new(has_colour: bool) -> Text {
        Text {
            has_colour,
            is_first: true,
        }
    }

    fn paint(&self, look: Look, text: &str) -> String {
        if !self.has_colour {
            return text.to_owned();
        }
        let code = match look {
            Look::Bold => "1",
            Look::Red => "1;31",
            Look::Yellow => "33",
            Look::Green => "32",
            Look::Cyan => "36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    fn headline(&self, out: &mut dyn Write, report: &Report) -> io::Result<()> {
        let verdict = match Decision::of(report.findings()) {
            Decision::Reject => self.paint(Look::Red, "rejected"),
            Decision::Accept => self.paint(Look::Green, "in order"),
        };
        let file = self.paint(Look::Bold, &clean(&report.file));
        writeln!(out, "{file}: {verdict}")
    }

    fn finding(&self, out: &mut dyn Write, finding: &Finding) -> io::Result<()> {
        let (look, word) = match finding.severity {
            Severity::Reject => (Look::Red, "reject"),
            Severity::Warning => (Look::Yellow, "warning"),
            Severity::Note => (Look::Cyan, "note"),
        };
        // Padded before it is painted: codes have no width.
        let word = self.paint(look, &format!("{word:NAMES$}"));
        let title = self.paint(Look::Bold, &clean(&finding.title));
        writeln!(out, "  {word} {title} [{}]", finding.check)?;
        if let Some(place) = &finding.place {
            value(out, "", &format!("In: {}", clean(place)))?;
        }
        value(out, "", &clean(&finding.detail))?;
        value(out, "", &format!("Fix: {}", clean(&finding.help)))
    }
}

impl Writer for Text {
    fn file(&mut self, out: &mut dyn Write, report: &Report) -> io::Result<()> {
        // Trouble is told on standard error.
        if let Outcome::Trouble(_) = report.outcome {
            return Ok(());
        }
        if !self.is_first {
            writeln!(out)?;
        }
        self.is_first = false;
        self.headline(out, report)?;
        match &report.outcome {
            Outcome::Package(package) => tell_package(out, package)?,
            Outcome::Module(module) => tell_module(out, module)?,
            Outcome::Unreadable(_) | Outcome::Trouble(_) => {}
        }
        for finding in report.findings() {
            self.finding(out, finding)?;
        }
        Ok(())
    }

    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

fn tell_package(out: &mut dyn Write, report: &PackageReport) -> io::Result<()> {
    let package = &report.package;
    value(out, "package", &clean(&package.nevra()))?;
    value(
        out,
        "vendor",
        &clean(package.vendor.as_deref().unwrap_or("not said")),
    )?;
    let signatures = report.signatures.signatures.iter();
    let signatures: Vec<String> = signatures.map(|s| signature(s, report.is_judged)).collect();
    values(out, "signature", &signatures, "none")?;
    let modules: Vec<String> = package
        .modules
        .iter()
        .map(|packaged| match &packaged.module {
            Ok(module) => format!("{}: {}", packaged.path, in_brief(module)),
            Err(_) => format!("{}: cannot be read", packaged.path),
        })
        .collect();
    values(out, "modules", &modules, "none")
}

fn signature(signature: &JudgedSignature, is_judged: bool) -> String {
    let issuer = signature
        .issuer
        .as_deref()
        .unwrap_or("a key it does not name");
    match &signature.verdict {
        _ if !is_judged => format!("by {issuer}, not judged: name its key with --certificate"),
        SignatureVerdict::Good { user_id, .. } => format!("good, by {issuer} ({user_id})"),
        SignatureVerdict::UnknownKey => format!("by {issuer}, which is none of the certificates"),
        SignatureVerdict::Bad => format!("bad, by {issuer}"),
        SignatureVerdict::Refused { why } => format!("refused, by {issuer}: {why}"),
        SignatureVerdict::Malformed { why } => format!("cannot be read: {why}"),
    }
}

fn in_brief(module: &Module) -> String {
    let built_for = module.kernel_release().unwrap_or("no kernel it names");
    format!(
        "for {built_for}; imports {}, exports {}, aliases {}",
        module.imports.len(),
        module.exports.len(),
        module.aliases().count()
    )
}

fn tell_module(out: &mut dyn Write, report: &ModuleReport) -> io::Result<()> {
    let module = &report.module;
    value(out, "module", &clean(&module.name))?;
    value(
        out,
        "vermagic",
        &clean(module.vermagic.as_deref().unwrap_or("none")),
    )?;
    let owned = |list: Vec<&str>| -> Vec<String> { list.into_iter().map(str::to_owned).collect() };
    values(
        out,
        "license",
        &owned(module.licenses().collect()),
        "none, so proprietary",
    )?;
    values(out, "depends", &owned(module.depends()), "nothing")?;
    values(out, "aliases", &owned(module.aliases().collect()), "none")?;
    let imports: Vec<String> = module
        .imports
        .iter()
        .map(|i| {
            format!(
                "{} {}{}",
                crc(i.crc),
                i.symbol,
                if i.weak { " (weak)" } else { "" }
            )
        })
        .collect();
    values(out, "imports", &imports, "none")?;
    let exports: Vec<String> = module
        .exports
        .iter()
        .map(|e| {
            let gpl = if e.gpl { " (GPL only)" } else { "" };
            let namespace = e
                .namespace
                .as_ref()
                .map_or(String::new(), |n| format!(" in {n}"));
            format!("{} {}{gpl}{namespace}", crc(e.crc), e.symbol)
        })
        .collect();
    values(out, "exports", &exports, "none")?;
    values(
        out,
        "namespaces",
        &owned(module.import_namespaces().collect()),
        "none",
    )?;
    let versions = match module.versions {
        Versions::None => "none",
        Versions::Basic => "basic",
        Versions::Extended => "extended",
        Versions::Both => "both",
    };
    value(out, "versions", versions)?;
    let signature = module.signature.as_ref().map(|signature| {
        let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "not said".to_owned());
        let (signer, key) = (said(&signature.signer), said(&signature.key_id));
        format!("signer {signer}, key {key}, hash {}", said(&signature.hash))
    });
    value(
        out,
        "signature",
        &clean(signature.as_deref().unwrap_or("none")),
    )
}

/// As wide as a version is.
fn crc(crc: Option<Crc>) -> String {
    crc.map_or_else(|| "no version".to_owned(), |crc| crc.to_padded())
}

/// A few values, one on a line.
fn values(out: &mut dyn Write, name: &str, values: &[String], none: &str) -> io::Result<()> {
    if values.is_empty() {
        return value(out, name, none);
    }
    for (index, text) in values.iter().take(TOLD_MAX).enumerate() {
        value(out, if index == 0 { name } else { "" }, &clean(text))?;
    }
    match values.len().saturating_sub(TOLD_MAX) {
        0 => Ok(()),
        more => value(out, "", &format!("and {more} more: see --format json")),
    }
}

fn value(out: &mut dyn Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "  {name:NAMES$} {text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::subject::UNKNOWN_FILE;

    fn told(has_colour: bool) -> String {
        let outcome = Outcome::Unreadable(Finding {
            check: UNKNOWN_FILE.id.to_owned(),
            severity: Severity::Reject,
            title: UNKNOWN_FILE.title.to_owned(),
            detail: "it starts with \x1b[2J".to_owned(),
            place: None,
            help: UNKNOWN_FILE.help.to_owned(),
            waived: None,
        });
        let file = "a.ko".to_owned();
        let mut out = Vec::new();
        Text::new(has_colour)
            .file(&mut out, &Report { file, outcome })
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn without_colours_there_are_no_codes_at_all() {
        let expected = "a.ko: rejected\n  \
            reject      This is neither an RPM package nor a kernel module [unknown-file]\n              \
            it starts with \u{fffd}[2J\n              \
            Fix: Name .rpm files, or .ko files: plain or packed by gzip, xz, zstd or bzip2.\n";
        assert_eq!(told(false), expected);
    }

    #[test]
    fn with_colours_the_verdict_is_red() {
        assert!(
            told(true).contains("\x1b[1;31mrejected\x1b[0m"),
            "{}",
            told(true)
        );
    }
}
