//! From the bytes of a module file to a [`Module`].

use crate::{Error, Limits, Module};

impl Module {
    /// Reads a module file, plain or packed.
    pub fn read(bytes: &[u8], file_name: &str, limits: &Limits) -> Result<Module, Error> {
        let _ = (bytes, file_name, limits);
        Err(Error::BadHeader {
            what: "reader not in place",
        })
    }
}
