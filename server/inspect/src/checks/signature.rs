//! The package is signed by a key that is registered for its vendor.
//!
//! The signature must reach the payload: directly, or by a digest of it in the signed header.

use super::{Check, Context, Report, Scope, Severity};
use kmp::{Covers, JudgedSignature, SignatureVerdict};

pub static CHECK: Check = Check {
    id: "signature",
    title: "The package is not signed by a registered key",
    severity: Severity::Reject,
    waivable: false,
    help: "Sign the package with `rpmsign --addsign` and a key whose public half is registered for \
           you here, then upload it again.",
    source: "KMP manual: packages must be signed; rpm signature header",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let severity = if cx.policy.require_signature { Severity::Reject } else { Severity::Warning };
    let signatures = &cx.signatures.signatures;
    let mut good = signatures.iter().filter(|s| is_good(s)).peekable();
    let mut say = |detail: String| report.found_as(severity, None, detail);
    if signatures.is_empty() {
        return say("the package carries no OpenPGP signature at all".to_owned());
    }
    let is_signed = good.peek().is_some();
    for signature in signatures {
        match problem(cx, signature) {
            // Another key's signature beside a good one does no harm; a bad one does.
            Some(_) if is_signed && signature.verdict == SignatureVerdict::UnknownKey => {}
            Some(detail) => say(detail),
            None => {}
        }
    }
    if is_signed && good.all(|s| s.covers == Covers::Header) && !header_covers_payload(cx) {
        say(
            "the signature covers the header only, and the header holds no digest of the payload: \
             rebuild with rpm 4.14 or newer"
                .to_owned(),
        );
    }
}

fn is_good(signature: &JudgedSignature) -> bool {
    matches!(signature.verdict, SignatureVerdict::Good { .. })
}

fn problem(cx: &Context<'_>, signature: &JudgedSignature) -> Option<String> {
    let issuer = signature.issuer.as_deref().unwrap_or("a key it does not name");
    Some(match &signature.verdict {
        SignatureVerdict::Good { .. } => return None,
        SignatureVerdict::UnknownKey => {
            let vendor = cx.policy.vendor_name.as_deref().unwrap_or("this vendor");
            format!(
                "signed by {issuer}, which is not registered for {vendor}: register that key, or \
                 sign with a registered one"
            )
        }
        SignatureVerdict::Bad => format!(
            "the signature by {issuer} does not fit the package: its bytes were changed after \
             signing, so sign it again"
        ),
        SignatureVerdict::Refused { why } => {
            format!("the signature by {issuer} is not accepted: {why}")
        }
        SignatureVerdict::Malformed { why } => {
            format!("a signature cannot be read: {why}; sign the package again")
        }
    })
}

/// The signed header holds the payload's digest, or that of every file in it.
fn header_covers_payload(cx: &Context<'_>) -> bool {
    let of_payload = |what: &str| what == "payload" || what == "payload-unpacked";
    cx.package.digests.iter().any(|digest| of_payload(&digest.what))
        || cx
            .package
            .files
            .iter()
            .filter(|file| file.is_regular() && !file.is_ghost())
            .all(|file| file.digest.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{changed, honest, judged, policy, report_of, report_signed, signed};
    use kmp::SignatureReport;

    fn details(signatures: &SignatureReport) -> Vec<String> {
        let findings = report_signed(&CHECK, &honest(), signatures, &policy());
        assert!(findings.iter().all(|finding| finding.severity == Severity::Reject));
        findings.into_iter().map(|finding| finding.detail).collect()
    }

    #[test]
    fn each_verdict_says_what_to_do() {
        let why = || "SHA-1 is not accepted".to_owned();
        let cases = [
            (SignatureReport::default(), "the package carries no OpenPGP signature at all"),
            (
                judged(SignatureVerdict::UnknownKey),
                "signed by 89ABCDEF01234567, which is not registered for this vendor: register \
                 that key, or sign with a registered one",
            ),
            (
                judged(SignatureVerdict::Bad),
                "the signature by 89ABCDEF01234567 does not fit the package: its bytes were \
                 changed after signing, so sign it again",
            ),
            (
                judged(SignatureVerdict::Refused { why: why() }),
                "the signature by 89ABCDEF01234567 is not accepted: SHA-1 is not accepted",
            ),
            (
                judged(SignatureVerdict::Malformed { why: why() }),
                "a signature cannot be read: SHA-1 is not accepted; sign the package again",
            ),
        ];
        for (signatures, detail) in cases {
            assert_eq!(details(&signatures), [detail]);
        }
    }

    #[test]
    fn beside_a_good_signature_another_key_is_fine_and_a_bad_signature_is_not() {
        let both = |other| SignatureReport {
            signatures: [signed().signatures, judged(other).signatures].concat(),
            ..SignatureReport::default()
        };
        assert_eq!(details(&signed()).len(), 0);
        assert_eq!(details(&both(SignatureVerdict::UnknownKey)).len(), 0);
        assert_eq!(details(&both(SignatureVerdict::Bad)).len(), 1);
    }

    #[test]
    fn a_product_may_ask_for_no_signature() {
        let lenient = crate::Policy { require_signature: false, ..policy() };
        let findings = report_signed(&CHECK, &honest(), &SignatureReport::default(), &lenient);
        assert_eq!(findings[0].severity, Severity::Warning);
    }

    #[test]
    fn a_signed_header_must_hold_a_digest_of_the_payload() {
        let package = changed(|package| {
            package.digests.clear();
            package.files[2].digest = None;
        });
        assert_eq!(report_of(&CHECK, &package).len(), 1);
        let package = changed(|package| package.digests.clear());
        assert_eq!(report_of(&CHECK, &package).len(), 0, "the files have digests");
    }
}
