//! Judges modules against kernels by the rules of the kernel's own loader, in the loader's order.
//!
//! "Will load", never "will work". Pure and total: every input has a verdict.

use kmod::Crc;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// One kernel as modules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// `uname -r`.
    pub release: String,
    /// RPM architecture name (`x86_64`, `aarch64` …).
    pub arch: String,
    pub flavor: String,
    /// `CONFIG_MODVERSIONS`: some CRC in its symvers is not zero.
    pub modversions: bool,
    /// Vermagic after the first blank, verbatim; `None` when nobody told.
    pub vermagic_tail: Option<String>,
    /// `sizeof(struct module)`, where known.
    pub this_module_size: Option<u64>,
    /// What it exports, by symbol.
    pub exports: HashMap<String, KernelExport>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelExport {
    /// Usually one; several are all valid. Empty or zero: not versioned.
    pub crcs: Vec<Crc>,
    pub gpl: bool,
    pub namespace: Option<String>,
    /// `vmlinux` or the exporting module's path without `.ko`.
    pub provider: String,
}

/// A package as the judge needs it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Shown in reasons as the provider of symbols.
    pub name: &'a str,
    pub modules: &'a [kmod::Module],
}

/// Will it load, from best to worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Compatible,
    CompatibleWithWarnings,
    NeedsOtherPackage,
    Indeterminate,
    UnloadableFlavor,
    Incompatible,
}

/// Why a verdict is what it is. The first matching rule of the loader comes first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// Stable, kebab-case: `crc-mismatch`, `symbol-missing`, `layout-crc-mismatch` …
    pub code: String,
    pub severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// The version the module was built against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Crc>,
    /// The version the kernel (or package) offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Crc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Warn,
    Fatal,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ModuleVerdict {
    pub module: String,
    pub verdict: Verdict,
    pub reasons: Vec<Reason>,
    pub needed_total: usize,
    pub needed_ok: usize,
}

/// The worst of its modules.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PackageVerdict {
    pub verdict: Verdict,
    pub modules: Vec<ModuleVerdict>,
}
