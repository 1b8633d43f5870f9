//! What is to be installed: repositories, keys and packages in one, for every kind of installer.

use super::answer::{MokCertificate, Repository};
use super::catalogue::{Catalogue, External};
use super::choosing::{Place, Signing, Terms};
use super::question::Asked;
use crate::registration::{self, Family, Format, Offer, word};
use askama::Template;
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What addresses are made of.
#[derive(Clone, Debug)]
pub struct Site {
    /// Without a slash at the end.
    pub base_url: String,
    /// Of the key that signs repositories.
    pub key_fingerprint: String,
}

impl Site {
    /// Address of the repository of a channel.
    #[must_use]
    pub fn repository_url(&self, asked: &Asked<'_>, channel: &str) -> String {
        let (base, product) = (&self.base_url, &asked.line.product.name);
        format!("{base}/repos/{product}/{channel}/{}/", asked.arch)
    }

    /// The repository of a channel.
    #[must_use]
    pub fn repository(&self, asked: &Asked<'_>, channel: &str) -> Repository {
        let (base, product) = (&self.base_url, &asked.line.product.name);
        Repository {
            url: self.repository_url(asked, channel),
            repo_file: format!("{base}/repos/{product}/{channel}.repo"),
            key: format!("{base}/keys/repository.asc"),
            key_fingerprint: self.key_fingerprint.clone(),
        }
    }
}

/// See the module.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    pub repositories: Vec<PlannedRepository>,
    /// Each once.
    pub keys: Vec<PlannedKey>,
    /// What to give to zypper or dnf.
    pub packages: Vec<String>,
    /// To be enrolled under Secure Boot, once the packages are installed.
    pub mok_certificates: Vec<MokCertificate>,
    /// Lines for an administrator.
    pub commands: Vec<String>,
    #[serde(skip)]
    pub offer: Offer,
}

#[derive(Clone, Debug, Serialize)]
pub struct PlannedRepository {
    /// Its name on the machine.
    pub alias: String,
    pub name: String,
    pub url: String,
    pub repo_file: String,
    /// Somebody else's.
    pub external: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct PlannedKey {
    pub url: String,
    /// Of every key in the file.
    pub fingerprints: Vec<String>,
}

/// How a plan is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One of the installers' files.
    File(Format),
    /// A script that does it.
    Shell,
}

impl Form {
    /// The form of a word of `?format=`.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "repo" => Self::File(Format::RepoFile),
            "agama" => Self::File(Format::Agama),
            "autoyast" => Self::File(Format::AutoYast),
            "kickstart" => Self::File(Format::Kickstart),
            "cloud-init" => Self::File(Format::CloudInit),
            "one-click" => Self::File(Format::OneClick),
            "shell" => Self::Shell,
            _ => return None,
        })
    }

    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::File(format) => format.content_type(),
            Self::Shell => "text/x-shellscript; charset=utf-8",
        }
    }
}

/// The words that [`Form::named`] knows.
pub const FORMS: &str = "repo, agama, autoyast, kickstart, cloud-init, one-click, shell";

