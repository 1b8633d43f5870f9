//! A package of certificates holds certificates and nothing else, named by their fingerprints.
//!
//! `mokutil` takes certificates in DER form, and the package's scriptlets find them by name.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;

pub static CHECK: Check = Check {
    id: "uefi-certificate",
    title: "The certificate package holds something else than certificates",
    severity: Severity::Warning,
    waivable: true,
    help: "Make it with %kernel_module_package -c CERTIFICATE, which writes \
           /etc/uefi/certs/FINGERPRINT.crt, the first eight digits of its SHA-1 fingerprint.",
    source: "kernel-source: kernel-cert-subpackage",
    scope: Scope::Only(Family::Suse),
    run,
};

const FOLDER: &str = "/etc/uefi/certs/";
/// Hexadecimal digits of the fingerprint in a file's name.
const DIGITS: usize = 8;

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    if !cx.package.name.ends_with("-ueficert") {
        return;
    }
    for file in cx.package.files.iter().filter(|file| !file.is_dir()) {
        let name = file.path.strip_prefix(FOLDER).and_then(|name| name.strip_suffix(".crt"));
        match name {
            None => report.found_at(&file.path, format!("it is no .crt file in {FOLDER}")),
            Some(name) if !is_fingerprint(name) => {
                let detail = format!("its name is not {DIGITS} upper-case hexadecimal digits");
                report.found_at(&file.path, detail);
            }
            Some(_) => {}
        }
    }
    for packaged in &cx.package.certificates {
        let (path, fingerprint) = (&packaged.path, &packaged.fingerprint);
        let beginning = fingerprint.get(..DIGITS).unwrap_or_default();
        match &packaged.certificate {
            Err(why) => report.found_as(Severity::Reject, Some(path), why),
            Ok(_) if !path.ends_with(&format!("/{beginning}.crt")) => {
                report.found_at(path, format!("its fingerprint begins with {beginning}"));
            }
            Ok(_) => {}
        }
    }
    if cx.package.certificates.is_empty() {
        report.found_as(Severity::Reject, None, format!("it holds no file in {FOLDER}"));
    }
}

fn is_fingerprint(name: &str) -> bool {
    name.len() == DIGITS && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{changed, file_at, honest, kit_certificate, report_of};
    use kmp::PackagedCertificate;

    fn findings(path: &str, certificates: Vec<PackagedCertificate>) -> Vec<(Severity, String)> {
        let package = changed(|package| {
            package.name = "acme-net-ueficert".to_owned();
            package.files = vec![file_at("/etc/uefi/certs", 0o040_755), file_at(path, 0o100_644)];
            package.certificates = certificates;
        });
        let findings = report_of(&CHECK, &package);
        findings.into_iter().map(|finding| (finding.severity, finding.detail)).collect()
    }

    fn certificate(path: &str, fingerprint: &str, is_good: bool) -> PackagedCertificate {
        let certificate = kit_certificate("Acme CA", "01").certificate;
        PackagedCertificate {
            path: path.to_owned(),
            fingerprint: fingerprint.to_owned(),
            certificate: if is_good { Ok(certificate) } else { Err("it is in PEM form".to_owned()) },
        }
    }

    #[test]
    fn names_and_content_of_certificates() {
        let path = "/etc/uefi/certs/1A2B3C4D.crt";
        assert_eq!(findings(path, vec![certificate(path, "1A2B3C4D99", true)]), []);
        let cases = [
            (certificate(path, "1A2B3C4D99", false), Severity::Reject, "it is in PEM form"),
            (certificate(path, "AA2B3C4D99", true), Severity::Warning, "its fingerprint begins with AA2B3C4D"),
        ];
        for (certificate, severity, detail) in cases {
            assert_eq!(findings(path, vec![certificate]), [(severity, detail.to_owned())]);
        }
        let none = "it holds no file in /etc/uefi/certs/".to_owned();
        assert_eq!(findings(path, Vec::new()), [(Severity::Reject, none)]);
    }

    #[test]
    fn only_certificates_pass() {
        let good = || vec![certificate("/etc/uefi/certs/1A2B3C4D.crt", "1A2B3C4D", true)];
        let details = |path| findings(path, good()).into_iter().map(|it| it.1).collect::<Vec<_>>();
        assert_eq!(details("/usr/bin/x"), ["it is no .crt file in /etc/uefi/certs/"]);
        let name = "its name is not 8 upper-case hexadecimal digits";
        assert_eq!(details("/etc/uefi/certs/acme.crt"), [name]);
        assert_eq!(report_of(&CHECK, &honest()), [], "other packages are not looked at");
    }
}
