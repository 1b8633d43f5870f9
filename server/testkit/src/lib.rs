//! Builders of modules, packages, kernels and keys for tests.

pub mod module;

pub use module::{ExportLayout, ModuleBuilder};
