//! The whole way through one package.

use std::io;

use crate::{Error, Limits, Package};

/// Reads a package.
pub fn read(_input: impl io::Read, _limits: &Limits) -> Result<Package, Error> {
    todo!("being written")
}
