//! What the owner of a product, or a vendor's distributor, demands of packages: the form in which
//! people write and keep it. `Policy` is what comes out of several of them.
//!
//! A file in TOML or JSON, everything in it optional:
//! ```toml
//! family = "suse"                  # or "redhat"
//! arches = ["x86_64"]              # RPM architectures
//! flavors = ["default"]            # of the kernels
//! module_roots = ["/usr/lib/modules"]
//! provider_prefixes = ["acme"]     # package names begin with acme-
//! vendor_string = "Acme Devices"   # the RPM tag Vendor
//! version_form = "k"               # "plain": Code 10 and 11; "either"
//! secure_boot = true               # modules signed by a certificate of the kit
//! supported_flag = "external"      # "optional", "ignored"
//! companions = ["acme-ueficert", "acme-firmware*"]
//! [severities]
//! module-license = "reject"        # "off", "note", "warning"
//! ```

use crate::check::Check;
use crate::policy::{Family, MODULE_ROOTS};
use crate::report::Severity;
use crate::{CHECKS, nearest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What somebody demands of packages; `None`: nothing said.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Demands {
    /// Whose conventions hold. Of a product its own column says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// RPM architectures; of a product its own column says them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arches: Option<Vec<String>>,
    /// Flavors of the kernels; likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flavors: Option<Vec<String>>,
    /// Folders where the kernels look for modules: `/lib/modules`, `/usr/lib/modules`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module_roots: Option<Vec<String>>,
    /// What package names begin with, without the hyphen behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_prefixes: Option<Vec<String>>,
    /// What the RPM tag `Vendor` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_string: Option<String>,
    /// How versions name the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_form: Option<VersionForm>,
    /// Modules are signed by a certificate of the vendor's kit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure_boot: Option<bool>,
    /// What modules say of who supports them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supported_flag: Option<SupportedFlag>,
    /// Names of packages without modules that belong to the kit; `*` at the end stands for anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub companions: Option<Vec<String>>,
    /// Weights of checks by id, where they differ from the checks' own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severities: Option<BTreeMap<String, Weight>>,
}

/// How a SUSE package's version names the kernel.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionForm {
    /// Either way.
    #[default]
    Either,
    /// `1.0_k6.4.0_150600.21`, since SLE 12.
    K,
    /// `1.0_3.0.101_63`, Code 10 and 11.
    Plain,
}

/// What modules for SUSE kernels say of who supports them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SupportedFlag {
    /// `external` or nothing.
    #[default]
    Optional,
    /// `external` in every module: the joint support agreement.
    External,
    /// The product's kernels do not look at it.
    Ignored,
}

/// How much a check's findings weigh in a product.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// The check does not look.
    Off,
    /// Good to know.
    Note,
    /// Should be mended.
    Warning,
    /// The package is not taken.
    Reject,
}

impl Weight {
    /// `None`: the check does not look.
    #[must_use]
    pub fn severity(self) -> Option<Severity> {
        match self {
            Weight::Off => None,
            Weight::Note => Some(Severity::Note),
            Weight::Warning => Some(Severity::Warning),
            Weight::Reject => Some(Severity::Reject),
        }
    }
}

impl From<Severity> for Weight {
    fn from(severity: Severity) -> Weight {
        match severity {
            Severity::Note => Weight::Note,
            Severity::Warning => Weight::Warning,
            Severity::Reject => Weight::Reject,
        }
    }
}

/// Longest list and longest text in one.
const MOST: usize = 100;

impl Demands {
    /// What is wrong with it, a sentence each that says how to mend it; empty: nothing.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, list) in self.lists() {
            if list.len() > MOST || list.iter().any(|text| text.len() > MOST) {
                problems.push(format!(
                    "`{name}` has more than {MOST} entries, or one of more than {MOST} bytes."
                ));
            }
            let is_odd = |text: &&String| text.trim().is_empty() || text.contains(char::is_control);
            problems.extend(list.iter().filter(is_odd).map(|text| {
                format!("`{name}` holds {text:?}, which is empty or has control characters.")
            }));
        }
        problems.extend(self.module_roots.iter().flatten().filter_map(odd_root));
        problems.extend(
            self.provider_prefixes
                .iter()
                .flatten()
                .filter_map(odd_prefix),
        );
        problems.extend(self.companions.iter().flatten().filter_map(odd_companion));
        let severities = self.severities.iter().flatten();
        problems.extend(severities.filter_map(|(id, weight)| odd_severity(id, *weight)));
        problems
    }

    fn lists(&self) -> [(&'static str, &[String]); 5] {
        [
            ("arches", list(&self.arches)),
            ("flavors", list(&self.flavors)),
            ("module_roots", list(&self.module_roots)),
            ("provider_prefixes", list(&self.provider_prefixes)),
            ("companions", list(&self.companions)),
        ]
    }
}

