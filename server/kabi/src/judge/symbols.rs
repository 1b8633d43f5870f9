//! One import against the kernel: `find_symbol`, `check_version` and `verify_namespace_is_imported`.
//!
//! [`fate`] is the rule itself, on plain values, so that the judge and the index share it; [`need`]
//! is what the judge makes of it, with the reason in full.

use super::offers::{Node, Offer, plain};
use super::{Given, rules};
use crate::codes;
use crate::kernel::{Kernel, KernelExport};
use crate::verdict::{Reason, Severity};
use kmod::{Crc, Import, Module, Versions};

/// What becomes of one import.
pub(super) enum Need {
    /// The kernel satisfies it, or it may stay unsatisfied.
    Met {
        gpl_only: bool,
        remark: Option<Reason>,
    },
    /// Nobody can say.
    Unknown(Reason),
    /// The loader refuses.
    Failed(Reason),
    /// Modules of packages decide; if none satisfies it, `otherwise` is the reason.
    Open { own_only: bool, otherwise: Reason },
    /// A rule for the whole module has said what there is to say.
    SaidBefore,
}

pub(super) fn need(given: &Given<'_>, node: usize, import: &Import) -> Need {
    let Given {
        kernel,
        nodes,
        offers,
        ..
    } = given;
    if rules::is_layout(&import.symbol) || kernel.exports.is_empty() {
        return Need::SaidBefore;
    }
    if !import.undefined {
        // A version record for a symbol that is not used: the loader does not look at it.
        return Need::Met {
            gpl_only: false,
            remark: None,
        };
    }
    let user = &nodes[node];
    let of_others = |offer: &&Offer<'_>| offer.node != node;
    let mut others = offers
        .of_symbol(&import.symbol)
        .iter()
        .filter(of_others)
        .peekable();
    let has_others = others.peek().is_some();
    if others.any(|offer| nodes[offer.node].package == user.package) {
        return Need::Open {
            own_only: true,
            otherwise: Told::fatal(codes::SYMBOL_MISSING).reason(import, None),
        };
    }
    let export = kernel.exports.get(&import.symbol);
    let may_use = |namespace: &str| may_use_namespace(user.module, Some(namespace));
    let wanted = Wanted::of(user, import);
    match fate(kernel, wanted, export.map(Offered::from), may_use) {
        // Missing here or of another version: some package may bring it, or replace the kernel's
        // own module that exports it.
        Fate::Failed(told) if has_others && told.is_curable() => Need::Open {
            own_only: false,
            otherwise: told.reason(import, export),
        },
        Fate::Failed(told) => Need::Failed(told.reason(import, export)),
        Fate::Unknown(told) => Need::Unknown(told.reason(import, export)),
        Fate::Met { gpl_only, remark } => Need::Met {
            gpl_only,
            remark: remark.map(|told| told.reason(import, export)),
        },
        Fate::SaidBefore => Need::SaidBefore,
    }
}

/// What of an import, and of the module it belongs to, decides whether an export satisfies it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub crc: Option<Crc>,
    pub weak: bool,
    /// The name is longer than a record of `__versions` holds.
    pub is_long: bool,
    /// The module's licence lets it use GPL-only symbols.
    pub is_gpl: bool,
    /// The module's.
    pub versions: Versions,
}

/// What of a kernel's export decides whether it satisfies an import.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offered<'a> {
    pub crcs: &'a [Crc],
    pub gpl: bool,
    pub namespace: Option<&'a str>,
}

/// What the kernel alone says to one import.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// Satisfied, or it may stay unsatisfied.
    Met {
        /// By a symbol that is GPL-only.
        gpl_only: bool,
        /// What is to be said of it nevertheless.
        remark: Option<Told>,
    },
    /// Nobody can say.
    Unknown(Told),
    /// The loader refuses.
    Failed(Told),
    /// A rule for the whole module has said what there is to say.
    SaidBefore,
}

/// A reason before it is put in words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub code: &'static str,
    pub severity: Severity,
    pub found: Option<Crc>,
}

impl Wanted {
    pub(super) fn of(user: &Node<'_>, import: &Import) -> Wanted {
        Wanted {
            crc: import.crc,
            weak: import.weak,
            is_long: is_long(&import.symbol, user.module.machine.is_64),
            is_gpl: user.is_gpl,
            versions: user.module.versions,
        }
    }
}

impl<'a> From<&'a KernelExport> for Offered<'a> {
    fn from(export: &'a KernelExport) -> Offered<'a> {
        Offered {
            crcs: &export.crcs,
            gpl: export.gpl,
            namespace: export.namespace.as_deref(),
        }
    }
}

