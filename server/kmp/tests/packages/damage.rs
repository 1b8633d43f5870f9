//! Damaged packages: no panic, no abort, no memory beyond what the limits allow.

use std::process::Command;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use testkit::Format;

use crate::{full, try_read};

/// How many damaged packages are read: more by an optimised program, or when the variable says so.
const CASES: u32 = if cfg!(debug_assertions) {
    3000
} else {
    100_000
};
const CASES_VARIABLE: &str = "KMP_DAMAGED_PACKAGES";
/// Address space of the process that reads them, in KiB. A single unbounded count in a header asks
/// for more.
const ADDRESS_SPACE: u32 = 512 << 10;

/// One change to a package.
#[derive(Clone, Debug)]
enum Damage {
    /// One byte becomes another, anywhere.
    Byte(Index, u8),
    /// The same among the first bytes, where headers and lengths are.
    EarlyByte(Index, u8),
    /// Four bytes become a number that is interesting.
    Number(Index, u32),
    /// The rest is cut off.
    Cut(Index),
    /// A stretch is taken out.
    Remove(Index, u8),
    /// A stretch is there twice.
    Repeat(Index, u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    let number = prop_oneof![
        Just(0),
        Just(1),
        Just(u32::MAX),
        Just(0x7fff_ffff),
        Just(0x8000_0000),
        0..300_u32,
        any::<u32>(),
    ];
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::EarlyByte(at, byte)),
        4 => (any::<Index>(), number).prop_map(|(at, number)| Damage::Number(at, number)),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, count)| Damage::Remove(at, count)),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, count)| Damage::Repeat(at, count)),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let size = bytes.len();
        match *self {
            Damage::Byte(at, byte) => bytes[at.index(size)] = byte,
            Damage::EarlyByte(at, byte) => bytes[at.index(size.min(2500))] = byte,
            Damage::Number(at, number) => {
                // Index entries are aligned to four bytes.
                let at = at.index(size.min(4000)) & !3;
                for (place, byte) in bytes.iter_mut().skip(at).zip(number.to_be_bytes()) {
                    *place = byte;
                }
            }
            Damage::Cut(at) => bytes.truncate(at.index(size)),
            Damage::Remove(at, count) => {
                let at = at.index(size);
                bytes.drain(at..size.min(at + usize::from(count)));
            }
            Damage::Repeat(at, count) => {
                let at = at.index(size);
                let copy = bytes[at..size.min(at + usize::from(count))].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
}

/// Starts this test program again with little address space, to read damaged packages there.
#[test]
fn damaged_packages_do_no_harm() {
    let this = std::env::current_exe().unwrap();
    let script = format!("ulimit -v {ADDRESS_SPACE}; exec \"$0\" --exact --ignored \"$1\"");
    let out = Command::new("sh")
        .args([
            "-c",
            &script,
            this.to_str().unwrap(),
            "damage::read_damaged_packages",
        ])
        // One arena for all threads: each reserves address space that is never used.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let text = [out.stdout, out.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(out.status.success(), "{}: {text}", out.status);
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "run by damaged_packages_do_no_harm with little address space"]
fn read_damaged_packages() {
    let formats = [
        (Format::V3, "gzip"),
        (Format::V4, "gzip"),
        (Format::V4, "xz"),
        (Format::V4, "zstd"),
        (Format::V4, "none"),
        (Format::V4Large, "none"),
        (Format::V6, "lzma"),
        (Format::V6, "bzip2"),
    ];
    let good: Vec<Vec<u8>> = formats
        .iter()
        .map(|&(format, compressor)| full(format, compressor).build())
        .collect();
    let cases = std::env::var(CASES_VARIABLE).map_or(CASES, |text| text.parse().unwrap());
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let (mut readable, mut refused) = (0_u32, 0_u32);
    let strategy = (any::<Index>(), vec(damage(), 1..5));
    let started = std::time::Instant::now();
    let counts = std::cell::RefCell::new((&mut readable, &mut refused));
    TestRunner::new(config)
        .run(&strategy, |(which, damages)| {
            let mut bytes = good[which.index(good.len())].clone();
            damages.iter().for_each(|damage| damage.apply(&mut bytes));
            let mut counts = counts.borrow_mut();
            match try_read(&bytes) {
                Ok(package) => {
                    prop_assert_eq!(package.file_size, bytes.len() as u64);
                    *counts.0 += 1;
                }
                Err(error) => {
                    prop_assert!(!error.to_string().is_empty());
                    *counts.1 += 1;
                }
            }
            Ok(())
        })
        .unwrap();
    println!(
        "{readable} readable, {refused} refused in {:?}",
        started.elapsed()
    );
    assert!(
        readable > 0 && refused > 0,
        "the damage is neither too little nor too much"
    );
}
