//! Automation of this project: system packages, fixtures, tests, demo. A library, so that the
//! end-to-end tests work on the same fixtures and talk to the portal by the same means as the demo.

pub mod bench;
pub mod demo;
pub mod fixtures;
pub mod fuzz;
pub mod kernels;
pub mod loader;
pub mod packages;
pub mod probe;
pub mod sh;
pub mod sqlx;
pub mod test;
pub mod tidy;

use std::path::{Path, PathBuf};

/// The folder with the workspace's Cargo.toml.
pub fn project() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("server/xtask is two folders deep")
        .to_path_buf()
}
