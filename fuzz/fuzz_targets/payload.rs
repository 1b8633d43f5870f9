//! libFuzzer on [`probe::targets::payload`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| probe::targets::payload(bytes));