fn list(said: &Option<Vec<String>>) -> &[String] {
    said.as_deref().unwrap_or_default()
}

fn odd_root(root: &String) -> Option<String> {
    (!MODULE_ROOTS.contains(&root.as_str())).then(|| {
        let known = MODULE_ROOTS.join(" and ");
        format!("`module_roots` holds `{root}`; kernels look in {known}.")
    })
}

/// The first hyphen of a package name ends the provider's prefix.
fn odd_prefix(prefix: &String) -> Option<String> {
    prefix.contains('-').then(|| {
        format!("`provider_prefixes` holds `{prefix}`; a prefix has no hyphen, it ends before it.")
    })
}

fn odd_companion(pattern: &String) -> Option<String> {
    let name = pattern.strip_suffix('*').unwrap_or(pattern);
    if name.is_empty() {
        return Some(
            "`companions` holds `*`, which is every package: begin it with the vendor's prefix."
                .to_owned(),
        );
    }
    name.contains('*')
        .then(|| format!("`companions` holds `{pattern}`; `*` may stand at the end only."))
}

fn odd_severity(id: &str, weight: Weight) -> Option<String> {
    let Some(check) = CHECKS.iter().find(|check| check.id == id) else {
        let near = nearest(id).join("`, `");
        return Some(format!(
            "There is no check `{id}`; the nearest are `{near}`."
        ));
    };
    lowers(check, weight).then(|| {
        format!("The check `{id}` cannot be waived, so its weight cannot be lowered either.")
    })
}

fn lowers(check: &Check, weight: Weight) -> bool {
    !check.waivable && weight < Weight::from(check.severity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    fn problems(json: &str) -> Vec<String> {
        serde_json::from_str::<Demands>(json).unwrap().problems()
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let cases = [
            (
                r#"{"severities": {"signature": "note"}}"#,
                "cannot be waived",
            ),
            (
                r#"{"severities": {"digest-mismatch": "off"}}"#,
                "cannot be waived",
            ),
            (
                r#"{"severities": {"multi-version": "off"}}"#,
                "`multiversion`",
            ),
            (
                r#"{"module_roots": ["/opt/modules"]}"#,
                "kernels look in /lib/modules",
            ),
            (r#"{"provider_prefixes": ["acme-net"]}"#, "no hyphen"),
            (r#"{"companions": ["*"]}"#, "every package"),
            (r#"{"companions": ["acme*-x"]}"#, "at the end only"),
            (r#"{"flavors": [" "]}"#, "empty"),
            (r#"{"arches": ["x86\n64"]}"#, "control"),
        ];
        for (json, word) in cases {
            let told = problems(json);
            assert!(
                told.len() == 1 && told[0].contains(word),
                "{json}: {told:?}"
            );
        }
    }

    #[test]
    fn what_makes_sense_passes() {
        let json = r#"{"family": "suse", "module_roots": ["/usr/lib/modules"], "version_form": "k",
            "secure_boot": true, "supported_flag": "external", "companions": ["acme-*"],
            "provider_prefixes": ["acme"], "vendor_string": "Acme",
            "severities": {"module-license": "reject", "multiversion": "off", "signature": "reject"}}"#;
        assert_eq!(problems(json), [""; 0]);
        assert!(serde_json::from_str::<Demands>(r#"{"secureboot": true}"#).is_err());
    }

    #[test]
    fn a_policy_written_down_gives_itself_again() {
        let said = r#"{"arches": ["x86_64"], "secure_boot": true, "companions": ["acme-*"],
            "vendor_string": "Acme", "severities": {"multiversion": "off"}}"#;
        let policy = Policy::for_family(Family::RedHat).with(&serde_json::from_str(said).unwrap());
        let written = serde_json::to_string(&policy.demands()).unwrap();
        let again: Demands = serde_json::from_str(&written).unwrap();
        assert_eq!(Policy::for_family(Family::Suse).with(&again), policy);
    }

    #[test]
    fn the_vendor_adds_to_the_product() {
        let product: Demands = serde_json::from_str(
            r#"{"secure_boot": true, "companions": ["a"], "severities": {"intree-flag": "off"}}"#,
        )
        .unwrap();
        let vendor: Demands = serde_json::from_str(
            r#"{"companions": ["b", "a"], "severities": {"intree-flag": "reject"}}"#,
        )
        .unwrap();
        let policy = Policy::for_family(Family::Suse)
            .with(&product)
            .with(&vendor);
        assert!(policy.secure_boot);
        assert_eq!(policy.companions, ["a", "b"]);
        assert_eq!(policy.severities["intree-flag"], Weight::Reject);
    }
}
