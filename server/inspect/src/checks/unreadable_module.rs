//! Every module file can be unpacked and read.

use super::{Check, Context, Report, Scope, Severity};

pub static CHECK: Check = Check {
    id: "unreadable-module",
    title: "A module cannot be read",
    severity: Severity::Reject,
    waivable: false,
    help: "Look at the file with `modinfo`. Build it again; do not strip or pack it by hand.",
    source: "kernel: elf_validity_check()",
    scope: Scope::All,
    run,
};

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for packaged in &cx.package.modules {
        if let Err(why) = &packaged.module {
            report.found_at(&packaged.path, why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_finds;

    #[test]
    fn the_reason_is_told() {
        let change = |package: &mut kmp::Package| {
            package.modules[0].module = Err("the file ends in the middle".to_owned());
        };
        assert_finds(&CHECK, change, Severity::Reject, "the file ends in the middle");
    }
}
