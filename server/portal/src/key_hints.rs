//! Hints in `repomd.xml` at the keys that packages are signed by. libzypp that knows them (2021 and later)
//! fetches the files beside `repodata`, and trusts these keys without asking once it trusts the key that
//! signed the repository. Others pass them over.
//!
//! ```text
//! hint = "gpg-pubkey-" id "-" created ".asc?fpr=" fingerprint
//! ```
//! `id` is the end of the fingerprint and `created` the key's time, 8 hex digits each, as rpm names keys.

use keyring::Certificate;
use std::collections::BTreeSet;
use store::PgConnection;
use store::repositories::Member;
use store::vendors::VendorKey;

/// What names of key files begin with.
const PREFIX: &str = "gpg-pubkey-";
/// Hex digits of a key's short name.
const SHORT: usize = 8;

/// A key as a repository has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// At the repository's root.
    pub name: String,
    fingerprint: String,
    pub armored: String,
}

impl KeyFile {
    fn of(certificate: &Certificate) -> Self {
        let fingerprint = certificate.fingerprint();
        let id = &fingerprint[fingerprint.len().saturating_sub(SHORT)..];
        Self {
            name: format!(
                "{PREFIX}{}-{:08x}.asc",
                id.to_lowercase(),
                certificate.created()
            ),
            armored: certificate.to_armored(),
            fingerprint,
        }
    }

    /// What stands in `repomd.xml`.
    #[must_use]
    pub fn hint(&self) -> String {
        format!("{}?fpr={}", self.name, self.fingerprint)
    }
}

/// Hints at the keys of all vendors of these packages.
///
/// # Errors
/// The database fails.
pub async fn hints(conn: &mut PgConnection, members: &[Member]) -> sqlx::Result<Vec<String>> {
    let vendors: BTreeSet<&str> = members.iter().map(|it| it.vendor.as_str()).collect();
    let mut hints = Vec::new();
    for vendor in vendors {
        let Some(vendor) = store::vendors::by_name(conn, vendor).await? else {
            continue;
        };
        let keys = store::vendors::list_keys(conn, Some(vendor.id)).await?;
        hints.extend(keys.iter().flat_map(files).map(|file| file.hint()));
    }
    Ok(hints)
}

/// Whether a hint could name this place below a repository's root.
#[must_use]
pub fn is_name(location: &str) -> bool {
    location.starts_with(PREFIX)
}

/// The key of this name, of any vendor; `None`: there is none.
///
/// # Errors
/// The database fails.
pub async fn at(conn: &mut PgConnection, location: &str) -> sqlx::Result<Option<KeyFile>> {
    let keys = store::vendors::list_keys(conn, None).await?;
    let mut all = keys.iter().flat_map(files);
    Ok(all.find(|file| file.name == location))
}

fn files(key: &VendorKey) -> Vec<KeyFile> {
    let found = Certificate::parse_all(key.armored.as_bytes()).unwrap_or_default();
    found.iter().map(KeyFile::of).collect()
}
