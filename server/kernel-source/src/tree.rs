//! Files of one or several kernels, however they came: from a folder, an archive or a package.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use kabi::Symvers;
use kabi::symvers::{ExportKind, Row};
use kmod::{Crc, Module};
use kmp::ModulePath;

use crate::unpack::{Stream, read_up_to};
use crate::{
    Description, Error, Kind, Limits, Part, TreeModule, boot_image, config, image, location, tar,
};

/// Gathers files; [`Tree::finish`] says what they tell.
#[derive(Debug)]
pub struct Tree<'l> {
    /// For errors.
    place: String,
    limits: &'l Limits,
    /// By release; `None` where a file names none.
    kernels: BTreeMap<Option<String>, Gathered>,
    modules: usize,
    facts: usize,
}

/// What is known of one kernel so far.
#[derive(Debug, Default)]
struct Gathered {
    told: location::Told,
    symvers: Option<Symvers>,
    /// Exports of the modules and of the image.
    rows: Vec<Row>,
    modules: Vec<TreeModule>,
    machine: Option<kmod::Machine>,
    /// As the modules or the image say.
    tail: Agreed<String>,
    /// As the configuration says, which is less sure.
    config_tail: Option<String>,
    size: Agreed<u64>,
    /// Why the image says nothing.
    image_error: Option<Error>,
}

/// What all say that say anything.
#[derive(Debug, Default)]
enum Agreed<T> {
    #[default]
    Nothing,
    One(T),
    /// They disagree.
    Several,
}

impl<T: PartialEq> Agreed<T> {
    fn hear(&mut self, said: Option<T>) {
        match (&*self, said) {
            (Agreed::Nothing, Some(said)) => *self = Agreed::One(said),
            (Agreed::One(known), Some(said)) if *known != said => *self = Agreed::Several,
            _ => {}
        }
    }

    fn into_option(self) -> Option<T> {
        match self {
            Agreed::One(value) => Some(value),
            Agreed::Nothing | Agreed::Several => None,
        }
    }
}

/// What a file is, by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Symvers,
    Config,
    UtsRelease,
    Module,
    Image,
}

