//! Builds the real inputs that tests and the demo work on: kernel modules compiled against real
//! kernels, wrapped by `rpmbuild`, signed by `rpmsign`, good ones and bad ones.
//!
//! Sources and spec templates are in `tests/fixtures`, results in `target/fixtures`, described by
//! `target/fixtures/manifest.json` (see [`manifest`] for its shape). Each step is kept with a hash
//! of what went into it and is done again only when that changes.

pub mod manifest;

mod bad;
mod clients;
pub mod impact;
pub mod keys;
mod modules;
pub mod rpm;
pub mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::kernels::{self, Kernel};
use keys::Keys;
use manifest::{Kind, Manifest, Package};
use stage::Inputs;

/// One vendor's package: which modules go into it, and how it differs from the others.
pub struct Recipe {
    pub vendor: &'static str,
    /// The RPM's `Vendor` tag.
    pub vendor_tag: &'static str,
    /// Package name without `-kmp-<flavor>`.
    pub base: &'static str,
    pub modules: &'static [&'static str],
    pub driver_version: &'static str,
    pub summary: &'static str,
    /// rpm's `_binary_payload`: each package is compressed in another way.
    pub payload: &'static str,
}

/// Vendors with their e-mail addresses; each has a signing key.
pub const VENDORS: [(&str, &str, &str); 2] = [
    ("acme", "Acme Devices", "drivers@acme.example"),
    ("beta", "Beta Instruments", "drivers@beta.example"),
];

pub const RECIPES: [Recipe; 3] = [
    Recipe {
        vendor: "acme",
        vendor_tag: "Acme Devices",
        base: "acme-core",
        modules: &["acme_core", "acme_dmi"],
        driver_version: "1.0",
        summary: "Shared part of the Acme drivers",
        payload: "w6.gzdio",
    },
    Recipe {
        vendor: "acme",
        vendor_tag: "Acme Devices",
        base: "acme-net",
        modules: &["acme_net"],
        driver_version: "1.0",
        summary: "Acme Gigabit network card",
        payload: "w9.zstdio",
    },
    Recipe {
        vendor: "beta",
        vendor_tag: "Beta Instruments",
        base: "beta-usb",
        modules: &["beta_usb"],
        driver_version: "2.3",
        summary: "Beta Instruments USB interface",
        payload: "w6.xzdio",
    },
];

/// Where sources are and results go.
pub struct Folders {
    /// `tests/fixtures`.
    pub sources: PathBuf,
    /// `target/fixtures`.
    pub results: PathBuf,
}

impl Folders {
    pub fn of(project: &Path) -> Folders {
        Folders {
            sources: project.join("tests/fixtures"),
            results: project.join("target/fixtures"),
        }
    }

    pub fn manifest(&self) -> PathBuf {
        self.results.join("manifest.json")
    }

    /// Kernels with all their modules, see [`crate::kernels::images`].
    pub fn whole_kernels(&self) -> PathBuf {
        self.results.join("whole-kernels")
    }

    fn rpm_sources(&self) -> PathBuf {
        self.sources.join("rpm")
    }
}

/// Builds what is missing and returns the manifest; with `refresh`, looks for kernels anew.
pub fn build(project: &Path, refresh: bool) -> Result<Manifest> {
    let started = Instant::now();
    let folders = Folders::of(project);
    fs::create_dir_all(&folders.results)
        .with_context(|| format!("cannot make {}", folders.results.display()))?;
    let kernels = kernels::choose(&folders.results, refresh)?;
    let inputs = inputs(&folders, &kernels)?.hash();
    if let Some(known) = Manifest::load_current(&folders.manifest(), &inputs) {
        return Ok(known);
    }
    let manifest = make(&folders, &kernels, inputs)?;
    manifest.save(&folders.manifest())?;
    println!(
        "  {} packages, {} kernels ({:.1} s)",
        manifest.packages.len(),
        kernels.len(),
        started.elapsed().as_secs_f32()
    );
    Ok(manifest)
}

/// All that the results depend on.
fn inputs(folders: &Folders, kernels: &[Kernel]) -> Result<Inputs> {
    let mut inputs = Inputs::new(include_str!("fixtures.rs"));
    inputs.folder(&folders.sources.join("modules"))?;
    inputs.folder(&folders.rpm_sources())?;
    inputs.text(&folders.results.to_string_lossy());
    for step in [
        modules::SOURCE,
        rpm::SOURCE,
        impact::SOURCE,
        bad::SOURCE,
        clients::SOURCE,
    ] {
        inputs.text(step);
    }
    for kernel in kernels {
        inputs.text(&kernel.release);
        inputs.file(&kernel.symvers)?;
    }
    Ok(inputs)
}

fn make(folders: &Folders, kernels: &[Kernel], inputs: String) -> Result<Manifest> {
    let keys = Keys::make(&folders.results)?;
    let built = modules::build(folders, kernels)?;
    let mut packages = rpm::build_good(folders, &built, &keys)?;
    impact::judge(&mut packages, &built, kernels)?;
    packages.append(&mut bad::build(folders, &built, &packages, &keys)?);
    let client = clients::build(folders, kernels)?;
    check_with_rpm(folders, &packages, &keys)?;
    Ok(Manifest {
        inputs,
        kernels: kernels
            .iter()
            .map(|kernel| built.describe(kernel))
            .collect(),
        packages,
        keys: keys.describe(),
        kernel_rpms: client.kernels,
        client_base: client.base,
        client_repository: client.folder,
    })
}

/// Real rpm must judge the packages as the manifest says, or tests would be built on sand.
fn check_with_rpm(folders: &Folders, packages: &[Package], keys: &Keys) -> Result<()> {
    let checker = rpm::Checker::new(&folders.results.join("rpm-check"), keys)?;
    for package in packages {
        let accepted = checker.accepts(&package.path)?;
        let expected = match package.kind {
            Kind::Good | Kind::SameNevra | Kind::NotAKmp => true,
            // rpm itself knows no strangers: their key is not in its keyring.
            _ => false,
        };
        let path = package.path.display();
        ensure!(
            accepted == expected,
            "rpmkeys --checksig says {accepted} for the {:?} package {path}",
            package.kind
        );
        ensure!(
            package.kind != Kind::Good || checker.requires_layout(&package.path)?,
            "rpmbuild's generators found no symbols for {path}"
        );
    }
    Ok(())
}
