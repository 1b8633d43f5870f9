//! Devices and patterns made from the patterns of a real kernel, and that kernel's own lists.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Small, seeded and the same everywhere (xorshift64*): what is made must be makeable again.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}

/// A device that the pattern is for: wildcards become what devices have in their place.
pub fn device(pattern: &str, random: &mut Random) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEF";
    let mut alias = String::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        match first {
            '*' => {
                for _ in 0..[0, 2, 4, 8][random.below(4)] {
                    alias.push(char::from(DIGITS[random.below(DIGITS.len())]));
                }
            }
            '?' => alias.push(char::from(DIGITS[random.below(DIGITS.len())])),
            '[' => {
                let (set, behind) = rest.split_once(']').unwrap_or((rest, ""));
                alias.extend(set.chars().find(|c| !"!^-".contains(*c)));
                rest = behind;
            }
            other => alias.push(other),
        }
    }
    alias
}

/// The text with some of its hexadecimal digits changed: mostly another device of the same kind, or a
/// pattern for one.
pub fn varied(text: &str, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let start = text.find(':').unwrap_or(0);
    let digits: Vec<usize> = (start..bytes.len())
        .filter(|&at| bytes[at].is_ascii_digit() || (b'A'..=b'F').contains(&bytes[at]))
        .collect();
    for _ in 0..3_usize.min(digits.len()) {
        let at = digits[random.below(digits.len())];
        bytes[at] = b"0123456789ABCDEF"[random.below(16)];
    }
    String::from_utf8(bytes).expect("ASCII digits for ASCII digits")
}

/// A pattern and the module that has it, as depmod lists them.
pub type Listed = (String, String);

/// Has depmod list the aliases of the modules in a folder, for libkmod below `out`; and reads what it
/// lists. The folder itself stays as it is.
pub fn depmod(modules: &Path, release: &str, out: &Path) -> Vec<Listed> {
    let folder = listed_in(out, release);
    fs::create_dir_all(&folder).expect("a folder of our own");
    for entry in fs::read_dir(modules).expect("readable").flatten() {
        let name = entry.file_name();
        // Without modules.builtin.modinfo, what is built in has no aliases: they have other lists.
        let is_list = name.to_string_lossy().starts_with("modules.");
        let is_kept = !is_list || name == "modules.order" || name == "modules.builtin";
        if is_kept && modules != folder {
            symlink(entry.path(), folder.join(&name)).expect("a new name");
        }
    }
    let mut depmod = Command::new("depmod");
    let depmod = depmod.arg("-b").arg(out).arg(release);
    let done = depmod
        .output()
        .expect("depmod is needed: apt-get install kmod");
    assert!(
        done.status.success(),
        "{depmod:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    let text = fs::read_to_string(folder.join("modules.alias")).expect("depmod wrote it");
    let listed = text.lines().filter_map(|line| {
        let (pattern, module) = line.strip_prefix("alias ")?.rsplit_once(' ')?;
        Some((pattern.to_owned(), module.to_owned()))
    });
    listed.collect()
}

/// Where depmod puts its lists.
pub fn listed_in(out: &Path, release: &str) -> PathBuf {
    out.join("lib/modules").join(release)
}
