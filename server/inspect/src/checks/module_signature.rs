//! Modules are signed, so that kernels under Secure Boot take them.
//!
//! By whom, the check `module-signer` looks at.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "module-signature",
    title: "A module is not signed, so kernels under Secure Boot refuse it",
    severity: Severity::Warning,
    waivable: true,
    help: "Sign modules with kernel-sign-file or modsign-repackage before the package is signed, \
           and ship the certificate in NAME-ueficert.",
    source: "KMP manual: Secure Boot; kernel: module_sig_check()",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for module in cx.modules.iter().filter(|module| module.module.signature.is_none()) {
        if cx.policy.secure_boot {
            let detail = "it carries no signature, and the driver is to work under Secure Boot";
            report.found_as(Severity::Reject, Some(module.path), detail);
        } else {
            report.found_at(module.path, "it carries no signature");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{changed, honest, module_of, policy, report_with};

    #[test]
    fn a_claim_makes_it_a_duty() {
        let claim = Policy { secure_boot: true, ..policy() };
        let unsigned = honest();
        let signed = changed(|package| {
            let (signer, key_id, hash) = (None, None, Some("sha256".to_owned()));
            module_of(package).signature = Some(kmod::ModuleSignature { signer, key_id, hash });
        });
        assert_eq!(report_with(&CHECK, &unsigned, &policy())[0].severity, Severity::Warning);
        assert_eq!(report_with(&CHECK, &unsigned, &claim)[0].severity, Severity::Reject);
        assert_eq!(report_with(&CHECK, &signed, &claim), []);
    }
}
