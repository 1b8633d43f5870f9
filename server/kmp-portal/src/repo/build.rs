//! `kmp-portal repo build`: what `createrepo_c` does for a folder of packages.

use super::find::{self, Found};
use super::folder::{self, Lock, SIGNATURE, Signed};
use super::known;
use super::parallel::in_parallel;
use super::state;
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use keyring::SigningKey;
use repomd::{Compression, Group, Mark, Metadata, Options, Rendered};
use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::path::PathBuf;

#[derive(Args, Clone, Debug)]
pub struct Build {
    /// Folder with the packages
    pub dir: PathBuf,
    /// Sign with this secret OpenPGP key (armored or binary, as gpg --export-secret-keys writes)
    #[arg(long, value_name = "KEYFILE")]
    pub sign: Option<PathBuf>,
    /// File whose first line opens the secret key
    #[arg(long, value_name = "FILE", requires = "sign")]
    pub passphrase_file: Option<PathBuf>,
    /// How the data files are packed; zstd is half as large and not read by SLE 12 and EL 7
    #[arg(long, value_enum, default_value_t)]
    pub compress: Compress,
    /// Take over what the existing metadata says of packages whose location, size and time are the
    /// same, without opening them
    #[arg(long)]
    pub update: bool,
    /// Revision of the repository; a number also becomes the time of the data files, so that the
    /// same packages give the same bytes [default: seconds since 1970]
    #[arg(long, value_name = "TEXT")]
    pub revision: Option<String>,
    /// Leave out packages that cannot be read or were damaged, instead of giving up
    #[arg(long)]
    pub skip_broken: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Compress {
    #[default]
    Gzip,
    Zstd,
}

/// What was built.
#[derive(Debug)]
pub struct Built {
    /// Packages in the repository.
    pub packages: usize,
    /// How many of them were taken over from the metadata before.
    pub taken_over: usize,
    /// Locations and reasons of packages that were left out.
    pub broken: Vec<String>,
    /// Fingerprint of the key that signed.
    pub signed_by: Option<String>,
    /// What the operator should know.
    pub notes: Vec<String>,
}

impl fmt::Display for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} packages", self.packages)?;
        if self.taken_over > 0 {
            write!(f, ", {} of them taken over unread", self.taken_over)?;
        }
        if !self.broken.is_empty() {
            write!(f, ", {} broken ones left out", self.broken.len())?;
        }
        match &self.signed_by {
            Some(fingerprint) => write!(f, "; signed by {fingerprint}"),
            None => write!(f, "; not signed"),
        }
    }
}

/// Builds the repository at the time `now`, seconds since 1970.
///
/// # Errors
/// Nothing was changed then: a package is broken, the key cannot sign, the folder cannot be
/// written, another run is at work.
pub fn build(order: &Build, now: u64) -> anyhow::Result<Built> {
    let key = order
        .sign
        .as_ref()
        .map(|_| signing_key(order))
        .transpose()?;
    let _lock = Lock::take(&order.dir)?;
    let findings = find::packages(&order.dir)?;
    let mut notes = findings.passed_over;
    let signed_by = key.as_ref().map(SigningKey::fingerprint);
    let wanted = state::wanted(order, signed_by.as_deref(), &findings.packages);
    if order.update && state::is_current(&order.dir, &wanted, key.is_some()) {
        return Ok(Built {
            packages: findings.packages.len(),
            taken_over: findings.packages.len(),
            broken: Vec::new(),
            signed_by,
            notes,
        });
    }
    let known = match known::unchanged(&order.dir, &findings.packages) {
        _ if !order.update => HashMap::new(),
        Ok(known) => known,
        Err(why) => {
            notes.push(format!("all packages are read anew: {why:#}"));
            HashMap::new()
        }
    };
    let taken_over = known.len();
    let (rendered, broken) = rendered(&findings.packages, known);
    report_broken(order, &broken)?;
    let options = options(order, now);
    let groups = packed(&rendered, &options)?;
    let metadata = repomd::assemble_groups(&groups, &options);
    drop(groups);
    let signed = key
        .as_ref()
        .map(|key| sign(key, &metadata, now))
        .transpose()?;
    if signed.is_none() && order.dir.join(SIGNATURE).exists() {
        notes.push("the repository was signed and is not any more: --sign KEYFILE".into());
    }
    let left = folder::publish(&order.dir, &metadata, signed.as_ref())
        .with_context(|| format!("writing {}", order.dir.join(find::REPODATA).display()))?;
    if let Some(why) = left {
        notes.push(format!("files of the metadata before stay behind: {why}"));
    }
    if broken.is_empty()
        && let Err(why) = state::note(&order.dir, &wanted, &metadata.repomd)
    {
        notes.push(format!("the next --update will look at everything: {why}"));
    }
    Ok(Built {
        packages: rendered.len(),
        taken_over,
        broken,
        signed_by,
        notes,
    })
}

