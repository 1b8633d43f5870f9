//! No bytes make the reader panic, hang or ask for more memory than the file is worth.

use kmod::{Limits, Module};
use proptest::{collection::vec, prelude::*, sample::select};
use testkit::{ExportLayout, ModuleBuilder};

/// Mutated modules per test.
const CASES: u32 = 4096;

/// Most oddities of one module: there are some twenty kinds, each told a few times.
const ODDITIES_MAX: usize = 200;

/// Reads with limits near the size of the seeds, so that the limits are reached, too.
fn read(bytes: &[u8]) -> Result<Module, kmod::Error> {
    let limits = Limits {
        unpacked: 1 << 20,
        symbols: 64,
        ..Limits::default()
    };
    let result = Module::read(bytes, "acme-net.ko", &limits);
    match &result {
        Ok(module) => {
            assert!(module.imports.len() + module.exports.len() <= limits.symbols);
            assert!(module.oddities.len() <= ODDITIES_MAX);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    result
}

/// A change to a builder.
type Change = fn(ModuleBuilder) -> ModuleBuilder;

/// One module of every layout on every machine.
fn seeds() -> Vec<Vec<u8>> {
    let targets: [Change; 4] = [
        |builder| builder,
        ModuleBuilder::big_endian,
        ModuleBuilder::bits32,
        |builder| builder.big_endian().bits32(),
    ];
    let layouts = [
        ExportLayout::Absolute,
        ExportLayout::Relative,
        ExportLayout::InSection,
        ExportLayout::Flags,
    ];
    let module = ModuleBuilder::new("acme_net")
        .alias("pci:v00001B36d00000010sv*sd*bc*sc*i*")
        .imports("printk", 0x9299_7ed8)
        .imports("kfree", 0x037a_0cba)
        .imports_weak("mach_cell")
        .exports("acme_send", 0xdead_beef)
        .exports_gpl("acme_attach", 7)
        .exports_in_namespace("acme_zap", 8, "ACME")
        .extended_versions()
        .signed_by("Acme module key", &[1, 2, 3]);
    let one = |target: &Change, layout| target(module.clone()).export_layout(layout).build();
    targets
        .iter()
        .flat_map(|target| layouts.map(|layout| one(target, layout)))
        .collect()
}

#[derive(Clone, Debug)]
enum Damage {
    /// One byte becomes another.
    Byte(u8),
    /// Four bytes become a number near a limit, in either byte order.
    Number(u32),
    /// Eight bytes become a number near a limit.
    Wide(u64),
    /// Some bytes are repeated elsewhere.
    Copy {
        from: prop::sample::Index,
        length: usize,
    },
    /// Some bytes are gone.
    Remove { length: usize },
    /// Everything that follows is gone.
    Cut,
}

fn damage() -> impl Strategy<Value = Damage> {
    let numbers = vec![
        0,
        1,
        2,
        0x7f,
        0xff,
        0xff00,
        0xfff1,
        0xffff,
        0x7fff_ffff,
        u32::MAX - 1,
        u32::MAX,
    ];
    let wide = vec![
        0,
        1,
        0xffff_ffff,
        1 << 32,
        u64::MAX / 2,
        u64::MAX - 63,
        u64::MAX,
    ];
    prop_oneof![
        8 => any::<u8>().prop_map(Damage::Byte),
        4 => select(numbers).prop_map(Damage::Number),
        4 => select(wide).prop_map(Damage::Wide),
        2 => (any::<prop::sample::Index>(), 1..200_usize)
            .prop_map(|(from, length)| Damage::Copy { from, length }),
        1 => (1..100_usize).prop_map(|length| Damage::Remove { length }),
        1 => Just(Damage::Cut),
    ]
}

/// Where damage is done: anywhere, or in the places that rule the rest (first and last parts hold
/// the ELF header, the section headers and the signature trailer).
fn place() -> impl Strategy<Value = (prop::sample::Index, u8)> {
    (any::<prop::sample::Index>(), 0..4_u8)
}

fn apply(bytes: &mut Vec<u8>, (index, zone): (prop::sample::Index, u8), damage: &Damage) {
    let length = bytes.len();
    if length == 0 {
        return;
    }
    let at = match zone {
        0 => index.index(length.min(64)),
        1 => length - 1 - index.index(length.min(60)),
        2 => length - 1 - index.index(length.min(2400)),
        _ => index.index(length),
    };
    match damage {
        Damage::Byte(byte) => overwrite(bytes, at, &[*byte]),
        Damage::Number(number) if zone % 2 == 0 => overwrite(bytes, at & !3, &number.to_le_bytes()),
        Damage::Number(number) => overwrite(bytes, at & !3, &number.to_be_bytes()),
        Damage::Wide(number) => overwrite(bytes, at & !7, &number.to_le_bytes()),
        Damage::Copy {
            from,
            length: copied,
        } => {
            let from = from.index(length);
            let copy = bytes[from..length.min(from + copied)].to_vec();
            overwrite(bytes, at, &copy);
        }
        Damage::Remove { length: removed } => {
            bytes.drain(at..length.min(at + removed));
        }
        Damage::Cut => bytes.truncate(at),
    }
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (place, byte) in bytes.iter_mut().skip(at).zip(with) {
        *place = *byte;
    }
}

fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (select(seeds()), vec((place(), damage()), 1..8)).prop_map(|(mut bytes, all)| {
        for (place, damage) in &all {
            apply(&mut bytes, *place, damage);
        }
        bytes
    })
}

#[test]
fn the_seeds_themselves_are_read() {
    for seed in seeds() {
        let module = read(&seed).unwrap();
        assert_eq!((module.imports.len(), module.exports.len()), (4, 3));
        assert_eq!(module.oddities, []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn damaged_modules_never_panic(bytes in damaged()) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_bytes_never_panic(bytes in vec(any::<u8>(), 0..512)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_bytes_behind_an_elf_header_never_panic(bytes in vec(any::<u8>(), 0..2048), seed in select(seeds())) {
        let header = seed[..64].to_vec();
        let _ = read(&[header, bytes].concat());
    }
}

proptest! {
    // Packing is what takes the time here.
    #![proptest_config(ProptestConfig::with_cases(CASES / 8))]

    #[test]
    fn damaged_packed_modules_never_panic(
        seed in select(seeds()),
        all in vec((place(), damage()), 1..4),
        pack in select(vec![gzip as fn(&[u8]) -> Vec<u8>, xz, zstd, bzip2]),
    ) {
        let mut bytes = pack(&seed);
        for (place, damage) in &all {
            apply(&mut bytes, *place, damage);
        }
        let _ = read(&bytes);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder = flate2::bufread::GzEncoder::new(bytes, flate2::Compression::fast());
    std::io::copy(&mut encoder, &mut packed).unwrap();
    packed
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    liblzma::encode_all(bytes, 0).unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder = bzip2::bufread::BzEncoder::new(bytes, bzip2::Compression::fast());
    std::io::copy(&mut encoder, &mut packed).unwrap();
    packed
}
