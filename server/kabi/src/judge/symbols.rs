//! One import against the kernel: `find_symbol`, `check_version` and `verify_namespace_is_imported`.

use super::offers::{Node, Offer, plain};
use super::{Given, rules};
use crate::codes;
use crate::kernel::{Kernel, KernelExport};
use crate::verdict::Reason;
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
        return Need::met();
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
            otherwise: missing(import),
        };
    }
    match by_kernel(kernel, user, import) {
        // Missing here or of another version: some package may bring it, or replace the kernel's
        // own module that exports it.
        Need::Failed(otherwise) if has_others && is_curable(&otherwise) => Need::Open {
            own_only: false,
            otherwise,
        },
        decided => decided,
    }
}

impl Need {
    fn met() -> Need {
        Need::Met {
            gpl_only: false,
            remark: None,
        }
    }
}

fn missing(import: &Import) -> Reason {
    Reason::fatal(codes::SYMBOL_MISSING)
        .symbol(&import.symbol)
        .expected(import.crc)
}

fn is_curable(reason: &Reason) -> bool {
    reason.code == codes::SYMBOL_MISSING || reason.code == codes::CRC_MISMATCH
}

fn by_kernel(kernel: &Kernel, user: &Node<'_>, import: &Import) -> Need {
    // A weak symbol that the licence hides counts as not there; another one is found and refused.
    let is_visible = |export: &&KernelExport| !(import.weak && export.gpl && !user.is_gpl);
    match kernel.exports.get(&import.symbol).filter(is_visible) {
        Some(export) => against(kernel, user, import, export),
        None if import.weak => {
            let reason = Reason::info(codes::SYMBOL_WEAK_UNRESOLVED).symbol(&import.symbol);
            Need::Met {
                gpl_only: false,
                remark: Some(reason),
            }
        }
        None => Need::Failed(missing(import)),
    }
}

/// Licence, version, namespace: the first that fails is the reason.
fn against(kernel: &Kernel, user: &Node<'_>, import: &Import, export: &KernelExport) -> Need {
    let told = |reason: Reason| {
        reason
            .symbol(&import.symbol)
            .expected(import.crc)
            .provider(&export.provider)
    };
    let module = user.module;
    if export.gpl && !user.is_gpl {
        return Need::Failed(told(Reason::fatal(codes::SYMBOL_GPL_ONLY)));
    }
    match version(kernel, module, import, export) {
        Version::Refused(reason) => Need::Failed(told(reason)),
        _ if !may_use_namespace(module, export.namespace.as_deref()) => {
            let namespace = export.namespace.as_deref().unwrap_or_default();
            Need::Failed(told(namespace_reason(namespace)))
        }
        _ if !user.is_gpl && !kernel.gpl_known => {
            Need::Unknown(told(Reason::warn(codes::SYMBOL_GPL_UNKNOWN)))
        }
        Version::SaidBefore => Need::SaidBefore,
        Version::Unknown(reason) => Need::Unknown(told(reason)),
        Version::Accepted(remark) => Need::Met {
            gpl_only: export.gpl,
            remark: remark.map(told),
        },
    }
}

/// What the versions of an import and an export say to each other.
enum Version {
    Accepted(Option<Reason>),
    Unknown(Reason),
    Refused(Reason),
    SaidBefore,
}

fn version(kernel: &Kernel, module: &Module, import: &Import, export: &KernelExport) -> Version {
    if !kernel.modversions {
        return Version::Accepted(None);
    }
    let first = export.versions().next();
    match (expected(kernel, module, import), first) {
        (Some(expected), Some(_)) if export.has_version(Some(expected)) => Version::Accepted(None),
        (Some(_), Some(found)) => Version::Refused(Reason::fatal(codes::CRC_MISMATCH).found(found)),
        // The module was built where the symbol had a version; here it has none, and zero is
        // not that version.
        (Some(_), None) => Version::Unknown(Reason::warn(codes::SYMBOL_PROVIDER_UNVERSIONED)),
        (None, None) => Version::Accepted(Some(Reason::warn(codes::SYMBOL_PROVIDER_UNVERSIONED))),
        (None, Some(_)) if !reads_versions(kernel, module) => Version::SaidBefore,
        (None, Some(found)) => {
            if rules::lenient_about_missing_versions(kernel, module) {
                Version::Accepted(Some(rules::unversioned_in_module(true).found(found)))
            } else {
                Version::Refused(rules::unversioned_in_module(false).found(found))
            }
        }
    }
}

/// The version this kernel reads in the module for that import.
pub(super) fn expected(kernel: &Kernel, module: &Module, import: &Import) -> Option<Crc> {
    let room = if module.machine.is_64 {
        BASIC_NAME_64
    } else {
        BASIC_NAME_32
    };
    let only_extended = import.symbol.len() > room || module.versions == Versions::Extended;
    if only_extended && rules::reads_extended_versions(kernel) != Some(true) {
        return None;
    }
    import.crc.filter(|crc| crc.is_versioned())
}

/// Bytes of name in a record of `__versions`: 64 less the version and the closing zero. Longer
/// names stand only in the extended table, which older kernels do not read.
const BASIC_NAME_64: usize = 55;
const BASIC_NAME_32: usize = 59;

/// False when the module as a whole counts as not versioned on this kernel.
pub(super) fn reads_versions(kernel: &Kernel, module: &Module) -> bool {
    match module.versions {
        Versions::None => false,
        Versions::Extended => rules::reads_extended_versions(kernel) == Some(true),
        Versions::Basic | Versions::Both => true,
    }
}

/// May the module use a symbol of that namespace?
pub(super) fn may_use_namespace(module: &Module, namespace: Option<&str>) -> bool {
    match namespace {
        None | Some("") => true,
        Some(namespace) => match namespace.strip_prefix(MODULE_LIST) {
            Some(list) => list
                .split(',')
                .any(|pattern| is_listed(pattern, &module.name)),
            None => module
                .import_namespaces()
                .any(|imported| imported == namespace),
        },
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
    let code = if namespace.starts_with(MODULE_LIST) {
        codes::NAMESPACE_MODULE_RESTRICTED
    } else {
        codes::NAMESPACE_NOT_IMPORTED
    };
    Reason::fatal(code).detail(format!("namespace {namespace}"))
}
