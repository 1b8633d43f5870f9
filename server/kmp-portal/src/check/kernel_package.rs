//! A kernel as its packages describe it: the symbols they provide, and the modules in them.
//!
//! Provides say symbol and version only. Who exports a symbol, GPL-ness and namespace are known of
//! the modules in the payload; those of the kernel image stand in symvers files, which are told of
//! but not unpacked here.

use super::kernel::Source;
use super::location;
use kabi::Symvers;
use kabi::symvers::{ExportKind, Row};
use kmod::{Crc, Export, Module};
use kmp::{KsymDependency, ModulePath, Package};
use std::collections::{BTreeSet, HashMap};

/// Provider of symbols that no module of the package exports.
const IMAGE: &str = "vmlinux";

/// Takes what a kernel's package says.
///
/// # Errors
/// Its Provides are about several flavors.
pub fn read(path: String, package: Package) -> anyhow::Result<Source> {
    let symbols: Vec<KsymDependency> = package
        .dependencies
        .provides
        .iter()
        .filter_map(|provided| KsymDependency::parse(provided)?.ok())
        .collect();
    let flavor = single_flavor(&symbols)?;
    let release = release(&package);
    let modules = modules(&package, release.as_deref());
    let exporters = exporters(&modules);
    let rows = symbols
        .iter()
        .map(|symbol| row(symbol, &exporters))
        .collect();
    let told = release
        .as_deref()
        .map(location::of_release)
        .unwrap_or_default();
    Ok(Source {
        paths: vec![path],
        is_package: true,
        symvers: Symvers { rows },
        told: location::Told {
            arch: Some(package.arch.clone()),
            flavor: flavor.or(told.flavor),
            release,
        },
        vermagic_tail: common(
            modules
                .iter()
                .map(|(_, m)| m.vermagic_tail().map(str::to_owned)),
        ),
        this_module_size: common(modules.iter().map(|(_, module)| module.this_module_size)),
        notes: notes(&package),
    })
}

fn single_flavor(symbols: &[KsymDependency]) -> anyhow::Result<Option<String>> {
    let flavors: BTreeSet<&str> = symbols
        .iter()
        .filter_map(|symbol| symbol.flavor.as_deref())
        .collect();
    anyhow::ensure!(
        flavors.len() <= 1,
        "provides symbols of several flavors ({}): give a package of one kernel",
        Vec::from_iter(flavors).join(", ")
    );
    Ok(flavors.first().map(|&flavor| flavor.to_owned()))
}

/// `kernel-uname-r = …` (Red Hat's parts: `kernel-modules-uname-r` …), else the folder of its
/// modules or of other files.
fn release(package: &Package) -> Option<String> {
    let provided = package
        .dependencies
        .provides
        .iter()
        .find(|p| p.name.starts_with("kernel") && p.name.ends_with("-uname-r"))
        .map(|p| p.version.clone());
    let folder = || {
        let mut paths = package.modules.iter().map(|module| &module.path);
        paths.find_map(|path| Some(ModulePath::parse(path)?.kernel_release))
    };
    provided.filter(|text| !text.is_empty()).or_else(folder)
}

/// The kernel's own modules with their paths, as a symvers file writes them.
fn modules<'a>(package: &'a Package, release: Option<&str>) -> Vec<(String, &'a Module)> {
    package
        .modules
        .iter()
        .filter_map(|packed| {
            let module = packed.module.as_ref().ok()?;
            let path = ModulePath::parse(&packed.path)?;
            let file = path.file.split(".ko").next()?;
            let below = path.subdir.strip_prefix("kernel").unwrap_or(&path.subdir);
            let place = format!("{below}/{file}").trim_start_matches('/').to_owned();
            (module.kernel_release() == release).then_some((place, module))
        })
        .collect()
}

fn exporters<'a>(modules: &'a [(String, &'a Module)]) -> HashMap<&'a str, (&'a str, &'a Export)> {
    modules
        .iter()
        .flat_map(|(place, module)| module.exports.iter().map(move |e| (place.as_str(), e)))
        .map(|(place, export)| (export.symbol.as_str(), (place, export)))
        .collect()
}

fn row(symbol: &KsymDependency, exporters: &HashMap<&str, (&str, &Export)>) -> Row {
    let exporter = exporters.get(symbol.symbol.as_str());
    let gpl = exporter.is_some_and(|(_, export)| export.gpl);
    Row {
        crc: symbol.crc.unwrap_or(Crc(0)),
        symbol: symbol.symbol.clone(),
        provider: exporter.map_or(IMAGE, |(place, _)| place).to_owned(),
        export: match exporter {
            None => ExportKind::Unstated,
            Some(_) if gpl => ExportKind::Gpl,
            Some(_) => ExportKind::Any,
        },
        gpl,
        namespace: exporter.and_then(|(_, export)| export.namespace.clone()),
    }
}

/// What all say that say anything; `None` when they disagree.
fn common<T: PartialEq>(mut said: impl Iterator<Item = Option<T>>) -> Option<T> {
    let first = said.by_ref().flatten().next()?;
    said.flatten().all(|other| other == first).then_some(first)
}

fn notes(package: &Package) -> Vec<String> {
    let mut notes = vec![
        "its symbols are those that its packages provide, which does not tell the namespaces of \
         the kernel image's own"
            .to_owned(),
    ];
    let symvers = package.files.iter().find(|file| {
        file.path
            .rsplit('/')
            .next()
            .is_some_and(|name| name.contains("symvers"))
    });
    if let Some(file) = symvers {
        notes.push(format!(
            "{} in the package says more and is not unpacked: give it as --kernel",
            file.path
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_modules_agree_on() {
        assert_eq!(common([None, Some(1), Some(1)].into_iter()), Some(1));
        assert_eq!(common([Some(1), Some(2)].into_iter()), None);
        assert_eq!(common([None::<u64>].into_iter()), None);
    }
}
