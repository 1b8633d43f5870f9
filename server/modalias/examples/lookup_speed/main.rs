//! How fast the index is, on the patterns of a real kernel and on many more made from them.
//! `cargo xtask bench lookup` runs it beside libkmod and compares.
//!
//! ```text
//! lookup_speed prepare MODULES RELEASE FOLDER     lists of the kernel's modules, and of 100,000 patterns
//! lookup_speed measure FOLDER RELEASE          a line NAME VALUE for each figure
//! lookup_speed rate FOLDER                     processor time for a machine on all cores, 100,000 patterns
//! ```
//!
//! Times are microseconds of processor time for one alias, or milliseconds for one machine or one
//! build.

#[path = "../../tests/support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use modalias::Index;
use rustix::time::{ClockId, clock_gettime};
use support::{Listed, Random, depmod, device, listed_in, varied};
use testkit::ModuleBuilder;

/// Devices of a machine that have an alias.
const DEVICES: usize = 150;
const MACHINES: usize = 50;
/// How many of a hundred devices of real machines are on which bus.
const SHARES: [(&str, usize); 12] = [
    ("acpi", 28),
    ("pci", 19),
    ("of", 15),
    ("platform", 12),
    ("usb", 8),
    ("input", 8),
    ("wmi", 4),
    ("hid", 2),
    ("dmi", 1),
    ("cpu", 1),
    ("hdaudio", 1),
    ("i2c", 1),
];
/// Of a hundred devices, those that are of another model than any driver names.
const STRANGERS: usize = 40;
/// Patterns that libkmod's lists are filled up to.
const GROWN: usize = 100_000;
const MOST: usize = 1_000_000;
/// Patterns of one of the modules made for that.
const PER_MODULE: usize = 200;
/// Each is measured so often; the best counts.
const RUNS: usize = 5;
/// The rate on all cores is measured this long.
const RATE_TIME: Duration = Duration::from_secs(2);
/// Name of the kernel with many patterns.
const GROWN_RELEASE: &str = "6.0.0-grown";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["prepare", modules, release, folder] => {
            prepare(Path::new(modules), release, Path::new(folder));
        }
        ["measure", folder, release] => measure(Path::new(folder), release),
        ["rate", folder] => rate(Path::new(folder)),
        _ => panic!("see the head of this file"),
    }
}

fn prepare(modules: &Path, release: &str, folder: &Path) {
    let listed = depmod(modules, release, folder);
    fs::write(folder.join("machines"), machines(&listed).join("\n") + "\n").expect("writable");
    let pci = machines(&listed)
        .into_iter()
        .filter(|alias| alias.starts_with("pci:"));
    let pci: Vec<String> = pci.collect();
    fs::write(folder.join("pci"), pci.join("\n") + "\n").expect("writable");
    let made = listed_in(folder, GROWN_RELEASE);
    fs::create_dir_all(&made).expect("writable");
    // libkmod wants lists of all kinds, be they empty.
    for list in ["modules.builtin", "modules.order"] {
        fs::write(made.join(list), "").expect("writable");
    }
    let patterns: Vec<String> = grown(&listed, GROWN).into_iter().collect();
    fs::write(folder.join("patterns"), patterns.join("\n") + "\n").expect("writable");
    for (number, patterns) in patterns.chunks(PER_MODULE).enumerate() {
        let name = format!("made_{number}");
        let module = patterns
            .iter()
            .fold(ModuleBuilder::new(&name), |module, pattern| {
                module.modinfo("alias", pattern)
            });
        fs::write(made.join(format!("{name}.ko")), module.build()).expect("writable");
    }
    depmod(&made, GROWN_RELEASE, folder);
}

/// The kernel's own patterns, and as many like them as are missing.
fn grown(listed: &[Listed], count: usize) -> BTreeSet<String> {
    let mut random = Random::new(3);
    let own: Vec<&String> = listed.iter().map(|(pattern, _)| pattern).collect();
    let mut all: BTreeSet<String> = own.iter().map(|pattern| (*pattern).clone()).collect();
    while all.len() < count {
        all.insert(varied(own[random.below(own.len())], &mut random));
    }
    all
}

