//! libFuzzer on [`probe::targets::dependency`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| probe::targets::dependency(bytes));
