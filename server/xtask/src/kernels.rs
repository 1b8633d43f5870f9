//! Finds real kernels to build modules against: their headers, through apt or as installed.
//!
//! Nothing is installed for this: header packages are downloaded and unpacked below the fixture
//! folder. Which kernels exist changes from month to month, so they are discovered when the
//! fixtures are built the first time; the choice is then kept in `kernels.json` until
//! `cargo xtask fixtures --refresh`.

mod apt;
mod choose;
pub mod flavors;
pub mod images;
mod installed;
pub mod kbuild;
mod symvers;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use apt::{Apt, Lists};
pub use choose::{MOVING_SYMBOLS, Release, Role};
pub use symvers::Symvers;

/// A kernel chosen for the fixtures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kernel {
    /// `uname -r`.
    pub release: String,
    /// As rpm names it: `x86_64`, `aarch64`.
    pub arch: String,
    /// Text after the last hyphen of the release.
    pub flavor: String,
    pub role: Role,
    /// Its `Module.symvers`.
    pub symvers: PathBuf,
    /// Folder for `make -C`; none for a kernel that is only registered, never built against.
    pub build: Option<PathBuf>,
    /// Made from another kernel's symbols because no fitting real one was found.
    pub derived: bool,
}

impl Kernel {
    /// The release without flavor, as in package versions before `-` becomes `_`.
    pub fn version(&self) -> &str {
        self.release
            .strip_suffix(&format!("-{}", self.flavor))
            .unwrap_or(&self.release)
    }
}

/// Where a release's headers come from.
enum Source {
    Installed(PathBuf),
    Apt,
}

/// Everything that can be had, before the choice.
struct Offer {
    apt: Option<Apt>,
    releases: BTreeMap<choose::Release, Source>,
    /// Where header packages are unpacked to.
    root: PathBuf,
}

/// Kernels for the fixtures, discovered now or remembered from last time.
pub fn choose(folder: &Path, refresh: bool) -> Result<Vec<Kernel>> {
    let record = folder.join("kernels.json");
    if !refresh && let Some(known) = remembered(&record) {
        return Ok(known);
    }
    let kernels = discover(folder)?;
    fs::write(&record, serde_json::to_vec_pretty(&kernels)?)
        .with_context(|| format!("cannot write {}", record.display()))?;
    Ok(kernels)
}

/// The last choice, if all its files are still there.
fn remembered(record: &Path) -> Option<Vec<Kernel>> {
    let known: Vec<Kernel> = serde_json::from_slice(&fs::read(record).ok()?).ok()?;
    let whole = |kernel: &Kernel| {
        kernel.symvers.is_file()
            && kernel
                .build
                .as_ref()
                .is_none_or(|b| b.join("Makefile").exists())
    };
    (!known.is_empty() && known.iter().all(whole)).then_some(known)
}

/// Old lists name packages that the archive has replaced since: what fails with the system's is
/// tried again with fresh ones.
fn discover(folder: &Path) -> Result<Vec<Kernel>> {
    discover_by(folder, Lists::System).or_else(|error| {
        println!("  {error:#}\n  trying again with fresh package lists");
        discover_by(folder, Lists::Fresh)
    })
}

fn discover_by(folder: &Path, lists: Lists) -> Result<Vec<Kernel>> {
    let offer = Offer::collect(folder, lists)?;
    let releases: Vec<_> = offer.releases.keys().cloned().collect();
    if releases.is_empty() {
        bail!(
            "no kernel headers found: apt offers none, and none are installed under /usr/src. \
             Install the headers of one kernel (Debian: linux-headers-{}, SUSE: \
             kernel-default-devel) and try again",
            apt::architecture().unwrap_or("amd64".into())
        );
    }
    let choice = choose::choose(&releases, &mut |some| offer.load(some))?;
    println!("  kernels: {choice}");
    let mut kernels = offer.make_ready(&choice)?;
    if choice.breaking().is_none() {
        kernels.push(derive_breaking(&kernels, folder)?);
    }
    Ok(kernels)
}