impl Plan {
    /// Has these packages installed, and whatever certificates they need.
    pub fn of<'t, 'c: 't>(
        asked: &Asked<'_>,
        catalogue: &Catalogue,
        site: &Site,
        chosen: &[Uuid],
        terms: impl Fn(Uuid) -> Option<&'t Terms<'c>>,
    ) -> Self {
        let mut channels: Vec<&str> = Vec::new();
        let mut sources: Vec<&External> = Vec::new();
        let mut packages: Vec<String> = Vec::new();
        let mut vendors: BTreeMap<&str, i64> = BTreeMap::new();
        let mut mok_certificates: Vec<MokCertificate> = Vec::new();
        for id in chosen {
            let (Some(driver), Some(terms)) = (catalogue.drivers.get(id), terms(*id)) else {
                continue;
            };
            packages.push(driver.name.clone());
            match terms.place {
                Place::Channel(channel) => {
                    vendors.insert(&driver.vendor, driver.vendor_id);
                    if !channels.contains(&channel) {
                        channels.push(channel);
                    }
                }
                Place::Source(source) if !sources.contains(&source) => sources.push(source),
                Place::Source(_) => {}
            }
            if let (true, Signing::By(kit)) = (asked.secure_boot, terms.signing) {
                let certificate = MokCertificate::from(kit);
                if !mok_certificates.contains(&certificate) {
                    mok_certificates.push(certificate);
                }
            }
        }
        let keys = keys(catalogue, site, &vendors);
        let product = &asked.line.product;
        let own = channels.into_iter();
        let own = own.map(|channel| repository(asked, site, channel, &keys));
        let external = sources.into_iter();
        let external = external.map(|it| crate::offers::external(it, product, &site.base_url));
        let offer = Offer {
            family: Family::of(&product.family),
            repositories: own.chain(external).collect(),
            packages,
        };
        Self::around(offer, mok_certificates)
    }

    fn around(offer: Offer, mok_certificates: Vec<MokCertificate>) -> Self {
        let mut keys: Vec<PlannedKey> = Vec::new();
        for key in offer.repositories.iter().flat_map(|it| &it.keys) {
            if !keys.iter().any(|known| known.url == key.url) {
                keys.push(PlannedKey {
                    url: key.url.clone(),
                    fingerprints: key.fingerprints.clone(),
                });
            }
        }
        let commands = match (offer.packages.is_empty(), offer.family) {
            (true, _) => Vec::new(),
            (false, Family::Suse) => registration::zypper(&offer),
            (false, Family::RedHat) => registration::dnf(&offer),
        };
        let repositories = offer.repositories.iter().map(|it| PlannedRepository {
            alias: it.alias.clone(),
            name: it.name.clone(),
            url: it.url.clone(),
            repo_file: it.repo_file.clone(),
            external: it.priority.is_some(),
        });
        Self {
            repositories: repositories.collect(),
            keys,
            packages: offer.packages.clone(),
            mok_certificates,
            commands,
            offer,
        }
    }

    /// The plan as a file.
    ///
    /// # Errors
    /// Memory for the text cannot be written to, which a template reports as an error.
    pub fn render(&self, form: Form) -> askama::Result<String> {
        match form {
            Form::File(format) => format.render(&self.offer),
            Form::Shell => self.script().render(),
        }
    }

    fn script(&self) -> Script {
        let files = self.offer.repositories.iter().map(|it| {
            let alone = Offer {
                repositories: vec![it.clone()],
                ..Offer::default()
            };
            let text = Format::RepoFile.render(&alone).unwrap_or_default();
            (it.alias.clone(), text)
        });
        Script {
            files: files.collect(),
            keys: self
                .keys
                .iter()
                .map(|it| (word(&it.url), word(&it.fingerprints.join(" "))))
                .collect(),
            packages: self.packages.iter().map(|it| word(it)).collect(),
            certificates: self
                .mok_certificates
                .iter()
                .map(|it| word(&it.path))
                .collect(),
        }
    }
}

#[derive(Template)]
#[template(path = "lookup/install.sh", escape = "none")]
struct Script {
    /// Name without suffix, and text, of each `.repo` file.
    files: Vec<(String, String)>,
    /// Address and fingerprints, as words of a shell.
    keys: Vec<(String, String)>,
    packages: Vec<String>,
    certificates: Vec<String>,
}

/// The repository's own key, then those of the vendors concerned.
fn keys(
    catalogue: &Catalogue,
    site: &Site,
    vendors: &BTreeMap<&str, i64>,
) -> Vec<registration::Key> {
    let mut keys = vec![registration::Key {
        url: format!("{}/keys/repository.asc", site.base_url),
        fingerprints: vec![site.key_fingerprint.clone()],
    }];
    for (name, id) in vendors {
        if let Some(fingerprints) = catalogue.vendor_keys.get(id) {
            keys.push(registration::Key {
                url: format!("{}/keys/vendors/{name}.asc", site.base_url),
                fingerprints: fingerprints.clone(),
            });
        }
    }
    keys
}

fn repository(
    asked: &Asked<'_>,
    site: &Site,
    channel: &str,
    keys: &[registration::Key],
) -> registration::Repository {
    let product = &asked.line.product;
    let places = site.repository(asked, channel);
    registration::Repository {
        alias: format!("{}-{channel}", product.name),
        name: registration::one_line(&format!("Drivers for {} ({channel})", product.display_name)),
        url: places.url,
        repo_file: places.repo_file,
        keys: keys.to_vec(),
        is_enabled: true,
        priority: None,
    }
}
