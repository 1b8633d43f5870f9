//! Modules are signed by a certificate that the vendor publishes in an `-ueficert` package.
//!
//! Only then can the owner of a machine let kernels under Secure Boot take them.

use super::{Check, Context, Report, Scope, Severity};
use kmod::ModuleSignature;

pub static CHECK: Check = Check {
    id: "module-signer",
    title: "A module is signed by a certificate that is not in the vendor's kit",
    severity: Severity::Warning,
    waivable: true,
    help: "Upload NAME-ueficert with the certificate first (%kernel_module_package -c), and sign \
           the modules with its key. The kernel refuses modules whose signer it does not know.",
    source: "KMP manual: Secure Boot; kernel: verify_pkcs7_signature()",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let kit = &cx.policy.module_certificates;
    for module in &cx.modules {
        let Some(signature) = &module.module.signature else { continue };
        if kit.iter().any(|it| it.certificate.is_signer_of(signature)) {
            continue;
        }
        let known = match kit.len() {
            0 => "no package of the vendor brings a certificate".to_owned(),
            1 => format!("the certificate in {} is another", kit[0].package),
            n => format!("none of the {n} certificates in the vendor's packages is it"),
        };
        let detail = format!("it is signed by {}; {known}", named(signature));
        if cx.policy.secure_boot {
            report.found_as(Severity::Reject, Some(module.path), detail);
        } else if kit.is_empty() {
            report.found_as(Severity::Note, Some(module.path), detail);
        } else {
            report.found_at(module.path, detail);
        }
    }
}

fn named(signature: &ModuleSignature) -> String {
    match (&signature.signer, &signature.key_id) {
        (Some(signer), Some(key)) => format!("`{signer}`, key {key}"),
        (None, Some(key)) => format!("the key {key}"),
        _ => "somebody its signature does not name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{changed, honest, kit_certificate, policy, report_with, sign_modules};

    #[test]
    fn the_kit_and_the_claim_decide() {
        let kit = vec![kit_certificate("Acme CA", "0abc")];
        let signed = changed(|package| sign_modules(package, "Acme CA", "0abc"));
        let by_other = changed(|package| sign_modules(package, "Acme CA", "0def"));
        let cases = [
            ("not signed", honest(), kit.clone(), true, None),
            ("signed", signed.clone(), kit.clone(), true, None),
            ("by another", by_other.clone(), kit.clone(), false, Some(Severity::Warning)),
            ("by another, claimed", by_other, kit, true, Some(Severity::Reject)),
            ("no kit", signed.clone(), Vec::new(), false, Some(Severity::Note)),
            ("no kit, claimed", signed, Vec::new(), true, Some(Severity::Reject)),
        ];
        for (name, package, module_certificates, secure_boot, expected) in cases {
            let policy = Policy { module_certificates, secure_boot, ..policy() };
            let findings = report_with(&CHECK, &package, &policy);
            assert_eq!(findings.first().map(|f| f.severity), expected, "{name}");
        }
    }

    #[test]
    fn the_signer_is_named() {
        let package = changed(|package| sign_modules(package, "Acme CA", "0def"));
        let findings = report_with(&CHECK, &package, &policy());
        let detail = "it is signed by `Acme CA`, key 0def; no package of the vendor brings a \
                      certificate";
        assert_eq!(findings[0].detail, detail);
    }
}
