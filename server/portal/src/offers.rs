//! What clients of a stored repository are given: its addresses and the keys that go with it. The
//! files and commands made from it are in `registration`.

use crate::app::App;
use crate::hardware::catalogue::External;
use crate::registration::{Key, Repository, one_line};
use keyring::Certificate;
use store::PgConnection;
use store::products::Product;
use store::vendors::Vendor;

/// A channel of a product, whole or of one vendor. Its repositories, one for each architecture, and
/// all files about them lie below [`Place::path`].
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub product: &'a Product,
    /// Only this vendor's packages.
    pub vendor: Option<&'a Vendor>,
    pub channel: &'a str,
}

impl Place<'_> {
    /// `/repos/sle-15/stable`, or `/repos/sle-15/vendors/acme/stable`.
    #[must_use]
    pub fn path(&self) -> String {
        let product = &self.product.name;
        match self.vendor {
            Some(vendor) => format!("/repos/{product}/vendors/{}/{}", vendor.name, self.channel),
            None => format!("/repos/{product}/{}", self.channel),
        }
    }

    /// What clients call it: `sle-15-stable`, `sle-15-acme-stable`.
    #[must_use]
    pub fn alias(&self) -> String {
        let product = &self.product.name;
        match self.vendor {
            Some(vendor) => format!("{product}-{}-{}", vendor.name, self.channel),
            None => format!("{product}-{}", self.channel),
        }
    }

    /// The repository of an architecture, which may be
    /// [`BASEARCH`](crate::registration::BASEARCH).
    #[must_use]
    pub fn repository(&self, app: &App, arch: &str, keys: Vec<Key>) -> Repository {
        let (product, channel) = (&self.product.display_name, self.channel);
        let name = match self.vendor {
            Some(vendor) => format!("{} drivers for {product} ({channel})", vendor.display_name),
            None => format!("Drivers for {product} ({channel})"),
        };
        let path = self.path();
        Repository {
            alias: self.alias(),
            name: one_line(&name),
            url: app.url(&format!("{path}/{arch}/")),
            repo_file: app.url(&format!("{path}.repo")),
            keys,
            is_enabled: true,
            priority: None,
        }
    }
}

/// Packages of others give way to ours of the same name: clients take the repository with the lower
/// number, and give 99 to those that have none.
const EXTERNAL_PRIORITY: u32 = 120;

/// A source as clients are given it: at its own address, with the pinned keys, which sign its packages,
/// too.
#[must_use]
pub fn external(source: &External, product: &Product, base_url: &str) -> Repository {
    let id = source.id.simple().to_string();
    // The end of an id: its beginning is the time, which several may share.
    let end = &id[id.len() - 8..];
    let vendor = &source.vendor_display_name;
    let name = format!("{vendor} drivers for {} (external)", product.display_name);
    Repository {
        alias: format!("{}-{}-external-{end}", product.name, source.vendor),
        name: one_line(&name),
        url: source.url.clone(),
        repo_file: format!("{base_url}/sources/{}/external.repo", source.id),
        keys: vec![Key {
            url: format!("{base_url}/keys/sources/{}.asc", source.id),
            fingerprints: source.fingerprints.clone(),
        }],
        is_enabled: true,
        priority: Some(EXTERNAL_PRIORITY),
    }
}

/// The keys of a repository: the portal's own, then those of the vendor, or of all vendors.
///
/// # Errors
/// The database fails.
pub async fn keys(
    app: &App,
    conn: &mut PgConnection,
    vendor: Option<&Vendor>,
) -> sqlx::Result<Vec<Key>> {
    let mut keys = vec![Key {
        url: app.url("/keys/repository.asc"),
        fingerprints: vec![app.repository_key.fingerprint()],
    }];
    let vendors = match vendor {
        Some(vendor) => vec![vendor.clone()],
        None => store::vendors::list(conn).await?,
    };
    for vendor in vendors {
        let stored = store::vendors::list_keys(conn, Some(vendor.id)).await?;
        if !stored.is_empty() {
            keys.push(Key {
                url: app.url(&format!("/keys/vendors/{}.asc", vendor.name)),
                fingerprints: stored.into_iter().map(|it| it.fingerprint).collect(),
            });
        }
    }
    Ok(keys)
}

/// All vendors' keys in one armored text; empty if none has a key.
///
/// # Errors
/// The database fails.
pub async fn vendor_keys(conn: &mut PgConnection, vendor: Option<&Vendor>) -> sqlx::Result<String> {
    let stored = store::vendors::list_keys(conn, vendor.map(|it| it.id)).await?;
    let keys = stored
        .iter()
        .flat_map(|it| Certificate::parse_all(it.armored.as_bytes()).unwrap_or_default());
    Ok(keys.map(|it| it.to_armored()).collect())
}

/// The architecture that is meant when none is named.
#[must_use]
pub fn main_arch(product: &Product) -> &str {
    let arches = &product.arches;
    let usual = arches.iter().find(|it| *it == "x86_64");
    usual.or(arches.first()).map_or("noarch", String::as_str)
}
