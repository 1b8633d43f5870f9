//! What the tests of this crate share.

use testkit::ModuleBuilder;

use crate::{Limits, Module};

/// The module that a builder makes, read back.
pub(crate) fn read(builder: &ModuleBuilder) -> Module {
    read_bytes(&builder.build())
}

/// A module file named `acme_net.ko`.
pub(crate) fn read_bytes(bytes: &[u8]) -> Module {
    Module::read(bytes, "acme_net.ko", &Limits::default()).unwrap()
}

/// A small module with nothing odd.
pub(crate) fn acme() -> ModuleBuilder {
    ModuleBuilder::new("acme_net")
}

/// Codes of everything odd, each once.
pub(crate) fn codes(module: &Module) -> Vec<&str> {
    let mut codes: Vec<&str> = module
        .oddities
        .iter()
        .map(|oddity| oddity.code.as_str())
        .collect();
    codes.dedup();
    codes
}

/// A change to a builder.
pub(crate) type Change = fn(ModuleBuilder) -> ModuleBuilder;

/// All machines a builder can write for.
pub(crate) const TARGETS: [(&str, Change); 4] = [
    ("x86_64", |builder| builder),
    ("s390x", ModuleBuilder::big_endian),
    ("arm", ModuleBuilder::bits32),
    ("ppc", |builder| builder.big_endian().bits32()),
];
