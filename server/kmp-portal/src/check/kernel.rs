//! The kernels to judge on, read from symvers files and kernel packages.

use super::{Told, input, kernel_package, location};
use anyhow::{Context, bail};
use kabi::{Kernel, Symvers, symvers};
use std::path::{Path, PathBuf};

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
pub struct Source {
    /// Paths as given.
    pub paths: Vec<String>,
    /// From a package, which may be one of several of its kernel.
    pub is_package: bool,
    /// What it exports.
    pub symvers: Symvers,
    /// Who it is.
    pub told: location::Told,
    /// Version magic after the first blank.
    pub vermagic_tail: Option<String>,
    /// `sizeof(struct module)`.
    pub this_module_size: Option<u64>,
    /// What its files do not say.
    pub notes: Vec<String>,
}

/// Reads all kernels; packages of one release become one kernel, in the place of the first.
///
/// # Errors
/// A file cannot be read or lists no symbols, or an option fits none of the kernels.
pub fn read_all(paths: &[PathBuf], told: &Told) -> anyhow::Result<Vec<KernelFile>> {
    let mut sources: Vec<Source> = Vec::new();
    for path in paths {
        let source = read(path).with_context(|| format!("--kernel {}", path.display()))?;
        match sources.iter_mut().find(|known| known.is_same(&source)) {
            Some(known) => known.add(source),
            None => sources.push(source),
        }
    }
    say(&mut sources, told)?;
    if let Some(empty) = sources.iter().find(|source| source.symvers.rows.is_empty()) {
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

fn read(path: &Path) -> anyhow::Result<Source> {
    let name = path.display().to_string();
    if input::is_rpm(path)? {
        return kernel_package::read(name, input::read_rpm(path)?);
    }
    let bytes = input::read_at_most(path, symvers::MAX_UNPACKED.saturating_add(1))?;
    let symvers = symvers::parse(&bytes).context("is neither an RPM nor a symvers file")?;
    Ok(Source {
        paths: vec![name],
        is_package: false,
        symvers,
        told: location::read(&std::path::absolute(path)?),
        vermagic_tail: None,
        this_module_size: None,
        notes: Vec::new(),
    })
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
        let wins = is_only && !source.is_package;
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
    let is_open =
        |source: &&mut Source| source.told.release.is_none() || (wins && !source.is_package);
    let mut open: Vec<&mut Source> = sources.iter_mut().filter(is_open).collect();
    match open.as_mut_slice() {
        [one] => one.called(release),
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
    fn is_same(&self, other: &Source) -> bool {
        self.is_package
            && other.is_package
            && self.told.release.is_some()
            && self.told.release == other.told.release
            && self.told.arch == other.told.arch
    }

    /// Another package of the same kernel.
    fn add(&mut self, other: Source) {
        self.paths.extend(other.paths);
        self.symvers.rows.extend(other.symvers.rows);
        self.vermagic_tail = self.vermagic_tail.take().or(other.vermagic_tail);
        self.this_module_size = self.this_module_size.or(other.this_module_size);
        let news = other.notes.into_iter();
        let news: Vec<String> = news.filter(|note| !self.notes.contains(note)).collect();
        self.notes.extend(news);
    }

    /// Names the release, and what that tells besides.
    fn called(&mut self, release: &str) {
        let told = location::of_release(release);
        let known = std::mem::take(&mut self.told);
        self.told = location::Told {
            release: told.release,
            arch: told.arch.or(known.arch),
            flavor: match told.flavor {
                // The folder may know better than a release that names none.
                Some(flavor) if flavor.is_empty() => known.flavor.or(Some(flavor)),
                flavor => flavor,
            },
        };
    }

    fn into_kernel(self, told: &Told) -> KernelFile {
        let location::Told {
            release,
            arch,
            flavor,
        } = self.told;
        let (vermagic_release, tail) = split_vermagic(told.vermagic.as_deref());
        let tail =
            tail.filter(|_| vermagic_release.is_none() || vermagic_release == release.as_deref());
        let from = self.paths.join(", ");
        let word = |text: &Option<String>| text.clone().unwrap_or_default();
        let kernel = Kernel::new(word(&release), word(&arch), word(&flavor), &self.symvers)
            .with_vermagic_tail(tail.map(str::to_owned).or(self.vermagic_tail))
            .with_this_module_size(told.this_module_size.or(self.this_module_size));
        let mut notes = self.notes;
        notes.extend(unknown(&kernel));
        KernelFile {
            facts: facts(&kernel, &from),
            notes,
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
fn unknown(kernel: &Kernel) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |is_known: bool, text: &str| {
        if !is_known {
            notes.push(text.to_owned());
        }
    };
    note(
        kernel.vermagic_tail.is_some(),
        "its build options are not known, so they are not compared: say them with --vermagic",
    );
    note(
        kernel.this_module_size.is_some(),
        "the size of its `struct module` is not known, so it is not compared: say it with \
         --this-module-size",
    );
    note(
        kernel.gpl_known,
        "which of its symbols are for GPL-compatible modules only is not known",
    );
    notes
}
