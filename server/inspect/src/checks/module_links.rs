//! Modules are plain files, not links to them.
//!
//! Links below a kernel's folder are made by `weak-modules`, and taken for its own.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "module-links",
    title: "The package holds a link in place of a module",
    severity: Severity::Warning,
    waivable: true,
    help: "Install the module itself, once.",
    source: "weak-modules2: check_kmp()",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for file in cx.package.files.iter().filter(|file| file.is_symlink()) {
        if kmp::ModulePath::parse(&file.path).is_some() {
            let target = file.link_target.as_deref().unwrap_or_default();
            report.found_at(&file.path, format!("it is a link to `{target}`"));
        }
    }
    for oddity in cx.package.oddities.iter().filter(|oddity| oddity.code == "hard-link") {
        report.found(&oddity.detail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MODULE, assert_finds, assert_passes, file_at};

    #[test]
    fn links_are_found() {
        let change = |package: &mut kmp::Package| {
            let mut link = file_at("/lib/modules/6.4.0-9-default/weak-updates/a.ko", 0o120_777);
            link.link_target = Some(MODULE.to_owned());
            package.files.push(link);
        };
        let detail = format!("it is a link to `{MODULE}`");
        assert_finds(&CHECK, change, Severity::Warning, &detail);
    }

    #[test]
    fn other_links_pass() {
        assert_passes(&CHECK, |package| {
            package.files.push(file_at("/lib/firmware/acme/latest", 0o120_777));
        });
    }
}
