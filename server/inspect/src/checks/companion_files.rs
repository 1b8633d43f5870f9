//! A package of the kit keeps out of the places of kernels, and of what package managers trust.
//!
//! Firmware packages hold firmware and documents only.

use super::{Check, Context, Report, Scope, Severity};
use kmp::File;

pub static CHECK: Check = Check {
    id: "companion-files",
    title: "A companion package installs files that are not its business",
    severity: Severity::Reject,
    waivable: true,
    help: "Leave kernels, module indexes, repositories and trusted keys alone, and put firmware \
           into NAME-firmware with nothing else but documents.",
    source: "policy; kernel-source: kernel-cert-subpackage",
    scope: Scope::All,
    run,
};

/// Of the kernel's packages, of package managers and of the system's trust.
const FOREIGN: [&str; 13] = [
    "/boot/",
    "/lib/modules/",
    "/usr/lib/modules/",
    "/etc/zypp/",
    "/etc/yum.repos.d/",
    "/etc/dnf/",
    "/etc/pki/",
    "/etc/ssl/",
    "/usr/share/pki/",
    "/usr/lib/rpm/",
    "/etc/rpm/",
    "/var/lib/rpm/",
    "/usr/lib/sysimage/",
];
const CERTIFICATES: &str = "/etc/uefi/certs/";
/// What a firmware package holds.
const FIRMWARE: [&str; 5] = [
    "/lib/firmware",
    "/usr/lib/firmware",
    "/usr/share/doc",
    "/usr/share/licenses",
    "/usr/share/man",
];

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let package = cx.package;
    if !package.modules.is_empty() || !cx.policy.is_companion(&package.name) {
        return;
    }
    for file in package.files.iter().filter(|file| !file.is_dir()) {
        if let Some(problem) = problem(&package.name, file) {
            report.found_at(&file.path, problem);
        }
    }
}

fn problem(name: &str, file: &File) -> Option<&'static str> {
    let path = file.path.as_str();
    if FOREIGN.iter().any(|place| path.starts_with(place)) {
        return Some("it lies where kernels or package managers keep theirs");
    }
    if path.starts_with(CERTIFICATES) && !name.ends_with("-ueficert") {
        return Some("certificates of modules come in a package named NAME-ueficert");
    }
    let is_below = |place: &&str| path.strip_prefix(*place).is_some_and(|it| it.starts_with('/'));
    (name.ends_with("-firmware") && !FIRMWARE.iter().any(is_below))
        .then_some("a firmware package holds firmware and documents")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{changed, file_at, policy, report_with};

    #[test]
    fn places() {
        let kit = Policy { companions: vec!["acme-*".to_owned()], ..policy() };
        let cases = [
            ("acme-tools", "/usr/bin/acme", None),
            ("acme-firmware", "/lib/firmware/acme/net.bin", None),
            ("acme-firmware", "/usr/share/licenses/acme/LICENSE", None),
            ("acme-ueficert", "/etc/uefi/certs/1A2B3C4D.crt", None),
            ("acme-tools", "/lib/modules/6.4.0/modules.dep", Some("keep theirs")),
            ("acme-tools", "/etc/zypp/repos.d/acme.repo", Some("keep theirs")),
            ("acme-tools", "/etc/uefi/certs/1A2B3C4D.crt", Some("NAME-ueficert")),
            ("acme-firmware", "/usr/bin/acme", Some("firmware and documents")),
        ];
        for (name, path, expected) in cases {
            let package = changed(|package| {
                package.name = name.to_owned();
                package.modules.clear();
                package.files = vec![file_at("/usr", 0o040_755), file_at(path, 0o100_644)];
            });
            let findings = report_with(&CHECK, &package, &kit);
            let told = findings.first().map(|finding| finding.detail.as_str());
            assert_eq!(told.is_some(), expected.is_some(), "{name} {path}");
            assert!(told.unwrap_or_default().contains(expected.unwrap_or_default()), "{told:?}");
            assert_eq!(report_with(&CHECK, &package, &policy()), [], "it is in no kit");
        }
    }
}
