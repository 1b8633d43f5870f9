//! The kernels to judge on, from every source that `kernel_source` knows.

use super::Told;
use crate::sources;
use anyhow::{Context, bail};
use kabi::Kernel;
use kernel_source::{Description, Kind, Unknown};
use std::path::PathBuf;

/// A kernel, and how much is known of it.
pub struct KernelFile {
    /// Its release, or the file's path when that is unknown; unlike that of any kernel before it.
    pub label: String,
    /// Who it is, in words.
    pub facts: String,
    /// What is unknown, each a sentence without its full stop.
    pub notes: Vec<String>,
    /// Empty text stands for what is unknown.
    pub kernel: Kernel,
    /// Its release is known.
    pub has_release: bool,
    /// Its flavor is known.
    pub has_flavor: bool,
}

/// What one or more files say of a kernel.
struct Source {
    /// Paths as given.
    paths: Vec<String>,
    /// From a package, an image or modules, which know their kernel better than a file's name does.
    is_sure: bool,
    /// What they say.
    told: Description,
}

/// Reads all kernels; files of one release become one kernel, in the place of the first.
///
/// # Errors
/// A file cannot be read or lists no symbols, or an option fits none of the kernels.
pub fn read_all(paths: &[PathBuf], told: &Told) -> anyhow::Result<Vec<KernelFile>> {
    let mut sources: Vec<Source> = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        let found = sources::read(path).with_context(|| format!("--kernel {name}"))?;
        for kernel in found {
            let source = Source::new(name.clone(), kernel);
            match sources.iter_mut().find(|known| known.is_same(&source)) {
                Some(known) => known
                    .add(source)
                    .with_context(|| format!("--kernel {name}"))?,
                None => sources.push(source),
            }
        }
    }
    say(&mut sources, told)?;
    if let Some(empty) = sources
        .iter()
        .find(|source| source.told.symvers.rows.is_empty())
    {
        bail!(
            "--kernel {}: provides no kernel symbols (`ksym(…) = …` or `kernel(…) = …`): give the \
             kernel's symvers file or all of its packages",
            empty.paths.join(", ")
        );
    }
    let mut kernels: Vec<KernelFile> = Vec::new();
    for source in sources {
        let from = source.paths.join(", ");
        let mut kernel = source.into_kernel(told);
        if kernels.iter().any(|known| known.label == kernel.label) {
            kernel.label = format!("{} from {from}", kernel.label);
        }
        kernels.push(kernel);
    }
    Ok(kernels)
}

/// Puts the caller's words where the files say nothing; with one kernel, they win over file names.
fn say(sources: &mut [Source], told: &Told) -> anyhow::Result<()> {
    let is_only = sources.len() == 1;
    let (by_vermagic, _) = split_vermagic(told.vermagic.as_deref());
    if let Some(release) = told.release.as_deref() {
        say_release(sources, release, is_only)?;
    } else if let Some(release) = by_vermagic.filter(|release| !has_release(sources, release)) {
        say_release(sources, release, false)?;
    }
    for source in sources {
        let wins = is_only && !source.is_sure;
        for (known, word) in [
            (&mut source.told.arch, &told.arch),
            (&mut source.told.flavor, &told.flavor),
        ] {
            if word.is_some() && (wins || known.is_none()) {
                known.clone_from(word);
            }
        }
    }
    Ok(())
}

/// Gives it to the one kernel that has none, or, where the caller `wins`, to any symvers file.
fn say_release(sources: &mut [Source], release: &str, wins: bool) -> anyhow::Result<()> {
    let is_open = |source: &&mut Source| source.told.release.is_none() || (wins && !source.is_sure);
    let mut open: Vec<&mut Source> = sources.iter_mut().filter(is_open).collect();
    match open.as_mut_slice() {
        [one] => one.told.called(release),
        [] => {}
        _ => bail!(
            "{release} cannot be the release of several kernels: name the symvers files \
             symvers-<release>, or check one kernel at a time"
        ),
    }
    if !has_release(sources, release) {
        bail!("no --kernel has the release {release}");
    }
    Ok(())
}

fn has_release(sources: &[Source], release: &str) -> bool {
    let mut releases = sources.iter().map(|source| source.told.release.as_deref());
    releases.any(|known| known == Some(release))
}

