//! Damages good inputs, always in the same way for the same number: a case that failed once can be
//! looked at again.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// Changes to one input at most.
const CHANGES_MAX: usize = 5;
/// First bytes, where headers and lengths are.
const EARLY: usize = 4000;
/// Last bytes: an ELF file's section headers, a module's signature.
const LATE: usize = 2400;
/// Bytes that are repeated or removed at once, at most.
const STRETCH: usize = 256;

/// Numbers near which readers err.
const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    0x7f,
    0xff,
    0xff00,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    1 << 32,
    u64::MAX / 2,
    u64::MAX,
];

/// The damaged input with this number: one of `seeds`, changed in one to five places.
pub fn damaged(seeds: &[Vec<u8>], case: u64) -> Vec<u8> {
    let mut dice = StdRng::seed_from_u64(case);
    let mut bytes = seeds.choose(&mut dice).cloned().unwrap_or_default();
    for _ in 0..dice.random_range(1..=CHANGES_MAX) {
        if !bytes.is_empty() {
            change(&mut bytes, &mut dice);
        }
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, dice: &mut StdRng) {
    let at = place(bytes.len(), dice);
    match dice.random_range(0..16) {
        0..5 => overwrite(bytes, at, &[dice.random()]),
        5 => bytes[at] ^= 1 << dice.random_range(0..8),
        6..13 => overwrite_number(bytes, at, dice),
        13 => bytes.truncate(at),
        14 => {
            bytes.drain(at..end_of_stretch(bytes, at, dice));
        }
        _ => {
            let copy = bytes[at..end_of_stretch(bytes, at, dice)].to_vec();
            let to = dice.random_range(0..=bytes.len());
            bytes.splice(to..to, copy);
        }
    }
}

/// Anywhere, or where the bytes are that rule the others.
fn place(length: usize, dice: &mut StdRng) -> usize {
    match dice.random_range(0..4) {
        0 => dice.random_range(0..length),
        1 => length - 1 - dice.random_range(0..length.min(LATE)),
        2 => dice.random_range(0..length.min(64)),
        _ => dice.random_range(0..length.min(EARLY)),
    }
}

/// A number of two, four or eight bytes, where such numbers are aligned, in either byte order.
fn overwrite_number(bytes: &mut [u8], at: usize, dice: &mut StdRng) {
    let width = *[2, 4, 4, 8].choose(dice).unwrap_or(&4);
    let number = match dice.random_range(0..4) {
        0 => dice.random(),
        1 => dice.random_range(0..bytes.len() as u64 * 2),
        _ => *NUMBERS.choose(dice).unwrap_or(&0),
    };
    let at = at & !(width - 1);
    if dice.random() {
        overwrite(bytes, at, &number.to_le_bytes()[..width]);
    } else {
        overwrite(bytes, at, &number.to_be_bytes()[8 - width..]);
    }
}

fn end_of_stretch(bytes: &[u8], at: usize, dice: &mut StdRng) -> usize {
    bytes.len().min(at + dice.random_range(1..=STRETCH))
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (place, byte) in bytes.iter_mut().skip(at).zip(with) {
        *place = *byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_always_gives_the_same_damage_and_numbers_differ() {
        let seeds = [vec![7; 3000], vec![9; 10]];
        let all: Vec<_> = (0..100).map(|case| damaged(&seeds, case)).collect();
        let again: Vec<_> = (0..100).map(|case| damaged(&seeds, case)).collect();
        assert_eq!(all, again);
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert!(distinct.len() > 80, "{}", distinct.len());
    }

    #[test]
    fn nothing_at_all_stays_nothing() {
        assert_eq!(damaged(&[Vec::new()], 1), Vec::<u8>::new());
        assert_eq!(damaged(&[], 1), Vec::<u8>::new());
    }
}
