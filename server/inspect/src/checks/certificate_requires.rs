//! A driver whose modules are signed requires the package that brings their certificate.
//!
//! Without it nothing offers the certificate to the owner of the machine (`mokutil --import`).

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;
use std::collections::BTreeSet;

pub static CHECK: Check = Check {
    id: "certificate-requires",
    title: "The package does not require its modules' certificate",
    severity: Severity::Warning,
    waivable: true,
    help: "Build with %kernel_module_package -c CERTIFICATE, which adds `Requires: NAME-ueficert`.",
    source: "kernel-source: kernel-module-subpackage, kernel-cert-subpackage",
    scope: Scope::Only(Family::Suse),
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let signatures = cx.modules.iter().filter_map(|module| module.module.signature.as_ref());
    let bringing: BTreeSet<&str> = signatures
        .flat_map(|signature| {
            let kit = cx.policy.module_certificates.iter();
            kit.filter(|it| it.certificate.is_signer_of(signature)).map(|it| it.package.as_str())
        })
        .collect();
    let requires = &cx.package.dependencies.requires;
    let is_required = |package: &&str| requires.iter().any(|it| it.name == **package);
    if !bringing.is_empty() && !bringing.iter().any(is_required) {
        let bringing = bringing.into_iter().collect::<Vec<_>>().join(" or ");
        report.found(format!("it does not require {bringing}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{changed, kit_certificate, plain, policy, report_with, sign_modules};

    #[test]
    fn the_package_that_brings_it_is_required() {
        let kit = vec![kit_certificate("Acme CA", "0abc")];
        let policy = Policy { module_certificates: kit, ..policy() };
        let signed = |requires: &'static [&'static str]| {
            changed(|package| {
                sign_modules(package, "Acme CA", "0abc");
                package.dependencies.requires.extend(requires.iter().map(|it| plain(it)));
            })
        };
        let findings = report_with(&CHECK, &signed(&[]), &policy);
        assert_eq!(findings[0].detail, "it does not require acme-ueficert");
        assert_eq!(report_with(&CHECK, &signed(&["acme-ueficert"]), &policy), []);
    }

    #[test]
    fn a_signature_by_somebody_else_needs_none() {
        let package = changed(|package| sign_modules(package, "Other", "01"));
        assert_eq!(report_with(&CHECK, &package, &policy()), []);
    }
}
