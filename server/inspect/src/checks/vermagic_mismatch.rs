//! Modules are built for the kernel in whose folder they lie, all of them with the same options.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "vermagic-mismatch",
    title: "A module is built for another kernel than its folder says",
    severity: Severity::Reject,
    waivable: true,
    help: "Build and install against the same kernel: `make -C /usr/src/linux-obj/ARCH/FLAVOR \
           modules modules_install`.",
    source: "find-provides.ksyms; kernel: check_modinfo()",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let mut first: Option<(&str, &str)> = None;
    for module in &cx.modules {
        let Some(release) = module.module.kernel_release() else {
            report.found_at(module.path, "it has no version magic, so no kernel loads it");
            continue;
        };
        if let Some(place) = &module.place
            && place.kernel_release != release
        {
            let folder = &place.kernel_release;
            report.found_at(module.path, format!("built for {release}, it lies under {folder}"));
        }
        let tail = module.module.vermagic_tail().unwrap_or_default();
        let (path, expected) = *first.get_or_insert((module.path, tail));
        if tail != expected {
            let detail = format!("its version magic ends in `{tail}`, that of {path} in `{expected}`");
            report.found_at(module.path, detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{add_module, assert_finds, assert_passes, module_of, other_module};

    #[test]
    fn another_kernel_is_found() {
        let vermagic = |text: Option<&str>| {
            let text = text.map(str::to_owned);
            move |package: &mut kmp::Package| module_of(package).vermagic = text
        };
        let detail = "built for 6.4.0-9-default, it lies under 6.4.0-150600.21-default";
        let change = vermagic(Some("6.4.0-9-default SMP "));
        assert_finds(&CHECK, change, Severity::Reject, detail);
        let detail = "it has no version magic, so no kernel loads it";
        assert_finds(&CHECK, vermagic(None), Severity::Reject, detail);
    }

    #[test]
    fn modules_of_one_package_agree() {
        assert_passes(&CHECK, |package| add_module(package, "b.ko", other_module("b")));
        let change = |package: &mut kmp::Package| {
            let mut other = other_module("b");
            other.vermagic = Some("6.4.0-150600.21-default SMP mod_unload modversions ".to_owned());
            add_module(package, "b.ko", other);
        };
        assert_finds(
            &CHECK,
            change,
            Severity::Reject,
            "its version magic ends in `SMP mod_unload modversions `, that of \
             /lib/modules/6.4.0-150600.21-default/updates/acme-net.ko in \
             `SMP preempt mod_unload modversions `",
        );
    }
}
