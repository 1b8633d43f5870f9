//! Modules lie in `updates/` (in place of the kernel's own) or `extra/` (besides them).
//!
//! `kernel/` belongs to the kernel's packages, `weak-updates/` to the scripts that link modules.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "module-directory",
    title: "A module lies in a folder that is not for packages of vendors",
    severity: Severity::Reject,
    waivable: true,
    help: "Install modules into updates/ or extra/ (INSTALL_MOD_DIR=updates).",
    source: "weak-modules2: check_kmp(); depmod search order",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for module in &cx.modules {
        let Some(place) = &module.place else { continue };
        match place.subdir.as_str() {
            "updates" | "extra" => {}
            taken @ ("kernel" | "weak-updates") => {
                report.found_at(module.path, format!("it lies in {taken}/"));
            }
            other => {
                let detail = format!("it lies in `{other}/`, not in updates/ or extra/");
                report.found_as(Severity::Warning, Some(module.path), detail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{RELEASE, assert_finds, assert_passes};

    fn at(below: &str) -> impl Fn(&mut kmp::Package) {
        let path = format!("/lib/modules/{RELEASE}/{below}");
        move |package| package.modules[0].path = path.clone()
    }

    #[test]
    fn folders() {
        assert_finds(&CHECK, at("kernel/net/a.ko"), Severity::Reject, "it lies in kernel/");
        let detail = "it lies in weak-updates/";
        assert_finds(&CHECK, at("weak-updates/a.ko"), Severity::Reject, detail);
        let detail = "it lies in `misc/`, not in updates/ or extra/";
        assert_finds(&CHECK, at("misc/a.ko"), Severity::Warning, detail);
        let detail = "it lies in `/`, not in updates/ or extra/";
        assert_finds(&CHECK, at("a.ko"), Severity::Warning, detail);
        assert_passes(&CHECK, at("extra/net/a.ko.zst"));
    }
}
