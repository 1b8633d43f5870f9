//! How fast the index is, on real symbols: the packages' needs are those of real modules, the
//! kernels real ones. `cargo xtask bench kabi` runs it beside PostgreSQL and compares.
//!
//! ```text
//! index_speed --modules DIR --old SYMVERS --new SYMVERS [--copy DIR] [--packages N]…
//! ```
//!
//! Prints a line `NAME VALUE` for each figure; times in milliseconds of CPU. With `--copy`, writes
//! the first world's needs as files for PostgreSQL's `COPY`.

mod clock;
mod copy;
mod made_up;
mod real;
mod world;

use kabi::index::Index;
use kabi::{Kernel, Verdict};
use made_up::Random;
use std::collections::BTreeMap;
use std::path::PathBuf;
use world::World;

/// What the command line says.
#[derive(Default)]
struct Options {
    modules: PathBuf,
    old: PathBuf,
    new: PathBuf,
    copy: Option<PathBuf>,
    packages: Vec<usize>,
}

/// Symbols of a kernel: real ones have fewer, and are filled up.
const SYMBOLS: usize = 30_000;
/// Kernels that a new package is judged on.
const KERNELS: u32 = 1_000;
/// Each is measured so often; the best counts. Many, as others on the machine push what is measured
/// out of its caches.
const RUNS: usize = 25;

fn main() {
    let options = Options::parse();
    let modules = real::modules(&options.modules);
    let old = real::kernel(&options.old, SYMBOLS);
    let new = real::kernel(&options.new, SYMBOLS);
    let mut random = Random::new(1);
    let few = made_up::with_changes(&old, 40, &mut random);
    println!("modules {}", modules.len());
    println!("symbols {}", new.exports.len());
    for (number, &count) in options.packages.iter().enumerate() {
        let world = World::of(&modules, count, &mut Random::new(2));
        all_packages(&world, &few, &new);
        if let Some(folder) = options.copy.as_ref().filter(|_| number == 0) {
            copy::write(folder, &world.index, &world.needs, &new);
        }
    }
    one_package(&modules, &old);
}

impl Options {
    fn parse() -> Options {
        let mut options = Options::default();
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let value = words
                .next()
                .unwrap_or_else(|| panic!("{word} needs a value"));
            match word.as_str() {
                "--modules" => options.modules = value.into(),
                "--old" => options.old = value.into(),
                "--new" => options.new = value.into(),
                "--copy" => options.copy = Some(value.into()),
                "--packages" => options.packages.push(value.parse().expect("a number")),
                _ => panic!("{word} is no option"),
            }
        }
        options
    }
}

/// A new kernel against all packages: one with few changes, and a real successor.
fn all_packages(world: &World, few: &Kernel, new: &Kernel) {
    let count = world.index.len();
    let mut index = clock::once(&format!("{count}/load"), || world.index_again());
    clock::once(&format!("{count}/register"), || index.add_kernel(0, few));
    index.add_kernel(1, new);
    println!(
        "{count}/needs_per_package {:.1}",
        world.needs_total() as f64 / count as f64
    );
    println!("{count}/bytes_per_package {}", index.package_bytes());
    println!(
        "{count}/packed_bytes_per_package {}",
        world.packed_bytes() / count
    );
    for (kernel, name) in [(0, "few"), (1, "real")] {
        let verdicts = clock::best(&format!("{count}/{name}/verdicts"), RUNS, || {
            index.verdicts(&kernel).expect("registered").len()
        });
        assert_eq!(verdicts, count);
        let total = clock::best(&format!("{count}/{name}/broken"), RUNS, || {
            index
                .broken(&kernel, usize::MAX)
                .expect("registered")
                .total()
        });
        println!("{count}/{name}/pairs {total}");
        let mut by_verdict: BTreeMap<Verdict, usize> = BTreeMap::new();
        for (_, verdict) in index.verdicts(&kernel).expect("registered") {
            *by_verdict.entry(verdict).or_default() += 1;
        }
        for (verdict, packages) in by_verdict {
            println!("{count}/{name}/{} {packages}", verdict.as_str());
        }
    }
}

/// A new package against very many kernels.
fn one_package(modules: &[kmod::Module], old: &Kernel) {
    let mut random = Random::new(3);
    let mut index: Index<u32, u32> = Index::default();
    let mut kernel = old.clone();
    for key in 0..KERNELS {
        kernel = made_up::with_changes(&kernel, SYMBOLS / 50, &mut random);
        index.add_kernel(key, &kernel);
    }
    println!(
        "kernels/bytes_per_kernel {}",
        index.bytes() / KERNELS as usize
    );
    let mut package = 0;
    clock::best("kernels/new_package", RUNS, || {
        package += 1;
        let modules = made_up::package(modules, package, &mut random);
        let packed = index.pack(&modules);
        index
            .add_package(package, "acme-kmp", &packed)
            .expect("packed here");
        index.package_verdicts(&package).expect("just added").len()
    });
    let modules = made_up::package(modules, 0, &mut random);
    let kernels: Vec<u32> = (0..200).collect();
    clock::best("kernels/what_if_200", RUNS, || {
        index.what_if("acme-kmp", &modules, &kernels).len()
    });
}
