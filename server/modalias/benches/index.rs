//! The index alone, by bus and by number of patterns; for work on the index itself.
//! `cargo xtask bench lookup` measures it beside libkmod.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use modalias::Index;

/// Patterns of the largest index.
const MANY: u32 = 100_000;

fn patterns(count: u32) -> impl Iterator<Item = (String, u32)> {
    (0..count).map(|id| {
        let (vendor, device) = (id % 97 + 0x1000, id.wrapping_mul(2_654_435_761) >> 16);
        let pattern = match id % 8 {
            0 => format!("usb:v{vendor:04X}p{device:04X}d*dc*dsc*dp*ic*isc*ip*in*"),
            1 => format!("of:N*T*Cvendor{vendor},device-{device:x}"),
            2 => format!("acpi*:ACM{device:04X}:*"),
            3 => format!("hid:b0003g*v{vendor:08X}p{device:08X}"),
            _ => format!("pci:v{vendor:08X}d{device:08X}sv*sd*bc*sc*i*"),
        };
        (pattern, id)
    })
}

fn matches(c: &mut Criterion) {
    let devices = [
        (
            "pci",
            "pci:v00001001d00009E37sv00001028sd00000493bc02sc00i00",
        ),
        ("usb", "usb:v1001p9E37d0100dc00dsc00dp00ic03isc01ip01in00"),
        (
            "of",
            "of:NserialT(null)Cvendor4097,device-9e37Cvendor4098,device-1",
        ),
        ("acpi", "acpi:ACM9E37:PNP0501:"),
        ("hid", "hid:b0003g0001v00001001p00009E37"),
        ("input", "input:b0019v0000p0001e0000-e0,1,k74,ramlsfw"),
    ];
    for count in [MANY / 10, MANY] {
        let index = Index::build(patterns(count));
        let mut group = c.benchmark_group(format!("matches/{count}"));
        for (bus, alias) in devices {
            group.bench_function(bus, |b| {
                b.iter(|| {
                    let mut found = 0_u64;
                    index.each(black_box(alias), |_, id| found += u64::from(*id));
                    found
                });
            });
        }
        group.finish();
    }
}

fn grow(c: &mut Criterion) {
    c.bench_function("build/10000", |b| {
        b.iter(|| Index::build(patterns(MANY / 10)))
    });
    let index = Index::build(patterns(MANY / 10));
    c.bench_function("copy and insert/10000", |b| {
        b.iter(|| {
            let mut next = index.clone();
            next.insert("pci:v0000ACE1d*".to_owned(), 0);
            next
        });
    });
}

criterion_group!(benches, matches, grow);
criterion_main!(benches);