/// Aliases of all machines, one machine after the other.
fn machines(listed: &[Listed]) -> Vec<String> {
    let mut random = Random::new(4);
    let mut all = Vec::new();
    for (bus, share) in SHARES {
        let of_bus = |(pattern, _): &&Listed| {
            pattern
                .strip_prefix(bus)
                .is_some_and(|rest| rest.starts_with([':', '*']))
        };
        let patterns: Vec<&Listed> = listed.iter().filter(of_bus).collect();
        for _ in 0..MACHINES * DEVICES * share / 100 {
            let alias = match bus {
                "cpu" => cpu(&mut random),
                "input" => format!(
                    "input:b0019v0000p000{}e0000-e0,1,k74,ramlsfw",
                    random.below(9)
                ),
                _ if patterns.is_empty() => format!("{bus}:{:08X}", random.below(1 << 30)),
                _ => {
                    let (pattern, _) = patterns[random.below(patterns.len())];
                    device(&pattern.replacen("acpi*", "acpi", 1), &mut random)
                }
            };
            all.push(match random.below(100) < STRANGERS {
                true => varied(&alias, &mut random),
                false => alias,
            });
        }
    }
    for at in (1..all.len()).rev() {
        all.swap(at, random.below(at + 1));
    }
    all
}

/// Processors have the longest aliases: every feature is in them.
fn cpu(random: &mut Random) -> String {
    let model = random.below(256);
    let mut alias = format!("cpu:type:x86,ven0000fam0006mod{model:04X}:feature:");
    for feature in 0..0x260 {
        if random.below(3) == 0 {
            alias.push_str(&format!(",{feature:04X}"));
        }
    }
    alias
}

fn measure(folder: &Path, release: &str) {
    let text = fs::read_to_string(listed_in(folder, release).join("modules.alias"))
        .expect("`prepare` comes first");
    let listed: Vec<Listed> = text
        .lines()
        .filter_map(|line| line.strip_prefix("alias ")?.rsplit_once(' '))
        .map(|(pattern, module)| (pattern.to_owned(), module.to_owned()))
        .collect();
    let aliases = fs::read_to_string(folder.join("machines")).expect("`prepare` comes first");
    let aliases: Vec<&str> = aliases.lines().collect();
    one(
        "real",
        listed.iter().map(|(pattern, _)| pattern.clone()),
        &aliases,
    );
    one("100000", grown(&listed, GROWN).into_iter(), &aliases);
    one("1000000", grown(&listed, MOST).into_iter(), &aliases);
}

fn one(name: &str, patterns: impl Iterator<Item = String>, aliases: &[&str]) {
    let entries: Vec<(String, u32)> = patterns.zip(0..).collect();
    let count = entries.len();
    let (build, index) = timed(|| Index::build(entries));
    println!("{name}/patterns {count}");
    println!("{name}/build {build:.3}");
    println!("{name}/bytes_per_pattern {}", index.heap_size() / count);
    let all = per_alias(&index, aliases);
    println!("{name}/alias {all:.4}");
    println!("{name}/machine {:.4}", all * DEVICES as f64 / 1e3);
    for (bus, _) in SHARES {
        let of_bus = |alias: &&&str| alias.strip_prefix(bus).is_some_and(|r| r.starts_with(':'));
        let some: Vec<&str> = aliases.iter().filter(of_bus).copied().collect();
        println!("{name}/{bus} {:.4}", per_alias(&index, &some));
    }
}

/// Microseconds of processor time for a machine while all cores work, as a server without anything
/// around it would.
fn rate(folder: &Path) {
    let read = |name| fs::read_to_string(folder.join(name)).expect("`prepare` comes first");
    let (patterns, aliases) = (read("patterns"), read("machines"));
    let index = Index::build(patterns.lines().map(str::to_owned).zip(0_u32..));
    let aliases: Vec<&str> = aliases.lines().collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (begun, used) = (Instant::now(), used(ClockId::ProcessCPUTime));
    let serve = || {
        let mut machines = 0;
        for machine in aliases.chunks(DEVICES).cycle() {
            if begun.elapsed() >= RATE_TIME {
                break;
            }
            for alias in machine {
                black_box(index.matches(black_box(alias)));
            }
            machines += 1;
        }
        machines
    };
    let machines: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(serve)).collect();
        let done = workers
            .into_iter()
            .map(|it| it.join().expect("no panic in it"));
        done.sum()
    });
    let used = self::used(ClockId::ProcessCPUTime) - used;
    println!("{:.2}", used * 1e3 / machines as f64);
}

/// Microseconds for one alias.
fn per_alias(index: &Index<u32>, aliases: &[&str]) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let (time, _) = timed(|| {
            let mut found = 0_u64;
            for alias in aliases {
                index.each(black_box(alias), |_, id| found += u64::from(*id));
            }
            found
        });
        best = best.min(time);
    }
    best * 1e3 / aliases.len() as f64
}

/// Milliseconds of processor time.
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let before = used(ClockId::ThreadCPUTime);
    let result = black_box(work());
    (used(ClockId::ThreadCPUTime) - before, result)
}

/// Milliseconds that a clock shows.
fn used(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}
