//! The modules of one package agree on the version of every symbol.
//!
//! The generators join dependencies by name, so one of two versions silently gets lost.

use super::{Check, Context, Report, Scope, Severity};
use kmod::Crc;
use std::collections::HashMap;

pub static CHECK: Check = Check {
    id: "symbol-crc-conflict",
    title: "Two modules of the package disagree about the version of a symbol",
    severity: Severity::Reject,
    waivable: false,
    help: "Build all modules of the package against the same kernel, in one go.",
    source: "find-requires.ksyms: sort -u by symbol; kernel: check_version()",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let mut first: HashMap<(&str, &str), (Crc, &str)> = HashMap::new();
    for module in &cx.modules {
        let exports = module.module.exports.iter().map(|export| (&export.symbol, export.crc));
        let imports = module.module.imports.iter().map(|import| (&import.symbol, import.crc));
        let kernel = module.place.as_ref().map_or("", |place| place.kernel_release.as_str());
        for (symbol, crc) in exports.chain(imports) {
            let Some(crc) = crc.filter(|crc| crc.is_versioned()) else { continue };
            let (known, path) = *first.entry((kernel, symbol)).or_insert((crc, module.path));
            if known != crc {
                let detail = format!("`{symbol}` is {crc} here and {known} in {path}");
                report.found_at(module.path, detail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{add_module, assert_finds, assert_passes, import, other_module};

    fn user(crc: u32) -> impl Fn(&mut kmp::Package) {
        move |package| {
            let mut user = other_module("user");
            user.imports.push(import("acme_reset", crc));
            add_module(package, "user.ko", user);
        }
    }

    #[test]
    fn another_version_than_a_neighbours_is_found() {
        assert_finds(
            &CHECK,
            user(0xb0b),
            Severity::Reject,
            "`acme_reset` is 0x00000b0b here and 0x000a11ce in \
             /lib/modules/6.4.0-150600.21-default/updates/acme-net.ko",
        );
        assert_passes(&CHECK, user(0x000a_11ce));
    }
}
