//! libFuzzer on [`probe::targets::signature`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| probe::targets::signature(bytes));
