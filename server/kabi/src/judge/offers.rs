//! Who, of all modules of all packages, exports which symbol.

use super::alone::OpenNeed;
use super::symbols::{Offered, Wanted};
use super::{Given, rules, symbols};
use crate::kernel::{Candidate, Kernel, KernelExport, VMLINUX};
use kmod::{Export, Import, Module};
use std::borrow::Cow;
use std::collections::HashMap;

/// One module of one package.
pub(super) struct Node<'a> {
    /// Index of its package among the candidates.
    pub package: usize,
    pub package_name: &'a str,
    pub module: &'a Module,
    /// Its licence lets it use GPL-only symbols. Asked for every symbol, so looked up once.
    pub is_gpl: bool,
}

impl<'a> Node<'a> {
    /// The modules of all candidates, in order.
    pub fn all(candidates: &[Candidate<'a>]) -> Vec<Node<'a>> {
        let of_package = |(package, candidate): (usize, &Candidate<'a>)| {
            let package_name = candidate.name;
            let node = move |module: &'a Module| {
                let is_gpl = module.is_gpl_compatible();
                Node {
                    package,
                    package_name,
                    module,
                    is_gpl,
                }
            };
            candidate.modules.iter().map(node)
        };
        candidates.iter().enumerate().flat_map(of_package).collect()
    }

    /// How reasons name it.
    pub fn label(&self) -> String {
        format!("{} ({})", self.package_name, self.module.name)
    }
}

/// A symbol that some candidate's module exports.
#[derive(Clone, Copy)]
pub(super) struct Offer<'a> {
    /// The exporting module.
    pub node: usize,
    pub export: &'a Export,
}

/// Every offer, by symbol.
pub(super) struct Offers<'a>(HashMap<&'a str, Vec<Offer<'a>>>);

impl<'a> Offers<'a> {
    pub fn of(nodes: &[Node<'a>]) -> Offers<'a> {
        let mut by_symbol: HashMap<&str, Vec<Offer<'_>>> = HashMap::new();
        for (node, exporter) in nodes.iter().enumerate() {
            for export in &exporter.module.exports {
                by_symbol
                    .entry(&export.symbol)
                    .or_default()
                    .push(Offer { node, export });
            }
        }
        // By name instead of by position, so that the order of candidates does not show.
        for offers in by_symbol.values_mut() {
            offers.sort_by_key(|offer| {
                let exporter = &nodes[offer.node];
                (
                    exporter.package_name,
                    &exporter.module.name,
                    offer.export.crc,
                )
            });
        }
        Offers(by_symbol)
    }

    /// Every offer of this symbol, in the order of package and module names.
    pub fn of_symbol(&self, symbol: &str) -> &[Offer<'a>] {
        self.0.get(symbol).map_or(&[], Vec::as_slice)
    }
}

/// What the kernel's own modules export that some candidate's module stands in for by name.
pub(super) struct InTree<'a>(HashMap<String, Vec<(&'a str, &'a KernelExport)>>);

impl<'a> InTree<'a> {
    pub fn of(kernel: &'a Kernel, nodes: &[Node<'_>]) -> InTree<'a> {
        let mut by_module: HashMap<String, Vec<_>> = nodes
            .iter()
            .map(|node| (plain(&node.module.name).into_owned(), Vec::new()))
            .collect();
        for (symbol, export) in kernel.exports.iter().filter(|(_, e)| e.provider != VMLINUX) {
            if let Some(exports) = by_module.get_mut(plain(module_of(&export.provider)).as_ref()) {
                exports.push((symbol.as_str(), export));
            }
        }
        for exports in by_module.values_mut() {
            exports.sort_unstable_by_key(|(symbol, _)| *symbol);
        }
        InTree(by_module)
    }

    /// Of the kernel's own module of this name, sorted by symbol.
    pub fn exports_of(&self, module: &str) -> &[(&'a str, &'a KernelExport)] {
        self.0
            .get(plain(module).as_ref())
            .map_or(&[], Vec::as_slice)
    }
}

/// How an offered symbol suits the module that needs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fit {
    Fits,
    /// Another version, or none.
    OtherVersion,
    /// Hidden from this module's licence.
    Hidden,
    /// In a namespace that the module does not import, or not reserved for it.
    OtherNamespace,
}

/// Does the offer satisfy the need, by `check_version` and its neighbours?
pub(super) fn fit(kernel: &Kernel, node: &Node<'_>, import: &Import, export: &Export) -> Fit {
    let offered = Offered {
        crcs: export.crc.as_slice(),
        gpl: export.gpl,
        namespace: export.namespace.as_deref(),
    };
    let may_use = |namespace: &str| symbols::may_use_namespace(node.module, Some(namespace));
    fit_of(kernel, Wanted::of(node, import), offered, may_use)
}

/// The same on plain values. `may_use` says whether the module may use symbols of a namespace.
pub(crate) fn fit_of(
    kernel: &Kernel,
    wanted: Wanted,
    offered: Offered<'_>,
    may_use: impl FnOnce(&str) -> bool,
) -> Fit {
    // A record of zero is for a symbol without a version, and fits one.
    let is_unversioned = || wanted.crc.is_some() && offered.version().is_none();
    let same_version = || match symbols::expected(kernel, wanted) {
        Some(expected) => offered.version() == Some(expected),
        None => is_unversioned() || rules::lenient_about_missing_versions(kernel, wanted.versions),
    };
    if offered.gpl && !wanted.is_gpl {
        Fit::Hidden
    } else if kernel.modversions && !same_version() {
        Fit::OtherVersion
    } else if offered
        .namespace
        .is_some_and(|namespace| !may_use(namespace))
    {
        Fit::OtherNamespace
    } else {
        Fit::Fits
    }
}

/// Offers that an open need of this node may look at.
pub(super) fn visible<'g>(
    given: &'g Given<'_>,
    open: &'g OpenNeed,
    node: usize,
) -> impl Iterator<Item = Offer<'g>> {
    let nodes = &given.nodes;
    let import = &nodes[node].module.imports[open.import];
    let offers = given.offers.of_symbol(&import.symbol).iter().copied();
    offers.filter(move |offer| {
        let is_own = nodes[offer.node].package == nodes[node].package;
        offer.node != node && (is_own || !open.own_only)
    })
}

/// Are these names of one module? The kernel takes hyphen and underscore as equal.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    plain(a) == plain(b)
}

/// A module's name as the kernel writes it.
pub(crate) fn plain(name: &str) -> Cow<'_, str> {
    if name.contains('-') {
        Cow::Owned(name.replace('-', "_"))
    } else {
        Cow::Borrowed(name)
    }
}

/// The module's name in a provider column (`drivers/net/foo-bar` is `foo-bar`).
pub(crate) fn module_of(provider: &str) -> &str {
    provider.rsplit('/').next().unwrap_or(provider)
}
