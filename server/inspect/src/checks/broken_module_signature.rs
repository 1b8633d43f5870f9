//! The signature of a module fits the module, where the certificate that it names is known.
//!
//! With a signature by a key that it knows the loader is strict: one that does not fit is refused
//! even on machines without Secure Boot, where modules without any are taken.

use super::{Check, Context, Report, Scope, Severity};
use kmp::ModuleVerdict;

pub static CHECK: Check = Check {
    id: "broken-module-signature",
    title: "A module's signature does not fit the module",
    severity: Severity::Reject,
    waivable: true,
    help: "Sign the modules as the last step, after strip and before they are compressed, with the \
           key of the certificate in NAME-ueficert; then build and sign the package again.",
    source: "kernel: mod_verify_sig(), module_sig_check()",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for module in &cx.signatures.modules {
        let (path, signer) = (&module.path, &module.signer);
        match &module.verdict {
            ModuleVerdict::Good => {}
            ModuleVerdict::Bad => {
                let detail = format!(
                    "its signature names the certificate of `{signer}`, but that key did not sign \
                     this module"
                );
                report.found_at(path, detail);
            }
            ModuleVerdict::Unjudged { why } => {
                let detail = format!("its signature by `{signer}` cannot be verified: {why}");
                report.found_as(Severity::Warning, Some(path), detail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MODULE, honest, policy, report_signed, signed};
    use kmp::{JudgedModule, SignatureReport};

    fn severities(verdict: ModuleVerdict) -> Vec<Severity> {
        let judged = JudgedModule {
            path: MODULE.to_owned(),
            signer: "Acme module key".to_owned(),
            verdict,
        };
        let signatures = SignatureReport { modules: vec![judged], ..signed() };
        let findings = report_signed(&CHECK, &honest(), &signatures, &policy());
        findings.into_iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn only_a_signature_that_fits_passes() {
        assert_eq!(severities(ModuleVerdict::Good), []);
        assert_eq!(severities(ModuleVerdict::Bad), [Severity::Reject]);
        let why = "its digest is not one that we know".to_owned();
        assert_eq!(severities(ModuleVerdict::Unjudged { why }), [Severity::Warning]);
        assert_eq!(report_signed(&CHECK, &honest(), &signed(), &policy()), []);
    }
}
