//! libFuzzer on [`probe::targets::symvers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| probe::targets::symvers(bytes));
