//! libFuzzer on [`probe::targets::package`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| probe::targets::package(bytes));