impl<'l> Tree<'l> {
    /// An empty one; `place` names the source in errors.
    #[must_use]
    pub fn new(place: &str, limits: &'l Limits) -> Tree<'l> {
        Tree {
            place: place.to_owned(),
            limits,
            kernels: BTreeMap::new(),
            modules: 0,
            facts: 0,
        }
    }

    /// Is there a symvers file in it?
    #[must_use]
    pub fn has_symvers(&self) -> bool {
        self.kernels.values().any(|kernel| kernel.symvers.is_some())
    }

    /// Would [`Tree::add`] look into a file at this path?
    #[must_use]
    pub fn wants(path: &str) -> bool {
        sort(path).is_some()
    }

    /// Looks into a file; others than those it wants are passed over.
    ///
    /// # Errors
    /// The file is not what its name says, or too large.
    pub fn add(&mut self, path: &str, data: &mut dyn Read) -> Result<(), Error> {
        let Some(sort) = sort(path) else {
            return Ok(());
        };
        let place = format!("{}: {path}", self.place);
        let (what, limit) = match sort {
            Sort::Symvers => ("bytes of a symvers file", self.limits.symvers),
            Sort::Config | Sort::UtsRelease => ("bytes of a text", self.limits.text),
            Sort::Module => ("bytes of a module", self.limits.module.unpacked),
            Sort::Image => ("bytes of a kernel image", self.limits.image),
        };
        let bytes = read_up_to(data, limit).map_err(|source| Error::input(&place, source))?;
        let bytes = bytes.ok_or_else(|| Error::TooLarge {
            place: place.clone(),
            what,
            limit: limit as u64,
        })?;
        match sort {
            Sort::Symvers => self.symvers(path, place, &bytes),
            Sort::Config => {
                let tail = config::vermagic_tail(&String::from_utf8_lossy(&bytes));
                self.beside(path).config_tail = tail;
                Ok(())
            }
            Sort::UtsRelease => {
                if let Some(release) = config::uts_release(&String::from_utf8_lossy(&bytes)) {
                    self.named(&release);
                }
                Ok(())
            }
            Sort::Module => self.module(path, place, &bytes),
            Sort::Image => {
                self.image(place, &bytes);
                Ok(())
            }
        }
    }

    /// Looks into every file of a tar archive, plain or packed.
    ///
    /// # Errors
    /// The archive is damaged, or as [`Tree::add`].
    pub fn add_archive(&mut self, input: &mut dyn Read, place: &str) -> Result<(), Error> {
        let stream = Stream::new(input).and_then(|s| s.unpacked(self.limits.unpacked));
        let mut stream = stream.map_err(|source| Error::input(place, source))?;
        let limits = self.limits;
        tar::walk(&mut stream.all, place, limits, &mut |path, _, data| {
            self.add(path, data)
        })
    }

    /// Takes a module that somebody else has read.
    ///
    /// # Errors
    /// There are too many of them.
    pub fn add_module(&mut self, path: &str, module: &Module) -> Result<(), Error> {
        let place = installed_at(path);
        let is_foreign = place.as_ref().is_some_and(|place| place.subdir != "kernel");
        if is_foreign && module.first("intree") != Some("Y") {
            // A driver that somebody installed beside the kernel's own.
            return Ok(());
        }
        let path = below_kernel(path, place.as_ref());
        self.modules += 1;
        self.facts += weight(module);
        self.hold("modules", self.modules, self.limits.modules)?;
        self.hold(
            "bytes of what the modules say",
            self.facts,
            self.limits.module_facts,
        )?;
        let kernel = self
            .kernels
            .entry(module.kernel_release().map(str::to_owned));
        let kernel = kernel.or_default();
        kernel.machine.get_or_insert(module.machine);
        kernel.tail.hear(module.vermagic_tail().map(str::to_owned));
        kernel.size.hear(module.this_module_size);
        kernel.rows.extend(exports(module, &path));
        kernel.modules.push(TreeModule {
            path,
            name: module.name.clone(),
            aliases: module.aliases().map(str::to_owned).collect(),
        });
        Ok(())
    }

    /// One description for each kernel that the files tell of; `part` says where they came from.
    ///
    /// # Errors
    /// The files contradict each other, or there is nothing but an image that cannot be read.
    pub fn finish(mut self, part: &Part) -> Result<Vec<Description>, Error> {
        let named = self.kernels.keys().flatten().count();
        self.hold("kernels", named, self.limits.kernels)?;
        // What names no release belongs to the only one there is.
        if named <= 1
            && let Some(nameless) = self.kernels.remove(&None)
        {
            match self.kernels.values_mut().next() {
                Some(only) => only.absorb(nameless),
                None => {
                    self.kernels.insert(None, nameless);
                }
            }
        }
        let place = self.place;
        let mut found = Vec::new();
        for (release, kernel) in self.kernels {
            let described = kernel.describe(release, part, &place)?;
            found.extend(Some(described).filter(tells_of_a_kernel));
        }
        Ok(found)
    }

    fn symvers(&mut self, path: &str, place: String, bytes: &[u8]) -> Result<(), Error> {
        let symvers = kabi::symvers::parse_within(bytes, &self.limits.symvers_content);
        let symvers = symvers.map_err(|source| Error::Symvers { place, source })?;
        self.beside(path).symvers = Some(symvers);
        Ok(())
    }

    fn module(&mut self, path: &str, place: String, bytes: &[u8]) -> Result<(), Error> {
        let module = Module::read(bytes, path, &self.limits.module);
        let module = module.map_err(|source| Error::Module { place, source })?;
        self.add_module(path, &module)
    }

    /// An image that cannot be read is no error yet: a symvers file says as much.
    fn image(&mut self, place: String, bytes: &[u8]) {
        let unpacked = boot_image::unpack(bytes, &place, self.limits);
        let read = unpacked.and_then(|bytes| image::read(&bytes, &place, self.limits));
        match read {
            Ok(image) => {
                let kernel = self.kernels.entry(image.release.clone()).or_default();
                kernel.machine.get_or_insert(image.machine);
                kernel.tail.hear(image.vermagic_tail);
                kernel.rows.extend(image.rows);
            }
            Err(error) => {
                let kernel = self.kernels.entry(None).or_default();
                kernel.image_error.get_or_insert(error);
            }
        }
    }

    fn named(&mut self, release: &str) -> &mut Gathered {
        self.kernels.entry(Some(release.to_owned())).or_default()
    }

    /// The kernel that a file belongs to by its place.
    fn beside(&mut self, path: &str) -> &mut Gathered {
        // Where a configuration lies, a symvers file could lie.
        let name = path.rsplit('/').next().unwrap_or(path);
        let told = match name.strip_prefix("config-") {
            Some(release) => location::of_release(release),
            None if name == ".config" => {
                location::read(&Path::new(path).with_file_name("Module.symvers"))
            }
            None => location::read(Path::new(path)),
        };
        let kernel = self.kernels.entry(told.release.clone()).or_default();
        kernel.told.learn(told);
        kernel
    }

    fn hold(&self, what: &'static str, found: usize, limit: usize) -> Result<(), Error> {
        match found > limit {
            true => Err(Error::TooLarge {
                place: self.place.clone(),
                what,
                limit: limit as u64,
            }),
            false => Ok(()),
        }
    }
}

impl Gathered {
    fn absorb(&mut self, other: Gathered) {
        self.told.learn(other.told);
        self.symvers = self.symvers.take().or(other.symvers);
        self.rows.extend(other.rows);
        self.modules.extend(other.modules);
        self.machine = self.machine.or(other.machine);
        self.tail.hear(other.tail.into_option());
        self.config_tail = self.config_tail.take().or(other.config_tail);
        self.size.hear(other.size.into_option());
        self.image_error = self.image_error.take().or(other.image_error);
    }

