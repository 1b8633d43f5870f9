//! The package requires what driver packages need, and does not tie itself to one kernel package.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;
use kmp::Dependency;

pub static CHECK: Check = Check {
    id: "unusual-requires",
    title: "The package requires something unusual for a driver",
    severity: Severity::Warning,
    waivable: true,
    help: "Symbol dependencies find the right kernels. Leave other requirements away, or make sure \
           that what is required is in the product or in your kit.",
    source: "policy; kernel-source: kernel-module-subpackage",
    scope: Scope::All,
    run,
};

/// What templates and generators of both families write.
const USUAL: [&str; 24] = [
    "/bin/sh",
    "/sbin/depmod",
    "/sbin/ldconfig",
    "/usr/bin/sh",
    "/usr/sbin/depmod",
    "/usr/sbin/weak-modules",
    "bash",
    "coreutils",
    "dracut",
    "findutils",
    "gawk",
    "grep",
    "kernel",
    "kernel-core",
    "kernel-core-uname-r",
    "kernel-modules",
    "kmod",
    "mkinitrd",
    "mokutil",
    "perl-Bootloader",
    "sed",
    "suse-kernel-rpm-scriptlets",
    "suse-module-tools",
    "module-init-tools",
];

/// Beginnings of generated dependencies.
const GENERATED: [&str; 8] =
    ["ksym(", "kernel(", "kmod(", "(kmod(", "rpmlib(", "config(", "firmware(", "modalias("];

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for dependency in &cx.package.dependencies.requires {
        if ties_to_kernel(cx, dependency) {
            let detail = "it ties the package to one kernel package, whatever its symbols say";
            report.found_at(dependency.to_string(), detail);
        } else if !is_usual(cx, &dependency.name) {
            let detail = "neither the template nor a generator writes it";
            report.found_at(dependency.to_string(), detail);
        }
    }
}

/// `kernel-default = 6.4.0-150600.21.1`; Red Hat's packages ask for `kernel >= …`.
fn ties_to_kernel(cx: &Context<'_>, dependency: &Dependency) -> bool {
    let name = dependency.name.as_str();
    let is_kernel = name == "kernel" || name.starts_with("kernel-");
    let at_least = cx.policy.family == Family::RedHat && dependency.comparison() == ">=";
    is_kernel && !dependency.comparison().is_empty() && !at_least
}

fn is_usual(cx: &Context<'_>, name: &str) -> bool {
    let provider = cx.provider();
    USUAL.contains(&name)
        || GENERATED.iter().any(|beginning| name.starts_with(beginning))
        || name.starts_with("kernel-")
        || name.ends_with("-ueficert")
        || name == provider
        || name.strip_prefix(provider).is_some_and(|rest| rest.starts_with('-'))
        || cx.policy.is_companion(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, equal, plain};

    fn require(dependency: Dependency) -> impl Fn(&mut kmp::Package) {
        move |package| package.dependencies.requires.push(dependency.clone())
    }

    #[test]
    fn unusual_requirements_are_found() {
        let detail = "neither the template nor a generator writes it";
        assert_finds(&CHECK, require(plain("libcurl4")), Severity::Warning, detail);
        let detail = "it ties the package to one kernel package, whatever its symbols say";
        let exact = equal("kernel-default", "6.4.0-150600.21.1");
        assert_finds(&CHECK, require(exact), Severity::Warning, detail);
    }

    #[test]
    fn usual_ones_pass() {
        let usual = ["kernel-default", "acme-net", "acme-ueficert", "(kmod(a.ko) if kernel)"];
        for name in usual {
            assert_passes(&CHECK, require(plain(name)));
        }
    }
}
