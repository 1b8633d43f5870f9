//! libFuzzer on [`probe::targets::module`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| probe::targets::module(bytes));
