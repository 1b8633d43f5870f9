//! `fnmatch` against glibc's, which a Python child process calls through ctypes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Reads lines of two hex texts, pattern and text; writes a line of `1` (match) or `0` for each.
/// Python sets the user's locale at start; the C locale must be set again.
const ORACLE: &str = r#"
import ctypes, locale, sys
locale.setlocale(locale.LC_ALL, "C")
fnmatch = ctypes.CDLL(None).fnmatch
fnmatch.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
for line in sys.stdin:
    pattern, text = line[:-1].split(",")
    print(int(fnmatch(bytes.fromhex(pattern), bytes.fromhex(text), 0) == 0))
"#;

type Pair = (Vec<u8>, Vec<u8>);

/// What glibc says of each pair.
fn glibc(pairs: &[Pair]) -> Vec<bool> {
    let mut child = Command::new("python3")
        .args(["-c", ORACLE])
        .env_remove("POSIXLY_CORRECT")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed to call glibc: apt-get install python3");
    let mut stdin = child.stdin.take().unwrap();
    let mut input = String::new();
    for (pattern, text) in pairs {
        for bytes in [pattern, text] {
            for byte in bytes {
                write!(input, "{byte:02x}").unwrap();
            }
            input.push(if std::ptr::eq(bytes, pattern) {
                ','
            } else {
                '\n'
            });
        }
    }
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "the Python oracle failed");
    let answers: Vec<bool> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line == "1")
        .collect();
    assert_eq!(answers.len(), pairs.len());
    answers
}

fn compare(pairs: &[Pair]) -> usize {
    let answers = glibc(pairs);
    for ((pattern, text), answer) in pairs.iter().zip(&answers) {
        assert_eq!(
            modalias::fnmatch(pattern, text),
            *answer,
            "pattern {:?}, text {:?}",
            String::from_utf8_lossy(pattern),
            String::from_utf8_lossy(text),
        );
    }
    answers.iter().filter(|&&answer| answer).count()
}

fn pairs(count: usize, strategy: impl Strategy<Value = Pair>) -> Vec<Pair> {
    let mut runner = TestRunner::default();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

/// Bytes of an alphabet that makes every rule of the grammar likely.
fn bytes(alphabet: &'static [u8], most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(alphabet), 0..=most)
}

/// Pieces that are whole or broken sets, between ordinary bytes.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&str] = &[
        "a",
        "b",
        "-",
        "]",
        "[",
        "*",
        "?",
        "\\",
        "!",
        "^",
        ":",
        "=",
        ".",
        "[a",
        "[!",
        "[^",
        "a-b",
        "b-a",
        "-]",
        "[]",
        "[!]",
        "[:alpha:]",
        "[:digit:]",
        "[:",
        ":]",
        "[:a:]",
        "[:alphz:]",
        "[::]",
        "[=a=]",
        "[=",
        "=]",
        "[=a",
        "[.a.]",
        "[.-.]",
        "[..]",
        "[...]",
        "[.ab.]",
        "[.",
        ".]",
        "[.]",
        "\\]",
        "\\[",
        "\\-",
        "\\\\",
        "]a",
        "[a-]",
        "[a-b]",
        "[[:punct:]]",
        "[![:space:]]",
    ];
    prop::collection::vec(prop::sample::select(PIECES), 0..9)
        .prop_map(|pieces| pieces.concat().into_bytes())
}

#[test]
fn agrees_with_glibc_on_random_pairs() {
    const ALPHABET: &[u8] = b"ab*?[]!-^\\:.=";
    let short = (bytes(ALPHABET, 8), bytes(b"ab[]-\\:", 5));
    let matching = compare(&pairs(60_000, short));
    assert!(
        matching > 500,
        "only {matching} of the pairs match: a weak test"
    );
}

#[test]
fn agrees_with_glibc_on_sets_whole_and_broken() {
    let text = bytes(b"aab-[]!^:=.\\1 /", 4);
    let matching = compare(&pairs(60_000, (pieces(), text)));
    assert!(
        matching > 500,
        "only {matching} of the pairs match: a weak test"
    );
    let in_set = pieces().prop_map(|inside| [b"[", inside.as_slice(), b"]"].concat());
    let one = prop::sample::select(b"ab-[]!^:=.\\1 /".as_slice()).prop_map(|byte| vec![byte]);
    let matching = compare(&pairs(60_000, (in_set, one)));
    assert!(
        matching > 1000,
        "only {matching} of the pairs match: a weak test"
    );
}

#[test]
fn agrees_with_glibc_on_every_byte() {
    let sets = [
        "?",
        "[[:alnum:]]",
        "[[:alpha:]]",
        "[[:blank:]]",
        "[[:cntrl:]]",
        "[[:digit:]]",
        "[[:graph:]]",
        "[[:lower:]]",
        "[[:print:]]",
        "[[:punct:]]",
        "[[:space:]]",
        "[[:upper:]]",
        "[[:xdigit:]]",
        "[!-~]",
        "[a-Z]",
        "[Z-a]",
        "[\u{1}-\u{7f}]",
    ];
    let mut pairs = Vec::new();
    for byte in 1..=u8::MAX {
        pairs.extend(sets.iter().map(|set| (set.as_bytes().to_vec(), vec![byte])));
        pairs.push((vec![b'[', 0x80, b'-', 0xf0, b']'], vec![byte]));
        pairs.push((vec![byte], vec![byte]));
        pairs.push((vec![b'\\', byte], vec![byte]));
    }
    compare(&pairs);
}

#[test]
fn agrees_with_glibc_on_class_names_near_its_limit() {
    let mut all = Vec::new();
    for length in 2045..=2050 {
        let name = "a".repeat(length);
        for pattern in [
            format!("[x[:{name}:]]"),
            format!("[x[:{name}]"),
            format!("[[:{name}:]x]"),
            format!("[[:{name}]x"),
        ] {
            for text in ["x", "a", ":", "["] {
                all.push((pattern.clone().into_bytes(), text.as_bytes().to_vec()));
            }
        }
    }
    compare(&all);
}

#[test]
fn agrees_with_glibc_on_device_patterns() {
    let patterns = include_str!("patterns.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    let aliases: Vec<&str> = include_str!("aliases.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let mut all = Vec::new();
    for pattern in patterns {
        for alias in &aliases {
            all.push((pattern.as_bytes().to_vec(), alias.as_bytes().to_vec()));
        }
    }
    let matching = compare(&all);
    assert!(matching >= aliases.len() / 2, "only {matching} matches");
}
