//! No hardware pattern is so wide that it takes in every device of a bus.
//!
//! The package would be offered on every machine.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "match-all-alias",
    title: "A hardware pattern matches every device of a bus",
    severity: Severity::Reject,
    waivable: true,
    help: "Name the vendor and device ids that the driver is for, in the module's device table and \
           in Supplements.",
    source: "soliddriver-checks: \"*\" is an error",
    scope: Scope::All,
    run,
};

/// Devices that nobody makes: a pattern that matches one of them asks for nothing in particular.
const NOBODYS_DEVICES: [&str; 14] = [
    "pci:v0000FFFEd0000FFFEsv0000FFFEsd0000FFFEbcFEscFEiFE",
    "usb:vFFFEpFFFEdFFFEdcFEdscFEdpFEicFEiscFEipFEinFE",
    "hid:bFFFEgFFFEv0000FFFEp0000FFFE",
    "hdaudio:v0000FFFEr0000FFFEaFE",
    "virtio:d0000FFFEv0000FFFE",
    "sdio:cFEvFFFEdFFFE",
    "of:Nzzyxw9Tzzyxw9Czzyxw9,zzyxw9",
    "acpi:ZZYX9999:",
    "pnp:dZZYX999",
    "dmi:bvnZzyxw9:bvrZzyxw9:bd12/31/2099:svnZzyxw9:pnZzyxw9:pvrZzyxw9:rvnZzyxw9:rnZzyxw9:rvrZ:cvnZ:ct1:cvr1:",
    "platform:zzyxw9",
    "i2c:zzyxw9",
    "spi:zzyxw9",
    "wmi:FEFEFEFE-FEFE-FEFE-FEFE-FEFEFEFEFEFE",
];

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for (dependency, supplement) in &cx.supplements {
        if let Some(device) = matched(&supplement.pattern) {
            let detail = format!("`{}` matches even {device}", supplement.pattern);
            report.found_at(&dependency.name, detail);
        }
    }
    for module in &cx.modules {
        for alias in module.module.aliases() {
            if let Some(device) = matched(alias) {
                report.found_at(module.path, format!("its alias `{alias}` matches even {device}"));
            }
        }
    }
}

/// The beginning of a device that nobody makes and the pattern matches.
fn matched(pattern: &str) -> Option<&'static str> {
    // Names without a colon (`fs-ext4`, `char-major-10-*`) are not of hardware.
    if !pattern.contains(':') && !pattern.starts_with('*') {
        return None;
    }
    let matches = |device: &&str| modalias::fnmatch(pattern.as_bytes(), device.as_bytes());
    NOBODYS_DEVICES.into_iter().find(matches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes, plain, set_modinfo};

    #[test]
    fn wide_patterns_are_found() {
        for pattern in ["*", "pci:*", "pci:v*d*sv*sd*bc*sc*i*", "usb:v*p*d*", "dmi*:*", "of:N*T*C*"] {
            assert!(matched(pattern).is_some(), "{pattern}");
        }
        assert_finds(
            &CHECK,
            |package| {
                let wide = plain("modalias(kernel-default:pci:v*d*sv*)");
                package.dependencies.supplements.push(wide);
            },
            Severity::Reject,
            "`pci:v*d*sv*` matches even pci:v0000FFFEd0000FFFEsv0000FFFEsd0000FFFEbcFEscFEiFE",
        );
        assert_finds(
            &CHECK,
            |package| set_modinfo(package, "alias", &["i2c:*"]),
            Severity::Reject,
            "its alias `i2c:*` matches even i2c:zzyxw9",
        );
    }

    #[test]
    fn classes_and_vendors_pass() {
        let aliases = [
            "pci:v*d*sv*sd*bc0Csc03i30*",
            "pci:v000010DEd*sv*sd*bc03sc00i00*",
            "usb:v0BDAp*d*dc*dsc*dp*ic*isc*ip*in*",
            "acpi*:ACME0001:*",
            "of:N*T*Cacme,netC*",
            "dmi*:svn*AcmeDevices*:",
            "char-major-10-*",
            "fs-*",
        ];
        assert_passes(&CHECK, |package| set_modinfo(package, "alias", &aliases));
    }
}
