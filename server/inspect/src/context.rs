//! What a check may look at: the package, what became of its signatures, the policy, and what
//! follows from them for several checks. Borrowed and read-only.

use crate::policy::Policy;
use kmod::{Crc, Module};
use kmp::{
    Dependency, KmpName, KsymDependency, ModulePath, Package, SignatureReport, SymsetDependency,
};
use modalias::Supplement;
use std::collections::{BTreeSet, HashMap};

pub(crate) struct Context<'a> {
    pub package: &'a Package,
    pub signatures: &'a SignatureReport,
    pub policy: &'a Policy,
    /// The package's name, if it is one of a SUSE kernel module package.
    pub name: Option<KmpName>,
    /// Every module that could be read.
    pub modules: Vec<PlacedModule<'a>>,
    /// Symbols the package requires, and provides, as its dependencies say.
    pub required: Vec<SymbolDependency<'a>>,
    pub provided: Vec<SymbolDependency<'a>>,
    /// What it says about hardware.
    pub supplements: Vec<(&'a Dependency, Supplement)>,
}

/// A module and where it lies.
pub(crate) struct PlacedModule<'a> {
    pub path: &'a str,
    /// `None`: below no folder of kernel modules.
    pub place: Option<ModulePath>,
    pub module: &'a Module,
}

/// A dependency on a symbol, and its text.
pub(crate) struct SymbolDependency<'a> {
    pub dependency: &'a Dependency,
    pub symbol: KsymDependency,
}

impl<'a> Context<'a> {
    pub fn new(
        package: &'a Package,
        signatures: &'a SignatureReport,
        policy: &'a Policy,
    ) -> Context<'a> {
        let modules = package.modules.iter().filter_map(|packaged| {
            let module = packaged.module.as_ref().ok()?;
            let path = packaged.path.as_str();
            Some(PlacedModule {
                path,
                place: ModulePath::parse(path),
                module,
            })
        });
        let supplements = package
            .dependencies
            .supplements
            .iter()
            .filter_map(|dependency| {
                Some((dependency, modalias::parse_supplement(&dependency.name)?))
            });
        Context {
            package,
            signatures,
            policy,
            name: KmpName::parse(&package.name),
            modules: modules.collect(),
            required: symbols(&package.dependencies.requires),
            provided: symbols(&package.dependencies.provides),
            supplements: supplements.collect(),
        }
    }

    /// The kernels whose folders hold the package's modules, readable or not.
    pub fn kernel_releases(&self) -> BTreeSet<String> {
        let paths = self
            .package
            .modules
            .iter()
            .map(|packaged| packaged.path.as_str());
        paths
            .filter_map(|path| Some(ModulePath::parse(path)?.kernel_release))
            .collect()
    }

    /// The flavor the package is for: by its name, else by the kernel of its modules.
    pub fn flavor(&self) -> Option<&str> {
        let named = self.name.as_ref().map(|name| name.flavor.as_str());
        named.or_else(|| self.modules.iter().find_map(|m| m.place.as_ref()?.flavor()))
    }

    /// The first word of the driver's name, which stands for its provider: `acme` of
    /// `acme-net-kmp-default` and of `kmod-acme-net`.
    pub fn provider(&self) -> &str {
        let named = self.name.as_ref().map(|name| name.base.as_str());
        let base = named.unwrap_or(&self.package.name);
        let driver = base.strip_prefix("kmod-").unwrap_or(base);
        driver.split('-').next().unwrap_or(driver)
    }

    /// Versions of the symbols that the package's own modules export.
    pub fn own_exports(&self) -> HashMap<&'a str, Vec<Option<Crc>>> {
        let mut exports: HashMap<&str, Vec<Option<Crc>>> = HashMap::new();
        for module in &self.modules {
            for export in &module.module.exports {
                exports.entry(&export.symbol).or_default().push(export.crc);
            }
        }
        exports
    }

    /// Versions of the symbols that the package's modules use, as `modprobe --dump-modversions`
    /// lists them for the generators.
    pub fn used_symbols(&self) -> HashMap<&'a str, Vec<Crc>> {
        let mut used: HashMap<&str, Vec<Crc>> = HashMap::new();
        for module in &self.modules {
            for import in &module.module.imports {
                if let Some(crc) = import.crc {
                    let versions = used.entry(&import.symbol).or_default();
                    if !versions.contains(&crc) {
                        versions.push(crc);
                    }
                }
            }
        }
        used
    }

    /// Requires sets of symbols by hash, as packages for Code 10 and 11 do, instead of symbols.
    pub fn requires_symbol_sets(&self) -> bool {
        let requires = &self.package.dependencies.requires;
        requires
            .iter()
            .any(|dependency| SymsetDependency::parse(dependency).is_some())
    }
}

fn symbols(dependencies: &[Dependency]) -> Vec<SymbolDependency<'_>> {
    let parse = |dependency| {
        let symbol = KsymDependency::parse(dependency)?.ok()?;
        Some(SymbolDependency { dependency, symbol })
    };
    dependencies.iter().filter_map(parse).collect()
}