impl Offered<'_> {
    /// The first that matches at all: zero says "not versioned" and is none.
    pub(super) fn version(&self) -> Option<Crc> {
        self.crcs.iter().copied().find(|crc| crc.is_versioned())
    }
}

impl Told {
    const fn fatal(code: &'static str) -> Told {
        Told {
            code,
            severity: Severity::Fatal,
            found: None,
        }
    }

    const fn warn(code: &'static str) -> Told {
        Told {
            severity: Severity::Warn,
            ..Told::fatal(code)
        }
    }

    const fn info(code: &'static str) -> Told {
        Told {
            severity: Severity::Info,
            ..Told::fatal(code)
        }
    }

    const fn found(self, crc: Crc) -> Told {
        Told {
            found: Some(crc),
            ..self
        }
    }

    /// Missing here or of another version: somebody else may bring it.
    pub(crate) fn is_curable(&self) -> bool {
        self.code == codes::SYMBOL_MISSING || self.code == codes::CRC_MISMATCH
    }

    pub(crate) fn is_heavy(&self) -> bool {
        self.severity > Severity::Info
    }

    /// In words.
    pub(crate) fn reason(&self, import: &Import, export: Option<&KernelExport>) -> Reason {
        let reason = match self.severity {
            Severity::Fatal => Reason::fatal(self.code),
            Severity::Warn => Reason::warn(self.code),
            Severity::Info => Reason::info(self.code),
        };
        let mut reason = reason.symbol(&import.symbol).found(self.found);
        if self.code != codes::SYMBOL_WEAK_UNRESOLVED {
            reason = reason.expected(import.crc);
        }
        if let Some(export) = export.filter(|_| !self.means_absent()) {
            reason = reason.provider(&export.provider);
            if let Some(namespace) = export.namespace.as_deref().filter(|_| self.is_namespace()) {
                reason = reason.detail(namespace_detail(namespace));
            }
        }
        reason
    }

    fn means_absent(&self) -> bool {
        [codes::SYMBOL_MISSING, codes::SYMBOL_WEAK_UNRESOLVED].contains(&self.code)
    }

    fn is_namespace(&self) -> bool {
        [
            codes::NAMESPACE_NOT_IMPORTED,
            codes::NAMESPACE_MODULE_RESTRICTED,
        ]
        .contains(&self.code)
    }
}

/// Licence, version, namespace: the first that fails is the reason. `may_use` says whether the
/// module may use symbols of a namespace.
pub(crate) fn fate(
    kernel: &Kernel,
    wanted: Wanted,
    export: Option<Offered<'_>>,
    may_use: impl FnOnce(&str) -> bool,
) -> Fate {
    // A weak symbol that the licence hides counts as not there; another one is found and refused.
    let is_visible = |export: &Offered<'_>| !(wanted.weak && export.gpl && !wanted.is_gpl);
    let Some(export) = export.filter(is_visible) else {
        return absent(wanted);
    };
    if export.gpl && !wanted.is_gpl {
        return Fate::Failed(Told::fatal(codes::SYMBOL_GPL_ONLY));
    }
    match version(kernel, wanted, export) {
        Version::Refused(told) => Fate::Failed(told),
        version => match export.namespace.filter(|namespace| !namespace.is_empty()) {
            Some(namespace) if !may_use(namespace) => {
                Fate::Failed(Told::fatal(namespace_code(namespace)))
            }
            _ if !wanted.is_gpl && !kernel.gpl_known => {
                Fate::Unknown(Told::warn(codes::SYMBOL_GPL_UNKNOWN))
            }
            _ => version.into_fate(export.gpl),
        },
    }
}

fn absent(wanted: Wanted) -> Fate {
    if wanted.weak {
        Fate::Met {
            gpl_only: false,
            remark: Some(Told::info(codes::SYMBOL_WEAK_UNRESOLVED)),
        }
    } else {
        Fate::Failed(Told::fatal(codes::SYMBOL_MISSING))
    }
}

/// What the versions of an import and an export say to each other.
enum Version {
    Accepted(Option<Told>),
    Unknown(Told),
    Refused(Told),
    SaidBefore,
}

impl Version {
    fn into_fate(self, gpl_only: bool) -> Fate {
        match self {
            Version::Accepted(remark) => Fate::Met { gpl_only, remark },
            Version::Unknown(told) => Fate::Unknown(told),
            Version::Refused(told) => Fate::Failed(told),
            Version::SaidBefore => Fate::SaidBefore,
        }
    }
}

