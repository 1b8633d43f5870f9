//! The package does not pass itself off as a kernel or as somebody else's driver, and replaces
//! neither.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;
use kmp::{Dependency, KmpName};

pub static CHECK: Check = Check {
    id: "capability-hijack",
    title: "The package claims to be, or to replace, a kernel or a foreign driver",
    severity: Severity::Reject,
    waivable: true,
    help: "Remove the Provides or Obsoletes from the spec file. Builds of your own driver are kept \
           apart by their version.",
    source: "policy: no capability hijacking",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let dependencies = &cx.package.dependencies;
    let provides = dependencies.provides.iter().map(|dependency| ("Provides", dependency));
    let obsoletes = dependencies.obsoletes.iter().map(|dependency| ("Obsoletes", dependency));
    for (tag, dependency) in provides.chain(obsoletes) {
        let Dependency { name, .. } = dependency;
        if is_kernel(cx, name) {
            report.found_at(format!("{tag}: {dependency}"), "it is for the kernel's own packages");
        } else if is_foreign_driver(cx, name) {
            let detail = format!("`{name}` is a driver of another provider");
            report.found_at(format!("{tag}: {dependency}"), detail);
        }
    }
}

/// `kernel`, `kernel-default`, `kernel-uname-r`, `kernel(symbol)`; Red Hat's driver packages do
/// provide `kernel-modules`, for driver disks.
fn is_kernel(cx: &Context<'_>, name: &str) -> bool {
    let Some(rest) = name.strip_prefix("kernel") else { return false };
    let is_drivers = cx.policy.family == Family::RedHat
        && rest.starts_with('-')
        && rest.ends_with("-modules");
    !is_drivers && (rest.is_empty() || rest.starts_with('-') || rest.starts_with('('))
}

/// Another base name whose first word is not the vendor's.
fn is_foreign_driver(cx: &Context<'_>, name: &str) -> bool {
    let base = match KmpName::parse(name) {
        Some(parsed) => parsed.base,
        None => match name.strip_suffix("-kmp") {
            Some(base) => base.to_owned(),
            None => return false,
        },
    };
    let provider = base.split('-').next().unwrap_or_default();
    let prefixes = &cx.policy.provider_prefixes;
    provider != cx.provider() && !prefixes.iter().any(|prefix| prefix == provider)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{assert_finds, assert_passes, changed, plain, report_with};

    fn provide(name: &'static str) -> impl Fn(&mut kmp::Package) {
        move |package| package.dependencies.provides.push(plain(name))
    }

    #[test]
    fn kernels_are_found() {
        for name in ["kernel", "kernel-default", "kernel-uname-r", "kernel-default_x86_64"] {
            let detail = "it is for the kernel's own packages";
            assert_finds(&CHECK, provide(name), Severity::Reject, detail);
        }
        let change = |package: &mut kmp::Package| {
            package.dependencies.obsoletes.push(plain("kernel-default"));
        };
        assert_finds(&CHECK, change, Severity::Reject, "it is for the kernel's own packages");
    }

    #[test]
    fn foreign_drivers_are_found() {
        let detail = "`beta-usb-kmp-default` is a driver of another provider";
        assert_finds(&CHECK, provide("beta-usb-kmp-default"), Severity::Reject, detail);
        let detail = "`beta-usb-kmp` is a driver of another provider";
        assert_finds(&CHECK, provide("beta-usb-kmp"), Severity::Reject, detail);
    }

    #[test]
    fn own_drivers_and_other_things_pass() {
        for name in ["acme-old-kmp-default", "acme-kmp", "kernelshark", "kmod(acme.ko)"] {
            assert_passes(&CHECK, provide(name));
        }
        let package = changed(provide("kernel-modules"));
        assert_eq!(report_with(&CHECK, &package, &Policy::for_family(Family::RedHat)), []);
    }
}