impl Offer {
    fn collect(folder: &Path, lists: Lists) -> Result<Offer> {
        let root = folder.join("headers");
        fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
        let apt = Apt::open(&folder.join("apt"), lists)?;
        let mut releases = BTreeMap::new();
        if let Some(apt) = &apt {
            for release in apt.header_releases()? {
                releases.insert(release, Source::Apt);
            }
        }
        for (release, build) in installed::header_folders() {
            releases.insert(release, Source::Installed(build));
        }
        Ok(Offer {
            apt,
            releases,
            root,
        })
    }

    /// The symbols of some releases; one without symbol versions is left out.
    fn load(&self, some: &[choose::Release]) -> Result<BTreeMap<choose::Release, Symvers>> {
        let wanted: Vec<String> = some
            .iter()
            .filter(|release| matches!(self.releases.get(release), Some(Source::Apt)))
            .map(apt::headers_package)
            .collect();
        self.unpack(&wanted)?;
        let mut loaded = BTreeMap::new();
        for release in some {
            let symvers = Symvers::read(&self.folder_of(release).join("Module.symvers"))?;
            if symvers.has_versions() {
                loaded.insert(release.clone(), symvers);
            } else {
                println!("  {release} has no symbol versions (CONFIG_MODVERSIONS): left out");
            }
        }
        Ok(loaded)
    }

    /// Fetches what building against the chosen kernels needs, too.
    fn make_ready(&self, choice: &choose::Choice) -> Result<Vec<Kernel>> {
        let built = |role: Role| role.is_built_against();
        let mut rest = Vec::new();
        for (release, role) in choice.kernels() {
            if built(*role) && matches!(self.releases.get(release), Some(Source::Apt)) {
                let apt = self.apt.as_ref().expect("an apt source comes from apt");
                rest.extend(apt.build_packages(release)?);
            }
        }
        rest.sort();
        rest.dedup();
        self.unpack(&rest)?;
        choice
            .kernels()
            .iter()
            .map(|(release, role)| {
                let build = self.folder_of(release);
                apt::point_into(&build, &self.root)?;
                Ok(Kernel {
                    release: release.to_string(),
                    arch: std::env::consts::ARCH.into(),
                    flavor: release.flavor().into(),
                    role: *role,
                    symvers: build.join("Module.symvers"),
                    build: built(*role).then_some(build),
                    derived: false,
                })
            })
            .collect()
    }

    fn unpack(&self, packages: &[String]) -> Result<()> {
        match &self.apt {
            Some(apt) => apt.unpack(packages, &self.root),
            None => Ok(()),
        }
    }

    fn folder_of(&self, release: &choose::Release) -> PathBuf {
        match self.releases.get(release) {
            Some(Source::Installed(build)) => build.clone(),
            _ => self.root.join(format!("usr/src/linux-headers-{release}")),
        }
    }
}

/// Stands in when no two real kernels differ the way the tests need: the base kernel's symbols
/// with the CRCs changed that a network driver imports.
fn derive_breaking(kernels: &[Kernel], folder: &Path) -> Result<Kernel> {
    let base = kernels
        .iter()
        .find(|k| k.role == Role::Base)
        .context("no base kernel chosen")?;
    let text = fs::read_to_string(&base.symvers)?;
    let release = format!("{}.derived-{}", base.version(), base.flavor);
    println!(
        "  no real kernel breaks one vendor only: {release} is made from {}",
        base.release
    );
    let symvers = folder.join("derived.symvers");
    fs::write(&symvers, symvers::with_changed(&text, &MOVING_SYMBOLS))?;
    Ok(Kernel {
        release,
        role: Role::Breaking,
        symvers,
        build: None,
        derived: true,
        ..base.clone()
    })
}
