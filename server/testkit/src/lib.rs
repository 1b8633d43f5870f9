//! Builders of modules, packages, kernels and keys for tests.

pub mod module;
pub mod rpm;

pub use module::{ExportLayout, ModuleBuilder};
pub use rpm::{DependencyKind, Format, RpmBuilder, Value};
