//! What of the portal's answer is used here.

use serde::Deserialize;

#[derive(Deserialize)]
pub struct Answer {
    pub product: String,
    pub arch: String,
    pub kernel: Option<String>,
    pub kernel_known: Option<bool>,
    pub repository: Repository,
    pub devices: Vec<Device>,
    pub plan: Plan,
}

#[derive(Deserialize)]
pub struct Repository {
    pub key_fingerprint: String,
}

#[derive(Deserialize)]
pub struct Device {
    pub modalias: String,
    pub name: Option<String>,
    #[serde(default)]
    pub in_kernel: Vec<OwnDriver>,
    #[serde(default)]
    pub drivers: Vec<Driver>,
    #[serde(default)]
    pub alternatives: Vec<Alternative>,
}

#[derive(Deserialize)]
pub struct OwnDriver {
    pub module: String,
}

#[derive(Deserialize)]
pub struct Driver {
    pub nevra: String,
    pub source: Source,
    pub module: String,
}

/// Who inspected a package.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The portal.
    Portal,
    /// Nobody: it lies in a repository of somebody else's.
    External,
}

#[derive(Deserialize)]
pub struct Alternative {
    pub nevra: String,
    pub reasons: Vec<String>,
    pub channel: Option<String>,
    pub kernels: Vec<String>,
    pub expected: Option<String>,
}

#[derive(Deserialize)]
pub struct Plan {
    pub repositories: Vec<PlannedRepository>,
    pub keys: Vec<PlannedKey>,
    pub packages: Vec<String>,
    pub mok_certificates: Vec<MokCertificate>,
}

#[derive(Deserialize)]
pub struct PlannedRepository {
    pub alias: String,
    pub url: String,
    #[serde(default)]
    pub external: bool,
}

#[derive(Deserialize)]
pub struct PlannedKey {
    pub url: String,
    pub fingerprints: Vec<String>,
}

#[derive(Deserialize)]
pub struct MokCertificate {
    pub path: String,
    pub package: String,
}
