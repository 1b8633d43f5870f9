//! Reading one module: small and with many symbols, of each layout of exports, packed and not.
//!
//! `cargo xtask bench inspect` measures whole kernels beside other tools; this is for work on the
//! reader itself.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kmod::{Limits, Module};
use testkit::{ExportLayout, ModuleBuilder};

/// Imports of the busy module; the busiest of Debian's has some 1,200.
const MANY: u32 = 1000;

fn read(c: &mut Criterion) {
    let small = ModuleBuilder::new("acme")
        .imports("printk", 1)
        .exports("acme_open", 2);
    let many = (0..MANY).fold(small.clone(), |module, number| {
        module
            .imports(&format!("symbol_{number}"), number)
            .exports(&format!("exported_{number}"), number)
    });
    let layout = |layout| many.clone().export_layout(layout).build();
    let cases = [
        ("small", small.build()),
        ("absolute", layout(ExportLayout::Absolute)),
        ("relative", layout(ExportLayout::Relative)),
        ("in-section", layout(ExportLayout::InSection)),
        ("flags", layout(ExportLayout::Flags)),
        (
            "zstd",
            zstd::encode_all(&*layout(ExportLayout::Flags), 3).expect("packs"),
        ),
    ];
    let mut group = c.benchmark_group("module");
    for (name, bytes) in cases {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| Module::read(black_box(&bytes), "acme.ko", &Limits::default()));
        });
    }
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
