//! Symbol dependencies name the versions that are in the modules.

use super::{Check, Context, Report, Scope, Severity};
use kmod::Crc;

pub static CHECK: Check = Check {
    id: "ksym-crc-mismatch",
    title: "A symbol dependency names another version than the modules",
    severity: Severity::Reject,
    waivable: true,
    help: "Build package and modules in one go; do not replace modules in a built package.",
    source: "find-requires.ksyms, find-provides.ksyms",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let used = cx.used_symbols();
    for required in &cx.required {
        let Some(found) = required.symbol.crc else { continue };
        if let Some(versions) = used.get(required.symbol.symbol.as_str())
            && !versions.contains(&found)
        {
            let detail = format!("required as {found}, modules use {}", list(versions));
            report.found_at(required.dependency.to_string(), detail);
        }
    }
    let exports = cx.own_exports();
    for provided in &cx.provided {
        let Some(found) = provided.symbol.crc else { continue };
        if let Some(versions) = exports.get(provided.symbol.symbol.as_str()) {
            let versions: Vec<Crc> = versions.iter().map(|crc| crc.unwrap_or(Crc(0))).collect();
            if !versions.contains(&found) {
                let detail = format!("provided as {found}, modules export {}", list(&versions));
                report.found_at(provided.dependency.to_string(), detail);
            }
        }
    }
}

fn list(versions: &[Crc]) -> String {
    versions.iter().map(Crc::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, export, module_of};

    #[test]
    fn another_version_is_found() {
        let change = |package: &mut kmp::Package| {
            package.dependencies.requires[3].version = "f6dc4f2".to_owned();
        };
        let detail = "required as 0x0f6dc4f2, modules use 0x0f6dc4f1";
        assert_finds(&CHECK, change, Severity::Reject, detail);
        let change = |package: &mut kmp::Package| {
            module_of(package).exports = vec![export("acme_reset", 0xb0b)];
        };
        let detail = "provided as 0x000a11ce, modules export 0x00000b0b";
        assert_finds(&CHECK, change, Severity::Reject, detail);
    }

    #[test]
    fn an_export_without_a_version_is_zero() {
        assert_passes(&CHECK, |package| {
            module_of(package).exports[0].crc = None;
            package.dependencies.provides[6].version = "0".to_owned();
        });
    }
}
