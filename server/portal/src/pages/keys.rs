//! `/keys`: the keys that sign the repositories, and how to check them.

use super::{Moment, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "keys.html")]
pub struct KeysPage {
    pub shell: Shell,
    /// Keys that sign repositories, current first.
    pub signing: Vec<PublishedKey>,
    /// Keys of vendors that sign packages, by vendor.
    pub vendors: Vec<PublishedKey>,
    /// Lines that fetch the first signing key and show its fingerprint.
    pub check_lines: Vec<String>,
}

/// A public key to download.
#[derive(Clone, Debug)]
pub struct PublishedKey {
    /// Whose it is: a vendor's display name, or what it signs.
    pub owner: String,
    pub user_id: String,
    /// In groups of four.
    pub fingerprint: String,
    /// `RSA 4096`, `Ed25519`.
    pub algorithm: String,
    pub created: Moment,
    /// `None`: never.
    pub expires: Option<Moment>,
    /// Expired or retired: kept so that old signatures can be checked.
    pub is_retired: bool,
    /// That a distributor retired it, when and why: what it signs is refused now.
    pub retired: Option<String>,
    /// The armored file; `None` if it is not offered.
    pub href: Option<String>,
}
