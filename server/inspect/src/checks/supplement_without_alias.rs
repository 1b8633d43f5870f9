//! The package claims only hardware that its own modules drive.
//!
//! Otherwise it is installed on machines whose hardware belongs to other drivers.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;
use crate::glob::Coverage;
use modalias::Warning;

pub static CHECK: Check = Check {
    id: "supplement-without-alias",
    title: "The package claims hardware that none of its modules drives",
    severity: Severity::Reject,
    waivable: true,
    help: "Leave modalias() to the generators, which take them from the modules, or narrow the \
           pattern to what a module's device table names.",
    source: "soliddriver-checks; find-supplements.ksyms",
    scope: Scope::Only(Family::Suse),
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    if cx.modules.len() < cx.package.modules.len() || cx.package.modules.is_empty() {
        // A module that cannot be read may be the one; packages without modules are not drivers.
        return;
    }
    let coverage = Coverage::of(cx.modules.iter().flat_map(|module| module.module.aliases()));
    for (dependency, supplement) in &cx.supplements {
        // One that says something else than was meant is told by its spelling.
        let is_meant = supplement.warnings.iter().all(is_harmless);
        if is_meant && !coverage.covers(&supplement.pattern) {
            let detail = format!("no module has an alias for all of `{}`", supplement.pattern);
            report.found_at(&dependency.name, detail);
        }
    }
}

fn is_harmless(warning: &Warning) -> bool {
    matches!(warning, Warning::Boolean { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, plain, set_modinfo};

    fn supplement(text: &str) -> impl Fn(&mut kmp::Package) {
        move |package| package.dependencies.supplements.push(plain(text))
    }

    #[test]
    fn foreign_hardware_is_found() {
        let change = supplement("modalias(kernel-default:pci:v00008086d00001502sv*sd*bc*sc*i*)");
        let detail = "no module has an alias for all of `pci:v00008086d00001502sv*sd*bc*sc*i*`";
        assert_finds(&CHECK, change, Severity::Reject, detail);
        let change = supplement("modalias(kernel-default:pci:v0000ACE1d0000100[1-9]sv*sd*bc*sc*i*)");
        let detail = "no module has an alias for all of `pci:v0000ACE1d0000100[1-9]sv*sd*bc*sc*i*`";
        assert_finds(&CHECK, change, Severity::Reject, detail);
    }

    #[test]
    fn what_generators_and_people_write_passes() {
        assert_passes(&CHECK, |package| {
            set_modinfo(
                package,
                "alias",
                &[
                    "pci:v0000ACE1d*sv*sd*bc02sc*i*",
                    "dmi*:svn*Acme,Inc.*:pn*Tower-2*:",
                    "usb:vACE1p0001d0[0-9]*dc*",
                ],
            );
            let encoded = [
                "pci:v0000ACE1d0000100[123]sv0000ACE1sd*bc02sc00i*",
                "dmi*:svn*Acme%2CInc%2E*:pn*Tower%2D2*:",
                "usb:vACE1p0001d0%5B0%2D9%5D*dc*",
            ];
            let modalias = |pattern| plain(&format!("modalias(kernel-default:{pattern})"));
            package.dependencies.supplements = encoded.map(modalias).to_vec();
            // The generator's own mistake.
            package.dependencies.supplements.push(modalias("of:N*T*Cacme%2[CD]net"));
        });
    }
}
