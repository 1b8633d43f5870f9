//! No file runs with more rights than its caller, is a device, or may be changed by everybody.

use super::{Check, Context, Report, Scope, Severity};
use kmp::File;

pub static CHECK: Check = Check {
    id: "file-modes",
    title: "A file has dangerous permissions",
    severity: Severity::Warning,
    waivable: true,
    help: "Set the mode in %files: 0644 for files, 0755 for folders, owner root.",
    source: "policy",
    scope: Scope::All,
    run,
};

/// Bits of `st_mode`.
const SET_USER_OR_GROUP: u16 = 0o6000;
const STICKY: u16 = 0o1000;
const OTHERS_WRITE: u16 = 0o002;

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for file in &cx.package.files {
        for problem in problems(file) {
            report.found_at(&file.path, format!("mode {:o}: {problem}", file.mode));
        }
        if let Some(capabilities) = &file.capabilities {
            report.found_at(&file.path, format!("it gives its callers {capabilities}"));
        }
    }
}

fn problems(file: &File) -> Vec<&'static str> {
    let is_link_or_plain = file.is_dir() || file.is_regular() || file.is_symlink();
    let checks = [
        (!is_link_or_plain, "it is a device, a pipe or a socket"),
        (
            file.is_regular() && file.mode & SET_USER_OR_GROUP != 0,
            "it runs with the rights of its owner",
        ),
        (
            !file.is_symlink() && file.mode & OTHERS_WRITE != 0 && file.mode & STICKY == 0,
            "everybody may change it",
        ),
    ];
    checks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, problem)| problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, file_at};

    fn mode(mode: u16) -> impl Fn(&mut kmp::Package) {
        move |package| package.files.push(file_at("/lib/firmware/acme", mode))
    }

    #[test]
    fn modes() {
        let cases = [
            (0o104_755, "mode 104755: it runs with the rights of its owner"),
            (0o102_755, "mode 102755: it runs with the rights of its owner"),
            (0o100_666, "mode 100666: everybody may change it"),
            (0o040_777, "mode 40777: everybody may change it"),
            (0o020_600, "mode 20600: it is a device, a pipe or a socket"),
        ];
        for (bits, detail) in cases {
            assert_finds(&CHECK, mode(bits), Severity::Warning, detail);
        }
        for bits in [0o100_755, 0o041_777, 0o120_777, 0o042_755] {
            assert_passes(&CHECK, mode(bits));
        }
    }

    #[test]
    fn capabilities_are_found() {
        let change = |package: &mut kmp::Package| {
            package.files[2].capabilities = Some("cap_net_raw=ep".to_owned());
        };
        assert_finds(&CHECK, change, Severity::Warning, "it gives its callers cap_net_raw=ep");
    }
}
