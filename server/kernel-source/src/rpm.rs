//! RPM packages of a kernel: the image's, those of its modules, and `-devel`.
//!
//! A symvers file in the package tells everything, so it wins. Without one there are the package's
//! Provides (`ksym(flavor:symbol) = crc`, `kernel(symbol) = crc`), which say symbol and version only,
//! and the modules in it, which say the rest of what they export themselves.

use std::collections::{BTreeSet, HashSet};
use std::io::Read;

use kabi::Symvers;
use kabi::symvers::{ExportKind, Row};
use kmod::Crc;
use kmp::{Keep, KmpName, KsymDependency, ModulePath, Package, SymsetDependency};

use crate::{Description, Error, Kind, Limits, Part, Tree, UNKNOWN_PROVIDER, location};

/// First bytes of every RPM.
const MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

/// Does one begin with these bytes?
pub(crate) fn begins(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

/// Reads a package; `place` is the file's name.
pub(crate) fn read(
    input: &mut dyn Read,
    place: &str,
    limits: &Limits,
) -> Result<Vec<Description>, Error> {
    let keep = Keep {
        wanted: is_telling,
        bytes: limits.symvers,
    };
    let read = kmp::read_keeping(input, &limits.rpm, keep);
    let (package, kept) = read.map_err(|source| Error::Rpm {
        place: place.to_owned(),
        source: Box::new(source),
    })?;
    if is_driver(&package.name) {
        return Err(Error::DriverPackage {
            place: place.to_owned(),
            name: package.name,
        });
    }
    let mut tree = Tree::new(place, limits);
    for file in &kept {
        tree.add(&file.path, &mut file.bytes.as_slice())?;
    }
    let has_symvers = tree.has_symvers();
    for packed in &package.modules {
        if let Ok(module) = &packed.module {
            tree.add_module(&packed.path, module)?;
        }
    }
    let provided = Provided::of(&package, place)?;
    let part = Part {
        kind: Kind::Rpm,
        name: package.name.clone(),
        build: Some(package.evr()),
        label: package.nevra(),
        sha256: Some(package.sha256),
        symbols: 0,
        modules: 0,
    };
    let mut found = tree.finish(&part)?;
    if !has_symvers || found.is_empty() {
        found = with_provides(found, &package, &provided, part, place)?;
    }
    if found.is_empty() {
        return Err(Error::NoKernel {
            place: place.to_owned(),
        });
    }
    for kernel in &mut found {
        complete(kernel, &package, &provided);
    }
    Ok(found)
}

/// Is this the name of a package of drivers, which look much like parts of a kernel?
pub(crate) fn is_driver(name: &str) -> bool {
    KmpName::parse(name).is_some() || name.starts_with("kmod-")
}

/// Files of a package that tell of its kernel. Modules are read anyway.
fn is_telling(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_image = name.starts_with("vmlinu");
    !is_image && Tree::wants(path)
}

/// What the Provides of a package tell.
#[derive(Debug, Default)]
pub(crate) struct Provided {
    /// Without CRC: zero.
    pub symbols: Vec<(String, Crc)>,
    pub flavor: Option<String>,
    pub release: Option<String>,
    /// `kernel = <version>-<source release>`: SUSE's release without the flavor.
    version: Option<String>,
    pub symsets: usize,
}

impl Provided {
    fn of(package: &Package, place: &str) -> Result<Provided, Error> {
        let mut provided = Provided::default();
        let mut flavors = BTreeSet::new();
        for dependency in &package.dependencies.provides {
            provided.take(dependency, &mut flavors);
        }
        provided.settle(flavors, place)
    }

    /// Notes one of the Provides.
    pub fn take(&mut self, dependency: &kmp::Dependency, flavors: &mut BTreeSet<String>) {
        if let Some(Ok(symbol)) = KsymDependency::parse(dependency) {
            flavors.extend(symbol.flavor);
            let crc = symbol.crc.unwrap_or(Crc(0));
            self.symbols.push((symbol.symbol, crc));
        } else if let Some(Ok(set)) = SymsetDependency::parse(dependency) {
            flavors.extend(set.flavor);
            self.symsets += 1;
        } else if is_release(&dependency.name) && !dependency.version.is_empty() {
            self.release
                .get_or_insert_with(|| dependency.version.clone());
        } else if dependency.name == "kernel" && dependency.version.contains('-') {
            self.version
                .get_or_insert_with(|| dependency.version.clone());
        }
    }

    /// Comes behind the last of them.
    pub fn settle(mut self, flavors: BTreeSet<String>, place: &str) -> Result<Provided, Error> {
        if flavors.len() > 1 {
            return Err(Error::SeveralFlavors {
                place: place.to_owned(),
                flavors: Vec::from_iter(flavors).join(", "),
            });
        }
        self.flavor = flavors.into_iter().next();
        if let (None, Some(version), Some(flavor)) = (&self.release, &self.version, &self.flavor) {
            self.release = Some(format!("{version}-{flavor}"));
        }
        Ok(self)
    }
}

/// `kernel-uname-r`; parts of Red Hat's kernels say `kernel-modules-uname-r` and the like.
fn is_release(name: &str) -> bool {
    name.starts_with("kernel") && name.ends_with("-uname-r")
}

/// Adds the symbols that the package provides to what its modules say.
fn with_provides(
    mut found: Vec<Description>,
    package: &Package,
    provided: &Provided,
    part: Part,
    place: &str,
) -> Result<Vec<Description>, Error> {
    if provided.symbols.is_empty() && provided.symsets == 0 {
        return Ok(found);
    }
    if found.len() != 1 {
        // Its modules are of no kernel or of several: the Provides are of the one it names.
        found.retain(|kernel| kernel.release.is_some() && kernel.release == provided.release);
    }
    let mut kernel = found.pop().unwrap_or_default();
    let has_image = package.files.iter().any(|file| is_image(&file.path));
    let by_modules: HashSet<&str> = kernel
        .symvers
        .rows
        .iter()
        .map(|r| r.symbol.as_str())
        .collect();
    let provider = |symbol: &str| match has_image && !by_modules.contains(symbol) {
        true => "vmlinux",
        false => UNKNOWN_PROVIDER,
    };
    let rows = provided.symbols.iter();
    let rows = rows
        .map(|(symbol, crc)| open_row(symbol, *crc, provider(symbol)))
        .collect();
    let told = Description {
        symvers: Symvers { rows },
        symsets: provided.symsets,
        ..Description::default()
    };
    kernel.add(told).map_err(|source| Error::Contradictions {
        place: place.to_owned(),
        source,
    })?;
    kernel.parts = vec![Part {
        symbols: kernel.symvers.rows.len(),
        modules: kernel.modules.len(),
        ..part
    }];
    Ok(vec![kernel])
}

/// A symbol of which only the version is known.
pub(crate) fn open_row(symbol: &str, crc: Crc, provider: &str) -> Row {
    Row {
        crc,
        symbol: symbol.to_owned(),
        provider: provider.to_owned(),
        export: ExportKind::Unstated,
        gpl: false,
        namespace: None,
    }
}

/// The image itself, in a package that carries it.
fn is_image(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stems = ["vmlinuz", "vmlinux", "Image", "image", "bzImage", "zImage"];
    stems.iter().any(|stem| {
        let rest = name.strip_prefix(stem);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
    }) && (path.starts_with("/boot/") || path.contains("/lib/modules/"))
}

/// Fills in what only the package as a whole says.
fn complete(kernel: &mut Description, package: &Package, provided: &Provided) {
    if kernel.release.is_none() {
        let folder = || {
            let mut paths = package.files.iter().map(|file| file.path.as_str());
            paths.find_map(release_of_folder)
        };
        if let Some(release) = provided.release.clone().or_else(folder) {
            kernel.called(&release);
        }
    }
    if let Some(flavor) = &provided.flavor {
        kernel.flavor = Some(flavor.clone());
    }
    if kernel.arch.is_none() {
        kernel.arch = kabi::arch::rpm_name(&package.arch).map(str::to_owned);
    }
}

/// `/lib/modules/<release>/…`
fn release_of_folder(path: &str) -> Option<String> {
    // Any file there tells as much as a module would.
    let place = ModulePath::parse(&format!("{path}.ko"))?;
    let told = location::of_release(&place.kernel_release);
    told.release
        .filter(|release| release.starts_with(|c: char| c.is_ascii_digit()))
}
