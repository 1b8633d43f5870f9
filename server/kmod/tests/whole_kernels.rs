//! Every module of whole real kernels, of this machine's architecture and of others, read as the
//! reference tools read it.
//!
//! Imports are compared with `modprobe --dump-modversions`, `.modinfo` and signature with `modinfo`,
//! and all exports, in both directions, with the kernel's own Module.symvers. `cargo xtask test`
//! fetches the kernels; which of their modules the tools are given is in its list.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kmod::{Crc, Export, Limits, Module};
use serde_json::Value;

/// Given to one `modinfo` at once.
const BATCH: usize = 64;
/// Differences that are told in full.
const TOLD: usize = 10;
/// A distribution's kernel has some 4,000.
const MODULES_MIN: usize = 1000;

/// One kernel, as `xtask::kernels::images` describes it.
struct Kernel {
    name: String,
    modules: PathBuf,
    symvers: PathBuf,
    every: usize,
}

#[test]
fn whole_kernels_are_read_as_the_tools_read_them() {
    let mut complaints = Vec::new();
    for kernel in kernels() {
        let mut files = Vec::new();
        find_modules(&kernel.modules, &mut files);
        assert!(
            files.len() >= MODULES_MIN,
            "{}: {} modules",
            kernel.name,
            files.len()
        );
        let report = compare_in_parallel(&kernel, &files);
        println!(
            "{}: {} modules, {} imports, {} exports; {} modules compared with the tools",
            kernel.name,
            files.len(),
            report.imports,
            report.exports.len(),
            report.compared
        );
        assert!(
            report.imports > 10 * files.len(),
            "{}: hardly any imports",
            kernel.name
        );
        let mut differences = report.differences;
        let offered = offered(&fs::read_to_string(&kernel.symvers).unwrap());
        assert!(
            offered.len() > MODULES_MIN,
            "{}: hardly any exports",
            kernel.name
        );
        compare(
            "exports",
            &kernel.symvers,
            report.exports,
            offered,
            &mut differences,
        );
        complaints.extend(
            differences
                .into_iter()
                .map(|what| format!("{}: {what}", kernel.name)),
        );
    }
    let first: Vec<_> = complaints.iter().take(TOLD).map(String::as_str).collect();
    assert!(
        complaints.is_empty(),
        "{} differences\n{}",
        complaints.len(),
        first.join("\n")
    );
}

/// What came of some modules.
#[derive(Default)]
struct Report {
    imports: usize,
    /// Lines of a Module.symvers, the providers without their folders.
    exports: Vec<String>,
    compared: usize,
    differences: Vec<String>,
}

/// Half of the modules on each of two threads: the tools' processes are most of the work.
fn compare_in_parallel(kernel: &Kernel, files: &[PathBuf]) -> Report {
    let (first, second) = files.split_at(files.len() / 2);
    let (mut one, mut other) = std::thread::scope(|scope| {
        let half = scope.spawn(|| compare_all(kernel, second));
        let one = compare_all(kernel, first);
        (one, half.join().expect("the comparison does not panic"))
    });
    one.imports += other.imports;
    one.compared += other.compared;
    one.exports.append(&mut other.exports);
    one.differences.append(&mut other.differences);
    one
}

fn compare_all(kernel: &Kernel, files: &[PathBuf]) -> Report {
    let mut report = Report::default();
    for batch in files.chunks(BATCH) {
        let mut chosen = Vec::new();
        for (position, file) in batch.iter().enumerate() {
            let bytes = fs::read(file).unwrap();
            match Module::read(&bytes, &file.to_string_lossy(), &Limits::default()) {
                Ok(module) => {
                    report.imports += module.imports.len();
                    report.exports.extend(exports(&module, file));
                    if position % kernel.every == 0 {
                        chosen.push((file, module));
                    }
                }
                Err(error) => report
                    .differences
                    .push(format!("{}: {error}", file.display())),
            }
        }
        compare_with_tools(&chosen, &mut report);
    }
    report
}

fn compare_with_tools(modules: &[(&PathBuf, Module)], report: &mut Report) {
    let files: Vec<&Path> = modules.iter().map(|(file, _)| file.as_path()).collect();
    let printed = printed_modinfo(&files);
    assert_eq!(printed.len(), modules.len(), "modinfo speaks of every file");
    for ((file, module), printed) in modules.iter().zip(printed) {
        let dumped = run("modprobe", &["--dump-modversions"], &[file]);
        let dumped = dumped.lines().map(str::to_owned).collect();
        compare(
            "imports",
            file,
            imports(module),
            dumped,
            &mut report.differences,
        );
        compare(
            "modinfo",
            file,
            modinfo(module),
            printed,
            &mut report.differences,
        );
        let odd = module
            .oddities
            .iter()
            .map(|odd| format!("{}: {odd:?}", file.display()));
        report.differences.extend(odd);
        report.compared += 1;
    }
}

