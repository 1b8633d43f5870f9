//! The index on made-up packages: verdicts, briefs, broken symbols of a new kernel, and a package that
//! somebody only asks about.
//!
//! `cargo xtask bench kabi` measures with real modules beside PostgreSQL; this is for work on the
//! index itself.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kabi::index::Index;
use kabi::{Kernel, symvers};
use kmod::{Btf, Crc, Import, Machine, Module, Versions};

const PACKAGES: u32 = 10_000;
const SYMBOLS: u32 = 30_000;
/// Modules of a package, and needs of each.
const MODULES: u32 = 4;
const NEEDS: u32 = 50;
/// Reasons kept of each package.
const KEPT: usize = 20;

fn index(c: &mut Criterion) {
    let mut index: Index<u32, &str> = Index::default();
    for key in 0..PACKAGES {
        let packed = index.pack(&package(key));
        let added = index.add_package(key, "acme-kmp", &packed);
        added.expect("packed here");
    }
    index.add_kernel("same", &kernel(|_| 1));
    index.add_kernel("few", &kernel(|symbol| 1 + u32::from(symbol % 750 == 0)));
    index.add_kernel("all", &kernel(|_| 2));
    let mut group = c.benchmark_group("index");
    group.sample_size(20);
    group.throughput(Throughput::Elements(u64::from(PACKAGES)));
    for name in ["same", "few", "all"] {
        group.bench_function(format!("verdicts/{name}"), |b| {
            b.iter(|| index.verdicts(black_box(&name)).map(|all| all.len()));
        });
        group.bench_function(format!("broken/{name}"), |b| {
            b.iter(|| {
                let broken = index.broken(black_box(&name), usize::MAX);
                broken.map(|broken| broken.total())
            });
        });
        group.bench_function(format!("briefs/{name}"), |b| {
            b.iter(|| index.briefs(black_box(&name), KEPT).map(|all| all.len()));
        });
    }
    group.throughput(Throughput::Elements(3));
    let modules = package(PACKAGES);
    group.bench_function("what_if", |b| {
        b.iter(|| index.what_if("new-kmp", black_box(&modules), ["same", "few", "all"]));
    });
    group.finish();
}

/// Exports every symbol in the version that `version` says.
fn kernel(version: impl Fn(u32) -> u32) -> Kernel {
    let line = |symbol| {
        let crc = version(symbol);
        format!("{crc:#x}\tsymbol_{symbol}\tvmlinux\tEXPORT_SYMBOL\t\n")
    };
    let layout = "0x7\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n".to_owned();
    let text: String = (0..SYMBOLS).map(line).chain([layout]).collect();
    let symvers = symvers::parse(text.as_bytes()).expect("a symvers file");
    Kernel::new("6.4.0-1-default", "x86_64", "default", &symvers)
}

/// Modules whose needs are spread over all symbols, with some that most have.
fn package(key: u32) -> Vec<Module> {
    let import = |symbol: String, crc, undefined| Import {
        symbol,
        crc: Some(Crc(crc)),
        weak: false,
        undefined,
    };
    let module = |number: u32| {
        let symbol = |need: u32| match need % 3 {
            0 => need,
            _ => (key.wrapping_mul(7919) + number * 997 + need * 31) % SYMBOLS,
        };
        let needs = (0..NEEDS).map(|need| format!("symbol_{}", symbol(need)));
        let mut imports: Vec<Import> = needs.map(|symbol| import(symbol, 1, true)).collect();
        imports.push(import("module_layout".to_owned(), 7, false));
        imports.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        imports.dedup_by(|a, b| a.symbol == b.symbol);
        Module {
            name: format!("acme_{number}"),
            machine: Machine {
                e_machine: 62,
                is_64: true,
                little_endian: true,
            },
            vermagic: Some("6.4.0-1-default SMP preempt mod_unload modversions ".to_owned()),
            modinfo: vec![("license".to_owned(), "GPL".to_owned())],
            imports,
            exports: Vec::new(),
            versions: Versions::Basic,
            this_module_size: None,
            signature: None,
            livepatch: false,
            btf: Btf::None,
            oddities: Vec::new(),
        }
    };
    (0..MODULES).map(module).collect()
}

criterion_group!(benches, index);
criterion_main!(benches);
