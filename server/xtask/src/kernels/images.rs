//! Whole kernels with all their modules, of this machine's architecture and of others: what the
//! module reader is compared with the reference tools on, and what it is timed on.
//!
//! Downloaded and unpacked below a folder of our own, nothing installed. Which kernels exist is found
//! out when there are none yet, and then kept in `images.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::apt::{self, Apt, Lists};
use super::choose::Release;

/// Kernels of this machine's own architecture.
const OWN_KERNELS: usize = 2;

/// Debian's other architectures, with the flavor of their ordinary kernel: 64-bit little-endian,
/// 32-bit, big-endian, and the one whose symbols have dots.
const OTHERS: [(&str, &str); 4] = [
    ("arm64", "arm64"),
    ("armhf", "armmp"),
    ("s390x", "s390x"),
    ("ppc64el", "powerpc64le"),
];

/// Of another architecture's modules every so many-th is given to the tools.
const OTHERS_EVERY: usize = 4;

/// One kernel, unpacked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Image {
    /// `uname -r`.
    pub release: String,
    /// Debian's name of the architecture.
    pub arch: String,
    /// `lib/modules/RELEASE`.
    pub modules: PathBuf,
    /// The `Module.symvers` of the same build.
    pub symvers: PathBuf,
    /// The tools are given every so many-th module; 1 for all.
    pub every: usize,
}

/// What is to be fetched for one image.
struct Wanted {
    release: Release,
    arch: String,
    every: usize,
}

/// The file that describes the images, made together with them if need be. Its entries are
/// [`Image`]s.
pub fn describe(folder: &Path) -> Result<PathBuf> {
    let record = folder.join("images.json");
    if remembered(&record).is_none() {
        println!("  whole kernels, to read every module of");
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let images = fetch(folder, Lists::System).or_else(|error| {
            println!("  {error:#}\n  trying again with fresh package lists");
            fetch(folder, Lists::Fresh)
        })?;
        fs::write(&record, serde_json::to_vec_pretty(&images)?)?;
    }
    Ok(record)
}

/// The images, made if need be; this machine's own come first, in the order of their releases.
pub fn all(folder: &Path) -> Result<Vec<Image>> {
    remembered(&describe(folder)?).context("the images have vanished again")
}

fn remembered(record: &Path) -> Option<Vec<Image>> {
    let known: Vec<Image> = serde_json::from_slice(&fs::read(record).ok()?).ok()?;
    let whole = |image: &Image| image.modules.is_dir() && image.symvers.is_file();
    (!known.is_empty() && known.iter().all(whole)).then_some(known)
}

fn fetch(folder: &Path, lists: Lists) -> Result<Vec<Image>> {
    let Some(own) = Apt::open(&folder.join("apt"), lists)? else {
        bail!("whole kernels are fetched by apt-get and dpkg-deb, which are not here");
    };
    let arch = apt::architecture()?;
    let mut images = Vec::new();
    for release in newest(&own, &arch, &arch)?.into_iter().take(OWN_KERNELS) {
        images.push(unpack(
            &own,
            folder,
            Wanted {
                release,
                arch: arch.clone(),
                every: 1,
            },
        )?);
    }
    let names: Vec<&str> = OTHERS.iter().map(|(arch, _)| *arch).collect();
    let others = Apt::of_other_machines(&folder.join("apt-others"), &names)?;
    for (arch, flavor) in OTHERS {
        let releases = newest(&others, arch, flavor)?;
        let release = releases.into_iter().next();
        let release = release.with_context(|| format!("the archive has no kernel for {arch}"))?;
        let wanted = Wanted {
            release,
            arch: arch.into(),
            every: OTHERS_EVERY,
        };
        images.push(unpack(&others, folder, wanted)?);
    }
    Ok(images)
}

/// The newest kernel of each series, oldest series first; of a single series the newest ones.
fn newest(apt: &Apt, arch: &str, flavor: &str) -> Result<Vec<Release>> {
    let mut series: BTreeMap<(u64, u64), Vec<Release>> = BTreeMap::new();
    for release in apt.image_releases(flavor)? {
        series.entry(release.series()).or_default().push(release);
    }
    let mut found = Vec::new();
    let each = if series.len() == 1 { OWN_KERNELS } else { 1 };
    for members in series.values_mut() {
        members.sort();
        let available = members
            .iter()
            .rev()
            .filter(|release| apt.has(&packages(release, arch)));
        found.extend(available.take(each).cloned());
    }
    Ok(found)
}

/// Image and headers; the latter hold the `Module.symvers`.
fn packages(release: &Release, arch: &str) -> [String; 2] {
    ["image", "headers"].map(|part| format!("linux-{part}-{release}:{arch}"))
}

fn unpack(apt: &Apt, folder: &Path, wanted: Wanted) -> Result<Image> {
    let Wanted {
        release,
        arch,
        every,
    } = wanted;
    let root = folder.join(&arch);
    apt.unpack(&packages(&release, &arch), &root)?;
    let places = ["lib/modules", "usr/lib/modules"].map(|place| root.join(place));
    let modules = places.iter().map(|place| place.join(release.to_string()));
    let modules = modules
        .into_iter()
        .find(|folder| folder.join("kernel").is_dir());
    let modules = modules.with_context(|| format!("the image of {release} holds no modules"))?;
    let symvers = root.join(format!("usr/src/linux-headers-{release}/Module.symvers"));
    ensure!(
        symvers.is_file(),
        "the headers of {release} hold no Module.symvers"
    );
    println!("  {arch}: {release}");
    Ok(Image {
        release: release.to_string(),
        arch,
        modules,
        symvers,
        every,
    })
}
