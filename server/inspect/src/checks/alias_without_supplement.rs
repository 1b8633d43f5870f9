//! Everything that the modules drive is claimed by `Supplements: modalias(…)`, so that the package
//! is offered where its hardware is.
//!
//! Of PCI devices that is demanded, as the distributor's own checker does; drivers of other buses
//! often list what their vendor does not sell.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;
use crate::glob::Coverage;

pub static CHECK: Check = Check {
    id: "alias-without-supplement",
    title: "A module drives hardware that the package does not claim",
    severity: Severity::Reject,
    waivable: true,
    help: "Build with the distribution's generators, which write Supplements: \
           modalias(kernel-FLAVOR:ALIAS) for every alias, and without switching them off.",
    source: "soliddriver-checks; find-supplements.ksyms",
    scope: Scope::Only(Family::Suse),
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let patterns = cx.supplements.iter().map(|(_, supplement)| supplement.pattern.as_str());
    let coverage = Coverage::of(patterns);
    for module in &cx.modules {
        // Names without a colon (`fs-ext4`, `char-major-10-*`) are not of hardware.
        for alias in module.module.aliases().filter(|alias| is_hardware(alias)) {
            if !coverage.covers(alias) {
                let detail = format!("its alias `{alias}` is in no Supplements");
                if alias.starts_with("pci:") {
                    report.found_at(module.path, detail);
                } else {
                    report.found_as(Severity::Warning, Some(module.path), detail);
                }
            }
        }
    }
}

/// As the generator has it: something before a colon and something behind.
fn is_hardware(alias: &str) -> bool {
    alias.split_once(':').is_some_and(|(bus, rest)| !bus.is_empty() && !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, set_modinfo};

    #[test]
    fn an_unclaimed_device_is_found() {
        let change = |package: &mut kmp::Package| {
            set_modinfo(package, "alias", &["pci:v0000ACE1d00001003sv*sd*bc*sc*i*"]);
        };
        let detail = "its alias `pci:v0000ACE1d00001003sv*sd*bc*sc*i*` is in no Supplements";
        assert_finds(&CHECK, change, Severity::Reject, detail);
        let change = |package: &mut kmp::Package| set_modinfo(package, "alias", &["usb:v0001p*"]);
        let detail = "its alias `usb:v0001p*` is in no Supplements";
        assert_finds(&CHECK, change, Severity::Warning, detail);
    }

    #[test]
    fn names_that_are_not_of_hardware_need_no_claim() {
        assert_passes(&CHECK, |package| {
            set_modinfo(package, "alias", &["fs-acmefs", "char-major-10-*", "devname:"]);
        });
    }
}
