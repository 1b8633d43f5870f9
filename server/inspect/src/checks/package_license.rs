//! The package states a licence, and it does not contradict that of its modules.
//!
//! The loader reads the modules' only; administrators and distributors read the package's.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "package-license",
    title: "The package's licence is missing or contradicts its modules",
    severity: Severity::Warning,
    waivable: true,
    help: "Set `License:` in the spec file to that of the source, as SPDX expression \
           (GPL-2.0-only), and MODULE_LICENSE() to the same.",
    source: "soliddriver-checks; kernel: license_is_gpl_compatible()",
    scope: Scope::All,
    run,
};

/// Words, in lower case, of licences that allow no distribution of source.
const CLOSED: [&str; 5] = ["proprietary", "commercial", "nonfree", "non-free", "eula"];
/// Of licences that a GPL-compatible module has.
const OPEN: [&str; 8] = ["gpl", "mit", "bsd", "mpl", "apache", "isc", "public domain", "zlib"];

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let stated = cx.package.license.as_deref().unwrap_or_default().trim();
    if stated.is_empty() {
        return report.found("it states no licence");
    }
    let words = stated.to_lowercase();
    let says = |list: &[&str]| list.iter().any(|word| words.contains(word));
    for module in &cx.modules {
        let Some(license) = module.module.licenses().next() else { continue };
        let is_open = kmod::is_gpl_compatible(license);
        if is_open && says(&CLOSED) && !says(&OPEN) {
            let detail = format!("the module says `{license}`, the package `{stated}`");
            report.found_at(module.path, detail);
        } else if !is_open && says(&["gpl"]) && !says(&CLOSED) && !words.contains(" or ") {
            let detail = format!("the package says `{stated}`, the module `{license}`");
            report.found_at(module.path, detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, set_modinfo};

    fn licences(package: &'static str, module: &'static str) -> impl Fn(&mut kmp::Package) {
        move |it| {
            it.license = (!package.is_empty()).then(|| package.to_owned());
            set_modinfo(it, "license", &[module]);
        }
    }

    #[test]
    fn contradictions_are_found() {
        let cases = [
            ("", "GPL", "it states no licence"),
            ("Proprietary", "GPL", "the module says `GPL`, the package `Proprietary`"),
            ("GPL-2.0-only", "Acme", "the package says `GPL-2.0-only`, the module `Acme`"),
        ];
        for (package, module, detail) in cases {
            assert_finds(&CHECK, licences(package, module), Severity::Warning, detail);
        }
    }

    #[test]
    fn licences_that_agree_pass() {
        let cases = [
            ("GPL-2.0-only", "GPL v2"),
            ("BSD-3-Clause OR GPL-2.0-only", "Dual BSD/GPL"),
            ("GPL-2.0-only AND Proprietary", "Proprietary"),
            ("SUSE-Proprietary AND GPL-2.0-only", "GPL"),
            ("LicenseRef-Acme", "Acme"),
        ];
        for (package, module) in cases {
            assert_passes(&CHECK, licences(package, module));
        }
    }
}
