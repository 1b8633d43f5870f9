//! Bytes of malice and of accident: whatever is uploaded, the portal answers, stands, and keeps
//! nothing of it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use xtask::kernels::Role;

use crate::harness::good;
use crate::harness::portal::Portal;

/// Uploads in all, and how many at the same time.
const UPLOADS: usize = 240;
const AT_ONCE: usize = 4;

/// Where the same bytes are made again from: a failure can be repeated.
const SEED: u64 = 0x6b6d_7020_706f_7274;

/// Numbers that look random (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % end.max(1) as u64).unwrap()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.roll().to_be_bytes()[0]).collect()
    }
}

/// Something that may once have been a package.
fn spoil(number: usize, honest: &[Vec<u8>]) -> Vec<u8> {
    let mut dice = Dice(SEED ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes = honest[dice.below(honest.len())].clone();
    let length = bytes.len();
    // The headers are where counts and offsets are.
    let headers = length.min(20_000);
    match number % 8 {
        0 => return dice.bytes(length / 4),
        1 => bytes.truncate(dice.below(length)),
        2 => flip(&mut bytes, &mut dice, length, 1),
        3 => flip(&mut bytes, &mut dice, headers, 1),
        4 => flip(&mut bytes, &mut dice, headers, 16),
        5 => {
            // A count or an offset as large as can be.
            let at = dice.below(headers / 4) * 4;
            bytes[at..at + 4]
                .copy_from_slice(&[[0xff; 4], [0x7f, 0xff, 0xff, 0xff]][number / 8 % 2]);
        }
        6 => {
            let (from, to) = (dice.below(length), dice.below(length));
            let piece = bytes[from..(from + 500).min(length)].to_vec();
            bytes.splice(to..to, piece);
        }
        _ => {
            let other = &honest[dice.below(honest.len())];
            bytes.truncate(dice.below(length));
            bytes.extend_from_slice(&other[dice.below(other.len())..]);
        }
    }
    bytes
}

fn flip(bytes: &mut [u8], dice: &mut Dice, end: usize, times: usize) {
    for _ in 0..times {
        bytes[dice.below(end)] ^= 1 << dice.below(8);
    }
}

#[test]
fn whatever_comes_is_answered() {
    let portal = Portal::with_base_kernel(&[]);
    let honest: Vec<Vec<u8>> = good(Role::Base)
        .map(|package| fs::read(&package.path).unwrap())
        .collect();
    for package in good(Role::Base) {
        portal.upload(package, "").expect(201);
    }
    let kept = portal.server.files_in("packages");
    let next = AtomicUsize::new(0);
    let statuses = thread::scope(|scope| {
        let workers = [(); AT_ONCE].map(|()| scope.spawn(|| upload_all(&portal, &honest, &next)));
        let mut all: BTreeMap<u16, usize> = BTreeMap::new();
        for (status, count) in workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
        {
            *all.entry(status).or_default() += count;
        }
        all
    });
    assert_eq!(statuses.values().sum::<usize>(), UPLOADS);
    assert!(
        statuses[&422] > UPLOADS / 2,
        "most are no packages any more: {statuses:?}"
    );
    portal.finish();
    assert_eq!(portal.server.files_in("packages"), kept);
    assert_eq!(portal.server.files_in("incoming").len(), 0);
    // And it still does its work.
    let again = portal.upload(good(Role::Base).next().unwrap(), "").json();
    assert_eq!(again["state"], "published", "{again}");
}

/// How often each status was answered.
fn upload_all(portal: &Portal, honest: &[Vec<u8>], next: &AtomicUsize) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= UPLOADS {
            return statuses;
        }
        let reply = portal.put("a.rpm", "", "acme", spoil(number, honest));
        // Changed only where nothing is signed, it is a package of the same name: 409. Whose key
        // signed it cannot be acme's for beta's package: 403.
        assert!(
            [403, 409, 422].contains(&reply.status),
            "upload {number}: {reply:?}"
        );
        reply.problem(reply.status);
        *statuses.entry(reply.status).or_default() += 1;
    }
}
