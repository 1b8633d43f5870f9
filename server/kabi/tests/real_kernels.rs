//! The `Module.symvers` of real kernels: read whole, and judged against modules that use all of it.
//!
//! The kernels are those of the fixtures, which `cargo xtask test` makes.

use kabi::{Candidate, Kernel, Symvers, Verdict, diff, judge, symvers};
use kmod::{Btf, Import, Machine, Module, Versions};
use std::collections::{HashMap, HashSet};
use std::fs;

/// Release and text of every kernel among the fixtures, in the order of their names.
fn installed() -> Vec<(String, String)> {
    let manifest = std::env::var_os("KMP_PORTAL_FIXTURES").expect("run `cargo xtask test`");
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(manifest).expect("the manifest is there")).unwrap();
    let mut kernels: Vec<(String, String)> = manifest["kernels"]
        .as_array()
        .expect("the manifest lists kernels")
        .iter()
        .map(|kernel| {
            let text = |member: &str| kernel[member].as_str().unwrap().to_owned();
            (
                text("release"),
                fs::read_to_string(text("symvers")).unwrap(),
            )
        })
        .collect();
    kernels.sort();
    assert!(!kernels.is_empty(), "no kernels among the fixtures");
    kernels
}

fn kernel(release: &str, symvers: &Symvers) -> Kernel {
    Kernel::new(
        release,
        "x86_64",
        kabi::flavor::of_release(release).unwrap_or_default(),
        symvers,
    )
}

/// A GPL module that uses every symbol of a kernel and imports every namespace.
fn user_of(release: &str, symvers: &Symvers) -> Module {
    let is_for_all = |namespace: &str| !namespace.starts_with("module:");
    let rows = symvers
        .rows
        .iter()
        .filter(|row| row.namespace.as_deref().is_none_or(is_for_all));
    let namespaces = rows.clone().filter_map(|row| row.namespace.clone());
    let imports = rows.map(|row| Import {
        symbol: row.symbol.clone(),
        crc: Some(row.crc),
        weak: false,
        undefined: row.symbol != "module_layout",
    });
    Module {
        name: "everything".to_owned(),
        machine: Machine {
            e_machine: 62,
            is_64: true,
            little_endian: true,
        },
        vermagic: Some(format!("{release} SMP preempt mod_unload modversions ")),
        modinfo: namespaces
            .map(|namespace| ("import_ns".to_owned(), namespace))
            .chain([("license".to_owned(), "GPL".to_owned())])
            .collect(),
        imports: imports.collect(),
        exports: Vec::new(),
        versions: Versions::Basic,
        this_module_size: None,
        signature: None,
        livepatch: false,
        btf: Btf::None,
        oddities: Vec::new(),
    }
}

#[test]
fn every_line_is_a_row_and_comes_out_again() {
    for (release, text) in installed() {
        let symvers = symvers::parse(text.as_bytes()).expect(&release);
        assert_eq!(symvers.rows.len(), text.lines().count(), "{release}");
        let canonical = symvers.to_canonical_text();
        let mut lines: Vec<&str> = text.lines().collect();
        let mut again: Vec<&str> = canonical.lines().collect();
        lines.sort_unstable();
        again.sort_unstable();
        assert_eq!(lines, again, "{release}");
        let read_again = symvers::parse(canonical.as_bytes()).unwrap();
        assert_eq!(
            read_again.content_hash(),
            symvers.content_hash(),
            "{release}"
        );
    }
}

#[test]
fn a_module_that_uses_all_of_a_kernel_loads_there_and_breaks_where_the_difference_says() {
    let kernels: Vec<(String, Symvers)> = installed()
        .into_iter()
        .map(|(release, text)| (release, symvers::parse(text.as_bytes()).unwrap()))
        .collect();
    for (built_for, used) in &kernels {
        let modules = [user_of(built_for, used)];
        let old = kernel(built_for, used);
        if !old.modversions {
            continue;
        }
        for (release, offered) in &kernels {
            let new = kernel(release, offered);
            let verdicts = judge(
                &new,
                &[Candidate {
                    name: "everything",
                    modules: &modules,
                }],
            );
            let judged = &verdicts[0].modules[0];
            if release == built_for {
                assert_eq!(
                    judged.verdict,
                    Verdict::Compatible,
                    "{release}: {:?}",
                    judged.reasons
                );
            }
            if used.content_hash() == offered.content_hash() {
                assert!(judged.verdict.loads(), "{built_for} on {release}");
            }
            assert_reasons(
                &judged.reasons,
                &diff(&old, &new),
                &modules[0],
                built_for,
                release,
            );
        }
    }
}

/// Symbols of other kernels beside its own change nothing for a module of that kernel.
#[test]
fn more_symbols_break_no_module_of_a_real_kernel() {
    let kernels: Vec<(String, Symvers)> = installed()
        .into_iter()
        .map(|(release, text)| (release, symvers::parse(text.as_bytes()).unwrap()))
        .collect();
    for (release, used) in &kernels {
        let modules = [user_of(release, used)];
        let known: HashSet<&str> = used.rows.iter().map(|row| row.symbol.as_str()).collect();
        let others = kernels.iter().flat_map(|(_, other)| &other.rows);
        let foreign = others.filter(|row| !known.contains(row.symbol.as_str()));
        let mut more = used.clone();
        more.rows.extend(foreign.cloned());
        assert!(
            more.rows.len() > used.rows.len(),
            "{release}: nothing to add"
        );
        let (name, modules) = ("everything", modules.as_slice());
        let judged = judge(&kernel(release, &more), &[Candidate { name, modules }]);
        assert_eq!(judged[0].verdict, Verdict::Compatible, "{release}");
    }
}

/// Missing symbols and other versions are those that comparing the two kernels finds.
fn assert_reasons(
    reasons: &[kabi::Reason],
    diff: &kabi::Diff,
    module: &Module,
    built_for: &str,
    release: &str,
) {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for reason in reasons {
        *count.entry(&reason.code).or_default() += 1;
    }
    let of = |codes: &[&str]| {
        codes
            .iter()
            .filter_map(|code| count.get(code))
            .sum::<usize>()
    };
    let used: HashSet<&str> = module.imports.iter().map(|i| i.symbol.as_str()).collect();
    let uses = |symbol: &str| used.contains(symbol);
    let removed = diff.removed.iter().filter(|symbol| uses(symbol)).count();
    let changed = diff
        .crc_changed
        .iter()
        .filter(|change| uses(&change.symbol))
        .count();
    let what = format!("{built_for} on {release}");
    assert_eq!(of(&["symbol-missing"]), removed, "{what}");
    assert_eq!(
        of(&["crc-mismatch", "layout-crc-mismatch"]),
        changed,
        "{what}"
    );
}
