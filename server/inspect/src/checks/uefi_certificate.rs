//! A package of certificates holds certificates and nothing else, named by their fingerprints.

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
}

fn is_fingerprint(name: &str) -> bool {
    name.len() == DIGITS && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{changed, file_at, report_of};

    #[test]
    fn only_certificates_pass() {
        let findings = |path: &str| {
            let package = changed(|package| {
                package.name = "acme-net-ueficert".to_owned();
                package.files = vec![file_at("/etc/uefi/certs", 0o040_755), file_at(path, 0o100_644)];
            });
            let findings = report_of(&CHECK, &package);
            findings.into_iter().map(|finding| finding.detail).collect::<Vec<_>>()
        };
        assert_eq!(findings("/etc/uefi/certs/1A2B3C4D.crt"), [""; 0]);
        assert_eq!(findings("/usr/bin/x"), ["it is no .crt file in /etc/uefi/certs/"]);
        let name = "its name is not 8 upper-case hexadecimal digits";
        assert_eq!(findings("/etc/uefi/certs/acme.crt"), [name]);
    }
}
