//! Firmware that the modules ask for is in the package.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "firmware-not-included",
    title: "A module asks for firmware that the package does not bring",
    severity: Severity::Note,
    waivable: true,
    help: "Make sure that the firmware is in the product or in a package of yours.",
    source: "kernel: MODULE_FIRMWARE()",
    scope: Scope::All,
    run,
};

const PACKED: [&str; 3] = ["", ".xz", ".zst"];

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let is_there = |firmware: &str| {
        cx.package.files.iter().any(|file| {
            let rest = file.path.split_once("/lib/firmware/").map(|(_, rest)| rest);
            rest.is_some_and(|rest| {
                PACKED.iter().any(|packed| {
                    let plain = rest.strip_suffix(packed);
                    plain.is_some_and(|plain| is_file(plain, firmware))
                })
            })
        })
    };
    for module in &cx.modules {
        for firmware in module.module.all("firmware").filter(|firmware| !is_there(firmware)) {
            report.found_at(module.path, format!("it asks for `{firmware}`"));
        }
    }
}

/// Also below `updates/` and the folder of a kernel, where it is looked for first.
fn is_file(below: &str, firmware: &str) -> bool {
    below == firmware || below.strip_suffix(firmware).is_some_and(|folder| folder.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, file_at, set_modinfo};

    #[test]
    fn missing_firmware_is_named() {
        let change =
            |package: &mut kmp::Package| set_modinfo(package, "firmware", &["acme/net.bin"]);
        assert_finds(&CHECK, change, Severity::Note, "it asks for `acme/net.bin`");
    }

    #[test]
    fn firmware_in_the_package_passes() {
        for path in ["/lib/firmware/acme/net.bin", "/usr/lib/firmware/updates/acme/net.bin.xz"] {
            assert_passes(&CHECK, |package| {
                set_modinfo(package, "firmware", &["acme/net.bin"]);
                package.files.push(file_at(path, 0o100_644));
            });
        }
    }
}
