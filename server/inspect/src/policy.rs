//! What a product demands of packages.

use crate::report::Severity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The conventions a package follows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// `NAME-kmp-FLAVOR`, `ksym(flavor:symbol)`, `weak-modules2`.
    Suse,
    /// `kmod-NAME`, `kernel(symbol)` and `ksym(symbol)`, `weak-modules`.
    RedHat,
}

/// What a product demands of packages. Begin with [`Policy::for_family`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// Whose conventions hold.
    pub family: Family,
    /// RPM architecture of the product; `None`: any.
    pub arch: Option<String>,
    /// Flavors of the product's kernels; empty: any.
    pub flavors: Vec<String>,
    /// Folders that hold the modules of kernels: `/lib/modules`, `/usr/lib/modules` or both.
    pub module_roots: Vec<String>,
    /// Refuse packages without a valid signature by a registered key.
    pub require_signature: bool,
    /// The vendor who uploads, for messages.
    pub vendor_name: Option<String>,
    /// What the vendor's package names must begin with (`acme` stands for `acme-…`); empty: anything.
    pub provider_prefixes: Vec<String>,
    /// What the `Vendor` tag must say; `None`: anything.
    pub vendor_string: Option<String>,
    /// The vendor claims that the driver works under Secure Boot, so modules must be signed.
    pub secure_boot_claim: bool,
    /// Every module must say `supported: external` (SUSE's joint support agreement).
    pub supported_flag_required: bool,
    /// Names of packages without modules that belong to the vendor's kit (firmware, user space,
    /// certificates). `*` at the end stands for anything.
    pub companions: Vec<String>,
    /// Other severities than the checks' own, by check id. Checks that cannot be waived cannot be
    /// lowered either.
    pub severities: BTreeMap<String, Severity>,
}

impl Policy {
    /// What is sensible for a product of this family when its owner has not said more: packages must
    /// be signed, and may lie in either of the usual folders.
    pub fn for_family(family: Family) -> Policy {
        Policy {
            family,
            arch: None,
            flavors: Vec::new(),
            module_roots: vec!["/lib/modules".to_owned(), "/usr/lib/modules".to_owned()],
            require_signature: true,
            vendor_name: None,
            provider_prefixes: Vec::new(),
            vendor_string: None,
            secure_boot_claim: false,
            supported_flag_required: false,
            companions: Vec::new(),
            severities: BTreeMap::new(),
        }
    }

    /// Is this a package without modules that the vendor's kit may hold?
    pub(crate) fn is_companion(&self, name: &str) -> bool {
        self.companions
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == pattern,
            })
    }
}