fn version(kernel: &Kernel, wanted: Wanted, export: Offered<'_>) -> Version {
    if !kernel.modversions {
        return Version::Accepted(None);
    }
    match (expected(kernel, wanted), export.version()) {
        (Some(expected), Some(_)) if export.crcs.contains(&expected) => Version::Accepted(None),
        (Some(_), Some(found)) => Version::Refused(Told::fatal(codes::CRC_MISMATCH).found(found)),
        // The module was built where the symbol had a version; here it has none, and zero is
        // not that version.
        (Some(_), None) => Version::Unknown(Told::warn(codes::SYMBOL_PROVIDER_UNVERSIONED)),
        // Without a record the loader accepts it of a module that has no versions at all, and
        // refuses it of anybody else; symvers do not tell these apart.
        (None, None) if needs_record(kernel, wanted) => {
            Version::Unknown(Told::warn(codes::SYMBOL_PROVIDER_UNVERSIONED))
        }
        (None, None) => Version::Accepted(Some(Told::warn(codes::SYMBOL_PROVIDER_UNVERSIONED))),
        (None, Some(_)) if !reads_versions(kernel, wanted.versions) => Version::SaidBefore,
        (None, Some(found)) if rules::lenient_about_missing_versions(kernel, wanted.versions) => {
            let told = Told::warn(codes::EXT_VERSION_MISSING_NAME);
            Version::Accepted(Some(told.found(found)))
        }
        (None, Some(found)) => {
            let told = Told::fatal(codes::SYMBOL_UNVERSIONED_IN_MODULE);
            Version::Refused(told.found(found))
        }
    }
}

/// Has the module symbol versions, but none for that import, and does this kernel mind?
fn needs_record(kernel: &Kernel, wanted: Wanted) -> bool {
    wanted.crc.is_none()
        && reads_versions(kernel, wanted.versions)
        && !rules::lenient_about_missing_versions(kernel, wanted.versions)
}

/// The version this kernel reads in the module for that import.
pub(crate) fn expected(kernel: &Kernel, wanted: Wanted) -> Option<Crc> {
    let only_extended = wanted.is_long || wanted.versions == Versions::Extended;
    if only_extended && rules::reads_extended_versions(kernel) != Some(true) {
        return None;
    }
    wanted.crc.filter(|crc| crc.is_versioned())
}

/// The same, for an import of that module.
pub(super) fn expected_by(kernel: &Kernel, user: &Node<'_>, import: &Import) -> Option<Crc> {
    expected(kernel, Wanted::of(user, import))
}

/// Does the name not fit in a record of `__versions`? Such names stand only in the extended table,
/// which older kernels do not read.
pub(crate) fn is_long(symbol: &str, is_64: bool) -> bool {
    symbol.len() > if is_64 { BASIC_NAME_64 } else { BASIC_NAME_32 }
}

/// Bytes of name in a record of `__versions`: 64 less the version and the closing zero.
const BASIC_NAME_64: usize = 55;
const BASIC_NAME_32: usize = 59;

/// False when the module as a whole counts as not versioned on this kernel.
pub(crate) fn reads_versions(kernel: &Kernel, versions: Versions) -> bool {
    match versions {
        Versions::None => false,
        Versions::Extended => rules::reads_extended_versions(kernel) == Some(true),
        Versions::Basic | Versions::Both => true,
    }
}

/// May the module use a symbol of that namespace?
pub(super) fn may_use_namespace(module: &Module, namespace: Option<&str>) -> bool {
    let imported = || module.import_namespaces();
    namespace.is_none_or(|namespace| is_usable(namespace, &module.name, imported))
}

/// May a module of this name, which imports these namespaces, use a symbol of that one?
pub(crate) fn is_usable<'a, I>(namespace: &str, module: &str, imported: impl FnOnce() -> I) -> bool
where
    I: Iterator<Item = &'a str>,
{
    match namespace.strip_prefix(MODULE_LIST) {
        Some(list) => list.split(',').any(|pattern| is_listed(pattern, module)),
        None => namespace.is_empty() || imported().any(|imported| imported == namespace),
    }
}

/// Begins a namespace that lists who may import it (`EXPORT_SYMBOL_FOR_MODULES`).
const MODULE_LIST: &str = "module:";

/// `verify_module_namespace`: a name, or its beginning and a `*`; hyphen and underscore are equal.
fn is_listed(pattern: &str, module: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => plain(module).starts_with(plain(beginning).as_ref()),
        None => plain(module) == plain(pattern),
    }
}

pub(super) fn namespace_reason(namespace: &str) -> Reason {
    Reason::fatal(namespace_code(namespace)).detail(namespace_detail(namespace))
}

fn namespace_code(namespace: &str) -> &'static str {
    if namespace.starts_with(MODULE_LIST) {
        codes::NAMESPACE_MODULE_RESTRICTED
    } else {
        codes::NAMESPACE_NOT_IMPORTED
    }
}

fn namespace_detail(namespace: &str) -> String {
    format!("namespace {namespace}")
}
