//! Refusals that only the portal can give, beside those of `inspect`: they need to know of other
//! packages, vendors, products and kernels.

use crate::placing::Misfit;
use confine::Ended;
use inspect::{Finding, Severity};
use store::packages::SameModule;
use uuid::Uuid;

/// A finding that refuses a package.
fn finding(check: &str, title: &str, detail: String, help: &str) -> Finding {
    Finding {
        check: check.to_owned(),
        severity: Severity::Reject,
        title: title.to_owned(),
        detail,
        place: None,
        help: help.to_owned(),
        waived: None,
    }
}

/// The bytes are no whole RPM, or more than this portal takes.
pub fn unreadable(error: &kmp::Error) -> Finding {
    if let Some(limit) = error.limit() {
        return over_limit(error.to_string(), limit);
    }
    finding(
        "not-a-package",
        "This is not a whole RPM package",
        error.to_string(),
        "Check the file with `rpm -K --nosignature FILE` and upload it again, whole, as rpmbuild \
         and rpmsign wrote it.",
    )
}

/// It has more of something than the setting allows.
fn over_limit(detail: String, limit: &str) -> Finding {
    // The size of the file is bounded before it is read, and by a setting of its own.
    let setting = match limit {
        "file-size" => "max-package-bytes".to_owned(),
        _ => format!("limits.{limit}"),
    };
    finding(
        "over-limit",
        "The package is beyond a limit of this portal",
        detail,
        &format!(
            "Make the package smaller or split it. If it has to be like this, ask the operator of \
             the portal to raise `{setting}`."
        ),
    )
}

/// Reading it ended the process that did.
pub fn died(ended: &Ended) -> Finding {
    let detail = format!("Reading this package failed: {ended}.");
    match ended {
        Ended::Memory { .. } => over_limit(detail, "memory"),
        Ended::Answer { .. } => over_limit(detail, "module-facts"),
        Ended::Cpu { .. } | Ended::Wall { .. } => over_limit(detail, "time"),
        // What it said is for the log: it may quote the portal's own memory.
        Ended::Crashed { how, .. } => crashed(format!(
            "Reading this package failed: the process broke down ({how})."
        )),
        Ended::NotStarted(_) | Ended::Interrupted { .. } => crashed(detail),
    }
}

/// Its inspection was ended from outside, or took the server with it, time and again.
pub fn given_up(times: i32) -> Finding {
    crashed(format!(
        "Reading this package was begun {times} times and never came to an end."
    ))
}

fn crashed(detail: String) -> Finding {
    finding(
        "inspection-crashed",
        "The inspection ended abnormally",
        detail,
        "The package may be damaged; check it with `rpm -K`. If it is in order, tell the operator, \
         who finds the cause in the log.",
    )
}

/// Only the owner of a key uploads what it signed.
pub fn other_vendors_key(fingerprint: &str) -> Finding {
    finding(
        "other-vendors-key",
        "Signed by another vendor's key",
        format!(
            "The signature is of the key {fingerprint}, which is registered for another vendor."
        ),
        "Upload with a token of that vendor, or sign the package with a key of your own.",
    )
}

/// A package name stays with its first vendor.
pub fn other_vendors_name(name: &str, owner: &str) -> Finding {
    finding(
        "other-vendors-name",
        "The package name belongs to another vendor",
        format!("Packages named {name} come from the vendor `{owner}`."),
        "Choose a name that begins with your own provider prefix.",
    )
}

/// What was published is never replaced.
pub fn name_taken(location: &str, other: Uuid) -> Finding {
    finding(
        "nevra-taken",
        "This name, version and release exist with other content",
        format!("{location} is the package {other}, whose bytes differ."),
        "What was published is never replaced. Raise the release, build again and upload that.",
    )
}

/// It does not fit the product it was sent to.
pub fn misfit(misfit: Misfit) -> Finding {
    finding(misfit.check, misfit.title, misfit.detail, misfit.help)
}

/// Not a refusal: the package may come before the kernel it was built for.
pub fn kernel_not_registered(product: &str, release: &str) -> Finding {
    Finding {
        severity: Severity::Warning,
        ..finding(
            "kernel-not-registered",
            "The kernel it was built for is not registered",
            format!("{product} has no kernel {release} yet."),
            "Verdicts are made for the kernels there are. Check the release, or wait for the \
             distributor to register it.",
        )
    }
}

/// Not a refusal, but zypper stays with the vendor that it knows.
pub fn vendor_tag_changed(before: &str, now: &str) -> Finding {
    Finding {
        severity: Severity::Warning,
        ..finding(
            "vendor-tag-changed",
            "The Vendor tag differs from that of earlier builds",
            format!("It says `{now}`, the build before said `{before}`."),
            "Keep the tag as it was: zypper does not update a package to one of another vendor.",
        )
    }
}

/// Modules that other packages have, too: a refusal where those are the vendor's own, for one machine
/// cannot have both and weak-modules refuses to link either; else something to settle with the other
/// vendor. `None`: there are none.
pub fn same_modules(same: &[SameModule]) -> Option<Finding> {
    let first = same.iter().find(|it| it.is_own).or(same.first())?;
    let SameModule { path, package, .. } = first;
    let others = match same.len() - 1 {
        0 => String::new(),
        1 => " So it is with one more of its modules.".to_owned(),
        more => format!(" So it is with {more} more of its modules."),
    };
    let (what, why) = match first.is_same_file {
        true => ("this file", "cannot be installed together"),
        false => (
            "a module of this name",
            "hide each other: a kernel loads one of them",
        ),
    };
    let detail = format!("{package} has {what}, too, so the two {why}.{others}");
    let severity = match first.is_own {
        true => Severity::Reject,
        false => Severity::Warning,
    };
    Some(Finding {
        severity,
        place: Some(path.clone()),
        ..finding(
            "same-module",
            "Another package brings the same module",
            detail,
            &format!(
                "Give the module another name, or say with `Conflicts: {package}` (or `Obsoletes:`, \
                 if this package replaces it) that only one of the two is to be installed."
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(package: &str, is_own: bool, is_same_file: bool) -> SameModule {
        SameModule {
            path: "/lib/modules/6.4.0-1-default/updates/net.ko".to_owned(),
            package: package.to_owned(),
            is_own,
            is_same_file,
        }
    }

    #[test]
    fn own_packages_with_the_same_module_refuse_and_others_warn() {
        assert_eq!(same_modules(&[]), None);
        let warning = same_modules(&[same("beta-kmp-default", false, true)]).unwrap();
        assert_eq!(warning.severity, Severity::Warning);
        assert!(
            warning
                .detail
                .starts_with("beta-kmp-default has this file, too")
        );
        let both = [
            same("beta-kmp-default", false, true),
            same("acme-old-kmp-default", true, false),
        ];
        let refusal = same_modules(&both).unwrap();
        assert_eq!(refusal.severity, Severity::Reject);
        assert!(
            refusal
                .detail
                .starts_with("acme-old-kmp-default has a module of this name")
        );
        assert!(
            refusal
                .detail
                .ends_with("So it is with one more of its modules.")
        );
        assert!(refusal.help.contains("`Conflicts: acme-old-kmp-default`"));
    }
}
