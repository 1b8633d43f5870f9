//! Verdicts as `JUnit` XML, which build servers count as tests.
//!
//! A suite is a kernel, a test case is a module of a file. A module that will not load has failed,
//! and so has one of which that is not known; a file that cannot be read is an error. Source: the
//! schema of Ant's `junitreport`, as Jenkins and GitLab read it.

use super::report::{FileVerdict, KernelReport, Report, words};
use crate::formats::carried;
use kabi::ModuleVerdict;
use quick_xml::Writer;
use quick_xml::events::BytesText;
use std::io::{self, Write};

/// Spaces per level.
const INDENT: usize = 2;

/// Writes one document.
pub fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    let mut xml = Writer::new_with_indent(&mut *out, b' ', INDENT);
    xml.create_element("testsuites")
        .write_inner_content(|xml| {
            for kernel in &report.kernels {
                suite(xml, kernel)?;
            }
            if !report.troubles.is_empty() {
                unreadable(xml, &report.troubles)?;
            }
            Ok(())
        })?;
    writeln!(out)
}

fn suite(xml: &mut Writer<impl Write>, kernel: &KernelReport) -> io::Result<()> {
    let modules = || {
        let files = kernel.files.iter();
        files.flat_map(|file| file.verdict.modules.iter().map(move |m| (file, m)))
    };
    let failures = modules()
        .filter(|(_, module)| !module.verdict.loads())
        .count();
    xml.create_element("testsuite")
        .with_attribute(("name", carried(&kernel.label).as_str()))
        .with_attribute(("tests", modules().count().to_string().as_str()))
        .with_attribute(("failures", failures.to_string().as_str()))
        .with_attribute(("errors", "0"))
        .write_inner_content(|xml| {
            for (file, module) in modules() {
                case(xml, file, module)?;
            }
            if !kernel.notes.is_empty() {
                text(xml, "system-out", &kernel.notes.join("\n"))?;
            }
            Ok(())
        })?;
    Ok(())
}

fn case(
    xml: &mut Writer<impl Write>,
    file: &FileVerdict,
    module: &ModuleVerdict,
) -> io::Result<()> {
    let reasons: Vec<String> = module
        .reasons
        .iter()
        .map(|r| carried(&r.to_string()))
        .collect();
    let reasons = reasons.join("\n");
    let (file, name) = (carried(&file.file), carried(&module.module));
    xml.create_element("testcase")
        .with_attribute(("classname", file.as_str()))
        .with_attribute(("name", name.as_str()))
        .write_inner_content(|xml| {
            if !module.verdict.loads() {
                xml.create_element("failure")
                    .with_attribute(("type", module.verdict.as_str()))
                    .with_attribute(("message", words(module.verdict)))
                    .write_text_content(BytesText::new(&reasons))?;
            } else if !reasons.is_empty() {
                text(xml, "system-out", &reasons)?;
            }
            Ok(())
        })?;
    Ok(())
}

fn unreadable(xml: &mut Writer<impl Write>, troubles: &[(String, String)]) -> io::Result<()> {
    let count = troubles.len().to_string();
    xml.create_element("testsuite")
        .with_attribute(("name", "files"))
        .with_attribute(("tests", count.as_str()))
        .with_attribute(("failures", "0"))
        .with_attribute(("errors", count.as_str()))
        .write_inner_content(|xml| {
            for (file, why) in troubles {
                let (file, why) = (carried(file), carried(why));
                xml.create_element("testcase")
                    .with_attribute(("classname", file.as_str()))
                    .with_attribute(("name", "can be read"))
                    .write_inner_content(|xml| {
                        let error = xml.create_element("error");
                        error
                            .with_attribute(("message", why.as_str()))
                            .write_empty()?;
                        Ok(())
                    })?;
            }
            Ok(())
        })?;
    Ok(())
}

fn text(xml: &mut Writer<impl Write>, name: &str, text: &str) -> io::Result<()> {
    xml.create_element(name)
        .write_text_content(BytesText::new(text))?;
    Ok(())
}
