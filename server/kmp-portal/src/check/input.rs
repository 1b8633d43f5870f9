//! A package or a module to judge, read from a file.

use anyhow::{Context, bail};
use kmod::Module;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// First bytes of every RPM.
const RPM_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

/// Modules that are installed together: those of a package, or one that came alone.
pub struct Input {
    /// The path as given.
    pub name: String,
    /// Never empty.
    pub modules: Vec<Module>,
}

impl Input {
    /// Reads an RPM or a module, told apart by the first bytes.
    ///
    /// # Errors
    /// It is neither, a module in it cannot be read, or there is none.
    pub fn read(path: &Path) -> anyhow::Result<Input> {
        let modules = if is_rpm(path)? {
            modules_of(read_rpm(path)?)?
        } else {
            vec![read_module(path)?]
        };
        let name = path.display().to_string();
        Ok(Input { name, modules })
    }

    /// As the judge takes it.
    pub fn candidate(&self) -> kabi::Candidate<'_> {
        kabi::Candidate {
            name: &self.name,
            modules: &self.modules,
        }
    }
}

/// Does the file begin like an RPM?
pub fn is_rpm(path: &Path) -> anyhow::Result<bool> {
    Ok(read_at_most(path, RPM_MAGIC.len())? == RPM_MAGIC)
}

/// The whole package.
pub fn read_rpm(path: &Path) -> anyhow::Result<kmp::Package> {
    let file = File::open(path).context("cannot be opened")?;
    kmp::read(BufReader::new(file), &kmp::Limits::default()).context("cannot be read as an RPM")
}

/// The first bytes of a file.
pub fn read_at_most(path: &Path, bytes: usize) -> anyhow::Result<Vec<u8>> {
    let file = File::open(path).context("cannot be opened")?;
    let mut read = Vec::new();
    file.take(bytes as u64)
        .read_to_end(&mut read)
        .context("cannot be read")?;
    Ok(read)
}

fn read_module(path: &Path) -> anyhow::Result<Module> {
    let limits = kmod::Limits::default();
    // One byte more than allowed, so that a larger file is seen to be too large.
    let bytes = read_at_most(path, limits.unpacked.saturating_add(1))?;
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    Module::read(&bytes, &file_name, &limits).context("is neither an RPM nor a kernel module")
}

fn modules_of(package: kmp::Package) -> anyhow::Result<Vec<Module>> {
    if package.modules.is_empty() {
        bail!(
            "holds no kernel modules: they belong below /lib/modules/<release>/ or \
             /usr/lib/modules/<release>/"
        );
    }
    let modules = package.modules.into_iter();
    modules
        .map(|packed| {
            packed
                .module
                .map_err(|why| anyhow::anyhow!("{} in it cannot be read: {why}", packed.path))
        })
        .collect()
}