    fn describe(
        self,
        release: Option<String>,
        part: &Part,
        place: &str,
    ) -> Result<Description, Error> {
        let told = self.told;
        let mut kernel = Description {
            arch: told
                .arch
                .as_deref()
                .and_then(kabi::arch::rpm_name)
                .map(str::to_owned),
            flavor: told.flavor,
            vermagic_tail: self.tail.into_option().or(self.config_tail),
            this_module_size: self.size.into_option(),
            modules: self.modules,
            ..Description::default()
        };
        if let Some(machine) = self.machine {
            kernel.arch = Some(kabi::arch::name(machine));
        }
        if let Some(release) = release {
            kernel.called(&release);
        }
        let files = Description {
            symvers: Symvers { rows: self.rows },
            ..Description::default()
        };
        match self.symvers {
            Some(symvers) => {
                kernel.symvers = symvers;
                kernel.is_whole = true;
                kernel.add(files).map_err(|source| Error::Contradictions {
                    place: place.to_owned(),
                    source,
                })?;
            }
            None => match self.image_error {
                // The modules alone say nothing of the symbols that every module needs.
                Some(error) if part.kind != Kind::Rpm => return Err(error),
                _ => kernel.symvers = files.symvers,
            },
        }
        kernel.parts = vec![Part {
            symbols: kernel.symvers.rows.len(),
            modules: kernel.modules.len(),
            ..part.clone()
        }];
        Ok(kernel)
    }
}

/// A release alone, or a configuration, is not worth telling.
fn tells_of_a_kernel(kernel: &Description) -> bool {
    !kernel.symvers.rows.is_empty() || !kernel.modules.is_empty()
}

fn sort(path: &str) -> Option<Sort> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = [".gz", ".xz", ".zst", ".bz2"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name);
    if stem == "Module.symvers" || stem == "symvers" || stem.starts_with("symvers-") {
        Some(Sort::Symvers)
    } else if stem.ends_with(".ko") {
        Some(Sort::Module)
    } else if name == ".config" || name.starts_with("config-") {
        Some(Sort::Config)
    } else if path.ends_with("include/generated/utsrelease.h") {
        Some(Sort::UtsRelease)
    } else if is_image(stem) {
        Some(Sort::Image)
    } else {
        None
    }
}

