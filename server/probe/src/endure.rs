//! Reads damaged packages and modules by the hundred thousand: no panic, no abort, no hang, no
//! memory beyond the limit.
//!
//! The limits are the process's own, set before the first input. What goes wrong ends the process;
//! the number of the input is in the record then, and [`input`] makes the input again.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kmod::Module;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::damage::damaged;
use crate::seeds::{self, Seed};
use crate::speed::cpu_time;

/// Address space of the process, everything included: less than one unbounded count asks for, and
/// enough for the largest window that a payload may have by default.
pub const ADDRESS_SPACE: u64 = 256 << 20;
/// Processor time for one input; a good one of this size takes a hundredth of a millisecond.
pub const TIME_MAX: Duration = Duration::from_secs(2);

/// How often in a row the same input may be found at work, [`TIME_MAX`] apart: threads that wait for
/// each other take no processor time, and a busy machine may be slow.
const ROUNDS_MAX: u32 = 100;

/// What is damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// RPMs of all formats and compressors.
    Package,
    /// Modules of all layouts.
    Module,
}

/// What came of the inputs.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Tally {
    /// Could be read in spite of the damage.
    pub readable: u64,
    /// Were refused with a sentence.
    pub refused: u64,
}

/// Bounds this process. For good: no limit can be raised again.
///
/// # Errors
/// The system refuses.
pub fn confine() -> Result<()> {
    let limit = Rlimit {
        current: Some(ADDRESS_SPACE),
        maximum: Some(ADDRESS_SPACE),
    };
    setrlimit(Resource::As, limit).context("cannot limit the address space")
}

/// Reads the inputs with these numbers, each number going into the record before.
///
/// # Errors
/// An input took too long, or the record cannot be written.
pub fn endure(kind: Kind, cases: std::ops::Range<u64>, record: &Path) -> Result<Tally> {
    let record = File::create(record).with_context(|| record.display().to_string())?;
    let seeds = bytes_of(kind);
    let mut tally = Tally::default();
    let watched = watch();
    for case in cases {
        record.write_all_at(format!("{case:<20}").as_bytes(), 0)?;
        let bytes = damaged(&seeds, case);
        let begun = cpu_time();
        watched.store(begun.as_nanos() as u64, Ordering::Relaxed);
        if kind.read(&bytes) {
            tally.readable += 1;
        } else {
            tally.refused += 1;
        }
        let took = cpu_time() - begun;
        if took > TIME_MAX {
            bail!("{kind:?} {case} took {took:?}, more than {TIME_MAX:?}");
        }
    }
    watched.store(u64::MAX, Ordering::Relaxed);
    Ok(tally)
}

/// The input with this number.
pub fn input(kind: Kind, case: u64) -> Vec<u8> {
    damaged(&bytes_of(kind), case)
}

/// Ends the process when an input takes for ever. Gives where the processor time is to be put at
/// which the work on each input begins.
fn watch() -> &'static AtomicU64 {
    static BEGUN: AtomicU64 = AtomicU64::new(u64::MAX);
    std::thread::spawn(|| {
        let (mut last, mut rounds) = (u64::MAX, 0);
        loop {
            std::thread::sleep(TIME_MAX);
            let begun = BEGUN.load(Ordering::Relaxed);
            rounds = if begun == last && begun != u64::MAX {
                rounds + 1
            } else {
                0
            };
            last = begun;
            let taken = cpu_time().saturating_sub(Duration::from_nanos(begun));
            if taken > 2 * TIME_MAX || rounds > ROUNDS_MAX {
                eprintln!("the input takes for ever");
                std::process::exit(1);
            }
        }
    });
    &BEGUN
}

fn bytes_of(kind: Kind) -> Vec<Vec<u8>> {
    let seeds: Vec<Seed> = match kind {
        Kind::Package => {
            let mut all = seeds::packages();
            all.extend(seeds::wide_windows());
            all
        }
        Kind::Module => seeds::modules(),
    };
    seeds.into_iter().map(|seed| seed.bytes).collect()
}

impl Kind {
    /// By its name on the command line.
    pub fn parse(word: &str) -> Option<Kind> {
        match word {
            "package" => Some(Kind::Package),
            "module" => Some(Kind::Module),
            _ => None,
        }
    }

    /// Whether the bytes can be read.
    fn read(self, bytes: &[u8]) -> bool {
        let refusal = match self {
            Kind::Package => match kmp::read(bytes, &kmp::Limits::default()) {
                Ok(package) => {
                    assert_eq!(package.file_size, bytes.len() as u64);
                    return true;
                }
                Err(error) => error.to_string(),
            },
            Kind::Module => match Module::read(bytes, "acme_net.ko", &kmod::Limits::default()) {
                Ok(_) => return true,
                Err(error) => error.to_string(),
            },
        };
        assert!(!refusal.is_empty(), "a refusal says why");
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cargo xtask test` goes through far more, optimised and with little memory.
    #[test]
    fn damage_is_neither_too_little_nor_too_much() {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("record");
        for kind in [Kind::Package, Kind::Module] {
            let tally = endure(kind, 0..2000, &record).unwrap();
            assert_eq!(tally.readable + tally.refused, 2000);
            assert!(
                tally.readable > 200 && tally.refused > 200,
                "{kind:?}: {tally:?}"
            );
        }
        assert_eq!(std::fs::read_to_string(record).unwrap().trim(), "1999");
    }

    /// Else the damaged ones say nothing about memory.
    #[test]
    fn packages_with_wide_windows_are_good_and_want_what_they_say() {
        for seed in seeds::wide_windows() {
            let limits = kmp::Limits::default();
            let package = kmp::read(&*seed.bytes, &limits).unwrap();
            assert_eq!(package.modules.len(), 1, "{}", seed.name);
            let little = kmp::Limits {
                decoder_memory: 90 << 20,
                ..limits
            };
            assert!(kmp::read(&*seed.bytes, &little).is_err(), "{}", seed.name);
        }
    }

    #[test]
    fn a_case_can_be_made_again() {
        for kind in [Kind::Package, Kind::Module] {
            assert_eq!(input(kind, 5), input(kind, 5));
            assert_ne!(input(kind, 5), input(kind, 6));
        }
    }
}
