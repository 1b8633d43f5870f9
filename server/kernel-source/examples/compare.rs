//! Compares what sources of one kernel tell with its `Module.symvers`:
//! `cargo run -p kernel-source --example compare -- Module.symvers linux-image.deb vmlinuz …`

use std::collections::BTreeSet;
use std::fs::File;

use kabi::symvers::Row;
use kernel_source::{Found, Limits, read};

fn main() {
    let mut names = std::env::args().skip(1);
    let reference = describe(
        &names
            .next()
            .expect("the first argument is a Module.symvers"),
    );
    let reference: BTreeSet<_> = reference
        .iter()
        .flat_map(|k| &k.symvers.rows)
        .map(key)
        .collect();
    for name in names {
        for kernel in describe(&name) {
            let rows: BTreeSet<_> = kernel.symvers.rows.iter().map(key).collect();
            println!(
                "{name}: {:?} {:?} {:?} tail {:?} size {:?}, {} modules, unknown {:?}\n  {} rows, {} \
                 in common, {} only here, {} only there",
                kernel.release,
                kernel.arch,
                kernel.flavor,
                kernel.vermagic_tail,
                kernel.this_module_size,
                kernel.modules.len(),
                kernel.unknown(),
                rows.len(),
                rows.intersection(&reference).count(),
                rows.difference(&reference).count(),
                reference.difference(&rows).count(),
            );
            for row in rows.difference(&reference).take(5) {
                println!("  only here: {row:?}");
            }
            for row in reference.difference(&rows).take(5) {
                println!("  only there: {row:?}");
            }
        }
    }
}

fn key(row: &Row) -> (&str, u32, &str, bool, Option<&str>) {
    let namespace = row.namespace.as_deref();
    (&row.symbol, row.crc.0, &row.provider, row.gpl, namespace)
}

fn describe(name: &str) -> Vec<kernel_source::Description> {
    let file = File::open(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    match read(file, name, &Limits::default()) {
        Ok(Found::Kernels(kernels)) => kernels,
        Ok(Found::Repository(kernels)) => kernels.map(|kernel| kernel.unwrap()).collect(),
        Err(error) => panic!("{error}"),
    }
}
