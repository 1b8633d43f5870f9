//! libFuzzer on [`probe::targets::modalias`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| probe::targets::modalias(bytes));
