//! One kernel as its sources tell of it.

use kabi::Symvers;
use kabi::symvers::ExportKind;

/// Stands where nobody told which module exports a symbol.
pub const UNKNOWN_PROVIDER: &str = "unknown";

/// The version of `struct module` under its two names (2.6.29), and the kernel's `printk` under its
/// two (5.15), for kernels without symbol versions.
const IN_EVERY_IMAGE: [&str; 4] = ["module_layout", "struct_module", "_printk", "printk"];

/// One kernel as one or several sources tell of it. `None` is what none of them says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// `uname -r`.
    pub release: Option<String>,
    /// As rpm names it (`x86_64`), where the name is one of a known processor.
    pub arch: Option<String>,
    /// `default`, `rt` …; empty where the release is known and names none.
    pub flavor: Option<String>,
    /// Vermagic after the first blank, byte for byte.
    pub vermagic_tail: Option<String>,
    /// `sizeof(struct module)`, bytes.
    pub this_module_size: Option<u64>,
    /// What it exports. A row whose kind is [`ExportKind::Unstated`] tells neither GPL-ness nor
    /// namespace; its provider may be [`UNKNOWN_PROVIDER`].
    pub symvers: Symvers,
    /// The modules built with it, where these are at hand, by path.
    pub modules: Vec<TreeModule>,
    /// Symbol sets (`kernel(flavor:set) = hash`, SLE 10 and 11) among its Provides: they have no
    /// CRCs of symbols.
    pub symsets: usize,
    /// A symvers file told all there is to tell of the exports.
    pub is_whole: bool,
    /// What it was added up from.
    pub parts: Vec<Part>,
}

/// A module of the kernel's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeModule {
    /// As in a symvers file: below `kernel/`, without `.ko`.
    pub path: String,
    /// As the kernel calls it.
    pub name: String,
    /// Hardware patterns it answers for.
    pub aliases: Vec<String>,
}

/// One source of a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What kind of source it is.
    pub kind: Kind,
    /// The package's name; the file's where it is no package.
    pub name: String,
    /// `version-release` of a package: parts of one build have the same.
    pub build: Option<String>,
    /// NEVRA of an RPM, name, version and architecture of a Debian package; else the file's name.
    pub label: String,
    /// Over the whole file; `None` where metadata does not say it.
    pub sha256: Option<[u8; 32]>,
    /// Symbols it tells of.
    pub symbols: usize,
    /// Modules in it.
    pub modules: usize,
}

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `Module.symvers`.
    Symvers,
    /// An RPM of the kernel or of its headers.
    Rpm,
    /// A Debian package of the kernel or of its headers.
    Deb,
    /// A package as a repository's metadata tells of it.
    Primary,
    /// vmlinux or vmlinuz.
    Image,
    /// Modules, and what else lay beside them.
    Modules,
}

impl Kind {
    /// Every kind, for lists.
    pub const ALL: [Kind; 6] = [
        Kind::Symvers,
        Kind::Rpm,
        Kind::Deb,
        Kind::Primary,
        Kind::Image,
        Kind::Modules,
    ];

    /// The word for it in answers and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Symvers => "symvers",
            Kind::Rpm => "rpm",
            Kind::Deb => "deb",
            Kind::Primary => "primary",
            Kind::Image => "image",
            Kind::Modules => "modules",
        }
    }
}

/// Something of a kernel that its sources do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// `uname -r`.
    Release,
    /// The processor.
    Arch,
    /// The flavor.
    Flavor,
    /// The build options in the vermagic.
    VermagicTail,
    /// `sizeof(struct module)`.
    ThisModuleSize,
    /// Which exports are GPL-only, and their namespaces, of some symbols at least.
    ExportKinds,
    /// Which module exports a symbol, of some at least.
    Providers,
    /// What the kernel image itself exports; only modules were at hand.
    Image,
    /// Any symbol at all.
    Symbols,
}

impl Unknown {
    /// What is not known, as the beginning of a sentence.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Unknown::Release => "release",
            Unknown::Arch => "arch",
            Unknown::Flavor => "flavor",
            Unknown::VermagicTail => "vermagic",
            Unknown::ThisModuleSize => "this_module_size",
            Unknown::ExportKinds => "export_kinds",
            Unknown::Providers => "providers",
            Unknown::Image => "image",
            Unknown::Symbols => "symbols",
        }
    }
}

impl Description {
    /// Some CRC is not zero; `None` where no symbol is known.
    #[must_use]
    pub fn modversions(&self) -> Option<bool> {
        let rows = &self.symvers.rows;
        (!rows.is_empty()).then(|| rows.iter().any(|row| row.crc.is_versioned()))
    }

    /// What its sources do not tell, in a fixed order.
    #[must_use]
    pub fn unknown(&self) -> Vec<Unknown> {
        let rows = &self.symvers.rows;
        let no_kinds = rows.iter().any(|row| row.export == ExportKind::Unstated);
        let no_providers = rows.iter().any(|row| row.provider == UNKNOWN_PROVIDER);
        [
            (self.release.is_none(), Unknown::Release),
            (self.arch.is_none(), Unknown::Arch),
            (self.flavor.is_none(), Unknown::Flavor),
            (self.vermagic_tail.is_none(), Unknown::VermagicTail),
            (self.this_module_size.is_none(), Unknown::ThisModuleSize),
            (no_kinds, Unknown::ExportKinds),
            (no_providers, Unknown::Providers),
            (!rows.is_empty() && !self.has_image(), Unknown::Image),
            (rows.is_empty(), Unknown::Symbols),
        ]
        .into_iter()
        .filter_map(|(is_unknown, what)| is_unknown.then_some(what))
        .collect()
    }

    /// A symvers file is whole. Of other sources the image has spoken when a symbol is there that
    /// every kernel image exports.
    fn has_image(&self) -> bool {
        let mut rows = self.symvers.rows.iter();
        self.is_whole || rows.any(|row| IN_EVERY_IMAGE.contains(&row.symbol.as_str()))
    }

    /// Names the release, with what that tells besides. What is known already stays.
    pub fn called(&mut self, release: &str) {
        let told = crate::location::of_release(release);
        self.release = Some(release.to_owned());
        let arch = told.arch.as_deref().and_then(kabi::arch::rpm_name);
        self.arch = self.arch.take().or(arch.map(str::to_owned));
        // A flavor that the packages name is the better one; "none" is the weakest.
        if self.flavor.as_deref().unwrap_or_default().is_empty() {
            self.flavor = told.flavor;
        }
    }
}
