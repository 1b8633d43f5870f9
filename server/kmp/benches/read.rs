//! Reading one package: a small one in each compression, and one whose payload is large enough for
//! threads.
//!
//! `cargo xtask bench inspect` measures a whole kernel beside other tools; this is for work on the
//! reader itself.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kmp::Limits;
use testkit::{ModuleBuilder, RpmBuilder};

const FOLDER: &str = "/lib/modules/6.4.0-150600.21-default/updates";
/// Bytes of the large package's one big file.
const LARGE: usize = 32 << 20;

fn package(compressor: &str) -> RpmBuilder {
    let module = ModuleBuilder::new("acme")
        .imports("printk", 1)
        .exports("acme_open", 2);
    RpmBuilder::new("acme-kmp-default", "1.0_k6.4.0_150600.21", "1", "x86_64")
        .kmp()
        .compressor(compressor)
        .dir(FOLDER)
        .file(&format!("{FOLDER}/acme.ko"), module.build())
}

/// Neither all zeros nor noise.
fn firmware() -> Vec<u8> {
    (0..LARGE).map(|at| (at / 7 % 251) as u8).collect()
}

fn read(c: &mut Criterion) {
    let small = ["none", "gzip", "xz", "zstd"].map(|name| (name, package(name).build()));
    let large = package("zstd")
        .file("/lib/firmware/acme.bin", firmware())
        .build();
    let mut group = c.benchmark_group("package");
    for (name, bytes) in small {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| kmp::read(black_box(&*bytes), &Limits::default()));
        });
    }
    group
        .sample_size(10)
        .throughput(Throughput::Bytes(LARGE as u64));
    let limits = Limits {
        ratio: u64::MAX,
        ..Limits::default()
    };
    group.bench_function("large", |b| {
        b.iter(|| kmp::read(black_box(&*large), &limits))
    });
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
