//! Whole kernels with all their modules, of this machine's architecture and of others: what reader
//! and judge are compared with the reference tools on, and what they are timed on. Beside them, in
//! `flavors.json`, kernels of other flavors of which only the headers are fetched.
//!
//! Downloaded and unpacked below a folder of our own, nothing installed. Which kernels exist is found
//! out when there are none yet, and then kept in `images.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::Role;
use super::apt::{self, Apt, Lists};
use super::choose::Release;
use super::flavors::{self, Flavor};

/// Kernels of this machine's own architecture.
const OWN_KERNELS: usize = 3;
/// Those of them whose modules are all given to the tools: each the newest of its series.
const OWN_SERIES: usize = 2;

/// Debian's other architectures, with the flavor of their ordinary kernel: 64-bit little-endian,
/// 32-bit, big-endian, and the one whose symbols have dots.
const OTHERS: [(&str, &str); 4] = [
    ("arm64", "arm64"),
    ("armhf", "armmp"),
    ("s390x", "s390x"),
    ("ppc64el", "powerpc64le"),
];

/// Of further kernels' modules every so many-th is given to the tools.
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
    if remembered(&record).is_none() || flavors::remembered(folder).is_none() {
        println!("  whole kernels, to read every module of");
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let (images, flavors) = fetch(folder, Lists::System).or_else(|error| {
            println!("  {error:#}\n  trying again with fresh package lists");
            fetch(folder, Lists::Fresh)
        })?;
        flavors::remember(folder, &flavors)?;
        fs::write(&record, serde_json::to_vec_pretty(&images)?)?;
    }
    Ok(record)
}

/// The images, made if need be; this machine's own come first: the newest of each series, then the
/// one that the fixtures are built against.
pub fn all(folder: &Path) -> Result<Vec<Image>> {
    remembered(&describe(folder)?).context("the images have vanished again")
}

fn remembered(record: &Path) -> Option<Vec<Image>> {
    let known: Vec<Image> = serde_json::from_slice(&fs::read(record).ok()?).ok()?;
    let whole = |image: &Image| image.modules.is_dir() && image.symvers.is_file();
    let enough = known.len() >= OWN_KERNELS + OTHERS.len();
    (enough && known.iter().all(whole)).then_some(known)
}

fn fetch(folder: &Path, lists: Lists) -> Result<(Vec<Image>, Vec<Flavor>)> {
    let Some(own) = Apt::open(&folder.join("apt"), lists)? else {
        bail!("whole kernels are fetched by apt-get and dpkg-deb, which are not here");
    };
    let arch = apt::architecture()?;
    let mut images = Vec::new();
    let releases = own_releases(&own, folder, &arch)?;
    for (place, release) in releases.iter().enumerate() {
        let wanted = Wanted {
            release: release.clone(),
            arch: arch.clone(),
            every: if place < OWN_SERIES { 1 } else { OTHERS_EVERY },
        };
        images.push(unpack(&own, folder, wanted)?);
    }
    let flavors = flavors::fetch(&own, folder, &releases, &arch)?;
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
    Ok((images, flavors))
}

/// The newest of the series; then the kernel that the fixtures are built against, whose neighbour
/// keeps some of its symbols and changes others, or else any.
fn own_releases(apt: &Apt, folder: &Path, arch: &str) -> Result<Vec<Release>> {
    let newest = newest(apt, arch, arch)?;
    let mut chosen: Vec<Release> = newest.into_iter().take(OWN_SERIES).collect();
    let mut further: Vec<Release> = Vec::new();
    let results = folder.parent().context("fixtures are kept in a folder")?;
    for kernel in super::choose(results, false)? {
        if kernel.role == Role::Base {
            further.extend(Release::parse(&kernel.release));
        }
    }
    let mut all = apt.image_releases(arch)?;
    all.sort();
    further.extend(all.into_iter().rev());
    for release in further {
        if chosen.len() == OWN_KERNELS {
            break;
        }
        if !chosen.contains(&release) && apt.has(&packages(&release, arch)) {
            chosen.push(release);
        }
    }
    ensure!(
        chosen.len() == OWN_KERNELS,
        "the archive has only {} kernels for {arch}",
        chosen.len()
    );
    Ok(chosen)
}

/// The newest kernel of each series, oldest series first; of a single series the newest ones.
fn newest(apt: &Apt, arch: &str, flavor: &str) -> Result<Vec<Release>> {
    let mut series: BTreeMap<(u64, u64), Vec<Release>> = BTreeMap::new();
    for release in apt.image_releases(flavor)? {
        series.entry(release.series()).or_default().push(release);
    }
    let mut found = Vec::new();
    let each = if series.len() == 1 { OWN_SERIES } else { 1 };
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
