//! "Use this repository": what a user types, and the fingerprint to compare.

use crate::registration::{self, Family, Offer};

/// One repository, with the lines that add it to a system.
#[derive(Clone, Debug)]
pub struct RepositoryBox {
    /// Name of the product for people: `SUSE Linux Enterprise 15 SP6`.
    pub product: String,
    pub channel: String,
    /// Architectures in words: `x86_64, aarch64`.
    pub arches: String,
    /// Counted: `12 packages`.
    pub packages: String,
    /// When it last changed; `None` before the first publication.
    pub updated: Option<super::Moment>,
    /// One entry per tool; the first is the one that belongs to the product's family.
    pub commands: Vec<ClientCommands>,
    /// The `.repo` file.
    pub repo_href: String,
    /// The public key that signs the repository.
    pub key_href: String,
    /// In groups of four, see [`super::fingerprint`].
    pub fingerprint: String,
}

/// Lines for one tool, to be typed one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCommands {
    pub tool: String,
    pub lines: Vec<String>,
}

impl ClientCommands {
    /// For zypper and for dnf, first the one that belongs to the family.
    #[must_use]
    pub fn both(offer: &Offer) -> Vec<Self> {
        let zypper = Self {
            tool: "zypper".to_owned(),
            lines: registration::zypper(offer),
        };
        let dnf = Self {
            tool: "dnf".to_owned(),
            lines: registration::dnf(offer),
        };
        match offer.family {
            Family::Suse => vec![zypper, dnf],
            Family::RedHat => vec![dnf, zypper],
        }
    }
}
