//! libFuzzer on [`probe::targets::header`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| probe::targets::header(bytes));
