//! What is run on bytes that nobody vouches for, far more often than a unit test would: the bodies
//! of the fuzz targets, damaged inputs in bulk, and our side of the benchmarks.
//!
//! A library, so that libFuzzer (`fuzz/`), the bounded runs of `cargo xtask test` and the benchmarks
//! run the very same code. No test of the readers' results: that is their own crates' work.

pub mod damage;
pub mod endure;
pub mod seeds;
pub mod smoke;
pub mod speed;
pub mod targets;
