//! Builders of modules, packages, kernels and keys for tests.
