//! `cargo xtask loader-truth`: the judge's word beside that of a real kernel.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::boot::{self, Told};
use super::{Ready, describe};
use crate::fixtures::Folders;
use crate::kernels::images;
use crate::packages::{self, Group};
use crate::{fixtures, sh, test};

/// What a kernel says when it refuses a module, by the judge's code for that.
const WORDS: [(&str, &str); 17] = [
    ("signature-malformed", ""),
    ("elf-stripped-symtab", ""),
    ("elf-invalid", "please compile with -fno-common"),
    (
        "layout-crc-mismatch",
        "disagrees about version of symbol module_layout",
    ),
    ("this-module-size-mismatch", "section size must match"),
    ("modversions-missing-module", "version magic"),
    ("vermagic-mismatch", "version magic"),
    ("vermagic-exact-required", "version magic"),
    ("livepatch", "livepatch"),
    ("crc-mismatch", "disagrees about version of symbol"),
    (
        "ksym-provider-crc-differs",
        "disagrees about version of symbol",
    ),
    ("symbol-unversioned-in-module", "no symbol version for"),
    ("export-duplicate", "exports duplicate symbol"),
    ("symbol-missing", "Unknown symbol"),
    ("symbol-gpl-only", "Unknown symbol"),
    ("gpl-taint-inherited", "taint"),
    ("namespace-not-imported", "does not import it"),
];

/// Codes of what a kernel accepts by force only (`CONFIG_MODULE_FORCE_LOAD`), which Debian's do, and
/// others do not: it says so by the taint F.
const FORCED: [&str; 4] = [
    "modversions-missing-module",
    "vermagic-missing",
    "export-unversioned",
    // What it needs is loaded by force.
    "provider-not-loadable",
];

/// What the judge says to one case.
struct Judged {
    loads: bool,
    verdict: String,
    /// The codes of the heaviest reasons.
    codes: Vec<String>,
}

/// Loads all cases into real kernels and compares; the exit code is 1 when they disagree.
pub fn truth(project: &Path) -> Result<ExitCode> {
    packages::ensure(&[Group::Build, Group::Fixtures, Group::Truth])?;
    fixtures::build(project, false)?;
    let record = describe(project)?;
    let cases: Vec<Ready> = serde_json::from_slice(&fs::read(&record)?)?;
    let judged = judge(project, &record)?;
    let folders = Folders::of(project);
    let images = images::all(&folders.whole_kernels())?;
    let mut disagreements = 0;
    let mut kernels: Vec<&str> = cases.iter().map(|case| case.kernel.as_str()).collect();
    kernels.dedup();
    for kernel in kernels {
        let image = images.iter().find(|image| image.release == kernel);
        let image = image.with_context(|| format!("the image of {kernel} was not fetched"))?;
        let cases = cases.iter().filter(|case| case.kernel == kernel);
        let cases: Vec<Ready> = cases.cloned().collect();
        let name = format!("boot-{kernel}");
        let folder = folders.results.join("loader").join(name);
        fs::create_dir_all(&folder)?;
        println!("\nbooting {kernel}");
        let told = boot::boot(image, &cases, &folder)?;
        disagreements += compare(&cases, &judged, &told)?;
    }
    println!("\n{} cases, {disagreements} disagreements", cases.len());
    Ok(ExitCode::from(u8::from(disagreements > 0)))
}

/// Prints the table for one kernel; gives how often the two disagree.
fn compare(
    cases: &[Ready],
    judged: &BTreeMap<(String, String), Judged>,
    told: &BTreeMap<String, Told>,
) -> Result<usize> {
    println!(
        "{:<30} {:<26} {:<32} {:<8} it says",
        "case", "judge", "because", "kernel"
    );
    let mut disagreements = 0;
    for case in cases {
        let name = &case.name;
        let judged = judged.get(&(case.kernel.clone(), name.clone()));
        let judged = judged.with_context(|| format!("{name}: not judged"))?;
        let told = told
            .get(name)
            .with_context(|| format!("{name}: not tried"))?;
        disagreements += usize::from(!print(case, judged, told));
    }
    Ok(disagreements)
}

/// One row; false when the two disagree.
fn print(case: &Ready, judged: &Judged, told: &Told) -> bool {
    let outcome = match (told.loaded, told.taints.contains('F')) {
        (true, false) => "loads",
        (true, true) => "forced",
        (false, _) => "refuses",
    };
    let reason = judged.codes.first().map_or("", String::as_str);
    let words = said(case, told, reason);
    let agrees = agrees(judged, told);
    let mark = if agrees { "" } else { "   <-- DISAGREES" };
    println!(
        "{:<30} {:<26} {reason:<32} {outcome:<8} {words}{mark}",
        case.name, judged.verdict
    );
    agrees
}

/// Both load it, or both do not, for the same reason; what is loaded by force would not be without.
fn agrees(judged: &Judged, told: &Told) -> bool {
    let is_forced = told.loaded && told.taints.contains('F');
    if judged.loads || (told.loaded && !is_forced) {
        return judged.loads && told.loaded && !is_forced;
    }
    if is_forced {
        return judged
            .codes
            .iter()
            .any(|code| FORCED.contains(&code.as_str()));
    }
    let said = |words: &str| told.words.iter().any(|line| line.contains(words));
    let mut explained = WORDS
        .iter()
        .filter(|(code, _)| judged.codes.iter().any(|c| c == code));
    explained.any(|(_, words)| words.is_empty() || said(words))
}

/// The line that tells, else the last.
fn said<'a>(case: &Ready, told: &'a Told, code: &str) -> &'a str {
    let words = WORDS
        .iter()
        .find(|(known, _)| *known == code)
        .map_or("", |(_, words)| words);
    let ours = case.file.file_stem().unwrap_or_default().to_string_lossy();
    let mut lines = told.words.iter().filter(|line| line.contains(&*ours));
    let telling = told
        .words
        .iter()
        .find(|line| !words.is_empty() && line.contains(words));
    telling.or(lines.next_back()).map_or("", String::as_str)
}

/// The judge, by its example program: this crate compiles before anything else does.
fn judge(project: &Path, record: &Path) -> Result<BTreeMap<(String, String), Judged>> {
    let mut run = test::cargo(project);
    run.args([
        "run",
        "--quiet",
        "--package",
        "kabi",
        "--example",
        "loader_cases",
        "--",
    ]);
    let lines = sh::output(run.arg(record))?;
    let read = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [kernel, case, verdict, loads, codes] = fields.try_into().ok()?;
        let judged = Judged {
            loads: loads == "loads",
            verdict: verdict.to_owned(),
            codes: codes.split(',').map(str::to_owned).collect(),
        };
        Some(((kernel.to_owned(), case.to_owned()), judged))
    };
    Ok(lines.lines().filter_map(read).collect())
}
