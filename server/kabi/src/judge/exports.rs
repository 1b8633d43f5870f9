//! What a module exports against what others export: `verify_exported_symbols`.

use super::Given;
use super::alone::Assessment;
use super::offers::{module_of, same_name};
use crate::codes;
use crate::kernel::Kernel;
use crate::verdict::Reason;
use kmod::{Crc, Export, Module};
use std::collections::HashMap;

pub(super) fn judge(given: &Given<'_>, node: usize, assessment: &mut Assessment) {
    let module = given.nodes[node].module;
    for export in &module.exports {
        if let Some(taken) = given.kernel.exports.get(&export.symbol)
            && collides(&taken.provider, &module.name)
        {
            let reason = Reason::fatal(codes::EXPORT_DUPLICATE).symbol(&export.symbol);
            assessment.reasons.push(reason.provider(&taken.provider));
        }
        among_packages(given, node, &export.symbol, assessment);
    }
    unversioned(given.kernel, module, assessment);
    replaced(given, module, assessment);
}

/// Does a symbol that this provider exports keep a module of that name from exporting it, too?
/// Unless it stands in for the kernel's own module.
pub(crate) fn collides(provider: &str, module: &str) -> bool {
    !same_name(module_of(provider), module)
}

/// Two modules of one package cannot both be loaded. Of two packages only one need be installed,
/// and two builds of one module are never loaded together.
fn among_packages(given: &Given<'_>, node: usize, symbol: &str, assessment: &mut Assessment) {
    let mut named = Vec::new();
    for offer in given
        .offers
        .of_symbol(symbol)
        .iter()
        .filter(|offer| offer.node != node)
    {
        let (ours, theirs) = (&given.nodes[node], &given.nodes[offer.node]);
        let reason = if ours.package == theirs.package {
            Reason::fatal(codes::EXPORT_DUPLICATE)
        } else if same_name(&ours.module.name, &theirs.module.name) {
            continue;
        } else {
            Reason::info(codes::EXPORT_DUPLICATE)
        };
        let reason = reason.symbol(symbol).provider(theirs.label());
        if !named.contains(&reason) {
            named.push(reason);
        }
    }
    assessment.reasons.append(&mut named);
}

/// "no versions for exported symbols": a module without a `__kcrctab` must be forced. Where there is
/// one, a symbol may stand in it without a version, and nothing shows whether it fits its users.
pub(super) fn unversioned(kernel: &Kernel, module: &Module, assessment: &mut Assessment) {
    let without = |e: &&Export| !e.crc.is_some_and(Crc::is_versioned);
    let count = module.exports.iter().filter(without).count();
    if !kernel.modversions || count == 0 {
        return;
    }
    let reason = if count == module.exports.len() {
        Reason::fatal(codes::EXPORT_UNVERSIONED)
    } else {
        Reason::warn(codes::EXPORT_UNVERSIONED)
    };
    let detail = format!("{count} exports without a version");
    assessment.reasons.push(reason.detail(detail));
}

/// A module that stands in for one of the kernel's own should export what that one does: the
/// kernel's other modules were built against it.
fn replaced(given: &Given<'_>, module: &Module, assessment: &mut Assessment) {
    let originals = given.in_tree.exports_of(&module.name);
    let Some((_, original)) = originals.first() else {
        return;
    };
    let reason = Reason::info(codes::MODULE_SHADOWED).provider(&original.provider);
    assessment.reasons.push(reason);
    let ours: HashMap<&str, &Export> = module
        .exports
        .iter()
        .map(|export| (export.symbol.as_str(), export))
        .collect();
    for (symbol, original) in originals {
        let expected = original.versions().next();
        let told = |code| {
            let reason = Reason::warn(code).symbol(symbol).expected(expected);
            reason.provider(&original.provider)
        };
        let export = ours.get(symbol).map(|export| export.crc);
        if let Some(code) = replacement(&original.crcs, export) {
            let reason = told(code).found(export.flatten());
            assessment.reasons.push(reason);
        }
    }
}

/// What is wrong with an export that replaces one of these versions; `None` inside: without a
/// version; outside: not exported at all.
pub(crate) fn replacement(original: &[Crc], ours: Option<Option<Crc>>) -> Option<&'static str> {
    let is_versioned = original.iter().any(|crc| crc.is_versioned());
    match ours {
        None => Some(codes::REPLACED_EXPORT_MISSING),
        Some(crc)
            if is_versioned && !crc.is_some_and(|c| c.is_versioned() && original.contains(&c)) =>
        {
            Some(codes::REPLACED_EXPORT_CHANGED)
        }
        Some(_) => None,
    }
}
