//! Name, modules and product speak of the same flavor of the kernel.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;

pub static CHECK: Check = Check {
    id: "flavor-mismatch",
    title: "The package's name and its modules are for different flavors",
    severity: Severity::Reject,
    waivable: true,
    help: "Build with %kernel_module_package, which makes one package for each flavor, and upload \
           those whose flavor the product has.",
    source: "weak-modules2: ${name##*-}; find-provides.ksyms",
    scope: Scope::Only(Family::Suse),
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    let Some(name) = &cx.name else { return };
    for release in cx.kernel_releases() {
        if !release.ends_with(&format!("-{}", name.flavor)) {
            let flavor = &name.flavor;
            report.found(format!("the name says `{flavor}`, its modules are for {release}"));
        }
    }
    let offered = &cx.policy.flavors;
    if !offered.is_empty() && !offered.contains(&name.flavor) {
        let offered = offered.join(", ");
        report.found(format!("it is for `{}`, the product has {offered}", name.flavor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::testing::{assert_finds, honest, policy, report_with};

    #[test]
    fn another_flavor_is_found() {
        let detail = "the name says `azure`, its modules are for 6.4.0-150600.21-default";
        let change = |package: &mut kmp::Package| package.name = "acme-kmp-azure".to_owned();
        assert_finds(&CHECK, change, Severity::Reject, detail);
    }

    #[test]
    fn the_product_must_have_it() {
        let of = |flavor: &str| Policy { flavors: vec![flavor.to_owned()], ..policy() };
        assert_eq!(report_with(&CHECK, &honest(), &of("default")), []);
        let findings = report_with(&CHECK, &honest(), &of("rt"));
        assert_eq!(findings[0].detail, "it is for `default`, the product has rt");
    }
}