/// Release (when the text begins with one) and tail.
fn split_vermagic(text: Option<&str>) -> (Option<&str>, Option<&str>) {
    match text {
        // No option of a kernel's build begins with a digit.
        Some(text) if text.starts_with(|c: char| c.is_ascii_digit()) => {
            let (release, tail) = text.split_once(' ').unwrap_or((text, ""));
            (Some(release), Some(tail))
        }
        tail => (None, tail),
    }
}

impl Source {
    fn new(path: String, told: Description) -> Source {
        Source {
            paths: vec![path],
            is_sure: told.parts.iter().any(|part| part.kind != Kind::Symvers),
            told,
        }
    }

    fn is_same(&self, other: &Source) -> bool {
        let (ours, theirs) = (&self.told, &other.told);
        self.is_sure
            && other.is_sure
            && ours.release.is_some()
            && ours.release == theirs.release
            && ours.arch == theirs.arch
    }

    /// Another part of the same kernel.
    fn add(&mut self, other: Source) -> anyhow::Result<()> {
        let contradicts = || {
            let known = self.paths.join(", ");
            format!("contradicts {known}, which is of the same kernel")
        };
        self.told.add(other.told).with_context(contradicts)?;
        self.paths.extend(other.paths);
        self.paths.dedup();
        Ok(())
    }

    fn into_kernel(self, told: &Told) -> KernelFile {
        let unknown = self.told.unknown();
        let kernel = self.told;
        let (vermagic_release, tail) = split_vermagic(told.vermagic.as_deref());
        let is_of_it = vermagic_release.is_none() || vermagic_release == kernel.release.as_deref();
        let tail = tail.filter(|_| is_of_it);
        let from = self.paths.join(", ");
        let word = |text: &Option<String>| text.clone().unwrap_or_default();
        let (release, flavor) = (kernel.release, kernel.flavor);
        let kernel = Kernel::new(
            word(&release),
            word(&kernel.arch),
            word(&flavor),
            &kernel.symvers,
        )
        .with_vermagic_tail(tail.map(str::to_owned).or(kernel.vermagic_tail))
        .with_this_module_size(told.this_module_size.or(kernel.this_module_size));
        KernelFile {
            facts: facts(&kernel, &from),
            notes: notes(&kernel, &unknown),
            has_release: release.is_some(),
            has_flavor: flavor.is_some(),
            label: release.unwrap_or(from),
            kernel,
        }
    }
}

fn facts(kernel: &Kernel, from: &str) -> String {
    let mut facts = Vec::new();
    if !kernel.arch.is_empty() {
        facts.push(kernel.arch.clone());
    }
    if !kernel.flavor.is_empty() {
        facts.push(format!("flavor {}", kernel.flavor));
    }
    facts.push(format!("{} symbols", kernel.exports.len()));
    if !kernel.modversions {
        facts.push("no symbol versions".to_owned());
    }
    facts.push(format!("from {from}"));
    facts.join(", ")
}

/// What neither files nor options say. Release and flavor are noted where they are assumed.
fn notes(kernel: &Kernel, unknown: &[Unknown]) -> Vec<String> {
    let of_image = unknown.contains(&Unknown::Image);
    [
        (
            of_image,
            "the symbols of the kernel image itself are not known: add its symvers file or the \
             package with the image as another --kernel",
        ),
        (
            kernel.vermagic_tail.is_none(),
            "its build options are not known, so they are not compared: say them with --vermagic",
        ),
        (
            kernel.this_module_size.is_none(),
            "the size of its `struct module` is not known, so it is not compared: say it with \
             --this-module-size",
        ),
        (
            unknown.contains(&Unknown::ExportKinds),
            "of some of its symbols it is not known whether they are for GPL-compatible modules \
             only, and which namespaces they are in: its symvers file says so",
        ),
        (
            unknown.contains(&Unknown::Providers),
            "which of its modules export a symbol is not known of some: its symvers file says so",
        ),
    ]
    .into_iter()
    .filter(|(is_unknown, _)| *is_unknown)
    .map(|(_, text)| text.to_owned())
    .collect()
}