fn signing_key(order: &Build) -> anyhow::Result<SigningKey> {
    let path = order.sign.as_deref().context("no key file")?;
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let passphrase = match &order.passphrase_file {
        Some(path) => {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            Some(text.lines().next().unwrap_or_default().to_owned())
        }
        None => None,
    };
    SigningKey::from_armored_secret(&bytes, passphrase.as_deref())
        .with_context(|| path.display().to_string())
}

/// The packages' records in their order, and what is wrong with those that have none.
fn rendered(found: &[Found], mut known: HashMap<String, Rendered>) -> (Vec<Rendered>, Vec<String>) {
    let unread: Vec<&Found> = found
        .iter()
        .filter(|found| !known.contains_key(&found.location))
        .collect();
    let read = in_parallel("reading", &unread, |found| read(found));
    let mut broken = Vec::new();
    for (found, result) in unread.into_iter().zip(read) {
        match result {
            Ok(rendered) => {
                known.insert(found.location.clone(), rendered);
            }
            Err(why) => broken.push(format!("{}: {why:#}", found.location)),
        }
    }
    let rendered = found
        .iter()
        .filter_map(|found| known.remove(&found.location))
        .collect();
    (rendered, broken)
}

fn read(found: &Found) -> anyhow::Result<Rendered> {
    let file = File::open(&found.path)?;
    let package = kmp::read_headers(&file, &kmp::Limits::default())?;
    if let Some(check) = package.digests.iter().find(|check| !check.matches()) {
        anyhow::bail!(
            "the {} of its {} is {} where the package says {}: it was damaged after it was built",
            check.algorithm,
            check.what,
            check.found,
            check.expected
        );
    }
    let after = file.metadata()?;
    let unchanged = package.file_size == found.size
        && after.len() == found.size
        && find::modified(&after) == found.time;
    anyhow::ensure!(unchanged, "it changed while it was read; try again");
    let mut record = portal::records::record(&package, &found.location);
    record.file_time = found.time;
    if package.is_source {
        // `nosrc` is rpm's word; clients know only `src`.
        "src".clone_into(&mut record.arch);
    }
    Ok(repomd::render(&record))
}

fn report_broken(order: &Build, broken: &[String]) -> anyhow::Result<()> {
    for line in broken {
        eprintln!("broken: {line}");
    }
    anyhow::ensure!(
        broken.is_empty() || order.skip_broken,
        "broken packages: {}; nothing was changed (--skip-broken leaves them out)",
        broken.len()
    );
    Ok(())
}

fn options(order: &Build, now: u64) -> Options {
    let revision = order.revision.clone().unwrap_or_else(|| now.to_string());
    Options {
        timestamp: revision.parse().unwrap_or(now),
        revision,
        compression: match order.compress {
            Compress::Gzip => Compression::Gzip,
            Compress::Zstd => Compression::Zstd,
        },
        ..Options::default()
    }
}

/// The groups that [`repomd::assemble`] makes, packed on all cores, and each read back as a client
/// would: what is put together from them later is compared by its digests only.
fn packed(rendered: &[Rendered], options: &Options) -> anyhow::Result<Vec<Group>> {
    let packages: Vec<&Rendered> = rendered.iter().collect();
    let ranges = repomd::group_ranges(rendered.iter().map(Mark::of));
    let groups = in_parallel("packing", &ranges, |range| {
        let group = Group::pack(&packages[range.clone()], options.compression);
        let checked = group.check(options.compression).context("self-check")?;
        anyhow::ensure!(
            checked.len() == range.len(),
            "self-check: the metadata lists {} packages, {} were put in",
            checked.len(),
            range.len()
        );
        Ok(group)
    });
    groups.into_iter().collect()
}

fn sign(key: &SigningKey, metadata: &Metadata, now: u64) -> anyhow::Result<Signed> {
    let signature = key.sign_detached(&metadata.repomd, now)?;
    let certificate = key.certificate();
    // What we could not verify, no client can.
    keyring::verify_detached(
        &metadata.repomd,
        &signature,
        std::slice::from_ref(&certificate),
        now,
    )?;
    Ok(Signed {
        signature,
        key: certificate.to_armored(),
    })
}
