//! What is demanded of a package: the conventions of its family, then what its product says, then
//! what its vendor's kit says.

use crate::demands::{Demands, SupportedFlag, VersionForm, Weight};
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

/// What is demanded of one package. Begin with [`Policy::for_family`], add with [`Policy::with`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// Whose conventions hold.
    pub family: Family,
    /// RPM architectures of the product; empty: any.
    pub arches: Vec<String>,
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
    /// How the version names the kernel.
    pub version_form: VersionForm,
    /// Drivers work under Secure Boot, so modules must be signed by one of `module_certificates`.
    pub secure_boot: bool,
    /// What modules say of who supports them.
    pub supported_flag: SupportedFlag,
    /// Names of packages without modules that belong to the vendor's kit (firmware, user space,
    /// certificates). `*` at the end stands for anything.
    pub companions: Vec<String>,
    /// Certificates in the vendor's `-ueficert` packages.
    pub module_certificates: Vec<KitCertificate>,
    /// Other weights than the checks' own, by check id. Checks that cannot be waived cannot be
    /// lowered either.
    pub severities: BTreeMap<String, Weight>,
}

/// A certificate that the vendor has published for its modules.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct KitCertificate {
    /// Package that brings it (`acme-ueficert`).
    pub package: String,
    /// What it says.
    pub certificate: kmod::Certificate,
}

/// Where the kernels of one product or another look for modules.
pub(crate) const MODULE_ROOTS: [&str; 2] = ["/lib/modules", "/usr/lib/modules"];

impl Policy {
    /// What is sensible for a product of this family when its owner has not said more: packages must
    /// be signed, and may lie in either of the usual folders.
    pub fn for_family(family: Family) -> Policy {
        Policy {
            family,
            arches: Vec::new(),
            flavors: Vec::new(),
            module_roots: MODULE_ROOTS.map(str::to_owned).to_vec(),
            require_signature: true,
            vendor_name: None,
            provider_prefixes: Vec::new(),
            vendor_string: None,
            version_form: VersionForm::default(),
            secure_boot: false,
            supported_flag: SupportedFlag::default(),
            companions: Vec::new(),
            module_certificates: Vec::new(),
            severities: BTreeMap::new(),
        }
    }

    /// The policy with what somebody demands. What is not said stays as it was; lists of companions
    /// and severities are added to, and of two severities for one check the later counts.
    #[must_use]
    pub fn with(mut self, demands: &Demands) -> Policy {
        fn replace<T: Clone>(mine: &mut T, said: &Option<T>) {
            if let Some(said) = said {
                mine.clone_from(said);
            }
        }
        replace(&mut self.family, &demands.family);
        replace(&mut self.arches, &demands.arches);
        replace(&mut self.flavors, &demands.flavors);
        replace(&mut self.module_roots, &demands.module_roots);
        replace(&mut self.provider_prefixes, &demands.provider_prefixes);
        replace(&mut self.version_form, &demands.version_form);
        replace(&mut self.secure_boot, &demands.secure_boot);
        replace(&mut self.supported_flag, &demands.supported_flag);
        if demands.vendor_string.is_some() {
            self.vendor_string.clone_from(&demands.vendor_string);
        }
        self.companions
            .extend(demands.companions.iter().flatten().cloned());
        self.companions.sort();
        self.companions.dedup();
        let severities = demands.severities.iter().flatten();
        self.severities
            .extend(severities.map(|(check, weight)| (check.clone(), *weight)));
        self
    }

    /// The same in the form in which owners write it, everything said.
    #[must_use]
    pub fn demands(&self) -> Demands {
        Demands {
            family: Some(self.family),
            arches: Some(self.arches.clone()),
            flavors: Some(self.flavors.clone()),
            module_roots: Some(self.module_roots.clone()),
            provider_prefixes: Some(self.provider_prefixes.clone()),
            vendor_string: self.vendor_string.clone(),
            version_form: Some(self.version_form),
            secure_boot: Some(self.secure_boot),
            supported_flag: Some(self.supported_flag),
            companions: Some(self.companions.clone()),
            severities: Some(self.severities.clone()),
        }
    }

    /// The certificates by which modules may be signed.
    #[must_use]
    pub fn known_signers(&self) -> Vec<&kmod::Certificate> {
        let kit = self.module_certificates.iter();
        kit.map(|it| &it.certificate).collect()
    }

    /// Is this the name of a package without modules that the vendor's kit may hold?
    #[must_use]
    pub fn is_companion(&self, name: &str) -> bool {
        self.companions
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == pattern,
            })
    }

    /// Is the check switched on?
    #[must_use]
    pub fn asks_for(&self, check: &crate::Check) -> bool {
        check.scope.covers(self.family) && self.weight(check) != Weight::Off
    }

    /// How much the check's findings weigh here.
    #[must_use]
    pub fn weight(&self, check: &crate::Check) -> Weight {
        let own = Weight::from(check.severity);
        match self.severities.get(check.id) {
            Some(&other) if check.waivable || other > own => other,
            _ => own,
        }
    }

    /// The same, of a check that is switched on.
    pub(crate) fn severity(&self, check: &crate::Check) -> Severity {
        self.weight(check).severity().unwrap_or(check.severity)
    }
}