fn compare(
    what: &str,
    file: &Path,
    mut ours: Vec<String>,
    mut theirs: Vec<String>,
    differences: &mut Vec<String>,
) {
    ours.sort();
    theirs.sort();
    if ours == theirs {
        return;
    }
    let only = |mark: char, left: &[String], right: &[String]| {
        let lines = left
            .iter()
            .filter(|line| right.binary_search(line).is_err());
        lines
            .take(TOLD)
            .map(|line| format!("\n  {mark} {line}"))
            .collect::<String>()
    };
    let (more, fewer) = (only('+', &ours, &theirs), only('-', &theirs, &ours));
    differences.push(format!("{}: {what} differ{more}{fewer}", file.display()));
}

fn imports(module: &Module) -> Vec<String> {
    let imports = module.imports.iter();
    let versioned = imports.filter_map(|import| Some((import.crc?, &import.symbol)));
    versioned
        .map(|(crc, symbol)| format!("{crc}\t{symbol}"))
        .collect()
}

/// As `modinfo --null` prints it: description and type of a parameter folded into one line, and the
/// signature after the section's own entries.
fn modinfo(module: &Module) -> Vec<String> {
    let entries = module.modinfo.iter();
    let plain = entries.filter(|(key, _)| !["parm", "parmtype"].contains(&&**key));
    let mut lines: Vec<String> = plain.map(|(key, value)| format!("{key}={value}")).collect();
    lines.extend(parameters(module));
    if let Some(signature) = &module.signature
        && let Some(signer) = &signature.signer
    {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        lines.extend([
            "sig_id=PKCS#7".to_owned(),
            format!("signer={signer}"),
            format!("sig_key={}", text(&signature.key_id)),
            format!("sig_hashalgo={}", text(&signature.hash)),
        ]);
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

/// The lines that modinfo prints of each file.
fn printed_modinfo(files: &[&Path]) -> Vec<Vec<String>> {
    let text = run("modinfo", &["--null"], files);
    let mut all: Vec<Vec<String>> = Vec::new();
    for entry in text.split('\0') {
        if entry.starts_with("filename:") {
            all.push(Vec::new());
        } else if let Some(lines) = all.last_mut()
            && !["", "\n"].contains(&entry)
            && !entry.starts_with("signature=")
        {
            lines.push(spelt(entry));
        }
    }
    all
}

/// One entry of modinfo's in our spelling.
fn spelt(entry: &str) -> String {
    if let Some(key) = entry.strip_prefix("sig_key=") {
        return format!("sig_key={}", key.replace(':', "").to_lowercase());
    }
    // kmod 30 aligns parameters for people even here.
    entry.strip_prefix("parm:").map_or_else(
        || entry.to_owned(),
        |parameter| format!("parm={}", parameter.trim_start_matches(' ')),
    )
}

fn run(program: &str, options: &[&str], files: &[&Path]) -> String {
    let output = Command::new(program).args(options).args(files).output();
    let output = output.unwrap_or_else(|err| panic!("{program}: {err}; apt-get install kmod"));
    assert!(
        output.status.success(),
        "{program} {options:?} {files:?}: {output:?}"
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn exports(module: &Module, file: &Path) -> Vec<String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let owner = name.split_once(".ko").map_or(&*name, |(stem, _)| stem);
    let line = |export: &Export| {
        let crc = export.crc.unwrap_or(Crc(0));
        let kind = if export.gpl {
            "EXPORT_SYMBOL_GPL"
        } else {
            "EXPORT_SYMBOL"
        };
        let namespace = export.namespace.as_deref().unwrap_or_default();
        format!("{crc}\t{}\t{owner}\t{kind}\t{namespace}", export.symbol)
    };
    module.exports.iter().map(line).collect()
}

/// The lines of a Module.symvers that belong to modules, the owner's folder left out.
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

fn kernels() -> Vec<Kernel> {
    let list = std::env::var_os("KMP_PORTAL_KERNELS").expect("run `cargo xtask test`");
    let list: Value = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
    let kernel = |image: &Value| {
        let text = |member: &str| image[member].as_str().unwrap();
        Kernel {
            name: format!("{} {}", text("arch"), text("release")),
            modules: text("modules").into(),
            symvers: text("symvers").into(),
            every: image["every"].as_u64().unwrap() as usize,
        }
    };
    let kernels: Vec<Kernel> = list.as_array().unwrap().iter().map(kernel).collect();
    assert!(kernels.len() > 1, "only {} kernels to read", kernels.len());
    kernels
}

fn find_modules(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        if entry.file_type().unwrap().is_dir() {
            find_modules(&entry.path(), found);
        } else if entry.file_name().to_string_lossy().contains(".ko") {
            found.push(entry.path());
        }
    }
}