/// `vmlinux`, `vmlinuz-6.1.0-56-amd64`, but not `vmlinux.lds.h`, `vmlinux.o`.
fn is_image(stem: &str) -> bool {
    let rest = stem
        .strip_prefix("vmlinux")
        .or_else(|| stem.strip_prefix("vmlinuz"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The place below `/lib/modules`, wherever that lies itself.
fn installed_at(path: &str) -> Option<ModulePath> {
    const ROOT: &str = "/lib/modules/";
    let path = format!("/{}", path.trim_start_matches("./").trim_start_matches('/'));
    let start = path.find(ROOT)?;
    ModulePath::parse(&path[start..])
}

/// As a symvers file writes a module's path.
fn below_kernel(path: &str, place: Option<&ModulePath>) -> String {
    let path = match place {
        Some(place) if place.subdir == "kernel" => place.file.clone(),
        Some(place) => format!("{}/{}", place.subdir, place.file),
        None => path.trim_start_matches("./").to_owned(),
    };
    let path = match path.split_once("/kernel/") {
        // A folder like `6.1.0-56-amd64` with the modules below.
        Some((before, below)) if place.is_none() && !before.contains('/') => below.to_owned(),
        _ => path,
    };
    let stem = path.split(".ko").next().unwrap_or(&path);
    stem.strip_prefix("kernel/").unwrap_or(stem).to_owned()
}

fn exports<'m>(module: &'m Module, path: &'m str) -> impl Iterator<Item = Row> + 'm {
    module.exports.iter().map(move |export| Row {
        crc: export.crc.unwrap_or(Crc(0)),
        symbol: export.symbol.clone(),
        provider: path.to_owned(),
        export: match export.gpl {
            true => ExportKind::Gpl,
            false => ExportKind::Any,
        },
        gpl: export.gpl,
        namespace: export.namespace.clone(),
    })
}

/// Bytes that what is kept of a module takes, roughly.
fn weight(module: &Module) -> usize {
    const EACH: usize = 96;
    let exports = module
        .exports
        .iter()
        .map(|export| export.symbol.len() + EACH);
    let aliases = module.aliases().map(|alias| alias.len() + EACH);
    exports.chain(aliases).sum::<usize>() + EACH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_by_their_names() {
        let cases = [
            ("boot/symvers-6.4.0-default.gz", true),
            (
                "./usr/src/linux-headers-6.1.0-56-amd64/Module.symvers",
                true,
            ),
            ("usr/lib/modules/6.4.0-1-default/symvers.zst", true),
            ("lib/modules/6.1/kernel/drivers/a.ko.xz", true),
            ("a.ko", true),
            ("a.ko.debug", false),
            ("boot/vmlinuz-6.1.0-56-amd64", true),
            ("vmlinux.gz", true),
            ("arch/x86/kernel/vmlinux.lds.S", false),
            ("include/generated/utsrelease.h", true),
            ("include/linux/utsrelease.h", false),
            (".config", true),
            ("README", false),
        ];
        for (path, wanted) in cases {
            assert_eq!(Tree::wants(path), wanted, "{path}");
        }
    }

    #[test]
    fn paths_as_symvers_files_write_them() {
        let cases = [
            (
                "/lib/modules/6.1/kernel/drivers/net/a.ko.xz",
                "drivers/net/a",
            ),
            ("/usr/lib/modules/6.1/extra/a.ko", "extra/a"),
            ("./lib/modules/6.1/kernel/fs/a.ko", "fs/a"),
            ("/srv/image/lib/modules/6.1/kernel/fs/a.ko", "fs/a"),
            ("./drivers/a.ko", "drivers/a"),
            ("kernel/drivers/a.ko", "drivers/a"),
            ("6.1.0-56-amd64/kernel/fs/a.ko", "fs/a"),
        ];
        for (path, expected) in cases {
            let place = installed_at(path);
            assert_eq!(below_kernel(path, place.as_ref()), expected, "{path}");
        }
    }
}
