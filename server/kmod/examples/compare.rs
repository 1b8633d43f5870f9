//! Compares this reader with the reference tools over a whole kernel:
//!
//! ```text
//! cargo run --release -p kmod --example compare -- DIRECTORY [Module.symvers]
//! ```
//! For every module below DIRECTORY: imports against `modprobe --dump-modversions`, `.modinfo` and
//! signature against `modinfo`; with a Module.symvers also all exports, in both directions.
//! Prints each difference and exits with 1 if there was one. Needs `kmod`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use kmod::{Crc, Limits, Module};

fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let directory = arguments
        .next()
        .context("usage: compare DIRECTORY [Module.symvers]")?;
    let symvers = arguments.next();

    let mut files = Vec::new();
    find_modules(&directory, &mut files)?;
    let mut tally = Tally::default();
    let mut exported = BTreeMap::new();
    for file in &files {
        let module = tally.read(file)?;
        tally.compare("imports", file, imports(&module), dumped_versions(file)?);
        tally.compare("modinfo", file, modinfo(&module), printed_modinfo(file)?);
        tally.exports += module.exports.len();
        tally.oddities += module.oddities.len();
        for oddity in &module.oddities {
            println!("{}: {}: {}", file.display(), oddity.code, oddity.detail);
        }
        exported.extend(exports(&module, file));
    }
    if let Some(symvers) = symvers {
        let text = fs::read_to_string(&symvers)?;
        tally.compare(
            "exports",
            &symvers,
            exported.into_values().collect(),
            offered(&text),
        );
    }
    println!("{tally:#?}");
    Ok(if tally.differences == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[derive(Default, Debug)]
struct Tally {
    modules: usize,
    bytes: usize,
    reading: Duration,
    imports: usize,
    exports: usize,
    oddities: usize,
    differences: usize,
}

impl Tally {
    fn read(&mut self, file: &Path) -> Result<Module> {
        let bytes = fs::read(file)?;
        let start = Instant::now();
        let module = Module::read(&bytes, &file.to_string_lossy(), &Limits::default())
            .with_context(|| file.display().to_string())?;
        self.reading += start.elapsed();
        self.modules += 1;
        self.bytes += bytes.len();
        self.imports += module.imports.len();
        Ok(module)
    }

    fn compare(&mut self, what: &str, file: &Path, mut ours: Vec<String>, mut theirs: Vec<String>) {
        ours.sort();
        theirs.sort();
        if ours == theirs {
            return;
        }
        self.differences += 1;
        println!("{}: {what} differ", file.display());
        let only = |mark: char, left: &[String], right: &[String]| {
            for line in left
                .iter()
                .filter(|line| right.binary_search(line).is_err())
                .take(10)
            {
                println!("  {mark} {line}");
            }
        };
        only('+', &ours, &theirs);
        only('-', &theirs, &ours);
    }
}

fn find_modules(directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            find_modules(&entry.path(), found)?;
        } else if entry.file_name().to_string_lossy().contains(".ko") {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(())
}

fn imports(module: &Module) -> Vec<String> {
    let versioned = module
        .imports
        .iter()
        .filter_map(|import| Some((import.crc?, &import.symbol)));
    versioned
        .map(|(crc, symbol)| format!("{crc}\t{symbol}"))
        .collect()
}

fn dumped_versions(file: &Path) -> Result<Vec<String>> {
    Ok(run("modprobe", &["--dump-modversions"], file)?
        .lines()
        .map(str::to_owned)
        .collect())
}

/// As `modinfo --null` prints it: description and type of a parameter folded into one line, and the
/// signature after the section's own entries.
fn modinfo(module: &Module) -> Vec<String> {
    let plain = module
        .modinfo
        .iter()
        .filter(|(key, _)| !["parm", "parmtype"].contains(&&**key));
    let mut lines: Vec<String> = plain.map(|(key, value)| format!("{key}={value}")).collect();
    lines.extend(parameters(module));
    if let Some(signature) = &module.signature
        && let Some(signer) = &signature.signer
    {
        lines.push("sig_id=PKCS#7".to_owned());
        lines.push(format!("signer={signer}"));
        lines.push(format!(
            "sig_key={}",
            signature.key_id.clone().unwrap_or_default()
        ));
        lines.push(format!(
            "sig_hashalgo={}",
            signature.hash.clone().unwrap_or_default()
        ));
    }
    lines
}

fn parameters(module: &Module) -> impl Iterator<Item = String> {
    let mut parts: BTreeMap<&str, [Option<&str>; 2]> = BTreeMap::new();
    for (place, key) in ["parm", "parmtype"].into_iter().enumerate() {
        for (name, text) in module.all(key).filter_map(|entry| entry.split_once(':')) {
            parts.entry(name).or_default()[place] = Some(text);
        }
    }
    parts.into_iter().map(|(name, part)| match part {
        [Some(description), Some(kind)] => format!("parm={name}:{description} ({kind})"),
        [text, kind] => format!("parm={name}:{}", text.or(kind).unwrap_or_default()),
    })
}

fn printed_modinfo(file: &Path) -> Result<Vec<String>> {
    let text = run("modinfo", &["--null"], file)?;
    let ours = |entry: &&str| {
        !["", "\n"].contains(entry)
            && !["filename:", "signature="]
                .iter()
                .any(|key| entry.starts_with(key))
    };
    let spelt = |entry: &str| {
        if let Some(key) = entry.strip_prefix("sig_key=") {
            return format!("sig_key={}", key.replace(':', "").to_lowercase());
        }
        // kmod 30 aligns parameters for people even here.
        entry.strip_prefix("parm:").map_or_else(
            || entry.to_owned(),
            |parameter| format!("parm={}", parameter.trim_start_matches(' ')),
        )
    };
    Ok(text.split('\0').filter(ours).map(spelt).collect())
}

fn run(program: &str, options: &[&str], file: &Path) -> Result<String> {
    let output = Command::new(program)
        .args(options)
        .arg(file)
        .output()
        .with_context(|| format!("cannot run {program}: apt-get install kmod"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn exports(module: &Module, file: &Path) -> Vec<(String, String)> {
    let stem = file.file_name().unwrap_or_default().to_string_lossy();
    let owner = stem
        .split_once(".ko")
        .map_or(&*stem, |(stem, _)| stem)
        .to_owned();
    let line = |export: &kmod::Export| {
        let crc = export.crc.unwrap_or(Crc(0));
        let kind = if export.gpl {
            "EXPORT_SYMBOL_GPL"
        } else {
            "EXPORT_SYMBOL"
        };
        let namespace = export.namespace.clone().unwrap_or_default();
        format!("{crc}\t{}\t{owner}\t{kind}\t{namespace}", export.symbol)
    };
    module
        .exports
        .iter()
        .map(|export| (format!("{owner} {}", export.symbol), line(export)))
        .collect()
}

/// The lines of a Module.symvers that belong to modules, with the owner's directory left out.
fn offered(symvers: &str) -> Vec<String> {
    let line = |line: &str| {
        let mut columns: Vec<&str> = line.split('\t').collect();
        let owner = columns.get_mut(2)?;
        if *owner == "vmlinux" {
            return None;
        }
        *owner = owner.rsplit('/').next()?;
        Some(columns.join("\t"))
    };
    symvers.lines().filter_map(line).collect()
}
