//! The package installs modules, firmware, certificates, settings and documents, and nothing else.

use super::{Check, Context, Report, Scope, Severity};
use kmp::File;

pub static CHECK: Check = Check {
    id: "file-places",
    title: "The package installs files where driver packages have none",
    severity: Severity::Warning,
    waivable: true,
    help: "Put programs and libraries into a package of their own, which the distributor can list \
           in your kit.",
    source: "policy",
    scope: Scope::All,
    run,
};

const USUAL: [&str; 22] = [
    "/lib/modules",
    "/usr/lib/modules",
    "/lib/firmware",
    "/usr/lib/firmware",
    "/etc/uefi/certs",
    "/etc/modprobe.d",
    "/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/etc/modules-load.d",
    "/usr/lib/modules-load.d",
    "/etc/depmod.d",
    "/lib/depmod.d",
    "/usr/lib/depmod.d",
    "/etc/dracut.conf.d",
    "/usr/lib/dracut",
    "/etc/udev/rules.d",
    "/usr/lib/udev",
    "/usr/lib/.build-id",
    "/usr/share/doc",
    "/usr/share/licenses",
    "/usr/share/man",
    "/var/lib/YaST2/download",
];

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    if cx.package.modules.is_empty() {
        // Not a driver package: the distributor has listed it, or it is not taken anyway.
        return;
    }
    for file in cx.package.files.iter().filter(|file| !is_usual(file)) {
        report.found_at(&file.path, "it lies outside of the usual folders");
    }
}

/// In one of the usual places, or a folder on the way to one.
fn is_usual(file: &File) -> bool {
    let path = file.path.as_str();
    USUAL.iter().any(|place| {
        path == *place || is_below(path, place) || (file.is_dir() && is_below(place, path))
    })
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, file_at};

    fn file(path: &str, mode: u16) -> impl Fn(&mut kmp::Package) {
        move |package| package.files.push(file_at(path, mode))
    }

    #[test]
    fn other_places_are_found() {
        let detail = "it lies outside of the usual folders";
        for path in ["/usr/bin/acme", "/lib/modulesx", "/etc/cron.d/acme"] {
            assert_finds(&CHECK, file(path, 0o100_644), Severity::Warning, detail);
        }
    }

    #[test]
    fn usual_places_and_their_folders_pass() {
        assert_passes(&CHECK, file("/lib/firmware/acme/net.bin", 0o100_644));
        assert_passes(&CHECK, file("/etc/modprobe.d/50-acme.conf", 0o100_644));
        assert_passes(&CHECK, file("/usr/share", 0o040_755));
    }
}
