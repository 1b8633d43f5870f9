//! Builds the modules of the cases by the kernels' own build systems.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::fixtures::stage::{self, Inputs};
use crate::kernels::{Kernel, kbuild};
use crate::sh;

/// This step, as part of what its results depend on.
const SOURCE: &str = include_str!("build.rs");

/// Builds the variants for one kernel into a folder of its own, which is returned. On a kernel that
/// nothing is tried on, modules are built only for another: they need no odd providers.
pub fn variants(
    sources: &Path,
    results: &Path,
    kernel: &Kernel,
    is_tried: bool,
) -> Result<PathBuf> {
    let headers = kernel.build.as_ref();
    let headers = headers.with_context(|| format!("{} is not built against", kernel.release))?;
    let folder = results.join(&kernel.release);
    let mut inputs = Inputs::new(SOURCE);
    inputs.folder(sources)?;
    inputs.file(&kernel.symvers)?;
    stage::keep(&folder, &inputs, |folder| {
        println!(
            "  compiling modules for the loader's rules for {}",
            kernel.release
        );
        let is_plain =
            |variant: &&Variant| variant.name == PROVIDER || variant.uses == Some(PROVIDER);
        VARIANTS
            .iter()
            .filter(|variant| is_tried || is_plain(variant))
            .try_for_each(|variant| build(sources, folder, headers, variant))
    })
    .with_context(|| format!("cannot build modules for {}", kernel.release))?;
    Ok(folder)
}

/// Users find their provider's header in the folder beside theirs.
fn build(sources: &Path, folder: &Path, headers: &Path, variant: &Variant) -> Result<()> {
    let work = folder.join(variant.name);
    copy(&sources.join(variant.sources), &work)?;
    let mut make: Vec<String> = variant
        .make
        .iter()
        .map(|word| String::from(*word))
        .collect();
    if let Some(uses) = variant.uses {
        let exports = folder.join(uses).join("Module.symvers");
        make.push(format!("KBUILD_EXTRA_SYMBOLS={}", exports.display()));
    }
    kbuild::make_modules(headers, &work, &make)?;
    for file in files(&work)? {
        if file.extension().is_some_and(|extension| extension == "ko") {
            // Type information comes with some kernels' headers only, and is a rule of its own.
            let mut strip = Command::new("strip");
            sh::run(
                strip
                    .args(["--strip-debug", "--remove-section=.BTF"])
                    .arg(&file),
            )?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for file in files(from)? {
        fs::copy(&file, to.join(file.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let paths: Vec<PathBuf> = paths.collect::<Result<_>>()?;
    Ok(paths.into_iter().filter(|path| path.is_file()).collect())
}

/// How the sources are built: the folder of the results, that of the sources, words for make, and
/// the folder of results whose exports they use.
struct Variant {
    name: &'static str,
    sources: &'static str,
    make: &'static [&'static str],
    uses: Option<&'static str>,
}

/// The ordinary one.
const PROVIDER: &str = "provider";
/// Without symbol versions: neither a table of those that are used nor of those that are exported.
const UNVERSIONED: &str = "CONFIG_MODVERSIONS=";
/// A symbol that nobody exports is no error.
const WARN: &str = "KBUILD_MODPOST_WARN=1";

const fn provider(name: &'static str, make: &'static [&'static str]) -> Variant {
    Variant {
        name,
        sources: "provider",
        make,
        uses: None,
    }
}

const fn users(name: &'static str, make: &'static [&'static str], uses: &'static str) -> Variant {
    Variant {
        name,
        sources: "users",
        make,
        uses: Some(uses),
    }
}

/// In the order in which they are built.
static VARIANTS: [Variant; 9] = [
    provider(PROVIDER, &[]),
    provider("provider-gpl", &["KCFLAGS=-DCASE_GPL"]),
    provider("provider-namespace", &["KCFLAGS=-DCASE_NAMESPACE"]),
    provider("provider-changed", &["KCFLAGS=-DCASE_CHANGED"]),
    provider("provider-proprietary", &["KCFLAGS=-DCASE_PROPRIETARY"]),
    provider("provider-unversioned", &[UNVERSIONED]),
    users("users", &[WARN], PROVIDER),
    users("users-unversioned", &[WARN, UNVERSIONED], PROVIDER),
    users("users-of-unversioned", &[WARN], "provider-unversioned"),
];
